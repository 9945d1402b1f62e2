"""An Airflow that answers as 3.3.2 was seen to answer, as far as Windsock asks."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import httpx
from tests.django.fake_steering import Steered

from windsock.django.orchestrator import Airflow, AirflowLogin

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
URL = "http://airflow.test"
CONFLICT = {"detail": {"reason": "Unique constraint violation", "statement": "hidden"}}


class FakeAirflow(Steered):
    """Holds DAGs, runs and task instances; ``parses`` lists the files that somebody asked to parse."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.is_away = False
        self.password = "secret"
        self.tokens: set[str] = set()
        self.token_lifetime = timedelta(hours=24)
        self.logins = 0
        self.requests: list[str] = []
        self.updated: dict[tuple[str, str], datetime] = {}
        self.parses: list[str] = []
        self.on_parse: Callable[[], None] = lambda: None
        self.page = 100

    def client(self) -> Airflow:
        login = AirflowLogin(URL, "admin", "secret")
        return Airflow(URL, login, transport=httpx.MockTransport(self.answer))

    def serve(self, workflow: str, revision: int, digest: str, *, is_stale: bool = False) -> None:
        self.dags[workflow] = {
            "dag_id": workflow,
            "is_stale": is_stale,
            "is_paused": False,
            "doc_md": f"Text.\n\nWindsock revision {revision}, digest {digest}",
            "description": f"Text. [revision {revision}, {digest[:12]}]",
            "bundle_name": "windsock",
            "file_token": f"token-of-{workflow}",
        }

    def add_sentinel(self) -> None:
        self.dags["windsock_sentinel"] = {
            "dag_id": "windsock_sentinel",
            "is_stale": False,
            "doc_md": None,
            "bundle_name": "windsock",
            "file_token": "sentinel",
        }

    def put_run(self, workflow: str, run_id: str, state: str, **fields: Any) -> None:
        """Write a run as the scheduler would, at the fake's present time."""
        key = (workflow, run_id)
        known = self.runs.get(key) or {
            "dag_id": workflow,
            "dag_run_id": run_id,
            "logical_date": None,
            "start_date": None,
            "end_date": None,
            "run_type": "manual",
            "bundle_version": "1",
            "conf": {},
        }
        self.runs[key] = {**known, "state": state, **fields}
        self.updated[key] = self.now

    def put_step(self, workflow: str, run_id: str, task_id: str, state: str | None, **fields: Any) -> None:
        instance = {
            "task_id": task_id,
            "map_index": -1,
            "state": state,
            "try_number": 1,
            "start_date": None,
            "end_date": self.now.isoformat(),
            **fields,
        }
        self.instances.setdefault((workflow, run_id), []).append(instance)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.raw_path.decode().partition("?")[0])
        self.requests.append(f"{request.method} {path}")
        if self.is_away:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        response = self._login(request) if path == "/auth/token" else self._api(request, path)
        response.headers["Date"] = format_datetime(self.now, usegmt=True)
        return response

    def _login(self, request: httpx.Request) -> httpx.Response:
        self.logins += 1
        if json.loads(request.content)["password"] != self.password:
            return httpx.Response(401, json={"detail": "Invalid credentials"})
        claims = {"sub": "admin", "exp": (datetime.now(UTC) + self.token_lifetime).timestamp()}
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        token = f"header.{body}.{self.logins}"
        self.tokens.add(token)
        return httpx.Response(201, json={"access_token": token})

    def _api(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return httpx.Response(401, json={"detail": "Not authenticated"})
        parts = path.removeprefix("/api/v2/").split("/")
        match request.method, parts:
            case "PUT", ["parseDagFile", token]:
                return self._parse(token)
            case "GET", ["dags", "~", "dagRuns"]:
                return self._list(request)
            case "GET", ["dags", dag, "details"] if dag in self.dags:
                return httpx.Response(200, json=self.dags[dag])
            case "POST", ["dags", dag, "dagRuns"] if dag in self.dags:
                return self._start(dag, json.loads(request.content))
            case "GET", ["dags", dag, "dagRuns", run] if (dag, run) in self.runs:
                return httpx.Response(200, json=self.runs[dag, run])
            case "GET", ["dags", dag, "dagRuns", run, "taskInstances"] if (dag, run) in self.runs:
                found = self.instances.get((dag, run), [])
                offset = int(request.url.params.get("offset", 0))
                page = found[offset : offset + self.page]
                return httpx.Response(200, json={"task_instances": page, "total_entries": len(found)})
            case "POST", ["dags", "~", "dagRuns", "~", "taskInstances", "list"]:
                return self._list_steps(json.loads(request.content))
        return self.steer(request, parts)

    def _list_steps(self, body: dict[str, Any]) -> httpx.Response:
        assert body["order_by"] == "id"
        found = [
            {**instance, "dag_id": dag, "dag_run_id": run}
            for (dag, run), instances in self.instances.items()
            if dag in body["dag_ids"] and run in body["dag_run_ids"]
            for instance in instances
        ]
        page = found[body["page_offset"] :][: min(self.page, body["page_limit"])]
        return httpx.Response(200, json={"task_instances": page, "total_entries": len(found)})

    def _parse(self, token: str) -> httpx.Response:
        if token not in {dag["file_token"] for dag in self.dags.values()}:
            return httpx.Response(404, json={"detail": "File not found"})
        self.parses.append(token)
        self.on_parse()
        return httpx.Response(201, json=None)

    def _start(self, dag: str, body: dict[str, Any]) -> httpx.Response:
        assert body["logical_date"] is None
        if body["conf"].get("day") == 3:
            return httpx.Response(
                400, json={"detail": "Invalid input for param day: 3 is not of type 'string'"}
            )
        if (dag, body["dag_run_id"]) in self.runs:
            return httpx.Response(409, json=CONFLICT)
        self.put_run(dag, body["dag_run_id"], "queued", conf=body["conf"])
        return httpx.Response(200, json=self.runs[dag, body["dag_run_id"]])

    def _list(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        since = datetime.fromisoformat(query["updated_at_gte"])
        assert query.get_list("order_by") == ["updated_at", "id"]
        changed = sorted((moment, key) for key, moment in self.updated.items() if moment >= since)
        begin = int(query["cursor"] or 0)
        page = [self.runs[key] for _, key in changed[begin : begin + self.page]]
        more = begin + self.page < len(changed)
        cursor = str(begin + self.page) if more else None
        return httpx.Response(200, json={"dag_runs": page, "next_cursor": cursor})
