"""An application without migrations: it makes its tables after those of the others."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class RulesConfig(AppConfig):
    name = "rules"

    def ready(self) -> None:
        post_migrate.connect(make_tables, sender=self)


def make_tables(sender: AppConfig, using: str, **_: Any) -> None:
    connection = connections[using]
    known = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in sender.get_models():
            if model._meta.db_table not in known:
                editor.create_model(model)
