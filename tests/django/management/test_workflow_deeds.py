from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from tests.django.fake_airflow import FakeAirflow
from tests.django.jobs import add

from windsock.django import orchestrator
from windsock.django.actions import definitions, revisions
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.workflow import Param, Schedule, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def workflow() -> Workflow:
    workflow = definitions.create(definition())
    revisions.number()
    return workflow


def definition(title: str = "") -> Definition:
    return Definition(
        id="load",
        title=title,
        steps=(Step(name="one", task=add.module_path, kwargs={"a": 1}),),
        schedule=Schedule(cron=("@daily",), start=START, timezone="Europe/Berlin"),
        params={"day": Param(default="mon", schema={"type": "string"})},
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeAirflow:
    fake = FakeAirflow()
    fake.serve("load", 1, "0" * 32)
    fake.dates = ["2025-12-31T23:00:00Z"]
    airflow = fake.client()
    monkeypatch.setattr(orchestrator, "connected", lambda: airflow)
    return fake


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("workflows", *arguments, stdout=out)
    return out.getvalue()


def test_run_prints_the_runs_id() -> None:
    ann = User.objects.create(username="ann")
    id = run("run", "load", "--param", "day=tue", "--user", "ann").strip()
    found = WorkflowRun.objects.get(pk=id)

    assert (found.params, found.requested_by) == ({"day": "tue"}, ann)


def test_params_are_json_or_texts() -> None:
    run("run", "load", "--params", '{"day": "wed"}')
    assert WorkflowRun.objects.get().params == {"day": "wed"}

    with pytest.raises(CommandError, match=r"params\.day: 3 is not of type 'string'\nparams\.x|params\.x"):
        run("run", "load", "--param", "day=3", "--param", "x=1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "load", "--param", "day"), "'day' has no '='"),
        (("run", "load", "--params", "[1]"), "not an object"),
        (("run", "load", "--params", "{"), "not JSON"),
        (("run", "nothing"), "There is no workflow 'nothing'"),
        (("run", "load", "--user", "nobody"), "There is no active user 'nobody'"),
        (("backfill", "load", "--start", "soon", "--end", "2026-01-02"), "not a date: 'soon'"),
        (("pause", "load", "nothing"), "There is no workflow 'nothing'"),
        (("unpause", "load"), "load is not paused"),
        (("rollback", "load", "77"), "revision: load has no revision 77"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_done(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)

    assert not WorkflowRun.objects.exists()
    assert not Workflow.objects.get().is_paused


def test_pause_and_unpause_say_what_that_means() -> None:
    assert run("pause", "load") == "load is paused; runs that are active stand still.\n"
    assert Workflow.objects.get().is_paused
    assert run("unpause", "load") == "load runs.\n"
    assert not Workflow.objects.get().is_paused


def test_backfill_reads_dates_in_the_workflows_time_zone(fake: FakeAirflow) -> None:
    times = ("--start", "2026-01-01", "--end", "2026-01-01T12:00+00:00")
    assert run("backfill", "load", *times, "--dry-run") == "2026-01-01T00:00:00+01:00\n"
    assert fake.backfills == []
    run("backfill", "load", *times, "--reprocess", "failed", "--max-active-runs", "2", "--param", "day=tue")

    sent: dict[str, Any] = fake.backfills[0]
    assert sent["from_date"] == "2026-01-01T00:00:00+01:00"
    assert (sent["max_active_runs"], sent["reprocess_behavior"]) == (2, "failed")
    assert sent["dag_run_conf"] == {"day": "tue"}


def test_rollback_and_delete_say_who_did_it() -> None:
    User.objects.create(username="ann")
    definitions.update("load", definition("Nightly"))
    revisions.number()
    first = WorkflowVersion.objects.order_by("id")[0].revision

    assert f"at revision {first}" in run("rollback", "load", str(first), "--user", "ann")
    newest = WorkflowVersion.objects.order_by("id").last()
    assert newest is not None
    assert newest.author is not None
    assert newest.author.get_username() == "ann"
    assert run("delete", "load", "--user", "ann") == "load is retired.\n"
    assert Workflow.objects.get().retired_at is not None


def test_what_comes_from_elsewhere_is_not_deleted() -> None:
    Workflow.objects.create(id="row", source="shop.Report", source_key="1")
    with pytest.raises(CommandError, match=r"shop\.Report"):
        run("delete", "row")
