import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.django.fake_airflow import NOW, FakeAirflow

from windsock.errors import OrchestratorAway

DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def fake() -> FakeAirflow:
    return FakeAirflow()


def test_a_run_that_exists_stays_as_it_is(fake: FakeAirflow) -> None:
    fake.serve("a", 1, DIGEST)
    airflow = fake.client()
    for _ in range(2):
        airflow.start_run("a", "windsock__1", {"day": "mon"})

    assert [run["conf"] for run in fake.runs.values()] == [{"day": "mon"}]


def test_a_run_of_a_dag_that_is_not_there_yet_may_be_tried_again(fake: FakeAirflow) -> None:
    with pytest.raises(OrchestratorAway, match="no DAG a yet"):
        fake.client().start_run("a", "r", {})


def test_changed_runs_come_page_by_page_with_the_time_of_airflow(fake: FakeAirflow) -> None:
    fake.page = 2
    for number in range(5):
        fake.put_run("a", f"r{number}", "running", bundle_version=str(number), conf={"n": number})
    began = time.time()

    runs, at = fake.client().runs_since(NOW - timedelta(seconds=1))

    assert [run.run_id for run in runs] == ["r0", "r1", "r2", "r3", "r4"]
    assert (runs[3].revision, runs[3].params) == (3, {"n": 3})
    assert at == NOW
    assert all(run.seen_at.timestamp() >= began for run in runs)


def test_runs_before_the_cursor_are_left_out(fake: FakeAirflow) -> None:
    fake.put_run("a", "old", "success")
    fake.now += timedelta(minutes=1)
    fake.put_run("a", "new", "success", start_date="2026-01-02T03:05:00.5Z", bundle_version=None)

    runs, _ = fake.client().runs_since(NOW + timedelta(seconds=1))

    assert [run.run_id for run in runs] == ["new"]
    assert runs[0].started_at == datetime(2026, 1, 2, 3, 5, 0, 500_000, tzinfo=UTC)
    assert runs[0].revision is None


def test_all_task_instances_of_a_run_are_read(fake: FakeAirflow) -> None:
    fake.page = 2
    fake.put_run("a", "r", "failed")
    for name in "xyz":
        fake.put_step("a", "r", name, "upstream_failed", try_number=0)

    steps = fake.client().steps("a", "r")

    assert [(step.step, step.state, step.attempt) for step in steps] == [
        (n, "upstream_failed", 0) for n in "xyz"
    ]


def test_the_task_instances_of_many_runs_are_read_in_one_go(fake: FakeAirflow) -> None:
    for dag in "ab":
        for run in ("today", "tomorrow"):
            fake.put_run(dag, run, "success")
            fake.put_step(dag, run, f"{dag}-{run}", "success")
    fake.put_run("c", "today", "success")

    found = fake.client().steps_of([("a", "today"), ("b", "tomorrow"), ("c", "today")])

    steps = {key: [step.step for step in instances] for key, instances in found.items()}
    assert steps == {("a", "today"): ["a-today"], ("b", "tomorrow"): ["b-tomorrow"]}
    assert fake.requests == ["POST /auth/token", "POST /api/v2/dags/~/dagRuns/~/taskInstances/list"]


def test_they_come_page_by_page(fake: FakeAirflow) -> None:
    fake.page = 2
    for run in "rs":
        fake.put_run("a", run, "success")
        for name in "xyz":
            fake.put_step("a", run, name, "success")

    found = fake.client().steps_of([("a", "r"), ("a", "s")])

    assert {key: [step.step for step in instances] for key, instances in found.items()} == {
        ("a", "r"): ["x", "y", "z"],
        ("a", "s"): ["x", "y", "z"],
    }


def test_what_people_did_comes_page_by_page_with_the_time_of_airflow(fake: FakeAirflow) -> None:
    fake.page = 2
    fake.put_deed("patch_dag", "a")
    fake.now += timedelta(seconds=10)
    for event in ("patch_task_instance", "get_dag", "delete_dag_run", "patch_dag"):
        fake.put_deed(event, "a", "r")
    deeds, at = fake.client().deeds_since(NOW)

    assert [deed.what for deed in deeds] == ["patch_task_instance", "delete_dag_run", "patch_dag"]
    assert (deeds[0].workflow, deeds[0].run_id, at) == ("a", "r", fake.now)
