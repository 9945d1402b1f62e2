"""The example with tasks that are made to go wrong, and a door to start them."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "fault_urls"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["stderr"], "level": "ERROR"}},
}
