"""The Django app."""

from django.apps import AppConfig


class WindsockConfig(AppConfig):
    """``"windsock.django"`` in INSTALLED_APPS; its label is ``windsock``."""

    name = "windsock.django"
    label = "windsock"
    verbose_name = "Windsock"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks; find the tasks and the workflow sources of every app."""
        # These import models, which are not there before every app is.
        from windsock.django import checks, sources, tasks

        checks.register_all()
        tasks.autodiscover()
        sources.autodiscover()
