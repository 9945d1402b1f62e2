"""One attempt of a step, from its identity in Airflow to its outcome."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models.signals import post_save, pre_save

from windsock import wire
from windsock.call import Failure, Outcome, describe
from windsock.django import rendering, sources, tasks
from windsock.django.actions import mirroring, steps
from windsock.django.actions.tasks import alias
from windsock.django.events.announcing import told
from windsock.django.execution import execute_run
from windsock.django.history import in_force
from windsock.django.models import TaskRun, WorkflowRun, WorkflowVersion
from windsock.django.output import bounded, captured
from windsock.django.references import resolved, shortened
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What the templates of a step are rendered with."""

    logical_date: str | None = None
    data_interval_start: str | None = None
    data_interval_end: str | None = None
    params: Mapping[str, Any]
    results: Mapping[str, Any]  #: step -> what its XCom holds
    version: int | None = None  #: revision of the version that Airflow runs; None: it does not say
    first_attempt: int | None = None  #: since the step was cleared last; None: Airflow does not say
    xcom_limit: int | None = None  #: bytes of JSON; a larger result stays here; None: none does


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
    workflow_run, record = _begin(identity, definition, around)
    if record.status == Status.PROCESSING:
        outcome = _attempt(definition, workflow_run, record, around)
    else:
        outcome = _outcome_of(record)
    return shortened(outcome, record, limit=around.xcom_limit)


def _attempt(step: Step, workflow_run: WorkflowRun, record: TaskRun, around: Circumstances) -> Outcome:
    try:
        tasks.resolve(step.task)
        args, kwargs = _render(step, workflow_run, around)
        steps.rendered(record, args, kwargs)
    except Exception as error:
        outcome = Outcome(failure=describe(error))
        steps.end(record, outcome)
        return outcome
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
    sources.ignore()
    try:
        # A project's own receivers may do what no rollback undoes.
        if not any(
            sent.has_listeners(kind) for sent in (pre_save, post_save) for kind in (TaskRun, WorkflowRun)
        ):
            _rehearse(version)
    finally:
        sources.listen()


def _rehearse(version: WorkflowVersion) -> None:
    step = wire.from_json(Workflow, version.document).steps[0]
    identity = Identity(
        workflow=version.workflow_id,
        revision=version.revision,
        run_id=f"rehearsal__{uuid4()}",
        step=step.name,
        map_index=-1,
        attempt=1,
    )
    around = Circumstances(params={}, results={}, version=version.revision)
    with transaction.atomic(using=alias()):
        workflow_run, record = _begin(identity, _step(identity, around.version), around)
        with suppress(Exception):  # most templates want params and results
            _render(step, workflow_run, around)
        steps.rendered(record, [], {})
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


def _step(identity: Identity, revision: int | None = None) -> Step:
    versions = in_force(identity.workflow, identity.revision)
    if revision is not None:
        versions = WorkflowVersion.objects.filter(workflow=identity.workflow, revision=revision)
    version = versions.filter(document__isnull=False).first()
    if version is None:
        raise LookupError(f"{identity.workflow!r} has no version up to revision {identity.revision}")
    try:
        return wire.from_json(Workflow, version.document).step(identity.step)
    except KeyError:
        message = f"{identity.workflow!r} has no step {identity.step!r} at revision {version.revision}"
        raise LookupError(message) from None


def _begin(identity: Identity, step: Step, around: Circumstances) -> tuple[WorkflowRun, TaskRun]:
    with told(), transaction.atomic(using=alias()):
        steps.flush_later()
        workflow_run, _ = mirroring.ensure(
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
        )
    return workflow_run, record


def _render(step: Step, workflow_run: WorkflowRun, around: Circumstances) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments; a run without a logical date takes the moment at which it was created."""
    created = workflow_run.created_at
    names = rendering.variables(
        params=around.params,
        results=resolved(around.results, workflow_run),
        run_id=workflow_run.run_id,
        logical_date=_moment(around.logical_date) or created,
        data_interval=(
            _moment(around.data_interval_start) or created,
            _moment(around.data_interval_end) or created,
        ),
    )
    return rendering.render(list(step.args), names), rendering.render(step.kwargs, names)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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
