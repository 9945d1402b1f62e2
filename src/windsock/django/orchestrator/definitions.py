"""The definitions that Airflow holds: which are in force, which are paused."""

import re
from urllib.parse import quote

from windsock.django.conf import settings
from windsock.django.observed import Served
from windsock.django.orchestrator.connection import PAGE, Connection, dag_path
from windsock.workflow.rules import sentinel_of

_MARK = re.compile(
    r"^Windsock revision (?P<revision>\d+), digest (?P<digest>[0-9a-f]{32})\s*\Z", re.MULTILINE
)


#: What the list of DAGs shows of it: the end of the description.
_SHORT_MARK = re.compile(r"\[revision \d+, (?P<digest>[0-9a-f]{12})\]\Z")
#: Rows that are asked for at once; Airflow gives no more than ``[api] maximum_page_limit``.
_LONG_PAGE = 2_000


def sentinel() -> str:
    """Return the DAG that our bundle always holds: parsing its file refreshes all of the bundle."""
    return sentinel_of(settings.BUNDLE)


class Definitions(Connection):
    """What Windsock asks about DAGs."""

    def served(self, workflow: str) -> Served | None:
        """Return the definition of a workflow that is in force; None when Airflow has no such DAG."""
        response = self._send("GET", f"{dag_path(workflow)}/details", missing=True)
        if response is None:
            return None
        details = response.json()
        mark = _MARK.search(details.get("doc_md") or "")
        return Served(
            revision=int(mark["revision"]) if mark else None,
            digest=mark["digest"] if mark else "",
            is_stale=bool(details.get("is_stale")),
            file_token=details["file_token"],
            bundle=details.get("bundle_name") or "",
        )

    def in_force(self) -> dict[str, str]:
        """Return the first digits of the digests of all DAGs that Airflow schedules, by name.

        A DAG that carries none has an empty text. Airflow lists a DAG from another table than the one that it
        runs it from.
        """
        found: dict[str, str] = {}
        query = {"exclude_stale": "false", "order_by": "dag_id", "limit": _LONG_PAGE}
        read = 0
        while True:
            page = self._get("dags", {**query, "offset": read}).json()
            read += len(page["dags"])
            for dag in page["dags"]:
                mark = _SHORT_MARK.search(dag.get("description") or "")
                if not dag["is_stale"]:
                    found[dag["dag_id"]] = mark["digest"] if mark else ""
            if not page["dags"] or read >= page["total_entries"]:
                return found

    def count_in_force(self, bundle: str) -> int:
        """Return how many DAGs of a bundle Airflow schedules."""
        query = {"exclude_stale": "true", "bundle_name": bundle, "limit": 1}
        return int(self._get("dags", query).json()["total_entries"])

    def ask_to_parse(self, file_token: str) -> None:
        """Have a DAG file parsed soon, which refreshes its whole bundle; asking twice is as good as once."""
        self._send("PUT", f"parseDagFile/{quote(file_token, safe='')}", allowed={409})

    def set_paused(self, workflow: str, is_paused: bool) -> bool:
        """Pause or unpause a DAG; return False when Airflow has none of this name."""
        body = {"is_paused": is_paused}
        return self._send("PATCH", dag_path(workflow), json=body, missing=True) is not None

    def paused(self) -> set[str]:
        """Return the names of all paused DAGs, also of those that are not in force."""
        found: list[str] = []
        query = {"paused": "true", "exclude_stale": "false", "order_by": "dag_id", "limit": PAGE}
        while True:
            page = self._get("dags", {**query, "offset": len(found)}).json()
            found += [dag["dag_id"] for dag in page["dags"]]
            if not page["dags"] or len(found) >= page["total_entries"]:
                return set(found)
