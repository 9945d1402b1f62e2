"""What people can do in Airflow, as the fake one does it."""

import json
from datetime import datetime
from typing import Any

import httpx

NOT_FOUND = {"detail": "The Dag with ID was not found"}
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}


class Steered:
    """Pauses, ends, clears, marks and backfills; ``deeds`` is its audit log.

    ``after`` names the steps that come after one, ``dates`` are the logical dates that a backfill has.
    """

    now: datetime
    page: int

    def __init__(self) -> None:
        self.dags: dict[str, dict[str, Any]] = {}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.instances: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.after: dict[str, list[str]] = {}
        self.teardowns: set[str] = set()
        self.dates: list[str] = []
        self.backfills: list[dict[str, Any]] = []
        self.deeds: list[dict[str, Any]] = []
        self.refusal: httpx.Response | None = None  #: of everything that changes something

    def put_run(self, workflow: str, run_id: str, state: str, **fields: Any) -> None:
        raise NotImplementedError

    def put_deed(self, event: str, dag_id: str | None = None, run_id: str | None = None) -> None:
        """Write what somebody did into the audit log."""
        self.deeds.append(
            {
                "event_log_id": len(self.deeds) + 1,
                "when": self.now.isoformat(),
                "event": event,
                "dag_id": dag_id,
                "run_id": run_id,
            }
        )

    def steer(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if request.method == "GET":
            return self._listed(request, parts)
        if self.refusal is not None:
            return self.refusal
        body = json.loads(request.content)
        match request.method, parts:
            case "PATCH", ["dags", dag] if dag in self.dags:
                self.dags[dag]["is_paused"] = body["is_paused"]
                return httpx.Response(200, json=self.dags[dag])
            case "PATCH", ["dags", dag, "dagRuns", run] if (dag, run) in self.runs:
                return self._set_run((dag, run), body["state"])
            case "PATCH", ["dags", dag, "dagRuns", run, "taskInstances", step]:
                return self._set_step((dag, run), step, body["new_state"])
            case "POST", ["dags", dag, "clearTaskInstances"] if (dag, body["dag_run_id"]) in self.runs:
                return self._clear((dag, body["dag_run_id"]), body)
            case "POST", ["backfills", *dry_run] if body["dag_id"] in self.dags:
                return self._backfill(body, dry_run=bool(dry_run))
        return httpx.Response(404, json=NOT_FOUND)

    def _listed(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        query = request.url.params
        if parts == ["dags"]:
            found = [dag for dag in self.dags.values() if dag.get("is_paused") or query.get("paused") is None]
            if query["exclude_stale"] == "true":
                found = [dag for dag in found if not dag["is_stale"]]
            return self._page(query, "dags", sorted(found, key=lambda dag: str(dag["dag_id"])))
        if parts == ["eventLogs"]:
            after, wanted = datetime.fromisoformat(query["after"]), query.get_list("included_events")
            found = [
                deed
                for deed in self.deeds
                if datetime.fromisoformat(deed["when"]) > after and deed["event"] in wanted
            ]
            return self._page(query, "event_logs", found)
        return httpx.Response(404, json=NOT_FOUND)

    def _page(self, query: httpx.QueryParams, name: str, found: list[Any]) -> httpx.Response:
        offset = int(query.get("offset", 0))
        page = found[offset : offset + self.page]
        return httpx.Response(200, json={name: page, "total_entries": len(found)})

    def _set_run(self, key: tuple[str, str], state: str) -> httpx.Response:
        waiting = False
        for each in self.instances.get(key, []):
            if each["state"] in OVER:
                continue
            if each["task_id"] in self.teardowns:
                waiting = True
            else:
                each["state"] = state if each["state"] == "running" else "skipped"
                each["end_date"] = each["end_date"] or self.now.isoformat()
        if not waiting:
            self.put_run(*key, state, end_date=self.now.isoformat())
        return httpx.Response(200, json=self.runs[key])

    def _set_step(self, key: tuple[str, str], step: str, state: str) -> httpx.Response:
        found = [each for each in self.instances.get(key, []) if each["task_id"] == step]
        if not found:
            return httpx.Response(404, json={"detail": f"Task '{step}' not found in Dag '{key[0]}'"})
        if all(each["state"] == state for each in found):
            detail = f"Task id {step} is already in {state} state"
            return httpx.Response(409, json={"detail": detail})
        for each in found:
            each["state"] = state
        failed = [
            each for each in self._following(key, {step}) if each["state"] in {"failed", "upstream_failed"}
        ]
        self._reset(key, failed)
        return httpx.Response(200, json={"task_instances": found, "total_entries": len(found)})

    def _clear(self, key: tuple[str, str], body: dict[str, Any]) -> httpx.Response:
        assert (body["only_failed"], body["reset_dag_runs"]) == (False, True)
        assert body["run_on_latest_version"] is False, "a run keeps the version that it began with"
        found = self.instances.get(key, [])
        if "task_ids" in body:
            named = set(body["task_ids"])
            chosen = [each for each in found if each["task_id"] in named]
            found = chosen + (self._following(key, named) if body["include_downstream"] else [])
        answer = {"task_instances": [dict(each) for each in found], "total_entries": len(found)}
        if not body["dry_run"]:
            self._reset(key, found)
        return httpx.Response(200, json=answer)

    def _following(self, key: tuple[str, str], steps: set[str]) -> list[dict[str, Any]]:
        names, fresh = set(steps), set(steps)
        while fresh:
            fresh = {name for step in fresh for name in self.after.get(step, [])} - names
            names |= fresh
        return [each for each in self.instances.get(key, []) if each["task_id"] in names - steps]

    def _reset(self, key: tuple[str, str], instances: list[dict[str, Any]]) -> None:
        for each in instances:
            each["state"] = "restarting" if each["state"] == "running" else None
        if instances and self.runs[key]["state"] in {"success", "failed"}:
            self.put_run(*key, "queued", start_date=None, end_date=None)

    def _backfill(self, body: dict[str, Any], *, dry_run: bool) -> httpx.Response:
        assert body["run_on_latest_version"] is False
        if dry_run:
            found = [{"logical_date": date, "partition_key": None} for date in self.dates]
            return httpx.Response(200, json={"backfills": found, "total_entries": len(found)})
        if self.backfills:
            detail = f"There is already a running backfill for dag {body['dag_id']}"
            return httpx.Response(409, json={"detail": detail})
        self.backfills.append(body)
        for date in self.dates:
            fields = {"run_type": "backfill", "logical_date": date, "conf": body["dag_run_conf"]}
            self.put_run(body["dag_id"], f"backfill__{date}", "queued", **fields)
        return httpx.Response(200, json={"id": 1, "dag_id": body["dag_id"]})
