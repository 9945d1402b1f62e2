import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.triggers.base import TaskFailedEvent, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from tests.airflow.fake_site import FakeSite
from tests.airflow.triggerer import Triggerer, instance, until
from tests.airflow.triggers.conftest import Said

from windsock.airflow.triggers import DjangoTaskTrigger, line, listener

CALL = json.dumps({"task": "shop.tasks.report", "args": [1], "kwargs": {"b": 2}, "queue_name": "slow"})


def trigger(**options: Any) -> DjangoTaskTrigger:
    return DjangoTaskTrigger(**{"call": CALL, "conn_id": "django_default", **options})


async def ended(site: FakeSite, state: dict[str, Any], **options: Any) -> TriggerEvent:
    triggerer = Triggerer()
    number = triggerer.start(trigger(**options), instance())
    await until(lambda: site.follows)
    site.set(**state)
    return await triggerer.end(number)


DONE = {"status": "DONE", "attempt": 1, "progress": 100}
FAILED = {"status": "FAILED", "attempt": 1, "exception": "builtins.ValueError", "message": "no stock"}


def test_it_is_made_again_from_what_it_says() -> None:
    path, kwargs = trigger(retries=2, push=False, resumes=True).serialize()
    assert path == "windsock.airflow.triggers.task.DjangoTaskTrigger"
    assert DjangoTaskTrigger(**kwargs).serialize() == (path, kwargs)
    json.dumps(kwargs)


def test_the_result_ends_the_task_instance(site: FakeSite) -> None:
    event = asyncio.run(ended(site, DONE | {"result": {"sum": 3}}))
    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms == {"return_value": {"sum": 3}}
    (body,) = site.enqueued
    assert {name: body[name] for name in ("task", "args", "kwargs", "queue_name")} == json.loads(CALL)
    assert body["instance"] == {
        "dag_id": "night",
        "run_id": "manual__1",
        "task_id": "report_1",
        "map_index": -1,
        "try_number": 1,
    }
    assert "patience_seconds" not in body


@pytest.mark.parametrize("options", [{"push": False}, {}])
def test_nothing_is_pushed_where_there_is_nothing_or_nobody_wants_it(
    site: FakeSite, options: dict[str, Any]
) -> None:
    event = asyncio.run(ended(site, DONE | {"result": 3 if options else None}, **options))
    assert isinstance(event, TaskSuccessEvent)
    assert event.xcoms is None


def test_a_failure_fails_it_and_its_log_says_why(site: FakeSite, said: Said) -> None:
    event = asyncio.run(ended(site, FAILED | {"traceback": "line 1\nline 2"}, retries=2))
    assert isinstance(event, TaskFailedEvent)
    assert "Task failed: ValueError: no stock\nline 1\nline 2" in said.text
    assert f"Waiting for {site.url}/windsock/tasks/{site.enqueued[0]['id']}/" in said.text


def test_a_failure_that_is_final_needs_a_worker_to_say_so_while_tries_are_left(site: FakeSite) -> None:
    event = asyncio.run(ended(site, FAILED | {"retry": False}, retries=2))
    assert type(event) is TriggerEvent
    assert event.payload == {"end": "failed", "message": "ValueError: no stock", "final": True}
    assert isinstance(asyncio.run(ended(site, FAILED | {"retry": False})), TaskFailedEvent)


def test_a_skip_skips_it(site: FakeSite) -> None:
    event = asyncio.run(ended(site, {"status": "SKIPPED", "message": "nothing to do"}))
    assert isinstance(event, TaskSkippedEvent)


def test_a_cancel_in_django_fails_it_for_good(site: FakeSite, said: Said) -> None:
    event = asyncio.run(ended(site, {"status": "CANCELLED"}, retries=1))
    assert event.payload["final"]
    assert "The task was cancelled in Django." in said.text


def test_a_record_that_is_gone_fails_it(site: FakeSite, said: Said) -> None:
    async def lose() -> TriggerEvent:
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: site.follows)
        site.tasks.clear()
        site.set()
        return await triggerer.end(number)

    assert isinstance(asyncio.run(lose()), TaskFailedEvent)
    assert "not in Django's record any more" in said.text


def test_progress_is_written_when_it_changes(site: FakeSite, said: Said) -> None:

    async def watch() -> None:
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: site.follows)
        site.set(status="PROCESSING", attempt=1, max_attempts=3)
        await until(lambda: "Attempt 1 of 3 is running" in said.text)
        for percent in (30, 60):
            site.set(progress=percent)
            await until(lambda percent=percent: f"{percent} %" in said.text)  # type: ignore[misc]
        site.set(attempt=2, progress=0)
        await until(lambda: "Attempt 2 of 3 is running" in said.text)
        site.set(**DONE)
        await triggerer.end(number)

    asyncio.run(watch())
    assert said.text.count(" 30 %") == 1


