"""What a person may do to workflows and runs, over REST, by command, on the pages and in the admin.

Pauses and cancellations are written down and carried out by the relay. Everything else asks Airflow at once:
while it is away, ``OrchestratorAway`` is raised and nothing is changed.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from windsock.django import orchestrator, why_not
from windsock.django.actions import mirroring, news, operating
from windsock.django.actions.mirroring import task_of
from windsock.django.backfilling import backfill as backfill
from windsock.django.history import version_of
from windsock.django.models import Workflow, WorkflowRun
from windsock.django.orchestrator import Airflow
from windsock.django.relay import wake
from windsock.errors import InvalidParams, OrchestratorError, WrongStatus
from windsock.run import AIRFLOW_TASK_STATES, Status

logger = logging.getLogger(__name__)

#: Airflow's state of what is marked.
MARKS = {Status.DONE.value: "success", Status.FAILED.value: "failed"}
M = TypeVar("M", Workflow, WorkflowRun)


def can_pause(workflow: Workflow) -> bool:
    """Whether it may be paused."""
    return not why_not.pause(workflow)


def can_unpause(workflow: Workflow) -> bool:
    """Whether it is paused."""
    return not why_not.unpause(workflow)


def can_cancel(run: WorkflowRun) -> bool:
    """Whether there is something to end."""
    return not why_not.cancel(run)


def can_retry(run: WorkflowRun) -> bool:
    """Whether it has ended otherwise than well."""
    return not why_not.retry(run)


def can_clear(run: WorkflowRun) -> bool:
    """Whether steps of it may be done again."""
    return not why_not.clear(run)


def can_mark(run: WorkflowRun) -> bool:
    """Whether it may be taken for ended."""
    return not why_not.mark(run)


def pause(workflow: Workflow) -> None:
    """Let no run begin, and freeze those that are active.

    Raises:
        WrongStatus: it says why that cannot be.
    """
    _allow(why_not.pause, workflow)
    operating.pause(workflow)


def unpause(workflow: Workflow) -> None:
    """Let runs begin and go on.

    Raises:
        WrongStatus: it is not paused.
    """
    _allow(why_not.unpause, workflow)
    operating.unpause(workflow)


def cancel(run: WorkflowRun) -> None:
    """End a run and its steps.

    Raises:
        WrongStatus: it says why that cannot be.
    """
    _allow(why_not.cancel, run)
    operating.cancel(run)


def retry(run: WorkflowRun) -> list[str]:
    """Go on where a run failed, in the version that it began with.

    Steps that failed, or that were not reached since others failed, are done again; of a run that was
    cancelled or marked, all that are not done.

    Returns:
        The names of these steps.

    Raises:
        WrongStatus: it says why that cannot be.
        OrchestratorAway: Airflow does not answer.
    """
    _allow(why_not.retry, run)
    airflow = orchestrator.connected()
    where = run.workflow_id, run.run_id
    steps = airflow.steps(*where)
    names = {step.step for step in steps if step.state in {"failed", "upstream_failed"}}
    if run.status == Status.CANCELLED or not names:
        names = {step.step for step in steps if AIRFLOW_TASK_STATES.get(step.state) != Status.DONE}
    if not names:
        raise WrongStatus("Every step is done; clear those that shall be done again.")
    cleared = airflow.clear(*where, sorted(names), downstream=False, dry_run=False)
    _look(airflow, run)
    return cleared


def clear(
    run: WorkflowRun, steps: Sequence[str], *, downstream: bool = True, dry_run: bool = False
) -> list[str]:
    """Have steps done again, in the version that the run began with; its records of before stay.

    Args:
        run: one that Airflow has.
        steps: names; empty: all.
        downstream: also what comes after them.
        dry_run: only tell which.

    Returns:
        The names of all steps that this is about.

    Raises:
        InvalidParams: there is no such step.
        WrongStatus: it says why that cannot be.
        OrchestratorAway: Airflow does not answer.
    """
    _allow(why_not.clear, run)
    _check_steps(run, {f"steps.{place}": name for place, name in enumerate(steps)})
    airflow = orchestrator.connected()
    where = run.workflow_id, run.run_id
    cleared = airflow.clear(*where, steps, downstream=downstream, dry_run=dry_run)
    if not dry_run:
        _look(airflow, run)
    return cleared


def mark(run: WorkflowRun, status: str, *, step: str = "") -> None:
    """Take a run or a step of it for ended; what runs of it is killed.

    A run's steps that wait are skipped. Failed steps after a marked one are done again.

    Args:
        run: one that Airflow has.
        status: "DONE" or "FAILED".
        step: its name; empty: the run.

    Raises:
        InvalidParams: there is no such step, or no such mark.
        WrongStatus: it says why that cannot be.
        OrchestratorAway: Airflow does not answer.
    """
    if status not in MARKS:
        raise InvalidParams((("status", f"choose one of {', '.join(MARKS)}"),))
    _allow(why_not.mark, run)
    airflow = orchestrator.connected()
    where = run.workflow_id, run.run_id
    if step:
        _check_steps(run, {"step": step})
        airflow.set_step(*where, step, MARKS[status])
    elif airflow.set_run(*where, MARKS[status]) is None:
        raise WrongStatus("Airflow does not have this run any more.")
    else:
        operating.marked(run)
    _look(airflow, run)


def _allow(objection: Callable[[M], str], about: M) -> None:
    if why := objection(about):
        raise WrongStatus(why)


def _check_steps(run: WorkflowRun, names: dict[str, str]) -> None:
    if version_of(run) is None:
        return
    problems = [
        (field, f"there is no step {name!r}") for field, name in names.items() if not task_of(run, name)
    ]
    if problems:
        raise InvalidParams(tuple(problems))


def _look(airflow: Airflow, run: WorkflowRun) -> None:
    """Write down what has come of it; whatever is not seen now, the relay will see."""
    wake("states")
    try:
        seen = airflow.run(run.workflow_id, run.run_id)
        if seen is None:
            mirroring.vanish(run)
        else:
            news.take(seen, airflow.steps(run.workflow_id, run.run_id))
    except OrchestratorError as error:
        logger.warning("What came of run %s is seen later: %s", run.run_id, error)
    run.refresh_from_db()
