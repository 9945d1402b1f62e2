"""The one door to Airflow's REST API."""

import base64
import json
import re
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from windsock.django.conf import settings
from windsock.django.observed import DagRun, Served, TaskInstance
from windsock.errors import OrchestratorAway, OrchestratorError

#: A DAG that the bundle always holds: parsing its file refreshes all of the bundle.
SENTINEL = "windsock_sentinel"
PAGE = 100
_LIMITS = httpx.Timeout(10.0, connect=2.0)
_MARK = re.compile(
    r"^Windsock revision (?P<revision>\d+), digest (?P<digest>[0-9a-f]{32})\s*\Z", re.MULTILINE
)


class AirflowLogin(httpx.Auth):
    """A user's token from Airflow's ``POST /auth/token``, kept until shortly before it expires.

    Another way to log in takes the place of this class.
    """

    requires_response_body = True
    MARGIN = 60.0  #: seconds before its end at which a token is not used any more

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = f"{url.rstrip('/')}/auth/token"
        self._credentials = {"username": username, "password": password}
        self._token = ""
        self._good_until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token; get a new one when it is old, or refused."""
        fresh = time.time() >= self._good_until
        if fresh:
            self._take((yield httpx.Request("POST", self._url, json=self._credentials)))
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            self._take((yield httpx.Request("POST", self._url, json=self._credentials)))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _take(self, response: httpx.Response) -> None:
        self._good_until = 0.0
        _check(response, "log in")
        self._token = response.json()["access_token"]
        self._good_until = _expiry(self._token) - self.MARGIN


class Airflow:
    """Airflow, as far as Windsock asks it for something; one connection is kept.

    Every method raises ``OrchestratorAway`` when Airflow cannot answer and ``OrchestratorError`` when it
    refuses.

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

    @classmethod
    def from_settings(cls) -> "Airflow | None":
        """Return the Airflow that the settings name; None when they name none."""
        if not settings.AIRFLOW_URL:
            return None
        login = AirflowLogin(settings.AIRFLOW_URL, settings.AIRFLOW_USERNAME, settings.AIRFLOW_PASSWORD)
        return cls(settings.AIRFLOW_URL, login)

    def served(self, workflow: str) -> Served | None:
        """Return the definition of a workflow that is in force; None when Airflow has no such DAG."""
        response = self._send("GET", f"dags/{quote(workflow, safe='')}/details", missing=True)
        if response is None:
            return None
        details = response.json()
        mark = _MARK.search(details.get("doc_md") or "")
        return Served(
            revision=int(mark["revision"]) if mark else None,
            digest=mark["digest"] if mark else "",
            is_stale=bool(details.get("is_stale")),
            file_token=details["file_token"],
        )

    def ask_to_parse(self, file_token: str) -> None:
        """Have a DAG file parsed soon, which refreshes its whole bundle; asking twice is as good as once."""
        self._send("PUT", f"parseDagFile/{quote(file_token, safe='')}", allowed={409})

    def start_run(self, workflow: str, run_id: str, params: Mapping[str, Any]) -> None:
        """Begin a Dag run; one that exists already stays as it is."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(params)}
        path = f"dags/{quote(workflow, safe='')}/dagRuns"
        if self._send("POST", path, json=body, allowed={409}, missing=True) is None:
            raise OrchestratorAway(f"Airflow has no DAG {workflow} yet")

    def run(self, workflow: str, run_id: str) -> DagRun | None:
        """Return one Dag run; None when there is none."""
        asked_at = datetime.now(UTC)
        response = self._send("GET", _run_path(workflow, run_id), missing=True)
        return None if response is None else _dag_run(response.json(), asked_at)

    def runs_since(self, moment: datetime) -> tuple[list[DagRun], datetime]:
        """Return the Dag runs of all DAGs that changed since ``moment``, and Airflow's time before that."""
        query: dict[str, Any] = {
            "updated_at_gte": moment.isoformat(),
            "order_by": ["updated_at", "id"],
            "limit": PAGE,
        }
        found: list[DagRun] = []
        cursor: str | None = ""
        began: datetime | None = None
        while cursor is not None:
            asked_at = datetime.now(UTC)
            response = self._get("dags/~/dagRuns", {**query, "cursor": cursor})
            began = began or _date_of(response)
            page = response.json()
            found += [_dag_run(data, asked_at) for data in page["dag_runs"]]
            cursor = page.get("next_cursor")
        return found, began or moment

    def steps(self, workflow: str, run_id: str) -> list[TaskInstance]:
        """Return the task instances of a Dag run."""
        found: list[TaskInstance] = []
        path = f"{_run_path(workflow, run_id)}/taskInstances"
        while True:
            page = self._get(path, {"limit": PAGE, "offset": len(found), "order_by": "id"}).json()
            found += [_task_instance(data) for data in page["task_instances"]]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def _get(self, path: str, query: Mapping[str, Any]) -> httpx.Response:
        response = self._send("GET", path, params=query)
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
            _check(response, f"{method} {path}")
        return response


def _check(response: httpx.Response, what: str) -> None:
    if response.is_success:
        return
    status = response.status_code
    if status >= 500 or status in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT}:
        raise OrchestratorAway(f"Airflow could not answer ({status}) to {what}")
    raise OrchestratorError(f"Airflow refused ({status}) to {what}: {_detail(response)}")


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text
    return detail if isinstance(detail, str) else json.dumps(detail)


def _expiry(token: str) -> float:
    """Return when a JWT expires, in Unix seconds; 0 when it does not say so."""
    try:
        body = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0.0


def _run_path(workflow: str, run_id: str) -> str:
    return f"dags/{quote(workflow, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _dag_run(data: Mapping[str, Any], asked_at: datetime) -> DagRun:
    revision = data.get("bundle_version") or ""
    return DagRun(
        workflow=data["dag_id"],
        run_id=data["dag_run_id"],
        state=data["state"],
        kind=data["run_type"],
        revision=int(revision) if revision.isdigit() else None,
        params=data.get("conf") or {},
        logical_date=_moment(data.get("logical_date")),
        started_at=_moment(data.get("start_date")),
        finished_at=_moment(data.get("end_date")),
        seen_at=asked_at,
    )


def _task_instance(data: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        step=data["task_id"],
        map_index=data["map_index"],
        state=data["state"],
        attempt=data["try_number"],
        started_at=_moment(data.get("start_date")),
        finished_at=_moment(data.get("end_date")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _date_of(response: httpx.Response) -> datetime:
    """Return the server's time, to the second, which is the clock of what it answers."""
    text = response.headers.get("Date", "")
    try:
        return datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=UTC)
    except ValueError:
        return datetime.now(UTC)
