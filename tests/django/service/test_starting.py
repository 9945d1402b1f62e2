from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from tests.django import jobs

from windsock.django.actions.waiters import Instance
from windsock.django.service import starting
from windsock.django.service.registry import Refused

ADD = jobs.add.module_path


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task"),
        ({"task": "os.system"}, "task"),
        ({"task": 3}, "task"),
        ({"task": ADD, "args": {}}, "args"),
        ({"task": ADD, "kwargs": []}, "kwargs"),
        ({"task": ADD}, "args"),
        ({"task": ADD, "args": [1, 2, 3]}, "args"),
        ({"task": ADD, "kwargs": {"a": 1, "c": 2}}, "kwargs"),
        ({"task": ADD, "args": [1], "priority": "high"}, "priority"),
        ({"task": ADD, "args": [1], "priority": True}, "priority"),
        ({"task": ADD, "args": [1], "priority": 1000}, "priority"),
        ({"task": ADD, "args": [1], "queue_name": 3}, "queue_name"),
        ({"task": ADD, "args": [1], "queue_name": "elsewhere"}, "queue_name"),
    ],
)
def test_what_cannot_be_started_is_refused_by_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        starting.call_of(body)
    assert refused.value.field == field


def test_the_call_takes_its_options_along() -> None:
    task, args, kwargs = starting.call_of({"task": ADD, "args": [1], "kwargs": {"b": 2}, "priority": 5})
    assert (task.priority, task.queue_name, args, kwargs) == (5, "default", [1], {"b": 2})


def test_a_task_does_not_run_longer_than_it_is_waited_for() -> None:
    assert starting.limited(jobs.add, 60).timeout == timedelta(minutes=1)
    assert starting.limited(jobs.last_too_long, 60).timeout == timedelta(seconds=0.2)
    assert starting.limited(jobs.add, None).timeout is None


@pytest.mark.parametrize(
    "told",
    [
        "x",
        {"dag_id": "a"},
        {"dag_id": "a", "run_id": "b", "task_id": 3},
        {"dag_id": "a" * 251, "run_id": "b", "task_id": "c"},
        {"dag_id": "a", "run_id": "b", "task_id": "c", "map_index": "x"},
    ],
)
def test_a_waiter_that_is_not_understood_is_refused(told: Any) -> None:
    with pytest.raises(Refused):
        starting.instance_of({"instance": told})


def test_who_waits_is_told_or_not() -> None:
    told = {"dag_id": "a", "run_id": "b", "task_id": "c", "map_index": 2}
    assert starting.instance_of({"instance": told}) == Instance(**told)  # type: ignore[arg-type]
    assert starting.instance_of({}) is None


@pytest.mark.django_db
def test_such_tasks_belong_to_nobody_or_to_one_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert starting.owner() is None
    monkeypatch.setenv("WINDSOCK_SERVICE_OWNER", "airflow")
    with pytest.raises(Refused, match="SERVICE_OWNER"):
        starting.owner()
    assert User.objects.create_user("airflow").pk == starting.owner()
