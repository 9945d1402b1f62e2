"""A small project around the library, for its tests."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "only for tests, never used elsewhere"
USE_TZ = True
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "windsock.django.project_urls"
STATIC_URL = "static/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "windsock.django",
]
MIDDLEWARE = [
    "windsock.django.middleware.DatabaseAway",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "windsock.django.authorship.SignedInAuthor",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("WINDSOCK_TEST_DATABASE", "windsock"),
        "USER": "postgres",
        "HOST": os.environ.get("WINDSOCK_TEST_POSTGRES", ""),
    }
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the slow ones cost seconds a minute
TASKS = {"default": {"BACKEND": "windsock.django.celery.CeleryBackend"}}
WINDSOCK = {"FEED_KEY": "a key for tests only, 32 characters"}
MAILERS: dict[str, dict[str, str]] = {
    "default": {}
}  # Django 6.1 asks for it; the tests' mails stay in memory
