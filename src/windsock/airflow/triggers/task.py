"""The trigger that starts a task on Django's Celery workers and waits for its end."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from airflow.triggers.base import BaseTrigger, TriggerEvent

from windsock.airflow.connection import SiteAway, SiteRefused
from windsock.airflow.triggers.ending import End, event_for
from windsock.airflow.triggers.line import Line, line_to
from windsock.airflow.triggers.listener import State
from windsock.errors import WireError
from windsock.run import Status

#: Under which the ids of records are made of the keys of task instances.
NAMESPACE = UUID("6f0a5c1e-8f0b-5d61-9b8e-3c1f4d2a7e90")
CANCEL_TRIES = 4  #: a request that starts the task may still be under way when it is to be cancelled


class DjangoTaskTrigger(BaseTrigger):
    """Enqueues a task once per try of its task instance, and waits.

    Args:
        call: JSON of what is enqueued: ``task``, ``args``, ``kwargs``, ``queue_name``, ``priority``.
        conn_id: of the connection to Django.
        retries: of the operator.
        push: whether the result is pushed as XCom.
        resumes: whether the operator needs a worker to end it.
    """

    def __init__(
        self, *, call: str, conn_id: str, retries: int = 0, push: bool = True, resumes: bool = False
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.call = call
        self.conn_id = conn_id
        self.retries = retries
        self.push = push
        self.resumes = resumes
        self.timeout_after: datetime | None = None  # set by Airflow's runner
        self._progress: tuple[int, int] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what makes the same trigger elsewhere."""
        names = ("call", "conn_id", "retries", "push", "resumes")
        return f"{__name__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the end of the task; its log shows how far it is."""
        try:
            async with line_to(self.conn_id) as line, asyncio.timeout(self._patience()):
                end = self._end_of(await self._finished(line))
        except TimeoutError:
            self.log.error("The time limit was reached; the task is cancelled in Django.")
            await self._cancel(tries=1)
            end = {"end": "failed", "message": "The time limit was reached."}
        except (SiteRefused, WireError) as error:
            self.log.error("%s", error)
            end = {"end": "failed", "message": str(error)}
        yield await event_for(self, end, retries=self.retries, push=self.push)

    async def on_kill(self) -> None:
        """Cancel the task in Django: somebody cleared or marked its task instance."""
        if await self._cancel(tries=CANCEL_TRIES):
            self.log.info("The task was cancelled in Django.")

    @property
    def record_id(self) -> str:
        """The record's key; the same whenever this try is started, by whichever triggerer."""
        ti: Any = self.task_instance
        return record_id(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, ti.id)

    async def _finished(self, line: Line) -> State:
        state: State = await self._enqueue(line)
        self.log.info("Waiting for %s", await line.url_of(state["id"]))
        with line.listener.follow(state["id"], state["mark"]) as follower:
            while not _is_finished(state):
                self._show(state)
                news, note = await follower.next()
                if note:
                    self.log.warning("%s", note)
                state = news or state
        return state

    async def _enqueue(self, line: Line) -> State:
        ti: Any = self.task_instance
        names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
        instance = {name: getattr(ti, name) for name in names if getattr(ti, name) is not None}
        body = {**json.loads(self.call), "id": self.record_id, "instance": instance}
        patience = self._patience()
        if patience is not None:
            body["patience_seconds"] = patience
        answer = await line.insist("tasks/", body, say=self.log.warning)
        state = answer.get("task")
        if not isinstance(state, dict):
            raise WireError("task: expected an object")
        return state

    async def _cancel(self, *, tries: int) -> bool:
        """Cancel the record that this try started; return whether there is one."""
        for left in reversed(range(tries)):
            try:
                async with line_to(self.conn_id) as line:
                    await line.ask(f"tasks/{self.record_id}/cancel/", {})
            except (SiteAway, SiteRefused, WireError) as error:
                if not left and getattr(error, "status", 0) != 404:
                    self.log.warning("The task was not cancelled in Django: %s", error)
                if left:
                    await asyncio.sleep(1)
            else:
                return True
        return False

    def _patience(self) -> float | None:
        """Return for how many seconds it may still wait; None: as long as it takes."""
        if self.timeout_after is None:
            return None
        limit = self.timeout_after
        limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
        return max(0.1, (limit - datetime.now(UTC)).total_seconds())

    def _show(self, state: State) -> None:
        """Write the progress into the log when it changed."""
        if state["status"] != Status.PROCESSING or self._progress == (state["attempt"], state["progress"]):
            return
        if self._progress is None or self._progress[0] != state["attempt"]:
            self.log.info("Attempt %s of %s is running", state["attempt"], state["max_attempts"])
        if state["progress"]:
            self.log.info("%s %%", state["progress"])
        self._progress = state["attempt"], state["progress"]

    def _end_of(self, state: State) -> End:
        message = state.get("message") or ""
        match state["status"]:
            case Status.DONE:
                self.log.info("The task is done.")
                return {"end": "done", "value": state.get("result")}
            case Status.SKIPPED:
                self.log.info("The task was skipped: %s", message)
                return {"end": "skipped", "message": message}
            case Status.CANCELLED:
                self.log.error("The task was cancelled in Django.")
                return {"end": "failed", "message": "The task was cancelled in Django.", "final": True}
            case Status.FAILED:
                text = f"{state.get('exception', '').removeprefix('builtins.')}: {message}"
                self.log.error("Task failed: %s\n%s", text, state.get("traceback", ""))
                return {"end": "failed", "message": text, "final": not state.get("retry", True)}
        self.log.error("The task is not in Django's record any more.")
        return {"end": "failed", "message": "The task is not in Django's record any more."}


def record_id(*key: Any) -> str:
    """Return the key of the record of one try of a task instance.

    Args:
        key: dag id, run id, task id, map index, try number and the id of the task instance, which is another
            one when somebody deleted a run and its like was created.
    """
    return str(uuid5(NAMESPACE, json.dumps([str(part) for part in key])))


def _is_finished(state: State) -> bool:
    """Whether there is nothing to wait for; also when the record is gone, which has no status."""
    return not state["status"] or Status(state["status"]).is_finished
