import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from tests.airflow.fake_site import KEY, FakeSite, serving
from tests.airflow.scheduling import Run

from windsock.airflow.operators.sensor import DjangoSensor


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    with serving() as site:
        connection = {"conn_type": "django", "host": site.url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_DJANGO_DEFAULT", json.dumps(connection))
        yield site


def sensor(**options: Any) -> DjangoSensor:
    return DjangoSensor(**{"task_id": "stock", "check": "shop.checks.arrived", **options})


def test_no_worker_is_needed(metadata: None, site: FakeSite) -> None:
    site.results["shop.Order"] = {"met": True, "value": 3}
    with DAG("sensing", schedule=None) as dag:
        sensor(check="", model="shop.Order", filter={"status": "paid"}, at_least=3)
    run = Run(dag)
    assert run.schedule() == {"stock": "deferred"}
    assert run.trigger() == {"stock": "success"}
    assert run.result("stock") == 3
    assert site.checks == [[{"model": "shop.Order", "filter": {"status": "paid"}, "at_least": 3}]]


def test_it_waits_for_as_long_as_a_sensor_does() -> None:
    waiting = sensor(timeout=60, poke_interval=7, soft_fail=True, retries=2)
    args = waiting.start_trigger_args
    assert args
    assert args.timeout == timedelta(minutes=1)
    assert args.trigger_kwargs
    assert args.trigger_kwargs["period"] == 7
    assert args.trigger_kwargs["patience"] == ["soft_fail"]
    assert args.trigger_kwargs["retries"] == 2


def test_what_only_a_worker_renders_starts_on_a_worker() -> None:
    with DAG("d", schedule=None):
        waiting = sensor(kwargs={"day": "{{ ds }}"}, timeout=60)
    assert not waiting.start_from_trigger
    waiting.render_template_fields({"ds": "2026-01-02"})
    with pytest.raises(TaskDeferred) as deferred:
        waiting.execute({})
    question = json.loads(deferred.value.trigger.question)
    assert question == {"check": "shop.checks.arrived", "kwargs": {"day": "2026-01-02"}}
    assert deferred.value.timeout == timedelta(minutes=1)


@pytest.mark.parametrize("options", [{"check": ""}, {"model": "shop.Order"}])
def test_it_asks_one_thing(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="stock: give a check, or a model"):
        sensor(**options)


def test_it_may_wait_on_a_worker(site: FakeSite) -> None:
    waiting = sensor(deferrable=False, poke_interval=0.01, timeout=5)
    assert not waiting.start_from_trigger
    site.results["shop.checks.arrived"] = {"met": True, "value": {"left": 4}}
    assert waiting.execute({}) == {"left": 4}
    site.results["shop.checks.arrived"] = {"met": True, "value": True}
    assert waiting.execute({}) is None


@pytest.mark.parametrize(("soft", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_it_times_out_on_a_worker(site: FakeSite, soft: bool, error: type[Exception]) -> None:
    with pytest.raises(error):
        sensor(deferrable=False, poke_interval=0.01, timeout=0.05, soft_fail=soft).execute({})


def test_a_check_that_fails_on_a_worker(site: FakeSite) -> None:
    site.results["shop.checks.arrived"] = {"error": {"exception": "builtins.LookupError", "message": "no"}}
    with pytest.raises(AirflowException, match=r"builtins\.LookupError: no"):
        sensor(deferrable=False).execute({})


def test_a_site_that_is_away_is_asked_again(site: FakeSite) -> None:
    site.down = True
    assert not sensor(deferrable=False).poke({}).is_done


@pytest.mark.parametrize(("soft", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_a_worker_says_what_the_triggerer_cannot(soft: bool, error: type[Exception]) -> None:
    waiting = sensor(soft_fail=soft)
    with pytest.raises(error):
        waiting.resume_execution(
            "execute_complete", {"event": {"end": "timed out", "message": "too late"}}, {}
        )
