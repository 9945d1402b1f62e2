import asyncio
import json
from typing import Any

import pytest

from windsock.airflow.connection import SiteAway
from windsock.airflow.triggers import checker
from windsock.airflow.triggers.checker import Checker
from windsock.errors import WireError


class Line:
    conn_id = "shop"

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[list[Any]] = []

    async def ask(self, path: str, body: dict[str, Any], *, patience: float = 0) -> dict[str, Any]:
        self.asked.append(body["checks"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or {"results": [{"met": True, "value": each} for each in body["checks"]]}

    async def renew(self) -> None:
        pass


def test_each_gets_its_own_answer_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MOST", 2)

    async def ask() -> list[Any]:
        checking = Checker(line)
        return await asyncio.gather(*(checking.check(json.dumps(number)) for number in (1, 2, 3, 1)))

    line = Line()
    assert [answer["value"] for answer in asyncio.run(ask())] == [1, 2, 3, 1]
    assert line.asked == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("answer", "error"), [(SiteAway("away"), SiteAway), ({"results": []}, WireError), ({"a": 1}, WireError)]
)
def test_an_error_is_everybodys_and_the_next_question_is_asked_again(answer: Any, error: Any) -> None:
    async def ask() -> None:
        checking = Checker(line)
        for _ in range(2):
            answers = await asyncio.gather(checking.check("1"), checking.check("2"), return_exceptions=True)
            assert [type(each) for each in answers] == [error, error]

    line = Line(answer)
    asyncio.run(ask())
    assert len(line.asked) == 2


def test_who_goes_takes_nobody_along() -> None:
    async def ask() -> Any:
        checking = Checker(Line())
        first = asyncio.create_task(checking.check("1"))
        second = asyncio.create_task(checking.check("1"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask())["met"]
