"""What the README promises, seen on the running stack."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
from tests.e2e.stack.running import Stack, eventually, windsock

pytestmark = pytest.mark.timeout(300)

SIMULATOR = (
    "from datetime import UTC, datetime; from simulator.models import Simulator; "
    "print(Simulator.objects.create(name={name!r}, interval='daily', kpi_id=1, "
    "start_date=datetime(2026, 1, 1, tzinfo=UTC)).pk)"
)


def add_simulator(stack: Stack, name: str) -> str:
    return "simulator_dag_" + stack.shell(SIMULATOR.format(name=name)).split()[-1]


def details(airflow: httpx.Client, dag_id: str) -> dict[str, Any]:
    answer = airflow.get(f"/api/v2/dags/{dag_id}/details")
    return answer.json() if answer.status_code == 200 else {}


def finished(stack: Stack, run: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        answer = stack.api.get(f"/api/runs/{run}/").raise_for_status().json()
        return answer if answer["status"] not in ("PENDING", "PROCESSING") else None

    return eventually(ended)


def test_the_first_run_is_done_everywhere(stack: Stack) -> None:
    asked = {"workflow": "simulator_dag_1", "origin": "request"}
    runs = stack.api.get("/api/runs/", params=asked).json()["results"]
    first = stack.api.get(f"/api/runs/{runs[-1]['id']}/").json()

    assert first["status"] == "DONE"
    assert len(first["steps"]) == 3
    assert {step["status"] for step in first["steps"]} == {"DONE"}
    there = stack.airflow.get(f"/api/v2/dags/{first['workflow']}/dagRuns/{first['run_id']}").json()
    assert there["state"] == "success"


def test_a_new_row_becomes_a_live_dag_that_runs(stack: Stack) -> None:
    dag_id = add_simulator(stack, "fresh")

    digest = eventually(lambda: details(stack.airflow, dag_id).get("doc_md"))
    assert re.search(r"Windsock revision \d+, digest [0-9a-f]{32}", digest)
    eventually(lambda: stack.api.get(f"/api/workflows/{dag_id}/").json()["live"])
    run = stack.api.post(f"/api/workflows/{dag_id}/run/", json={})

    assert run.status_code == 202
    assert finished(stack, run.json()["id"])["status"] == "DONE"


def test_an_edit_changes_the_dag_and_a_deletion_retires_it(stack: Stack) -> None:
    dag_id = add_simulator(stack, "edited")
    key = dag_id.rpartition("_")[2]
    eventually(lambda: details(stack.airflow, dag_id))

    stack.shell(
        "from simulator.models import Simulator; "
        f"row = Simulator.objects.get(pk={key}); row.interval = 'weekly'; row.save()"
    )
    eventually(lambda: details(stack.airflow, dag_id).get("timetable_summary") == "0 0 * * 0")

    stack.shell(f"from simulator.models import Simulator; Simulator.objects.get(pk={key}).delete()")
    eventually(lambda: details(stack.airflow, dag_id).get("is_stale"))
    assert stack.api.post(f"/api/workflows/{dag_id}/run/", json={}).status_code == 409


def test_a_user_is_created_by_a_tracked_task(stack: Stack) -> None:
    body = {"username": "user1", "email": "user1@example.org", "first_name": "User", "last_name": "One"}
    answer = stack.api.post("/api/users/", json=body)

    assert answer.status_code == 202
    assert set(answer.json()) == {"task_id", "message", "status_endpoint"}
    endpoint = answer.json()["status_endpoint"]
    status = eventually(lambda: (s := stack.api.get(endpoint).json())["status"] == "DONE" and s)
    assert set(status) == {
        "id",
        "status",
        "task_name",
        "created_at",
        "updated_at",
        "input_data",
        "result",
        "progress",
        "related_table",
        "related_id",
        "operation",
    }
    assert status["result"]["success"] is True
    assert status["progress"] == 100
    found = stack.shell("from users.models import User; print(User.objects.filter(username='user1').count())")
    assert found == "1"


def test_a_step_that_raises_shows_its_traceback_on_both_sides(stack: Stack) -> None:
    dag_id = add_simulator(stack, "failing")
    key = dag_id.rpartition("_")[2]
    stack.shell(
        f"from simulator.models import Simulator; Simulator.objects.filter(pk={key}).update(kpi_id=999)"
    )
    stack.manage("workflows", "publish")
    eventually(lambda: stack.api.get(f"/api/workflows/{dag_id}/").json()["live"])

    run = finished(stack, stack.api.post(f"/api/workflows/{dag_id}/run/", json={}).json()["id"])

    assert run["status"] == "FAILED"
    failed = [step for step in run["steps"] if step["status"] == "FAILED"]
    assert len(failed) == 1
    log = task_log(stack, dag_id, run["run_id"], failed[0]["task_name"])
    assert "Traceback" in log or "simulator/tasks.py" in log
    record = stack.shell(
        "from windsock.django.models import TaskRun; "
        f"print(TaskRun.objects.get(pk='{failed[0]['id']}').traceback)"
    )
    last = record.strip().splitlines()[-1]
    assert last in log
    assert "simulator/tasks.py" in record


def task_log(stack: Stack, dag_id: str, run_id: str, task_id: str) -> str:
    instances = stack.airflow.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()
    instance = next(
        i for i in instances["task_instances"] if i["state"] == "failed" or i["task_id"] == task_id
    )
    answer = stack.airflow.get(
        f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{instance['task_id']}/logs/{instance['try_number']}"
    )
    return str(answer.json()) if answer.status_code == 200 else ""


def test_a_bad_cron_is_refused_and_the_others_stay_live(stack: Stack) -> None:
    before = stack.api.get("/api/workflows/").json()["results"]
    refused = stack.shell(
        "from datetime import UTC, datetime\n"
        "from django.core.exceptions import ValidationError\n"
        "from simulator.models import Simulator\n"
        "row = Simulator(name='bad', interval='cron', cron='61 * * * *', kpi_id=1,\n"
        "    start_date=datetime(2026, 1, 1, tzinfo=UTC))\n"
        "try:\n    row.full_clean()\n"
        "except ValidationError as error:\n    print(sorted(error.message_dict))\n"
    )
    assert "cron" in refused

    stack.shell(
        "from datetime import UTC, datetime; from simulator.models import Simulator; "
        "Simulator.objects.create(name='bad', interval='cron', cron='61 * * * *', kpi_id=1,"
        " start_date=datetime(2026, 1, 1, tzinfo=UTC))"
    )
    now = {row["id"]: row for row in stack.api.get("/api/workflows/").json()["results"]}
    assert all(now[row["id"]]["live"] for row in before if row["live"])
    assert stack.airflow.get("/api/v2/importErrors").json()["total_entries"] == 0


def test_the_kpi_endpoint_answers_and_names_a_bad_field(stack: Stack) -> None:
    good = stack.api.post("/simulator/kpi/", json={"value": 12.5, "kpi_id": 1})
    missing = stack.api.post("/simulator/kpi/", json={})
    anonymous = httpx.post(f"{stack.status['web_url']}/simulator/kpi/", json={"value": 1}, timeout=15)

    assert good.status_code == 200
    assert missing.status_code == 400
    assert "value" in missing.text
    assert anonymous.status_code in (401, 403)


@pytest.mark.parametrize(
    "part", ["airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"]
)
def test_airflows_processes_cannot_import_django(environment_of: Callable[[str], Any], part: str) -> None:
    assert_cannot_import("django", *environment_of(part))


@pytest.mark.parametrize("part", ["web", "worker", "relay"])
def test_djangos_processes_cannot_import_airflow(environment_of: Callable[[str], Any], part: str) -> None:
    assert_cannot_import("airflow", *environment_of(part))


def assert_cannot_import(module: str, python: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [python, "-c", f"import {module}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert "ModuleNotFoundError" in done.stderr


def test_status_is_one_object_with_the_promised_keys(stack: Stack) -> None:
    status = json.loads(windsock(stack.folder, "status", "--json"))

    assert set(status) == {"state", "web_url", "airflow_url", "username", "password_file", "token", "parts"}
    assert status["state"] == "ready"
    for part in status["parts"].values():
        assert set(part) == {"state", "pid"}
        assert psutil.pid_exists(part["pid"])


def test_a_second_up_says_that_it_runs_already(stack: Stack) -> None:
    assert "already" in windsock(stack.folder, "up", "--detach")
