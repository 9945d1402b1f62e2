import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.django import jobs

from windsock.django import compat
from windsock.django.actions import enqueueing
from windsock.django.models import TaskRun
from windsock.django.signalling import spare_djangos_lines, tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    results: list[Any] = []

    def listen(task_result: Any, **_: object) -> None:
        results.append(task_result)

    compat.task_started.connect(listen)
    yield results
    compat.task_started.disconnect(listen)


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give Django back what it logs."""
    before = [(signal, list(signal.receivers)) for signal in (compat.task_started, compat.task_finished)]
    yield
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def run() -> TaskRun:
    return enqueueing.create(jobs.add, [1], {})


def test_who_listens_gets_the_result(heard: list[Any], run: TaskRun) -> None:
    tell(compat.task_started, run)

    assert [result.id for result in heard] == [str(run.pk)]


@pytest.mark.parametrize("change", [{"task": "tests.django.jobs.gone"}, {"backend": "gone"}])
def test_what_cannot_be_shown_is_not_told(heard: list[Any], run: TaskRun, change: dict[str, str]) -> None:
    for name, value in change.items():
        setattr(run, name, value)

    tell(compat.task_started, run)

    assert heard == []


@pytest.mark.usefixtures("own_signals")
def test_djangos_own_lines_are_spared(run: TaskRun, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tell(compat.task_started, run)
    assert len(caplog.records) == 1

    spare_djangos_lines()
    tell(compat.task_started, run)

    assert len(caplog.records) == 1


@pytest.mark.usefixtures("own_signals")
def test_who_asks_for_djangos_lines_keeps_them(
    run: TaskRun, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    loggers: dict[str, Any] = {"django_tasks": {}, "django.tasks": {}}
    monkeypatch.setattr("django.conf.settings.LOGGING", {"loggers": loggers})

    spare_djangos_lines()
    tell(compat.task_started, run)

    assert len(caplog.records) == 1
