"""Running the task of a record in this process, whoever asked for it: a worker, a step, a test."""

from asyncio import iscoroutinefunction
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections

from windsock.call import Call, Failure, Outcome, describe, execute
from windsock.django import logs
from windsock.django.actions.tasks import cancelled, out_of_time
from windsock.django.context import TaskContext
from windsock.django.heartbeat import Pulse, Reason, heartbeat
from windsock.django.models import TaskRun
from windsock.django.results import result_of
from windsock.django.stopping import Stopped
from windsock.django.storable import json_problem, surely_exceeds
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
    outside = _in_transaction()
    with watched as its_pulse, acting_as(run.owner_id), logs.running(run):
        outcome = _guarded(call, run, its_pulse)
    run.progress, run.related_id = its_pulse.percent, its_pulse.related_id
    # A task may leave a transaction open, or a connection broken or in another mode: none may carry the end.
    stopped = its_pulse.guard is not None and its_pulse.guard.stopping
    for alias in set(connections) - outside if stopped else _in_transaction() - outside:
        connections[alias].close()
        del connections[alias]
    tidy_connections()
    return _true_end(_storable(outcome), run, its_pulse)


def tidy_connections() -> None:
    """Close what is broken, too old or in another mode, but spare an open transaction, as tests have one."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _in_transaction() -> set[str]:
    return {each.alias for each in connections.all(initialized_only=True) if each.in_atomic_block}


def _guarded(call: Call, run: TaskRun, pulse: Pulse) -> Outcome:
    """Execute the call so that the pulse may stop it, but never what comes after it."""
    guard = pulse.guard
    if guard is None:
        return _caught(call, run, pulse)
    outcome = None
    try:
        guard.enter()
        outcome = _caught(call, run, pulse)
        guard.leave()
    except Stopped as stopped:
        guard.leave()
        return outcome or Outcome(failure=describe(stopped))
    except BaseException:
        guard.leave()
        raise
    return outcome


def _caught(call: Call, run: TaskRun, pulse: Pulse) -> Outcome:
    try:
        return execute(call, lambda _: _callable(run, pulse))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # SystemExit, and what a cancelled coroutine raises: the end of the task, not of the worker.
        return Outcome(failure=describe(error))


def _true_end(outcome: Outcome, run: TaskRun, pulse: Pulse) -> Outcome:
    """What was told to stop and failed has failed because of that; what returned has returned."""
    if outcome.failure is None or pulse.guard is None:
        return outcome
    if pulse.reason is Reason.CANCEL:
        return Outcome(failure=cancelled(outcome.failure.traceback))
    if pulse.reason is Reason.TIME_LIMIT:
        return Outcome(failure=out_of_time(run, outcome.failure.traceback))
    return outcome


def _callable(run: TaskRun, pulse: Pulse) -> Callable[..., Any]:
    task = load(run.task)
    function: Callable[..., Any] = task.func
    if iscoroutinefunction(function):
        function = async_to_sync(pulse.guard.awaited(function) if pulse.guard else function)
    if task.takes_context:
        function = partial(function, TaskContext(task_result=result_of(run), run=run, pulse=pulse))
    return partial(_returning, run, function)


def _returning(run: TaskRun, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    try:
        value = function(*args, **kwargs)
    except Refused as refusal:
        run.result = {"errors": refusal.errors}
        raise
    if surely_exceeds(value, RESULT_LIMIT):
        return _refused(f"it has more bytes of JSON than the limit, {RESULT_LIMIT}")
    return value


def _storable(outcome: Outcome) -> Outcome:
    problem = json_problem(outcome.value, limit=RESULT_LIMIT)
    return _refused(problem) if problem else outcome


def _refused(problem: str) -> Outcome:
    message = f"the result cannot be kept: {problem}; put it into a table or a file and return its key"
    return Outcome(failure=Failure(exception="builtins.ValueError", message=message, retry=False))
