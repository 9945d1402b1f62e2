import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.triggers.base import TaskFailedEvent, TaskSuccessEvent, TriggerEvent

from windsock.airflow.triggers import ending
from windsock.airflow.triggers.ending import event_for, resume

DONE = {"end": "done", "value": 3}


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    ending._would_loop.cache_clear()


def event(end: dict[str, Any], *, task: Any = None, resumes: bool = False) -> TriggerEvent:
    trigger: Any = SimpleNamespace(task=task, resumes=resumes)
    return asyncio.run(event_for(trigger, end, retries=0, push=True))


def task(outlets: tuple[str, ...] = (), mapped: tuple[str, ...] = ()) -> Any:
    return SimpleNamespace(outlets=list(outlets), iter_mapped_dependants=lambda: iter(mapped))


def test_it_ends_in_the_triggerer() -> None:
    assert isinstance(event(DONE), TaskSuccessEvent)
    assert isinstance(event(DONE, task=task()), TaskSuccessEvent)


@pytest.mark.parametrize("needy", [task(outlets=("asset",)), task(mapped=("next",))])
def test_a_worker_ends_what_only_a_worker_can(needy: Any) -> None:
    assert event(DONE, task=needy).payload == DONE
    assert isinstance(event({"end": "failed", "message": "no"}, task=needy), TaskFailedEvent)


def test_the_operator_may_know_that_it_needs_a_worker() -> None:
    assert event(DONE, resumes=True).payload == DONE


@pytest.mark.parametrize(
    ("classpath", "kind"),
    [
        ("airflow.dag_processing.bundles.local.LocalDagBundle", TaskSuccessEvent),
        ("windsock.airflow.bundle.WindsockDagBundle", TaskSuccessEvent),
        (f"{__name__}.Versioned", TriggerEvent),
        ("not.installed.Bundle", TriggerEvent),
    ],
)
def test_no_dag_processor_is_sent_round_in_circles(
    classpath: str, kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = [{"name": "a", "classpath": classpath, "kwargs": {}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    monkeypatch.setattr(ending, "__version__", "3.3.2")
    assert type(event(DONE)) is kind
    monkeypatch.setattr(ending, "__version__", "3.3.9")
    ending._would_loop.cache_clear()
    assert isinstance(event(DONE), TaskSuccessEvent)


class Versioned:
    """A bundle like Git's."""

    supports_versioning = True


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ({"end": "skipped", "message": "nothing to do"}, AirflowSkipException),
        ({"end": "timed out", "message": "too late"}, AirflowSensorTimeout),
        ({"end": "failed", "message": "no"}, AirflowException),
        ({"end": "failed", "message": "no", "final": True}, AirflowFailException),
    ],
)
def test_a_worker_raises_what_the_end_says(end: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=end["message"]):
        resume(end)


def test_a_worker_returns_the_value() -> None:
    assert resume(DONE) == 3
    assert resume({"end": "done"}) is None
