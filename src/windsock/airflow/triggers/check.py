"""The trigger that asks Django again and again whether something is there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from windsock.airflow.connection import SiteAway, SiteRefused
from windsock.airflow.triggers.ending import End, event_for
from windsock.airflow.triggers.line import Line, line_to
from windsock.errors import WireError

SHORTEST = 1.0  #: seconds between two questions


class DjangoCheckTrigger(BaseTrigger):
    """Asks a check at each turn of its period, which it shares with all that have the same one.

    Args:
        question: JSON of what is asked, as ``/windsock/service/checks/`` takes it.
        conn_id: of the connection to Django.
        period: seconds between two questions.
        patience: ``silent_fail``, ``soft_fail`` and ``never_fail`` of the sensor, those that are on.
        retries: of the sensor.
        push: whether the value is pushed as XCom.
        resumes: whether the sensor needs a worker to end it.
    """

    def __init__(  # noqa: PLR0913 -- Airflow makes it of keyword arguments
        self,
        *,
        question: str,
        conn_id: str,
        period: float,
        patience: list[str] | None = None,
        retries: int = 0,
        push: bool = True,
        resumes: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.question = question
        self.conn_id = conn_id
        self.period = period
        self.patience = patience or []
        self.retries = retries
        self.push = push
        self.resumes = resumes
        self.timeout_after: datetime | None = None  # set by Airflow's runner

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger elsewhere."""
        names = ("question", "conn_id", "period", "patience", "retries", "push", "resumes")
        return f"{__name__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until the answer is yes, or nobody wants to wait any longer."""
        try:
            async with line_to(self.conn_id) as line, asyncio.timeout(self._left()):
                end = await self._answered(line)
        except TimeoutError:
            self.log.error("What is waited for did not come in time.")
            end = self._unless_patient({"end": "timed out", "message": "It did not come in time."})
        yield await event_for(self, end, retries=self.retries, push=self.push)

    async def _answered(self, line: Line) -> End:
        is_away = False
        while True:
            try:
                answer = await line.checker.check(self.question)
            except SiteAway as error:
                if not is_away:
                    self.log.warning("%s; it is asked again until it answers", error)
                is_away = True
            except (SiteRefused, WireError) as error:
                return self._failed(str(error))
            else:
                is_away = False
                if (end := self._end_of(answer)) is not None:
                    return end
            await asyncio.sleep(self._until_next_turn())

    def _end_of(self, answer: dict[str, Any]) -> End | None:
        if error := answer.get("error"):
            text = ": ".join(filter(None, (error.get("exception", ""), error.get("message", ""))))
            if "silent_fail" in self.patience and not error.get("refused"):
                self.log.error("The check failed: %s", text)
                return None
            return self._failed(text)
        if not answer.get("met"):
            return None
        self.log.info("It is there.")
        value = answer.get("value")
        return {"end": "done", "value": None if isinstance(value, bool) else value}

    def _failed(self, text: str) -> End:
        self.log.error("The check failed: %s", text)
        return self._unless_patient({"end": "failed", "message": text})

    def _unless_patient(self, end: End) -> End:
        if {"soft_fail", "never_fail"} & set(self.patience):
            return {"end": "skipped", "message": end["message"]}
        return end

    def _until_next_turn(self) -> float:
        """Return the seconds until all triggers with this period ask again."""
        period = max(SHORTEST, self.period)
        now = asyncio.get_running_loop().time()
        return period - now % period

    def _left(self) -> float | None:
        if self.timeout_after is None:
            return None
        limit = self.timeout_after if self.timeout_after.tzinfo else self.timeout_after.replace(tzinfo=UTC)
        return max(0.1, (limit - datetime.now(UTC)).total_seconds())
