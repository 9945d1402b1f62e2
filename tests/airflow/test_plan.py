import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import BundleInfo, TaskInstance

from windsock.airflow import plan
from windsock.airflow.plan import Surroundings, delay, identity, make_plan, revision
from windsock.testing import a_step, a_workflow
from windsock.workflow import Param, Retry, Workflow


def instance(**changes: Any) -> TaskInstance:
    fields = {"id": uuid.uuid4(), "dag_version_id": uuid.uuid4(), "task_id": "store", "dag_id": "shop_daily"}
    return TaskInstance(**(fields | {"run_id": "r1", "try_number": 2} | changes))


class Results:
    """Holds results by step, and remembers what was asked for."""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.asked: list[str] = []

    def __call__(self, step: str) -> Any:
        self.asked.append(step)
        return self.values.get(step)


def planned(
    workflow: Workflow,
    monkeypatch: pytest.MonkeyPatch,
    results: Results | None = None,
    conf: Any = None,
    max_tries: int = 0,
) -> plan.Plan:
    monkeypatch.setattr(plan, "published", lambda bundle, workflow_id, revision: (5, workflow))
    dates = {"logical_date": None, "data_interval_start": None, "data_interval_end": None}
    run = SimpleNamespace(**dates, conf=conf)
    around = Surroundings(run=run, max_tries=max_tries, result_of=results or Results())
    return make_plan("shop.run", instance(), BundleInfo(name="windsock", version="7"), around)


@pytest.mark.parametrize(
    ("retry", "attempt", "seconds"),
    [
        (Retry(delay=timedelta(seconds=30)), 1, 30),
        (Retry(delay=timedelta(seconds=30)), 9, 30),
        (Retry(delay=timedelta(seconds=30), max_delay=timedelta(seconds=1)), 1, 30),
        (Retry(delay=timedelta(seconds=10), backoff=True), 1, 10),
        (Retry(delay=timedelta(seconds=10), backoff=True), 4, 80),
        (Retry(delay=timedelta(seconds=10), backoff=True, max_delay=timedelta(seconds=25)), 3, 25),
        (Retry(delay=timedelta(seconds=10), backoff=True), 10_000, 86_400),
        (Retry(delay=timedelta(0), backoff=True), 5, 0),
    ],
)
def test_the_delay_grows_only_with_back_off_and_up_to_its_bound(
    retry: Retry, attempt: int, seconds: int
) -> None:
    assert delay(retry, attempt) == timedelta(seconds=seconds)


def test_a_run_is_pinned_to_its_revision_or_takes_the_newest() -> None:
    assert revision(BundleInfo(name="windsock", version="7")) == 7
    assert revision(BundleInfo(name="windsock", version=None)) is None


@pytest.mark.parametrize(("map_index", "told"), [(None, -1), (-1, -1), (3, 3)])
def test_identity_names_one_attempt(map_index: int | None, told: int) -> None:
    assert identity(instance(map_index=map_index), BundleInfo(name="windsock", version="7")) == {
        "workflow": "shop_daily",
        "revision": 7,
        "run_id": "r1",
        "step": "store",
        "map_index": told,
        "attempt": 2,
    }


def test_only_the_results_that_a_step_uses_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = a_workflow(a_step("fetch"), a_step("count"), a_step("store", uses=("fetch",)))
    results = Results(fetch=[1], count=2)
    assert planned(workflow, monkeypatch, results).call.kwargs["results"] == {"fetch": [1]}
    assert results.asked == ["fetch"]


def test_a_skipped_step_has_the_result_none(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = a_workflow(a_step("fetch"), a_step("store", uses=("fetch",)))
    assert planned(workflow, monkeypatch).call.kwargs["results"] == {"fetch": None}


def test_a_runs_own_values_win_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"shop": Param(default=1), "mood": Param(default="good")}
    made = planned(a_workflow(a_step("store"), params=params), monkeypatch, None, {"shop": None, "x": 1})
    assert made.call.kwargs["params"] == {"shop": None, "mood": "good", "x": 1}


def test_the_version_that_is_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's revision counts all workflows; which version that means was decided where it was parsed."""
    made = planned(a_workflow(a_step("store")), monkeypatch)
    assert (made.call.kwargs["revision"], made.call.kwargs["version"]) == (7, 5)


@pytest.mark.parametrize(("max_tries", "first"), [(2, 1), (3, 2), (9, 8), (0, 1)])
def test_clearing_shows_in_the_limit_of_tries(
    monkeypatch: pytest.MonkeyPatch, max_tries: int, first: int
) -> None:
    workflow = a_workflow(a_step("store", retry=Retry(limit=2)))
    made = planned(workflow, monkeypatch, max_tries=max_tries)
    assert made.call.kwargs["first_attempt"] == first


def test_the_limit_of_an_xcom_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = a_workflow(a_step("store"))
    assert planned(workflow, monkeypatch).call.kwargs["xcom_limit"] == 48 * 1024
    monkeypatch.setenv("AIRFLOW__WINDSOCK__XCOM_LIMIT", "1000")
    assert planned(workflow, monkeypatch).call.kwargs["xcom_limit"] == 1000


def test_a_manual_run_has_no_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    kwargs = planned(a_workflow(a_step("store")), monkeypatch).call.kwargs
    assert kwargs["logical_date"] is kwargs["data_interval_start"] is kwargs["data_interval_end"] is None


def test_a_step_that_is_not_published_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="store"):
        planned(a_workflow(a_step("fetch")), monkeypatch)


def test_the_document_comes_from_the_bundle_at_the_pinned_version(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    class Bundle:
        def published(self, workflow_id: str, revision: int | None) -> tuple[int, Workflow]:
            asked.append((workflow_id, revision))
            return 5, a_workflow()

    class Bundles:
        def get_bundle(self, name: str, version: str | None) -> Bundle:
            asked.append((name, version))
            return Bundle()

    monkeypatch.setattr(plan, "_bundles", Bundles)
    assert plan.published("windsock", "shop_daily", 7) == (5, a_workflow())
    assert plan.published("windsock", "shop_daily", None) == (5, a_workflow())
    assert asked == [("windsock", "7"), ("shop_daily", 7), ("windsock", None), ("shop_daily", None)]
