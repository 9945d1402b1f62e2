"""Cancelling: a task that ignores it, one that ends just then, one whose worker is away."""

import random
import signal
import time
from collections import Counter

import psutil
import pytest
from tests.e2e.faults.conftest import CANCEL_GRACE_SECONDS, Tell
from tests.e2e.faults.processes import waited
from tests.e2e.faults.site import Site

pytestmark = pytest.mark.usefixtures("relay")

PROCESSES = 4
LEASE = 1
LATEST = 5  #: seconds after its lease in which a record must have moved on
SHORT_GRACE = 0.2  #: seconds
LOOK = 1.0  #: seconds after which a worker looks whether its task was cancelled
ACCEPTED = (200, 202)


@pytest.mark.parametrize("task", ["ignore_everything", "sit_in_the_database"])
def test_a_task_that_ignores_it_ends_after_the_grace(site: Site, tell: Tell, task: str) -> None:
    with site.worker(), site.lock(1):
        (stuck,) = site.enqueue(task, **({"lock": 1} if task == "sit_in_the_database" else {}))
        pid = site.begun(stuck)
        began = time.monotonic()
        assert site.cancel(stuck) in ACCEPTED
        followers = site.enqueue("note", 10)

        ends = site.ended([stuck])
        seconds = time.monotonic() - began
        following = site.ended(followers)
        if task == "ignore_everything":
            waited(lambda: not psutil.pid_exists(pid))

    traces = Counter(each for each, _, _ in site.traces(followers))
    tell(grace=CANCEL_GRACE_SECONDS, ended_after=seconds, ends=ends, followers=following)
    assert ends == {"CANCELLED": 1}
    assert following == {"DONE": 10}
    assert set(traces.values()) == {1}


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    ("task", "seconds"),
    [
        pytest.param("be_quick", LOOK, id="the request"),
        pytest.param("be_quick_and_deaf", LOOK + SHORT_GRACE, id="the kill"),
    ],
)
def test_a_cancel_that_races_the_end_hits_nothing_else(
    site: Site, tell: Tell, task: str, seconds: float, rounds: int
) -> None:
    """Tasks end about when they are stopped, and behind each of them waits another, which must not be hit."""
    chance = random.Random(7)
    cancelled: list[str] = []
    followers: list[str] = []
    answers: Counter[int] = Counter()
    with site.worker(PROCESSES, WINDSOCK_CANCEL_GRACE_SECONDS=str(SHORT_GRACE)):
        for _ in range(rounds):
            lengths = [seconds + chance.uniform(-0.02, 0.06) for _ in range(PROCESSES)]
            begun = [task_id for each in lengths for task_id in site.enqueue(task, seconds=each)]
            followers += site.enqueue("note", PROCESSES)
            for task_id in begun:
                site.begun(task_id)
                answers[site.cancel(task_id)] += 1
            site.ended(begun)
            cancelled += begun
        ends = site.ended(cancelled)
        following = site.ended(followers)

    finished = {task_id for task_id, _, _ in site.traces(cancelled, "ended")}
    done = {task_id for task_id, row in site.rows(cancelled).items() if row["status"] == "DONE"}
    executed = Counter(task_id for task_id, _, _ in site.traces([*cancelled, *followers]))
    tell(
        tasks=len(cancelled),
        answers=answers,
        ends=ends,
        ran_to_their_end=len(finished),
        followers=following,
    )
    assert set(ends) <= {"DONE", "CANCELLED"}
    assert done <= finished
    assert set(answers) <= {*ACCEPTED, 409}
    assert following == {"DONE": len(followers)}
    assert set(executed) == {*cancelled, *followers}
    assert set(executed.values()) == {1}


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.full)])
def test_a_task_whose_worker_is_away_ends_with_its_lease(site: Site, tell: Tell, how: signal.Signals) -> None:
    with site.worker(1, WINDSOCK_LEASE_SECONDS=str(LEASE)) as worker:
        (task,) = site.enqueue("hang")
        site.begun(task)
        worker.send_all(how)
        began = time.monotonic()
        assert site.cancel(task) in ACCEPTED

        ends = site.ended([task], seconds=60)
        seconds = time.monotonic() - began
        before = site.rows([task])
        if how is signal.SIGSTOP:
            worker.send_all(signal.SIGCONT)
            assert site.ended(site.enqueue("note")) == {"DONE": 1}

    tell(lease=LEASE, ended_after=seconds, ends=ends)
    assert seconds < LEASE + LATEST
    assert ends == {"CANCELLED": 1}
    assert site.rows([task]) == before
    assert len(site.traces([task])) == 1
