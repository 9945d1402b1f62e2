"""The connection to Airflow's REST API, and what its answers mean."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from windsock.errors import OrchestratorAway, OrchestratorError

PAGE = 100  #: rows a page; Airflow gives no more
_LIMITS = httpx.Timeout(10.0, connect=2.0)


class Connection:
    """One connection is kept.

    Args:
        url: Airflow's web address.
        auth: how to log in.
        transport: in place of the network.
    """

    def __init__(self, url: str, auth: httpx.Auth, transport: httpx.BaseTransport | None = None) -> None:
        # Airflow's address is given; a proxy of the environment must not stand before it.
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/')}/", auth=auth, timeout=_LIMITS, trust_env=False, transport=transport
        )

    def _get(self, path: str, query: Mapping[str, Any]) -> httpx.Response:
        return self._ask("GET", path, params=query)

    def _list(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Read what takes more than fits into an address."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        response = self._send(method, path, **content)
        if response is None:
            raise OrchestratorError(f"Airflow does not know {path}")
        return response

    def _send(
        self,
        method: str,
        path: str,
        *,
        missing: bool = False,
        allowed: frozenset[int] | set[int] = frozenset(),
        **content: Any,
    ) -> httpx.Response | None:
        try:
            response = self._client.request(method, f"api/v2/{path}", **content)
        except httpx.HTTPError as error:
            raise OrchestratorAway(f"Airflow cannot be reached: {error or type(error).__name__}") from error
        if missing and response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code not in allowed:
            check(response, f"{method} {path}")
        return response


def check(response: httpx.Response, what: str) -> None:
    """Raise what an answer means that is not the one that was asked for.

    Args:
        response: the answer.
        what: was asked.

    Raises:
        OrchestratorAway: the same request may succeed later.
        OrchestratorError: it was refused.
    """
    if response.is_success:
        return
    status = response.status_code
    if status >= 500 or status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT}:
        raise OrchestratorAway(f"Airflow could not answer ({status}) to {what}")
    raise OrchestratorError(f"Airflow refused ({status}) to {what}: {detail_of(response)}")


def detail_of(response: httpx.Response) -> str:
    """Return what Airflow says about a refusal."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text
    return detail if isinstance(detail, str) else json.dumps(detail)


def dag_path(workflow: str) -> str:
    """Return the address of a DAG; its name cannot leave its place in it."""
    return f"dags/{quote(workflow, safe='')}"


def run_path(workflow: str, run_id: str) -> str:
    """Return the address of a Dag run."""
    return f"{dag_path(workflow)}/dagRuns/{quote(run_id, safe='')}"
