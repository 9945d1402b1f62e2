"""Running the task of a record in this process, whoever asked for it: a worker, a step, a test."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.db import connections

from windsock.call import Call, Failure, Outcome, describe, execute
from windsock.django.context import TaskContext
from windsock.django.heartbeat import Pulse, heartbeat
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.django.storable import json_problem
from windsock.django.tasks import acting_as, load
from windsock.errors import FailWithoutRetry

RESULT_LIMIT = 256 * 1024  #: bytes of JSON


class Refused(FailWithoutRetry):
    """Raise this inside a task to end it as FAILED and to say which of its input was wrong.

    Args:
        message: one sentence.
        errors: field name -> what is wrong with it; REST shows it as ``errors``.
    """

    def __init__(self, message: str, errors: Mapping[str, Any] | None = None) -> None:
        self.errors = dict(errors or {})
        super().__init__(message)


def execute_run(
    run: TaskRun,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    pulse: Pulse | None = None,
) -> Outcome:
    """Call the task of ``run`` with its context, sync or async, and return what it came to.

    Afterwards ``run`` carries the last progress, the related key and what ``Refused`` said, and is ready for
    ``actions.tasks.finish``. What a task enqueues belongs to the owner of ``run``.

    Args:
        run: a record in PROCESSING.
        args: in place of those of the record, when they were rendered.
        kwargs: likewise.
        pulse: where progress goes; by default a pulse without a lease.

    Returns:
        The outcome; what the task raises is part of it, ``SystemExit`` too.
    """
    call = Call(
        function=run.task,
        args=tuple(run.args if args is None else args),
        kwargs=run.kwargs if kwargs is None else kwargs,
    )
    watched = heartbeat.watch(run) if pulse is None else nullcontext(pulse)
    with watched as its_pulse, acting_as(run.owner_id):
        try:
            outcome = execute(call, lambda _: _callable(run, its_pulse))
        except SystemExit as error:
            outcome = Outcome(failure=describe(error))
    run.progress, run.related_id = its_pulse.percent, its_pulse.related_id
    # A task may leave a broken connection, or one in another mode, which must not carry the end.
    tidy_connections()
    return _storable(outcome)


def tidy_connections() -> None:
    """Close what is broken, too old or in another mode, but spare an open transaction, as tests have one."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _callable(run: TaskRun, pulse: Pulse) -> Callable[..., Any]:
    task = load(run.task)
    bound: Callable[..., Any] = task.call
    if task.takes_context:
        bound = partial(task.call, TaskContext(task_result=result_of(run), run=run, pulse=pulse))
    return partial(_keeping_errors, run, bound)


def _keeping_errors(run: TaskRun, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except Refused as refusal:
        run.result = {"errors": refusal.errors}
        raise


def _storable(outcome: Outcome) -> Outcome:
    problem = json_problem(outcome.value, limit=RESULT_LIMIT)
    if not problem:
        return outcome
    message = f"the result cannot be kept: {problem}; put it into a table or a file and return its key"
    return Outcome(failure=Failure(exception="builtins.ValueError", message=message, retry=False))
