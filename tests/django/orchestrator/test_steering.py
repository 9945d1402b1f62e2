from typing import Any

import httpx
import pytest
from tests.django.fake_airflow import FakeAirflow

from windsock.errors import OrchestratorAway, WrongStatus

RANGE = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-02T00:00:00Z", "dag_run_conf": {}}


@pytest.fixture
def fake() -> FakeAirflow:
    fake = FakeAirflow()
    fake.serve("a", 1, "0" * 32)
    fake.put_run("a", "r", "running")
    fake.after = {"one": ["two"], "two": ["three"]}
    for name, state in (("one", "success"), ("two", "running"), ("three", None)):
        fake.put_step("a", "r", name, state)
    return fake


def states(fake: FakeAirflow) -> list[Any]:
    return [each["state"] for each in fake.instances["a", "r"]]


def test_a_run_ends_with_its_steps(fake: FakeAirflow) -> None:
    run = fake.client().set_run("a", "r", "failed")

    assert run is not None
    assert run.state == "failed"
    assert states(fake) == ["success", "failed", "skipped"]
    assert fake.client().set_run("a", "gone", "failed") is None


def test_a_run_goes_on_with_its_teardown_steps(fake: FakeAirflow) -> None:
    fake.teardowns = {"three"}
    run = fake.client().set_run("a", "r", "failed")

    assert run is not None
    assert run.state == "running"


def test_a_step_is_marked(fake: FakeAirflow) -> None:
    fake.client().set_step("a", "r", "two", "success")
    assert states(fake) == ["success", "success", None]

    with pytest.raises(WrongStatus, match="Airflow: Task id two is already in success state"):
        fake.client().set_step("a", "r", "two", "success")
    with pytest.raises(WrongStatus, match="'four' not found"):
        fake.client().set_step("a", "r", "four", "success")


@pytest.mark.parametrize(
    ("steps", "downstream", "cleared"),
    [
        (["one"], False, ["one"]),
        (["two"], True, ["three", "two"]),
        ([], False, ["one", "three", "two"]),
    ],
)
def test_steps_are_cleared(fake: FakeAirflow, steps: list[str], downstream: bool, cleared: list[str]) -> None:
    airflow = fake.client()
    before = states(fake)

    assert airflow.clear("a", "r", steps, downstream=downstream, dry_run=True) == cleared
    assert states(fake) == before
    assert airflow.clear("a", "r", steps, downstream=downstream, dry_run=False) == cleared
    assert states(fake) != before


def test_a_backfill_tells_its_dates_first(fake: FakeAirflow) -> None:
    fake.dates = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    airflow = fake.client()

    assert [date.day for date in airflow.backfill("a", RANGE, dry_run=True)] == [1, 2]
    assert airflow.backfill("a", RANGE, dry_run=False) == []
    assert {run["run_type"] for key, run in fake.runs.items() if key != ("a", "r")} == {"backfill"}
    with pytest.raises(WrongStatus, match="already a running backfill"):
        airflow.backfill("a", RANGE, dry_run=False)


def test_a_refusal_is_told_in_airflows_words(fake: FakeAirflow) -> None:
    fake.refusal = httpx.Response(422, json={"detail": "Backfill cannot be executed for future dates."})

    with pytest.raises(WrongStatus, match="future dates"):
        fake.client().backfill("a", RANGE, dry_run=True)


def test_an_airflow_that_is_away_has_done_nothing(fake: FakeAirflow) -> None:
    fake.refusal = httpx.Response(503, json={"detail": "Database is locked."})

    with pytest.raises(OrchestratorAway):
        fake.client().clear("a", "r", [], downstream=False, dry_run=False)
