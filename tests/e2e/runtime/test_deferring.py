"""DAGs that people write start tasks on Django's workers and wait in the triggerer, on a real stack."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest
from tests.e2e.stack.running import copy_of_example, running
from tests.e2e.workflows.site import Run, Site, opened, waited

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]
HERE = Path(__file__).parent / "deferring"
DAGS = ("night", "held", "limited", "refused")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stack whose project has DAG files of its own in its folder ``dags``."""
    folder = copy_of_example(tmp_path_factory.mktemp("deferring"))
    shutil.copytree(HERE / "dags", folder / "dags")
    given = {"PYTHONPATH": str(HERE), "DJANGO_SETTINGS_MODULE": "warehouse_settings"}
    with running(folder, given) as stack, opened(stack) as site:
        for dag in DAGS:
            waited(lambda dag=dag: site.details(dag), seconds=60)  # type: ignore[misc]
        yield site


@contextmanager
def held(site: Site, number: int) -> Iterator[Any]:
    with psycopg.connect(site.databases["django"], autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (number,))
        yield connection


def until(site: Site, run: Run, task: str, *states: str, seconds: float = 30) -> None:
    waited(lambda: site.instances(run).get(task) in states, seconds=seconds, say=lambda: tell(site, run))


def tell(site: Site, run: Run) -> str:
    return f"{site.instances(run)} {records(site, run)} {log(site, run)}"


def records(site: Site, run: Run) -> list[Any]:
    """Return task, status, attempt and try of what a run started in Django."""
    return site.django(
        "SELECT t.task, t.status, t.attempt, w.try_number, t.id::text FROM windsock_taskrun t "
        "JOIN windsock_waiter w ON w.record_id = t.id WHERE w.run_id = %s ORDER BY t.created_at",
        run.run_id,
    )


def log(site: Site, run: Run) -> str:
    folder = site.stack.folder / ".windsock/airflow/logs" / f"dag_id={run.workflow}" / f"run_id={run.run_id}"
    return "".join(file.read_text() for file in sorted(folder.rglob("*.log*")))


def processes(site: Site, run: Run, task: str) -> list[Any]:
    """Return of each try of a task instance which worker's process ran it."""
    where = "run_id = %s AND task_id = %s"
    values = (run.run_id, task)
    return [
        *site.airflow(f"SELECT pid FROM task_instance_history WHERE {where}", *values),  # type: ignore[arg-type]
        *site.airflow(f"SELECT pid FROM task_instance WHERE {where}", *values),  # type: ignore[arg-type]
    ]


def test_a_dag_waits_for_rows_and_has_django_do_the_work(site: Site) -> None:
    run = site.trigger("night")
    until(site, run, "arrived", "deferred")
    assert not records(site, run)
    site.stack.shell("from users.models import User; User.objects.create_user('stock')")
    until(site, run, "known", "success")
    with held(site, 71):
        until(site, run, "report", "deferred")
        waited(lambda: "50 %" in log(site, run), say=lambda: tell(site, run))
    until(site, run, "report", "success")
    (record,) = records(site, run)
    assert record[:4] == ("warehouse.tasks.report", "DONE", 1, 1)
    pushed = site.airflow(
        "SELECT task_id, value FROM xcom WHERE run_id = %s AND key = 'return_value'", run.run_id
    )
    results = {task: json.loads(value) for task, value in pushed}
    assert results == {"arrived": 1, "known": {"name": "stock"}, "report": {"lock": 71, "attempt": 1}}
    # A worker rendered the template of the one, and nothing at all of the others.
    assert processes(site, run, "arrived") == processes(site, run, "report") == [(None,)]
    assert processes(site, run, "known") != [(None,)]


def test_the_triggerer_dies_while_the_task_ends(site: Site) -> None:
    with held(site, 72) as connection:
        run = site.trigger("held")
        waited(lambda: "50 %" in log(site, run), say=lambda: tell(site, run))
        triggerer = site.part("airflow-triggerer")
        family = [triggerer, *triggerer.children(recursive=True)]
        os.kill(triggerer.pid, signal.SIGKILL)
        connection.close()
        waited(lambda: records(site, run)[0][1] == "DONE", say=lambda: tell(site, run))
        waited(lambda: not [process for process in family if process.is_running()])
    waited(lambda: is_anew(site, triggerer), seconds=30)
    until(site, run, "report", "success", seconds=30)
    assert [record[:4] for record in records(site, run)] == [("warehouse.tasks.report", "DONE", 1, 1)]


def is_anew(site: Site, before: psutil.Process) -> bool:
    part = site.status()["parts"]["airflow-triggerer"]
    return bool(part["pid"]) and part["pid"] != before.pid and psutil.pid_exists(part["pid"])


def test_who_marks_it_failed_cancels_the_task(site: Site) -> None:
    with held(site, 72):
        run = site.trigger("held")
        waited(lambda: "50 %" in log(site, run), say=lambda: tell(site, run))
        path = f"/api/v2/dags/held/dagRuns/{run.run_id}/taskInstances/report"
        answer = site.stack.airflow.patch(path, json={"new_state": "failed"})
        assert answer.status_code == 200, answer.text
        # Also one that does not listen, for it waits in the database.
        waited(lambda: records(site, run)[0][1] == "CANCELLED", say=lambda: tell(site, run))
    assert site.instances(run) == {"report": "failed"}


def test_a_time_limit_leaves_nothing_running(site: Site) -> None:
    run = site.trigger("limited")
    until(site, run, "report", "failed")
    waited(lambda: records(site, run)[0][1] in ("CANCELLED", "FAILED"), say=lambda: tell(site, run))
    assert "The time limit was reached" in log(site, run)


def test_a_failure_that_is_final_is_not_tried_again(site: Site) -> None:
    run = site.trigger("refused")
    until(site, run, "report", "failed")
    assert [record[1:4] for record in records(site, run)] == [("FAILED", 1, 1)], tell(site, run)
    assert "windsock.errors.FailWithoutRetry: nothing is known of refused" in log(site, run)


def test_airflow_leads_to_the_record(site: Site) -> None:
    run = site.trigger("refused")
    until(site, run, "report", "failed")
    path = f"/api/v2/dags/refused/dagRuns/{run.run_id}/taskInstances/report/links"
    url = site.stack.airflow.get(path).raise_for_status().json()["extra_links"]["Django"]
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == site.stack.status["web_url"]
    anonymous = httpx.get(url, trust_env=False)
    assert "/windsock/login/" in anonymous.headers["Location"]
    client = "from django.test import Client; from users.models import User; c = Client();"
    host = f"headers={{'host': {parts.netloc!r}}}"
    code = f"c.force_login(User.objects.get(username='admin')); print(c.get({url!r}, {host})['Location'])"
    told = site.stack.shell(client + code)
    assert told.endswith(f"/windsock/tasks/{records(site, run)[0][4]}/")


def test_the_connection_can_be_tried_in_airflow(site: Site) -> None:
    environment = site.part("airflow-scheduler").environ()
    body = {
        "connection_id": "shop",
        "conn_type": "django",
        "host": site.stack.status["web_url"],
        "password": environment["AIRFLOW__WINDSOCK__FEED_KEY"],
    }
    answer = site.stack.airflow.post("/api/v2/connections/test", json=body).raise_for_status().json()
    assert answer["status"], answer
    assert "takes the key" in answer["message"]
    wrong = body | {"password": "another key, also long enough"}
    answer = site.stack.airflow.post("/api/v2/connections/test", json=wrong).raise_for_status().json()
    assert not answer["status"]
    assert "refused the key" in answer["message"]
