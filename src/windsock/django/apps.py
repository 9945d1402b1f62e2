"""The Django app."""

from django.apps import AppConfig


class WindsockConfig(AppConfig):
    """``"windsock.django"`` in INSTALLED_APPS; its label is ``windsock``."""

    name = "windsock.django"
    label = "windsock"
    verbose_name = "Windsock"
    default_auto_field = "django.db.models.BigAutoField"
