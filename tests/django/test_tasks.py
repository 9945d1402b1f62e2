from datetime import timedelta
from typing import Any

import pytest
from tests.django import jobs

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
    [{"retries": -1}, {"retries": 101}, {"retry_delay": timedelta(-1)}, {"timeout": timedelta(0)}],
)
def test_a_senseless_option_is_refused_at_declaration(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask):
        task(**options)(jobs.add.func)


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
