"""Django's settings for every way; ``BENCH_PROJECT`` says which."""

import os

PROJECT = os.environ["BENCH_PROJECT"]
APPS = {
    "plain": (),
    "obvious": ("projects.obvious_app",),
    "celery_results": ("django_celery_results",),
    "tasks_db": ("django_tasks_db",),
    "procrastinate": ("procrastinate.contrib.django",),
    "windsock": (
        *("django.contrib.auth", "django.contrib.sessions", "django.contrib.messages"),
        *("django.contrib.postgres", "rest_framework", "windsock.django"),
    ),
}
BACKENDS = {
    "tasks_db": "django_tasks_db.DatabaseBackend",
    "windsock": "windsock.django.celery.CeleryBackend",
}

SECRET_KEY = "only for benchmarks"
USE_TZ = True
DEBUG = False
INSTALLED_APPS = ["django.contrib.contenttypes", *APPS[PROJECT]]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": f"bench_{PROJECT}",
        "USER": "postgres",
        "HOST": os.environ["BENCH_POSTGRES"],
        # Django's default is 0: a new connection for every Celery task. Tuned ways keep theirs.
        "CONN_MAX_AGE": int(os.environ.get("BENCH_CONN_MAX_AGE", "0")),
    }
}
TASKS = {"default": {"BACKEND": BACKENDS[PROJECT]}} if PROJECT in BACKENDS else {}
# As Celery's workers are told to: no way writes a line per task.
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
CELERY_BROKER_URL = os.environ["BENCH_BROKER"]
WINDSOCK = {"FEED_KEY": "a key for benchmarks only, 32 characters"}
PROCRASTINATE_IMPORT_PATHS = ["projects.procrastinate"]
