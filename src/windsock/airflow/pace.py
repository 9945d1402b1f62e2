"""A scheduler with work in hand looks often, an idle one seldom.

Airflow's scheduler sleeps ``[scheduler] scheduler_idle_sleep_time`` after each round in which nothing
happened. A long pause makes every step of a run wait for the next look; a short one costs processor time
all day. Here the pause is short only while an executor has something to do.

Source: Airflow 3.3.2, ``SchedulerJobRunner._run_scheduler_loop``. The decision is
docs/decisions/0013-pace-of-the-scheduler.md.
"""

import logging
from typing import Any

log = logging.getLogger(__name__)

BUSY = 0.1  #: seconds between two rounds while something runs
_NAME = "_scheduler_idle_sleep_time"


class Pause:
    """The attribute of a scheduler that says how long it sleeps; it keeps what is configured."""

    def __get__(self, runner: Any, kind: type | None = None) -> Any:
        """Return seconds: what is configured, at most ``BUSY`` while something runs."""
        if runner is None:
            return self
        usual = vars(runner)[_NAME]
        return min(usual, BUSY) if _is_busy(runner) else usual

    def __set__(self, runner: Any, seconds: float) -> None:
        """Take what is configured."""
        vars(runner)[_NAME] = seconds


def adapt(runner: Any) -> bool:
    """Have schedulers of this class look often while they have work in hand; safe to repeat.

    Args:
        runner: Airflow's ``SchedulerJobRunner``.

    Returns:
        Whether they do; False where the class has another shape, which is then left alone.
    """
    if isinstance(vars(runner).get(_NAME), Pause):
        return True
    if not {_NAME, "executors"} <= set(runner.__init__.__code__.co_names):
        log.info(
            "The scheduler has another shape than Airflow 3.3.2; it looks as often as it is configured to"
        )
        return False
    setattr(runner, _NAME, Pause())
    return True


def _is_busy(runner: Any) -> bool:
    return any(executor.running or executor.queued_tasks for executor in runner.executors)
