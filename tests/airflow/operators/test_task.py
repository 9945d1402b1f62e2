import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, task
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow.serialization.serialized_objects import DagSerialization
from tests.airflow.fake_site import KEY, FakeSite, serving
from tests.airflow.scheduling import Run

from windsock.airflow.operators.task import DjangoTaskOperator

DONE = {"status": "DONE", "attempt": 1, "progress": 100, "mark": "DONE.1.100"}
FAILED = {"status": "FAILED", "attempt": 1, "progress": 0, "mark": "FAILED.1.0", "message": "no"}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    with serving() as site:
        connection = {"conn_type": "django", "host": site.url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_DJANGO_DEFAULT", json.dumps(connection))
        yield site


def ends(site: FakeSite, **state: Any) -> None:
    """Have every task end as soon as it is enqueued."""
    enqueue = site.enqueue

    def at_once(body: Any) -> tuple[int, Any]:
        status, answer = enqueue(body)
        return status, {"task": answer["task"] | state}

    site.enqueue = at_once  # type: ignore[method-assign]


def dag(**options: Any) -> DAG:
    with DAG("deferring", schedule=None) as dag:
        DjangoTaskOperator(task_id="report", task="shop.tasks.report", kwargs={"a": 1}, **options)
    return dag


def test_no_worker_is_needed(metadata: None, site: FakeSite) -> None:
    ends(site, **DONE, result={"sum": 3})
    run = Run(dag())
    assert run.schedule() == {"report": "deferred"}
    assert run.trigger() == {"report": "success"}
    assert run.result("report") == {"sum": 3}
    (body,) = site.enqueued
    assert body["kwargs"] == {"a": 1}
    assert body["instance"]["run_id"] == run.run_id


def test_each_try_is_another_record(metadata: None, site: FakeSite) -> None:
    ends(site, **FAILED)
    run = Run(dag(retries=1, retry_delay=timedelta(0)))
    run.schedule()
    assert run.trigger() == {"report": "up_for_retry"}
    assert run.schedule() == {"report": "deferred"}
    assert run.trigger() == {"report": "failed"}
    assert [body["instance"]["try_number"] for body in site.enqueued] == [1, 2]
    assert len(site.tasks) == 2


def test_a_failure_that_is_final_goes_to_a_worker_which_does_not_retry(
    metadata: None, site: FakeSite
) -> None:
    ends(site, **FAILED, retry=False)
    run = Run(dag(retries=1))
    run.schedule()
    assert run.trigger() == {"report": "scheduled"}
    (ti,) = run.instances()
    assert ti.next_method == "execute_complete"
    operator = dag(retries=1).get_task("report")
    with pytest.raises(AirflowFailException, match="no"):
        operator.execute_complete({}, {"end": "failed", "message": "no", "final": True})


def test_the_time_limit_of_the_task_is_the_tasks_in_django(metadata: None, site: FakeSite) -> None:
    ends(site, **DONE)
    run = Run(dag(execution_timeout=timedelta(minutes=5)))
    run.schedule()
    assert run.trigger() == {"report": "success"}
    assert 290 < site.enqueued[0]["patience_seconds"] <= 300


def test_an_asset_is_told_by_a_worker(metadata: None, site: FakeSite) -> None:
    ends(site, **DONE, result=1)
    run = Run(dag(outlets=[Asset("stock")]))
    run.schedule()
    assert run.trigger() == {"report": "scheduled"}
    (ti,) = run.instances()
    assert ti.next_kwargs["event"] == {"end": "done", "value": 1}


def test_a_result_that_is_mapped_over_goes_through_a_worker(metadata: None, site: FakeSite) -> None:
    ends(site, **DONE, result=[1, 2])
    with DAG("deferring_mapped", schedule=None) as mapped:
        report = DjangoTaskOperator(task_id="report", task="shop.tasks.report")
        task(task_id="each")(lambda x: x).expand(x=report.output)
    run = Run(mapped)
    run.schedule()
    assert run.trigger()["report"] == "scheduled"


@pytest.mark.parametrize(
    "options",
    [
        {"args": ["{{ ds }}"]},
        {"task": "shop.tasks.{{ params.name }}"},
        {"on_execute_callback": print},
    ],
)
def test_what_only_a_worker_renders_starts_on_a_worker(options: dict[str, Any]) -> None:
    operator = DjangoTaskOperator(**{"task_id": "report", "task": "a.b", **options})
    assert not operator.start_from_trigger


def test_a_worker_hands_the_rendered_call_on() -> None:
    with DAG("d", schedule=None):
        operator = DjangoTaskOperator(
            task_id="report",
            task="a.b",
            args=["{{ ds }}"],
            queue_name="slow",
            priority=5,
            execution_timeout=timedelta(minutes=1),
        )
    operator.render_template_fields({"ds": "2026-01-02"})
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    trigger = deferred.value.trigger
    assert json.loads(trigger.call) == {
        "task": "a.b",
        "args": ["2026-01-02"],
        "kwargs": {},
        "queue_name": "slow",
        "priority": 5,
    }
    assert deferred.value.timeout == timedelta(minutes=1)
    assert not trigger.resumes


def test_mapped_ones_start_on_a_worker(metadata: None) -> None:
    with DAG("deferring_many", schedule=None) as many:
        DjangoTaskOperator.partial(task_id="report", task="a.b").expand(kwargs=[{"a": 1}, {"a": 2}])
    run = Run(many)
    run.schedule()
    assert {str(ti.state) for ti in run.instances()} == {"scheduled"}
    assert sorted(ti.map_index for ti in run.instances()) == [0, 1]


def test_braces_that_are_no_template_reach_django_as_they_are(metadata: None, site: FakeSite) -> None:
    ends(site, **DONE)
    with DAG("deferring_braces", schedule=None) as braces:
        DjangoTaskOperator(task_id="report", task="a.b", kwargs={"text": "{ds} }} %}", "__type": "dict"})
    run = Run(braces)
    run.schedule()
    assert run.trigger() == {"report": "success"}
    assert site.enqueued[0]["kwargs"] == {"text": "{ds} }} %}", "__type": "dict"}


def test_what_json_cannot_hold_is_an_error_of_the_dag() -> None:
    with pytest.raises(TypeError, match="arguments of report"):
        DjangoTaskOperator(task_id="report", task="a.b", args=[object()])


def test_the_dag_of_the_howto_can_be_served() -> None:
    page = (Path(__file__).parents[3] / "docs/howto/deferring.md").read_text()
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    dag = names["paid"].dag
    served = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert all(served.get_task(name).start_from_trigger for name in ("paid", "report"))
