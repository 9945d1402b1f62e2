"""An application of tasks alone."""

from django.apps import AppConfig


class UnrulyConfig(AppConfig):
    name = "unruly"
