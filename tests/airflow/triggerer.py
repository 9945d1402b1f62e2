"""Airflow's own trigger runner in this process, without its database."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.triggers.base import BaseTrigger, TriggerEvent


def instance(number: int = 1, **fields: Any) -> Any:
    """A task instance as the runner gives it to a trigger."""
    key = {"dag_id": "night", "run_id": "manual__1", "task_id": f"report_{number}", "map_index": -1}
    whose = {"id": UUID(int=number), "try_number": 1, "context_carrier": None}
    return SimpleNamespace(**{**whose, **key, **fields})


class Triggerer:
    """Runs triggers until they fire, or somebody acts on their task instances."""

    def __init__(self) -> None:
        self.runner = TriggerRunner()

    def start(self, trigger: BaseTrigger, ti: Any, timeout_after: datetime | None = None) -> int:
        number = len(self.runner.triggers) + 1
        trigger.task_instance = ti
        trigger.trigger_id = number
        trigger.timeout_after = timeout_after
        self.runner.triggers[number] = {"name": str(number), "events": 0, "is_watcher": False}
        running = self.runner.run_trigger(number, trigger, timeout_after, None)
        self.runner.triggers[number]["task"] = asyncio.create_task(running)
        return number

    async def end(self, number: int) -> TriggerEvent:
        """Wait for the event of a trigger that was the only one to fire."""
        await self.runner.triggers[number]["task"]
        (found,) = [entry.event for entry in self.runner.events if entry.trigger_id == number]
        return found

    async def act_on(self, number: int) -> None:
        """Clear or mark the task instance, as a person does."""
        self.runner.to_cancel.append(number)
        await self.runner.cancel_triggers()
        await asyncio.wait([self.runner.triggers[number]["task"]])

    async def stop(self) -> None:
        """Shut down, as for a restart."""
        tasks = [details["task"] for details in self.runner.triggers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)
    return found
