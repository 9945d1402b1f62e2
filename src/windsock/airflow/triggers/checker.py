"""What sensors of this process ask at about the same time goes to the site in one request."""

import asyncio
import contextvars
import json
from typing import Any

from windsock.airflow.triggers.listener import Asking
from windsock.errors import WireError

GATHER = 0.2  #: seconds in which questions come together
MOST = 100  #: questions in one request
PATIENCE = 40.0  #: seconds that the checks of one request may take on top


class Checker:
    """Gathers questions; the same one is asked once."""

    def __init__(self, line: Asking) -> None:
        self._line = line
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def check(self, question: str) -> dict[str, Any]:
        """Return what the site says to a question.

        Args:
            question: JSON of an object, as ``/windsock/service/checks/`` takes it.

        Raises:
            SiteAway: it does not answer, or not now.
            SiteRefused: it refuses the request as a whole.
            WireError: the answer cannot be read here.
        """
        if question not in self._waiting:
            self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            nobodys = contextvars.Context()
            self._task = asyncio.create_task(self._run(), name="windsock-checker", context=nobodys)
        # Others wait for the same answer, also when one of them is cancelled.
        return await asyncio.shield(self._waiting[question])

    def stop(self) -> None:
        """Ask nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER)
            taken = dict(list(self._waiting.items())[:MOST])
            for question in taken:
                del self._waiting[question]
            try:
                results = await self._ask(list(taken))
            except Exception as error:
                for future in taken.values():
                    future.set_exception(error)
                    future.exception()  # nobody may be there any more to take it
            else:
                for future, result in zip(taken.values(), results, strict=True):
                    future.set_result(result)

    async def _ask(self, questions: list[str]) -> list[dict[str, Any]]:
        body = {"checks": [json.loads(question) for question in questions]}
        results = (await self._line.ask("checks/", body, patience=PATIENCE)).get("results")
        if not isinstance(results, list) or len(results) != len(questions):
            raise WireError("results: expected one for each check")
        return results
