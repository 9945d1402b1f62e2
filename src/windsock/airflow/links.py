"""The button at a task instance in Airflow's UI that leads to its record in Django.

It comes as a plugin: the links of an operator itself are read from XComs, which nobody writes where no worker
runs, and a plugin's are computed from the key of the task instance.
"""

import logging
from typing import Any
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

_FEED = "/windsock/feed"


class RecordLink(BaseOperatorLink):
    """The record of a step, or of a task that a DAG started."""

    name = "Django"

    @property
    def operators(self) -> list[Any]:  # type: ignore[override]
        """The operators that have a record; imported where the links are shown, not by every process."""
        from windsock.airflow.operators.step import StepOperator
        from windsock.airflow.operators.task import DjangoTaskOperator

        return [StepOperator, DjangoTaskOperator]

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address at which Django looks the record up; empty when none is known."""
        url = _site_of(getattr(operator, "django_conn_id", ""))
        names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
        return f"{url}/windsock/record/?{urlencode({n: getattr(ti_key, n) for n in names})}" if url else ""


class WindsockPlugin(AirflowPlugin):
    """What Windsock adds to Airflow's UI."""

    name = "windsock"
    operator_extra_links = [RecordLink()]  # noqa: RUF012 -- as Airflow wants it


def _site_of(conn_id: str) -> str:
    """Return the address of the site that a connection names, else of the one that publishes workflows."""
    if conn_id:
        from windsock.airflow.connection import DjangoHook

        try:
            return DjangoHook(conn_id).url
        except Exception as error:
            log.debug("No link to Django by the connection %s: %s", conn_id, error)
    feed = (conf.get("windsock", "url", fallback="") or "").rstrip("/")
    return feed.removesuffix(_FEED) if feed.endswith(_FEED) else ""
