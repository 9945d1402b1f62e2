"""Cancelling: a task that ignores it, one that ends just then, one whose worker is away."""

import random
import signal
import time
from collections import Counter

import psutil
import pytest
from tests.e2e.faults.conftest import CANCEL_GRACE_SECONDS, Tell
from tests.e2e.faults.site import Site, waited

ENDS = {"DONE", "CANCELLED"}
ACCEPTED = (200, 202)


@pytest.mark.parametrize("task", ["ignore_everything", "sit_in_the_database"])
@pytest.mark.usefixtures("worker", "relay")
def test_a_task_that_ignores_it_ends_after_the_grace(site: Site, tell: Tell, task: str) -> None:
    with site.lock(1):
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


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.usefixtures("relay")
def test_a_cancel_that_races_the_end_hits_nothing_else(site: Site, tell: Tell, rounds: int) -> None:
    """One process, and behind each task that is cancelled another one, which must not be hit."""
    chance = random.Random(7)
    with site.worker(1):
        cancelled: list[str] = []
        followers: list[str] = []
        answers: Counter[int] = Counter()
        for _ in range(rounds):
            seconds = chance.uniform(0, 0.05)
            cancelled += site.enqueue("be_quick", seconds=seconds)
            followers += site.enqueue("note")
            site.begun(cancelled[-1])
            time.sleep(chance.uniform(0, 0.06))  # When the cancel comes is what is tried out.
            answers[site.cancel(cancelled[-1])] += 1
        ends = site.ended(cancelled)
        following = site.ended(followers)

    finished = {task for task, _, _ in site.traces(cancelled, "ended")}
    done = {task for task, row in site.rows(cancelled).items() if row["status"] == "DONE"}
    executed = Counter(task for task, _, _ in site.traces([*cancelled, *followers]))
    tell(rounds=rounds, answers=answers, ends=ends, ran_to_their_end=len(finished), followers=following)
    assert set(ends) <= ENDS
    assert done <= finished
    assert set(answers) <= {*ACCEPTED, 409}
    assert following == {"DONE": rounds}
    assert len(executed) == 2 * rounds
    assert set(executed.values()) == {1}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.usefixtures("relay")
def test_a_task_whose_worker_is_away_ends_after_the_grace(
    site: Site, tell: Tell, how: signal.Signals
) -> None:
    with site.worker(1) as worker:
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

    tell(grace=CANCEL_GRACE_SECONDS, ended_after=seconds, ends=ends)
    assert ends == {"CANCELLED": 1}
    assert site.rows([task]) == before
    assert len(site.traces([task])) == 1