def test_one_try_is_one_record_however_often_it_is_started(site: FakeSite) -> None:
    async def restart() -> None:
        before, after = Triggerer(), Triggerer()
        before.start(trigger(), instance())
        await until(lambda: site.follows)
        await before.stop()
        assert not site.cancelled
        site.set(**DONE, result=7)
        event = await after.end(after.start(trigger(), instance()))
        assert isinstance(event, TaskSuccessEvent)
        assert event.xcoms == {"return_value": 7}

    asyncio.run(restart())
    assert len(site.tasks) == 1
    assert len(site.enqueued) == 2


def test_another_try_or_another_run_is_another_record() -> None:
    made = DjangoTaskTrigger(call=CALL, conn_id="a")
    ids = set()
    for fields in ({}, {"try_number": 2}, {"run_id": "b"}, {"map_index": 3}, {"id": "another life"}):
        made.task_instance = instance(**fields)
        ids.add(made.record_id)
        assert made.record_id == made.record_id
    assert len(ids) == 5


def test_who_clears_or_marks_it_cancels_the_task(site: FakeSite) -> None:
    async def act() -> None:
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: site.follows)
        await triggerer.act_on(number)

    asyncio.run(act())
    assert site.cancelled == [site.enqueued[0]["id"]]


def test_a_task_that_arrives_after_it_was_killed_is_cancelled_too(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = trigger()
    killed.task_instance = instance()

    async def arrive_late() -> None:
        killing = asyncio.create_task(killed.on_kill())
        await until(lambda: site.asked_to_cancel)
        site.enqueue({"id": killed.record_id, "task": "late"})
        await killing

    asyncio.run(arrive_late())
    assert site.cancelled == [killed.record_id]


def test_the_time_limit_ends_it_and_cancels_the_task(site: FakeSite, said: Said) -> None:
    async def run_out() -> TriggerEvent:
        triggerer = Triggerer()
        limit = datetime.now(UTC) + timedelta(seconds=1)
        return await triggerer.end(triggerer.start(trigger(retries=3), instance(), limit))

    assert isinstance(asyncio.run(run_out()), TaskFailedEvent)
    assert 0 < site.enqueued[0]["patience_seconds"] <= 1
    assert site.cancelled == [site.enqueued[0]["id"]]
    assert "The time limit was reached" in said.text


def test_what_django_refuses_fails_it_with_the_reason(site: FakeSite, said: Said) -> None:
    async def refuse() -> TriggerEvent:
        triggerer = Triggerer()
        call = json.dumps({"task": "unknown"})
        return await triggerer.end(triggerer.start(trigger(call=call), instance()))

    assert isinstance(asyncio.run(refuse()), TaskFailedEvent)
    assert "task: No task is registered as 'unknown'." in said.text


def test_it_waits_while_django_is_away(site: FakeSite, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (line, listener):
        monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.05)
        monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)

    async def wait() -> TriggerEvent:
        site.down = True
        triggerer = Triggerer()
        number = triggerer.start(trigger(), instance())
        await until(lambda: "it is asked again until it answers" in said.text)
        site.down = False
        await until(lambda: site.follows)
        site.down = True
        site.set()
        await until(lambda: said.text.count("it is asked again") == 2)
        site.down = False
        await until(lambda: "Django answers again" in said.text)
        site.set(**DONE, result=1)
        return await triggerer.end(number)

    assert isinstance(asyncio.run(wait()), TaskSuccessEvent)
    # Once when it was to be enqueued, once when it was followed.
    assert said.text.count("it is asked again until it answers") == 2
    assert len(site.tasks) == 1


def test_five_hundred_wait_by_one_request_at_a_time(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_all() -> list[TriggerEvent]:
        triggerer = Triggerer()
        numbers = [triggerer.start(trigger(), instance(number)) for number in range(500)]
        await until(lambda: site.follows and len(site.follows[-1]["tasks"]) == 500, seconds=60)
        before = len(site.follows)
        site.set(**DONE, result=1)
        events = [await triggerer.end(number) for number in numbers]
        # A hundred tasks fit into an answer.
        assert len(site.follows) - before <= 6
        return events

    events = asyncio.run(wait_all())
    assert all(isinstance(event, TaskSuccessEvent) for event in events)
    assert len(site.follows) < 150
    assert len(site.tasks) == 500
