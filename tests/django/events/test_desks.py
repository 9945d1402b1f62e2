import asyncio
import os
import threading
from collections.abc import Callable

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection

from windsock.django.events.desks import Counter, Desk, counter, give_back_thread


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def alive(backends: set[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", (list(backends),))
        return int(cursor.fetchone()[0])


def test_a_connection_is_kept_for_those_who_wait_and_no_longer(
    transactional_db: None, wait_until: Callable[..., None]
) -> None:
    def when_all_wait() -> int:
        wait_until(lambda: desk.waiting == 20)
        return backend()

    async def many() -> list[int]:
        return await asyncio.gather(desk.ask(when_all_wait), *(desk.ask(backend) for _ in range(19)))

    desk = Desk()
    backends = set(asyncio.run(many()))
    assert len(backends) == 1
    wait_until(lambda: not alive(backends))
    desk.close()


def test_a_desk_that_keeps_its_connection_gives_it_back_when_it_is_closed(
    transactional_db: None, wait_until: Callable[..., None]
) -> None:
    async def twice() -> set[int]:
        return {await desk.ask(backend), await desk.ask(backend)}

    desk = Desk(keeps=True)
    backends = asyncio.run(twice())
    assert len(backends) == alive(backends) == 1
    desk.close()
    wait_until(lambda: not alive(backends))


def test_after_a_failure_there_is_a_new_connection(transactional_db: None) -> None:
    async def visit() -> tuple[int, int]:
        before = await desk.ask(backend)
        with pytest.raises(ZeroDivisionError):
            await desk.ask(lambda: 1 // 0)
        return before, await desk.ask(backend)

    desk = Desk(keeps=True)
    before, after = asyncio.run(visit())
    assert before != after
    desk.close()


def test_who_gives_up_waiting_leaves_no_connection_behind(
    transactional_db: None, wait_until: Callable[..., None]
) -> None:
    backends: set[int] = set()
    go_on = threading.Event()

    def slowly() -> None:
        backends.add(backend())
        assert go_on.wait(10)

    async def visit() -> None:
        first = asyncio.create_task(desk.ask(slowly))
        while not backends:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(desk.ask(backend))
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()
        await first

    desk = Desk()
    asyncio.run(visit())
    wait_until(lambda: not alive(backends))
    assert desk.waiting == 0
    desk.close()


def test_the_counter_has_two_threads() -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(both.ask(threading.get_ident) for _ in range(9)))

    both = Counter()
    assert len(set(asyncio.run(many()))) == 2
    for desk in both._desks:
        desk.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_gets_threads_of_its_own() -> None:
    assert asyncio.run(counter.ask(lambda: 1)) == 1
    child = os.fork()
    if child == 0:
        os._exit(asyncio.run(counter.ask(lambda: 7)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_requests_thread_ends_with_its_connection(
    transactional_db: None, wait_until: Callable[..., None]
) -> None:
    async def request() -> tuple[threading.Thread, threading.Thread]:
        async with ThreadSensitiveContext():
            pid = await sync_to_async(backend)()
            thread = await sync_to_async(threading.current_thread)()
            await give_back_thread()
            assert not SyncToAsync.context_to_thread_executor
            await asyncio.to_thread(wait_until, lambda: not thread.is_alive() and not alive_elsewhere(pid))
            later = await sync_to_async(threading.current_thread)()
            return thread, later

    thread, later = asyncio.run(request())
    assert thread is not later


def alive_elsewhere(pid: int) -> int:
    try:
        return alive({pid})
    finally:
        connection.close()


def test_without_a_thread_there_is_nothing_to_give_back() -> None:
    async def request() -> None:
        await give_back_thread()
        async with ThreadSensitiveContext():
            await give_back_thread()

    asyncio.run(request())
