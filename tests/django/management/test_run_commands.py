import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from tests.django.fake_airflow import FakeAirflow

from windsock.django import orchestrator
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.django.relay.states import Watcher

pytestmark = pytest.mark.django_db
END = "2026-01-02T03:04:04Z"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    """A run that has failed in its first step."""
    fake = FakeAirflow()
    fake.now = timezone.now()
    fake.serve("w", 1, "0" * 32)
    fake.after = {"one": ["two"]}
    fake.put_run("w", "r", "failed", start_date=END, end_date=END)
    fake.put_step("w", "r", "one", "failed", end_date=END)
    fake.put_step("w", "r", "two", "upstream_failed", end_date=END, try_number=0)
    airflow = fake.client()
    monkeypatch.setattr(orchestrator, "connected", lambda: airflow)
    workflow = Workflow.objects.create(id="w", source="test")
    document = {"id": "w", "steps": [{"name": name, "task": "x.y"} for name in ("one", "two")]}
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document=document, revision=1)
    Watcher(fake.client()).run()
    return fake


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("runs", *arguments, stdout=out)
    return out.getvalue()


def test_list_tells_the_newest_first(fake: FakeAirflow) -> None:
    WorkflowRun.objects.create(workflow_id="w", run_id="newer", status="PENDING", message="waits")
    lines = run("list").splitlines()

    assert lines[0].endswith("waits")
    assert lines[1].split()[1:4] == ["w", "FAILED", "airflow"]
    assert len(run("list", "--limit", "1").splitlines()) == 1
    found = json.loads(run("list", "--status", "FAILED", "--workflow", "w", "--json"))
    assert [each["run_id"] for each in found] == ["r"]


def test_show_tells_the_steps(fake: FakeAirflow) -> None:
    lines = run("show", "r").splitlines()

    assert "status: FAILED" in lines
    assert "step  one  FAILED  attempt 1  Airflow set it to failed." in lines
    assert len(json.loads(run("show", "r", "--json"))["steps"]) == 2


def test_retry_prints_what_is_done_again(fake: FakeAirflow) -> None:
    key = str(WorkflowRun.objects.get().pk)

    assert run("retry", key) == "one\ntwo\n"
    with pytest.raises(CommandError, match="It has not ended yet"):
        run("retry", key)


def test_clear_prints_what_it_would_be(fake: FakeAirflow) -> None:
    assert run("clear", "r", "one", "--dry-run") == "one\ntwo\n"
    assert run("clear", "r", "one", "--no-downstream", "--dry-run") == "one\n"
    assert WorkflowRun.objects.get().status == "FAILED"
    assert run("clear", "r") == "one\ntwo\n"
    assert WorkflowRun.objects.get().status == "PENDING"


def test_mark_tells_what_becomes_of_the_run(fake: FakeAirflow) -> None:
    assert run("mark", "r", "done", "--step", "one") == "The run is PENDING.\n"
    assert run("mark", "r", "failed") == "The run is FAILED.\n"


def test_cancel_tells_whether_it_is_done(fake: FakeAirflow) -> None:
    waiting = WorkflowRun.objects.create(workflow_id="w", run_id="waits", next_send_at=timezone.now())
    WorkflowRun.objects.create(workflow_id="w", run_id="runs", status="PROCESSING")

    assert run("cancel", str(waiting.pk)) == "It is cancelled.\n"
    assert run("cancel", "runs").startswith("It is cancelled as soon as")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cancel", "r"), "It has ended already"),
        (("show", "nothing"), "There is no run 'nothing'"),
        (("clear", "r", "three"), r"steps\.0: there is no step 'three'"),
        (("list", "--limit", "0"), "above 0"),
        (("list", "--status", "LOST"), "invalid choice"),
    ],
)
def test_what_is_wrong_is_refused(fake: FakeAirflow, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_a_run_id_may_be_that_of_several_workflows(fake: FakeAirflow) -> None:
    other = Workflow.objects.create(id="x", source="test")
    WorkflowRun.objects.create(workflow=other, run_id="r")
    with pytest.raises(CommandError, match="Several workflows have a run 'r'"):
        run("show", "r")


def test_an_airflow_that_is_away_is_said(fake: FakeAirflow) -> None:
    fake.is_away = True
    with pytest.raises(CommandError, match="Airflow cannot be reached"):
        run("retry", "r")
