import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from tests.django import jobs

from windsock import wire
from windsock.call import Call, Outcome
from windsock.django import steps
from windsock.django.execution import tidy_connections
from windsock.django.models import TaskRun, Workflow, WorkflowVersion
from windsock.local.postgres import Server
from windsock.transport import Warm
from windsock.warm import WarmProcess, place
from windsock.workflow import Retry, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[2]
Waiting = Callable[..., None]


def publish(*parts: Step) -> None:
    Workflow.objects.create(id="a", source="test")
    document = wire.to_json(Definition(id="a", steps=parts))
    WorkflowVersion.objects.create(workflow_id="a", digest="", revision=1, document=document)


def identity(**changes: Any) -> dict[str, Any]:
    given = {"workflow": "a", "revision": 1, "run_id": "r", "step": "one", "map_index": -1, "attempt": 1}
    return {**given, **changes}


@pytest.fixture
def warm(postgres_server: Server) -> Iterator[Warm]:
    """The project's real warm process on the test's database."""
    with warm_process(postgres_server) as warm:
        yield warm


@contextmanager
def warm_process(postgres_server: Server, **variables: str) -> Iterator[Warm]:
    with tempfile.TemporaryDirectory(prefix="ws-", dir="/tmp") as folder:
        process = WarmProcess(
            python=Path(sys.executable),
            path=Path(folder) / "warm.sock",
            setup="tests.django.warm_setup:setup",
            directory=ROOT,
            environment=os.environ
            | {
                "PYTHONWARNINGS": "ignore",
                "WINDSOCK_TEST_DATABASE": settings.DATABASES["default"]["NAME"],
                "WINDSOCK_TEST_POSTGRES": str(postgres_server.socket_folder),
                **variables,
            },
            log=Path(folder) / "warm.log",
        )
        yield Warm(process=process)
        owner = place.owner(process.path)
        if owner:
            os.kill(owner, signal.SIGTERM)


def run(warm: Warm, **changes: Any) -> Outcome:
    kwargs = identity(params={}, results={}, **changes)
    return warm.send(Call(function="windsock.django.steps.run", kwargs=kwargs), timeout=timedelta(seconds=30))


def test_run_and_lost_reach_the_record() -> None:
    publish(Step(name="one", task=jobs.add.module_path, args=(1,)))

    assert steps.run(**identity(params={}, results={})).value == 2
    steps.lost(**identity(attempt=2), reason="killed")

    assert [run.status for run in TaskRun.objects.order_by("generation")] == ["DONE", "FAILED"]


def test_set_up_leaves_no_connection_for_the_children() -> None:
    Workflow.objects.exists()
    around = steps.setup()

    assert connections["default"].connection is None
    with around():
        Workflow.objects.exists()
    assert connections["default"].connection is None


def test_a_step_keeps_its_connection_after_the_task() -> None:
    with steps.setup()():
        Workflow.objects.exists()
        first = connections["default"].connection
        tidy_connections()
        assert connections["default"].connection is first
        connections["default"].close_at = 0.0
        tidy_connections()
        assert connections["default"].connection is None, "an old one may be broken without anybody's knowing"


def test_a_step_runs_in_a_child_of_the_warm_process(warm: Warm) -> None:
    publish(
        Step(name="one", task=jobs.report.module_path),
        Step(name="two", task=jobs.fail.module_path, retry=Retry(limit=1)),
    )

    assert run(warm).value == {"attempt": 1}
    failure = run(warm, step="two").failure

    assert failure is not None
    assert "in fail" in failure.traceback
    records = {record.step: record for record in TaskRun.objects.all()}
    assert (records["one"].status, records["one"].progress) == ("DONE", 100)
    assert (records["two"].status, records["two"].traceback) == ("PENDING", failure.traceback)


def test_a_step_whose_child_is_killed_is_ended_by_its_coordinator(warm: Warm, wait_until: Waiting) -> None:
    publish(Step(name="one", task=jobs.wait_for_ever.module_path))
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(warm)))
    thread.start()
    wait_until(
        lambda: TaskRun.objects.filter(status="PROCESSING").exclude(related_id="").exists(), seconds=20
    )
    os.kill(int(TaskRun.objects.get().related_id), signal.SIGKILL)
    thread.join(20)

    assert outcomes[0].failure is not None
    reason = outcomes[0].failure.message
    assert "SIGKILL" in reason
    told = Call(function="windsock.django.steps.lost", kwargs=identity(reason=reason))
    assert warm.send(told, timeout=timedelta(seconds=30)).succeeded
    assert (TaskRun.objects.get().status, TaskRun.objects.get().message) == ("FAILED", reason)


def test_a_projects_logging_is_its_own_and_is_shown(
    postgres_server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(Step(name="one", task=jobs.speak.module_path, args=("hunter2!",)))
    file = tmp_path / "shop.log"
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.django.logging_settings",
        "WINDSOCK_TEST_LOG": str(file),
    }
    caplog.set_level("INFO")
    with warm_process(postgres_server, **variables) as warm:
        assert run(warm).succeeded

    shown = [entry for entry in caplog.record_tuples if entry[0].startswith("shop")]
    assert shown == [
        ("shop.own", 20, "info of shop.own"),
        ("shop.own", 30, "warning of shop.own about ********"),
        ("shop.other", 30, "warning of shop.other about ********"),
    ]
    assert file.read_text() == "warning of shop.other about hunter2!\n", "a file of the project's own"
    assert TaskRun.objects.get().output.splitlines() == [
        "INFO shop.own: info of shop.own",
        "WARNING shop.own: warning of shop.own about ********",
        "WARNING shop.other: warning of shop.other about ********",
        "and ********",
    ]


def test_a_child_leaves_it_to_the_relay_to_announce(warm: Warm) -> None:
    publish(Step(name="one", task=jobs.loaded.module_path, args=("redis",)))
    with connections["default"].cursor() as cursor:
        cursor.execute("LISTEN windsock_relay")
        assert run(warm).value is False
        heard = [each.payload for each in cursor.connection.notifies(timeout=5, stop_after=2)]
        cursor.execute("UNLISTEN *")
    assert heard == ["streams", "states"]
