"""An application of tasks and checks."""

from django.apps import AppConfig


class WarehouseConfig(AppConfig):
    name = "warehouse"
