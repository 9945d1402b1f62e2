"""A worker that is killed, or stands still, in the middle of a task."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.processes import Process, waited
from tests.e2e.faults.site import Site

LEASE = 1
GRACE = 5  #: seconds after its lease in which a record must have moved on
OVERDUE = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - lease_expires_at)), 0)::float
    FROM windsock_taskrun WHERE status = 'PROCESSING'
"""


@pytest.fixture
def worker(site: Site) -> Iterator[Process]:
    with site.worker(WINDSOCK_LEASE_SECONDS=str(LEASE)) as process:
        yield process


class Watch:
    """Looks how long records stay in PROCESSING past their lease."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.longest = 0.0

    def ends(self, ids: list[str]) -> Counter[str] | None:
        """Count the records by status; None while one is not finished."""
        self.longest = max(self.longest, self._site.sql(OVERDUE)[0][0])
        counted = self._site.statuses(ids)
        return counted if counted.total() == counted["DONE"] + counted["FAILED"] else None


def kill_each(site: Site, watch: Watch, ids: list[str]) -> set[int]:
    """Kill the process of each task's first attempt once that has begun; return the processes."""
    waiting, killed = set(ids), set()
    deadline = time.monotonic() + 10 * len(ids)
    while waiting:
        assert time.monotonic() < deadline, site.rows(list(waiting))
        watch.ends(ids)
        for task, attempt, pid in site.traces(list(waiting)):
            if attempt == 1:
                os.kill(pid, signal.SIGKILL)
                waiting.discard(task)
                killed.add(pid)
    return killed


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.full)])
@pytest.mark.parametrize("task", ["hang", "hang_at_first"])
@pytest.mark.usefixtures("worker", "relay")
def test_a_killed_process_loses_no_task(site: Site, tell: Tell, task: str, times: int) -> None:
    watch = Watch(site)
    ids = site.enqueue(task, times)

    killed = kill_each(site, watch, ids)
    ends: Counter[str] = waited(lambda: watch.ends(ids), seconds=60, say=lambda: str(site.rows(ids)))

    executed = Counter(attempt for _, attempt, _ in site.traces(ids))
    tell(
        tasks=times, killed=len(killed), ends=ends, executed=dict(executed), longest_past_lease=watch.longest
    )
    assert len(killed) == times
    assert watch.longest < GRACE
    if task == "hang":
        assert ends == {"FAILED": times}
        assert executed == {1: times}
        assert {row["exception"] for row in site.rows(ids).values()} == {"windsock.errors.Lost"}
    else:
        assert ends == {"DONE": times}
        assert executed == {1: times, 2: times}
        assert {(row["attempt"], row["result"]) for row in site.rows(ids).values()} == {(2, 2)}


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.full)])
@pytest.mark.usefixtures("relay")
def test_a_whole_worker_that_is_killed_loses_no_task(site: Site, tell: Tell, times: int) -> None:
    watch = Watch(site)
    ids: list[str] = []
    for _ in range(times):
        with site.worker(WINDSOCK_LEASE_SECONDS=str(LEASE)) as worker:
            tasks = [*site.enqueue("hang"), *site.enqueue("hang_at_first")]
            for each in tasks:
                site.begun(each)
            worker.send_all(signal.SIGKILL)
        ids += tasks
    with site.worker(WINDSOCK_LEASE_SECONDS=str(LEASE)):
        ends: Counter[str] = waited(lambda: watch.ends(ids), seconds=60, say=lambda: str(site.rows(ids)))

    executed = Counter(attempt for _, attempt, _ in site.traces(ids))
    tell(workers=times, ends=ends, executed=dict(executed), longest_past_lease=watch.longest)
    assert ends == {"FAILED": times, "DONE": times}
    assert executed == {1: 2 * times, 2: times}
    assert watch.longest < GRACE


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.full)])
@pytest.mark.usefixtures("relay")
def test_what_an_old_attempt_writes_changes_nothing(site: Site, tell: Tell, times: int) -> None:
    """The first attempt's process stands still until the second one is done; then it goes on and ends."""
    late = 0
    with site.worker(1, WINDSOCK_LEASE_SECONDS=str(LEASE)):
        for number in range(times):
            with site.lock(number):
                (task,) = site.enqueue("be_late", lock=number)
                stopped = site.begun(task)
                os.kill(stopped, signal.SIGSTOP)
                with site.worker(1, WINDSOCK_LEASE_SECONDS=str(LEASE)):
                    ends = site.ended([task])
                before = site.rows([task])
            os.kill(stopped, signal.SIGCONT)
            # Whoever does the next task has done with the old attempt, or took the place of who did it.
            assert site.ended(site.enqueue("note")) == {"DONE": 1}

            late += len(site.traces([task], "late"))
            assert ends == {"DONE": 1}
            assert [attempt for _, attempt, _ in site.traces([task])] == [1, 2]
            assert site.rows([task]) == before
            assert before[task]["result"] == "the second"
    tell(old_attempts=times, went_on_to_their_end=late)
