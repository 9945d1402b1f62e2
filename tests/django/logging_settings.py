"""The tests' project with a LOGGING that interferes with as much as one can."""

import os

from tests.django.settings import *  # noqa: F403

LOGGING = {
    "version": 1,
    "disable_existing_loggers": True,
    "handlers": {
        "console": {"class": "logging.StreamHandler"},
        "file": {"class": "logging.FileHandler", "filename": os.environ.get("WINDSOCK_TEST_LOG", os.devnull)},
    },
    "root": {"level": "WARNING", "handlers": ["console", "file"]},
    "loggers": {"shop.own": {"level": "INFO", "handlers": ["console"], "propagate": False}},
}
