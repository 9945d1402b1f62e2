"""One attempt of a step, from its identity in Airflow to its outcome."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from django.db import transaction

from windsock import wire
from windsock.call import Failure, Outcome
from windsock.django.actions import mirroring, steps
from windsock.django.actions.step_records import open_run
from windsock.django.actions.tasks import alias
from windsock.django.circumstances import Circumstances, arguments, needs_run
from windsock.django.events.announcing import told
from windsock.django.execution import execute_run
from windsock.django.history import find_step
from windsock.django.models import TaskRun, WorkflowRun, WorkflowVersion
from windsock.django.output import bounded, captured
from windsock.django.references import shortened
from windsock.django.sensitive import scrub
from windsock.errors import Lost, TimedOut
from windsock.run import Status
from windsock.workflow import Step, Workflow


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Which attempt of which step of which run."""

    workflow: str
    revision: int | None  #: to which the run is pinned; None: the newest
    run_id: str
    step: str
    map_index: int
    attempt: int  #: Airflow's try number, from 1


def run(
    *,
    workflow: str,
    revision: int | None,
    run_id: str,
    step: str,
    map_index: int,
    attempt: int,
    **circumstances: Any,
) -> Outcome:
    """Run one attempt of a step and write its record.

    Raises:
        LookupError: the workflow, its version or the step is not in this database.
    """
    identity = Identity(
        workflow=workflow, revision=revision, run_id=run_id, step=step, map_index=map_index, attempt=attempt
    )
    around = Circumstances(**circumstances)
    definition = _step(identity, around.version)
    # Before the run is locked: a template may take its time.
    called = None if needs_run(definition, around) else arguments(definition, around, run_id)
    workflow_run, record = _begin(identity, definition, around, called)
    if record.status == Status.PROCESSING:
        if called is None:
            called = _arguments(definition, workflow_run, record, around)
        outcome = _attempt(record, called)
    else:
        outcome = _outcome_of(record)
    return shortened(outcome, record, limit=around.xcom_limit)


def _arguments(
    step: Step, workflow_run: WorkflowRun, record: TaskRun, around: Circumstances
) -> steps.Arguments | Failure:
    """Return the arguments of a step that has begun without them, and keep them."""
    called = arguments(step, around, workflow_run.run_id, workflow_run)
    if not isinstance(called, Failure):
        steps.rendered(record, called)
    return called


def _attempt(record: TaskRun, called: steps.Arguments | Failure) -> Outcome:
    if isinstance(called, Failure):
        outcome = Outcome(failure=called)
        steps.end(record, outcome)
        return outcome
    args, kwargs = called
    with captured(record) as output:
        outcome = execute_run(record, args=args, kwargs=kwargs)
    record.output = output.text()
    steps.end(record, outcome)
    return output.masked(outcome)


def rehearse() -> None:
    """Begin and end a step in a transaction that is rolled back, without its task.

    What Django, its fields and the database's driver find out once in a process is known then in every child
    that is forked from it: a sixth of what a child would use of a processor.
    """
    version = WorkflowVersion.objects.filter(document__isnull=False).order_by("-revision").first()
    if version is None:
        return
    identity = Identity(
        workflow=version.workflow_id,
        revision=version.revision,
        run_id=f"rehearsal__{uuid4()}",
        step=wire.from_json(Workflow, version.document).steps[0].name,
        map_index=-1,
        attempt=1,
    )
    around = Circumstances(params={}, results={}, version=version.revision)
    definition = _step(identity, around.version)
    with transaction.atomic(using=alias()):
        # The first step of a run, and one that finds its run there.
        for attempt in (1, 2):
            who = replace(identity, attempt=attempt)
            workflow_run, record = _begin(who, definition, around, ([], {}))
            _arguments(definition, workflow_run, record, around)
            steps.end(record, Outcome())
        transaction.set_rollback(True, using=alias())


def lost(*, reason: str, output: str = "", **identity: Any) -> None:
    """End the record of an attempt that died without an end of its own.

    Args:
        reason: how it died.
        output: the last part of what it wrote.
        identity: which attempt.

    Raises:
        LookupError: the workflow, its version or the step is not in this database.
    """
    who = Identity(**identity)
    if _has_ended(who):
        return
    _, record = _begin(who, _step(who), Circumstances(params={}, results={}))
    if record.status == Status.PROCESSING:
        kind = TimedOut if "time limit" in reason else Lost
        failure = Failure(exception=f"{kind.__module__}.{kind.__qualname__}", message=reason)
        record.output = bounded(scrub(record, output))
        steps.end(record, Outcome(failure=failure))


def _has_ended(identity: Identity) -> bool:
    return (
        TaskRun.objects.filter(
            workflow_run__workflow=identity.workflow,
            workflow_run__run_id=identity.run_id,
            step=identity.step,
            map_index=identity.map_index,
            attempt__gte=identity.attempt,
        )
        .exclude(status=Status.PROCESSING)
        .exists()
    )


def _step(identity: Identity, version: int | None = None) -> Step:
    found = find_step(identity.workflow, identity.step, at=identity.revision, version=version)
    return wire.from_json(Step, found)


def _begin(
    identity: Identity, step: Step, around: Circumstances, called: steps.Arguments | Failure | None = None
) -> tuple[WorkflowRun, TaskRun]:
    with told(), transaction.atomic(using=alias()):
        workflow_run, is_new = open_run(
            identity.workflow,
            identity.run_id,
            origin=mirroring.origin_of(identity.run_id, identity.run_id.partition("__")[0]),
            revision=identity.revision,
            params=dict(around.params),
        )
        record = steps.begin(
            workflow_run,
            step,
            map_index=identity.map_index,
            attempt=identity.attempt,
            first_attempt=around.first_attempt,
            revision=identity.revision,
            arguments=None if isinstance(called, Failure) else called,
            is_new=is_new,
        )
    return workflow_run, record


def _outcome_of(record: TaskRun) -> Outcome:
    """Return again what an attempt came to that had ended already."""
    if record.status == Status.DONE:
        return Outcome(value=record.result)
    if record.status == Status.SKIPPED:
        return Outcome(skipped=True, message=record.message)
    exception, message = record.exception or "windsock.errors.Cancelled", record.message or record.status
    return Outcome(
        failure=Failure(exception=exception, message=message, traceback=record.traceback, retry=False)
    )
