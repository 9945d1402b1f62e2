"""An application without tables."""

from django.apps import AppConfig


class PaintConfig(AppConfig):
    name = "paint"
