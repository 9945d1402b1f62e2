import asyncio
from typing import Any

import pytest
from tests.airflow.triggerer import until

from windsock.airflow.connection import SiteAway, SiteRefused
from windsock.airflow.triggers import listener
from windsock.airflow.triggers.listener import Follower, Listener


class Line:
    """Answers what a test says, question by question."""

    conn_id = "shop"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[dict[str, str], float]] = []
        self.renewed = 0

    async def ask(self, path: str, body: dict[str, Any], *, patience: float = 0) -> dict[str, Any]:
        assert path == "tasks/follow/"
        self.asked.append((body["tasks"], body["wait_seconds"]))
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"tasks": answer}

    async def renew(self) -> None:
        self.renewed += 1


def state(id: str, mark: str) -> dict[str, str]:
    return {"id": id, "mark": mark}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHORTEST_PAUSE", "LONGEST_PAUSE", "GATHER", "BREATH", "PLAIN"):
        monkeypatch.setattr(listener, name, 0.02)


def test_one_question_is_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow() -> None:
        line = Line()
        listening = Listener(line)
        with listening.follow("a", "1"), listening.follow("b", "2"):
            await until(lambda: line.asked)
            assert line.asked == [({"a": "1", "b": "2"}, listener.WAIT)]
            with listening.follow("c", "3"):
                await until(lambda: len(line.asked) == 2)
            assert line.asked[-1][0].keys() == {"a", "b", "c"}
        listening.stop()

    asyncio.run(follow())


def test_everybody_hears_of_the_own_task() -> None:
    async def follow() -> None:
        line = Line([state("a", "2")], [state("b", "2")])
        listening = Listener(line)
        with listening.follow("a", "1") as a, listening.follow("b", "1") as b:
            assert await a.next() == (state("a", "2"), "")
            assert await b.next() == (state("b", "2"), "")
            assert line.asked[1][0] == {"a": "2", "b": "1"}
        listening.stop()

    asyncio.run(follow())


def test_two_that_follow_one_task_are_told_the_same() -> None:
    async def follow() -> None:
        line = Line([state("a", "2")])
        listening = Listener(line)
        with listening.follow("a", "1") as one, listening.follow("a", "2") as two:
            assert (await one.next())[0] == state("a", "2")
            assert line.asked[0][0] == {"a": ""}
            assert two.mark == "2"
        listening.stop()

    asyncio.run(follow())


@pytest.mark.parametrize("error", [SiteAway("away"), SiteRefused("no", 401), OSError("odd")])
def test_it_goes_on_after_an_error_and_says_so_once(error: Exception) -> None:
    async def follow() -> None:
        line = Line(error, error, error, [state("a", "2")])
        listening = Listener(line)
        with listening.follow("a", "1") as follower:
            assert (await follower.next())[1].startswith(str(error))
            found, _ = await follower.next()
            while found is None:
                found, _ = await follower.next()
            assert found == state("a", "2")
            assert line.renewed == (3 if isinstance(error, SiteRefused) else 0)
        listening.stop()

    asyncio.run(follow())


def test_more_than_one_request_holds_are_asked_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MOST", 2)

    async def follow() -> None:
        line = Line([], [state("c", "2")])
        listening = Listener(line)
        with listening.follow("a", "1"), listening.follow("b", "1"), listening.follow("c", "1"):
            await until(lambda: len(line.asked) >= 2)
            assert [wait for _, wait in line.asked[:2]] == [0, 0]
            assert len(line.asked[0][0] | line.asked[1][0]) == 3
        listening.stop()

    asyncio.run(follow())


def test_a_site_that_does_not_hold_questions_is_asked_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "PLAIN", 0.2)

    async def follow() -> None:
        line = Line(*[[] for _ in range(100)])
        listening = Listener(line)
        with listening.follow("a", "1"):
            await asyncio.sleep(0.5)
        listening.stop()
        assert 2 <= len(line.asked) <= 4

    asyncio.run(follow())


def test_nobody_to_follow_ends_it() -> None:
    async def follow() -> None:
        line = Line([state("a", "2")])
        listening = Listener(line)
        with listening.follow("a", "1") as follower:
            await follower.next()
        task = listening._task
        assert task
        await asyncio.wait_for(task, 5)
        with listening.follow("a", "1"):
            await until(lambda: len(line.asked) == 2)
        listening.stop()

    asyncio.run(follow())


def test_of_states_that_were_not_looked_at_the_last_counts() -> None:
    async def look() -> None:
        follower = Follower("a", "1")
        for mark in ("2", "3"):
            follower.tell(state("a", mark))
        follower.note("x")
        assert await follower.next() == (state("a", "3"), "x")

    asyncio.run(look())
