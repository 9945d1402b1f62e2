from typing import Any
from uuid import uuid4

import pytest

from windsock.django.models import TaskRun
from windsock.django.service import states
from windsock.run import Status

pytestmark = pytest.mark.django_db


def made(**fields: Any) -> TaskRun:
    return TaskRun.objects.create(task="jobs.add", name="add", **fields)


def test_what_is_known_already_is_not_told_and_costs_one_query(django_assert_num_queries: Any) -> None:
    runs = [made(), made(status=Status.PROCESSING, attempt=1, progress=40)]
    with django_assert_num_queries(1):
        found = states.marks([run.pk for run in runs])
    assert states.changed(found) == []
    assert states.changed({run.pk: "" for run in runs}) == [run.pk for run in runs]


@pytest.mark.parametrize("field", [{"status": "DONE"}, {"attempt": 1}, {"progress": 3}])
def test_status_attempt_and_progress_are_news(field: dict[str, Any]) -> None:
    run = made()
    known = states.marks([run.pk])
    TaskRun.objects.update(**field)
    assert states.changed(known) == [run.pk]


def test_the_mark_that_is_told_is_the_one_that_is_compared() -> None:
    run = made(status=Status.PROCESSING, attempt=2, progress=7)
    (told,) = states.told([run.pk])
    assert states.changed({run.pk: told["mark"]}) == []


def test_a_record_that_is_gone_is_told_once() -> None:
    key = uuid4()
    assert states.changed({key: "PENDING.0.0"}) == [key]
    (told,) = states.told([key])
    assert told["status"] == ""
    assert states.changed({key: told["mark"]}) == []


def test_a_large_answer_comes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "PORTION", 2)
    keys = [made().pk for _ in range(3)]
    assert [told["id"] for told in states.told(keys)] == [str(key) for key in keys[:2]]


def test_the_result_of_what_is_done_is_told() -> None:
    state = states.state_of(made(status=Status.DONE, progress=100, result={"a": 1}))
    assert state["result"] == {"a": 1}
    assert "result" not in states.state_of(made(result={"a": 1}))


@pytest.mark.parametrize(
    ("exception", "retry"),
    [
        ("builtins.ValueError", True),
        ("windsock.errors.FailWithoutRetry", False),
        ("windsock.django.execution.Refused", False),
        ("gone.module.Error", True),
        ("tests.django.jobs.block.<locals>.Error", True),
        ("", True),
    ],
)
def test_whether_another_try_makes_sense_is_told(exception: str, retry: bool) -> None:
    state = states.state_of(made(status=Status.FAILED, exception=exception, message="no", traceback="line 1"))
    assert state["retry"] is retry
    assert state["message"] == "no"
    assert state["traceback"] == "line 1"


def test_tracebacks_may_be_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_SERVICE_TRACEBACKS", "no")
    assert states.state_of(made(status=Status.FAILED, traceback="line 1"))["traceback"] == ""
