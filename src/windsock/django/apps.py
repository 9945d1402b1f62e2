"""The Django app."""

from django.apps import AppConfig


class WindsockConfig(AppConfig):
    """``"windsock.django"`` in INSTALLED_APPS; its label is ``windsock``."""

    name = "windsock.django"
    label = "windsock"
    verbose_name = "Windsock"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, find every app's tasks and workflow sources, observe Celery if told to."""
        # These import models, which are not there before every app is.
        from windsock.django import checks, definitions, notifying, sources, tasks
        from windsock.django.conf import is_on
        from windsock.django.service import registry

        checks.register_all()
        tasks.autodiscover()
        notifying.register()
        sources.register(definitions.Definitions)
        sources.autodiscover()
        registry.autodiscover()
        if is_on("OBSERVE_CELERY"):
            from windsock.django.celery import observing

            observing.start()
