"""Airflow's REST API, as far as it is looked at from outside."""

import re
from collections.abc import Iterator
from typing import Any

import httpx

PAGE = 100
MARK = re.compile(r"digest (?P<digest>[0-9a-f]{32})\s*\Z")
FINISHED = frozenset({"success", "failed"})


class AirflowRest:
    """A signed-in client."""

    def __init__(self, url: str, username: str, password: str) -> None:
        answer = httpx.post(
            f"{url}/auth/token",
            json={"username": username, "password": password},
            timeout=20,
            trust_env=False,
        )
        token = answer.raise_for_status().json()["access_token"]
        self._client = httpx.Client(
            base_url=f"{url}/api/v2/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def details(self, dag: str) -> dict[str, Any] | None:
        """Return a DAG that is in force; None when there is none."""
        response = self._client.get(f"dags/{dag}/details")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        details: dict[str, Any] = response.raise_for_status().json()
        return None if details.get("is_stale") else details

    def digest(self, dag: str) -> str:
        """Return the digest in the DAG that Airflow serves; empty when it serves none."""
        mark = MARK.search((self.details(dag) or {}).get("doc_md") or "")
        return mark["digest"] if mark else ""

    def description(self, dag: str) -> str:
        return (self.details(dag) or {}).get("description") or ""

    def count(self, tag: str) -> int:
        """Return how many DAGs with a tag are in force."""
        response = self._client.get("dags", params={"tags": tag, "limit": 1})
        return int(response.raise_for_status().json()["total_entries"])

    def parse_times(self, tag: str) -> dict[str, str]:
        """Return when each DAG was parsed last."""
        return {dag["dag_id"]: dag["last_parsed_time"] for dag in self._dags(tag)}

    def import_errors(self) -> list[str]:
        page = self._client.get("importErrors", params={"limit": 5}).raise_for_status().json()
        return [error["stack_trace"].strip().splitlines()[-1] for error in page["import_errors"]]

    def ask_to_parse(self, file_token: str) -> None:
        response = self._client.put(f"parseDagFile/{file_token}")
        if response.status_code != httpx.codes.CONFLICT:  # it is asked for already
            response.raise_for_status()

    def start_run(self, dag: str, run_id: str) -> None:
        body = {"dag_run_id": run_id, "logical_date": None}
        self._client.post(f"dags/{dag}/dagRuns", json=body).raise_for_status()

    def ended(self, dag: str, run_id: str) -> str:
        """Return the state of a run that has finished; empty before."""
        response = self._client.get(f"dags/{dag}/dagRuns/{run_id}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return ""
        state: str = response.raise_for_status().json()["state"]
        return state if state in FINISHED else ""

    def _dags(self, tag: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            query = {"tags": tag, "limit": PAGE, "offset": offset, "order_by": "dag_id"}
            page = self._client.get("dags", params=query).raise_for_status().json()
            yield from page["dags"]
            offset += PAGE
            if offset >= page["total_entries"]:
                return
