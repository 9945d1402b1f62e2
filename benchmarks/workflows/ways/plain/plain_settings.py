"""An ordinary Django project beside Airflow: the example's apps without Windsock, on the example's tables."""

import os

SECRET_KEY = "only for benchmarks"
USE_TZ = True
DEBUG = False
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "rest_framework",
    "simulators",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "windsock",
        "USER": "postgres",
        "HOST": os.environ["BENCH_POSTGRES"],
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
