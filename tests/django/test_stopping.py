"""No database: functions that are stopped from another thread."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from windsock.django import stopping
from windsock.django.stopping import Guard, Stopped


@contextmanager
def stopped_from_outside(guard: Guard, began: threading.Event) -> Iterator[None]:
    def stop() -> None:
        assert began.wait(10)
        guard.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def run(guard: Guard, function: Callable[[], Any]) -> Any:
    """Call the function as an execution does."""
    try:
        guard.enter()
        value = function()
        guard.leave()
    except BaseException:
        guard.leave()
        raise
    return value


def test_what_blocks_in_the_main_thread_is_interrupted() -> None:
    guard, began = Guard(), threading.Event()

    def block() -> None:
        began.set()
        time.sleep(60)

    with stopped_from_outside(guard, began), pytest.raises(Stopped):
        run(guard, block)
    assert guard.stopping


def test_a_task_that_swallows_exceptions_does_not_swallow_this() -> None:
    guard, began = Guard(), threading.Event()

    def stubborn() -> None:
        try:
            began.set()
            time.sleep(60)
        except Exception:
            pytest.fail("it was caught")

    with stopped_from_outside(guard, began), pytest.raises(Stopped):
        run(guard, stubborn)


def test_it_is_raised_once() -> None:
    guard, began = Guard(), threading.Event()

    def stubborn() -> int:
        with pytest.raises(Stopped):  # noqa: PT012 -- it has to be inside when it is told to stop
            began.set()
            time.sleep(60)
        guard.stop()
        signal.raise_signal(stopping.SIGNAL)
        return 3

    with stopped_from_outside(guard, began):
        assert run(guard, stubborn) == 3


def test_an_async_function_is_cancelled_where_it_awaits() -> None:
    guard, began, cleaned = Guard(), threading.Event(), []

    async def wait() -> None:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with stopped_from_outside(guard, began), pytest.raises(asyncio.CancelledError):
        run(guard, async_to_sync(guard.awaited(wait)))
    assert cleaned == [True]


def test_an_async_function_that_was_stopped_before_it_began_does_not_wait() -> None:
    guard = Guard()

    async def wait() -> None:
        await asyncio.sleep(60)

    function = async_to_sync(guard.awaited(wait))

    def late() -> None:
        guard.stop()
        function()

    with pytest.raises(asyncio.CancelledError):
        run(guard, late)


def test_in_another_thread_it_comes_up_at_the_next_line() -> None:
    guard, began, seen = Guard(), threading.Event(), []

    def spin() -> None:
        began.set()
        while True:
            pass

    def thread() -> None:
        try:
            run(guard, spin)
        except Stopped:
            seen.append(True)

    worker = threading.Thread(target=thread)
    worker.start()
    with stopped_from_outside(guard, began):
        worker.join(30)
    assert seen == [True]


def test_what_has_returned_is_not_stopped() -> None:
    guard = Guard()
    run(guard, lambda: None)

    guard.stop()
    guard.kill(lambda: pytest.fail("it would be killed"))

    assert not guard.stopping


def test_a_signal_that_nobody_sent_for_a_reason_does_nothing() -> None:
    run(Guard(), lambda: signal.raise_signal(stopping.SIGNAL))


def test_a_kill_that_cannot_be_confirmed_kills_nobody() -> None:
    guard = Guard()

    def refuse() -> None:
        raise ConnectionError

    def wait() -> None:
        with pytest.raises(ConnectionError):
            guard.kill(refuse)

    run(guard, wait)


def test_a_function_cannot_return_while_its_end_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the process would be killed in the middle of what comes next."""
    guard, confirming, order = Guard(), threading.Event(), []
    monkeypatch.setattr("os.kill", lambda *_: order.append("killed"))

    def confirm() -> None:
        confirming.set()
        while main.is_alive() and not order:
            order.append("confirmed")

    main = threading.main_thread()
    killer = threading.Thread(target=guard.kill, args=(confirm,))

    def function() -> None:
        killer.start()
        assert confirming.wait(10)

    run(guard, function)
    order.append("next")
    killer.join()
    assert order == ["confirmed", "killed", "next"]


@pytest.mark.parametrize("in_main", [True, False])
def test_a_stop_at_the_very_end_never_hits_what_comes_next(in_main: bool) -> None:
    """A thousand functions that end just as they are stopped; each is followed by work of its own."""
    outcomes: list[str] = []
    stray: list[BaseException] = []

    def chase() -> None:
        for _ in range(1000):
            guard = Guard()
            began = threading.Event()

            def stop(guard: Guard = guard, began: threading.Event = began) -> None:
                began.wait()
                guard.stop()

            thread = threading.Thread(target=stop)
            thread.start()
            try:
                run(guard, began.set)
                outcomes.append("returned")
            except Stopped:
                outcomes.append("stopped")
            try:
                sum(range(200))
                thread.join()
                sum(range(200))
            except BaseException as error:
                stray.append(error)

    if in_main:
        chase()
    else:
        thread = threading.Thread(target=chase)
        thread.start()
        thread.join()
    assert stray == []
    assert len(outcomes) == 1000
