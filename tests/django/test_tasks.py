from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.django import jobs, keyed_jobs

from windsock.django import tasks
from windsock.django.compat import InvalidTask, task
from windsock.django.tasks import Label, TrackedTask
from windsock.errors import UnknownTask


def test_the_options_stand_in_the_task() -> None:
    declared = task(retries=2, retry_delay=timedelta(seconds=5), timeout=timedelta(minutes=1))(jobs.fail.func)

    assert isinstance(declared, TrackedTask)
    assert (declared.retries, declared.retry_delay.seconds, declared.timeout) == (2, 5, timedelta(minutes=1))


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"retries": 101},
        {"retry_delay": timedelta(-1)},
        {"timeout": timedelta(0)},
        {"result_ttl": timedelta(0)},
        {"unique_on": ("c",)},
        {"unique_on": "ab"},
        {"unique_on": (1,)},
        {"sensitive": ("a", "c")},
        {"sensitive": "a"},
    ],
)
def test_a_senseless_option_is_refused_at_declaration(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InvalidTask, match=name):
        task(**options)(jobs.add.func)
    with pytest.raises(InvalidTask, match=name):
        jobs.add.using(**options)


def with_a_set(a: Any = frozenset()) -> None:
    return None


def test_a_default_that_json_cannot_hold_is_no_key() -> None:
    with pytest.raises(InvalidTask, match="unique_on"):
        task(unique_on=("a",))(with_a_set)


def test_the_context_is_no_argument_to_name() -> None:
    with pytest.raises(InvalidTask, match="unique_on"):
        keyed_jobs.keyed.using(unique_on=("context",))


def test_a_label_may_hide_fields_of_what_was_sent() -> None:
    label = Label(input_data={"password": "x"})

    assert jobs.add.using(label=label, sensitive=["password"]).sensitive == ("password",)
    assert keyed_jobs.collect.using(sensitive=("anything",)).sensitive == ("anything",)


def test_using_carries_every_option_that_there_is() -> None:
    options: dict[str, Any] = {
        "priority": -100,
        "queue_name": "default",
        "run_after": timezone.now(),
        "backend": "default",
        "retries": 3,
        "retry_delay": timedelta(1),
        "timeout": timedelta(2),
        "unique_on": ("a", "b"),
        "result_ttl": timedelta(3),
        "sensitive": ("b",),
        "label": Label(name="other"),
    }
    assert {each.name for each in fields(TrackedTask)} == set(options) | {"func", "takes_context"}

    other = jobs.add.using(**options)

    assert {name: getattr(other, name) for name in options} == options
    assert other.using(priority=1) == jobs.add.using(**options | {"priority": 1})
    assert other.using(unique_on=()).unique_on == ()


def test_using_carries_our_options_too() -> None:
    other = jobs.fail_at_first.using(priority=7, retry_delay=timedelta(1), label=Label(name="other"))

    assert (other.priority, other.retries, other.retry_delay, other.label.name) == (
        7,
        2,
        timedelta(1),
        "other",
    )


def test_a_declared_task_is_registered_and_a_variant_of_it_is_not() -> None:
    jobs.add.using(priority=9)

    assert tasks.resolve("tests.django.jobs.add") is jobs.add
    assert tasks.registered()["tests.django.jobs.add"].priority == 0


@pytest.mark.parametrize("path", ["os.system", "tests.django.jobs.wait_for_lock", "nowhere.at_all", "x", ""])
def test_what_its_module_did_not_register_is_no_task(path: str) -> None:
    with pytest.raises(UnknownTask):
        tasks.load(path)


def test_resolving_imports_nothing() -> None:
    with pytest.raises(UnknownTask):
        tasks.resolve("windsock.django.nothing.at_all")


def test_the_owner_is_the_user_of_the_innermost_block() -> None:
    with tasks.acting_as(1):
        with tasks.acting_as(2):
            assert tasks.current_owner() == 2
        assert tasks.current_owner() == 1
    assert tasks.current_owner() is None
