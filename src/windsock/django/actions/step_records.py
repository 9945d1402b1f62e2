"""The rows of steps and of their runs, found and made.

A step makes them past the ORM, which takes several times as long as PostgreSQL where it is used only once.
"""

import json
from typing import Any

from django.utils import timezone

from windsock.django.actions import mirroring
from windsock.django.actions.tasks import alias
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.prepared import fetch_one
from windsock.django.relay.duty import CHANNEL
from windsock.django.tasks import registered
from windsock.run import Status
from windsock.workflow import Step

#: What changes of a run when a step of it begins.
BEGUN = (
    *("status", "generation", "revision", "started_at", "finished_at"),
    *("cancel_requested_at", "message", "updated_at"),
)
_RUN_NAMES = [field.attname for field in WorkflowRun._meta.concrete_fields]
_RUN_COLUMNS = ", ".join(_RUN_NAMES)
# A row that somebody else makes meanwhile is found when this is asked once more. The commit does not wait for
# the disk: that of the step's end does, and takes along what came before it. What a crash of the server loses
# until then is written again, when the step is begun again.
_OPEN_RUN = f"""
    WITH made AS (
        INSERT INTO windsock_workflowrun (id, workflow_id, run_id, origin, status, revision, generation,
            params, message, created_at, updated_at, started_at)
        VALUES (%s, %s, %s, %s, '{Status.PROCESSING.value}', %s, 0, %s, '', %s, %s, %s)
        ON CONFLICT DO NOTHING
        RETURNING {_RUN_COLUMNS}
    ),
    found AS (
        SELECT {_RUN_COLUMNS} FROM windsock_workflowrun WHERE workflow_id = %s AND run_id = %s
        FOR NO KEY UPDATE
    )
    SELECT rows.*, set_config('synchronous_commit', 'off', TRUE)
    FROM (SELECT *, TRUE FROM made UNION ALL SELECT *, FALSE FROM found) AS rows
"""  # noqa: S608 -- names of columns only
_GIVEN = (
    *("id", "task", "name", "backend", "queue_name", "takes_context", "args", "kwargs", "sensitive"),
    *("status", "attempt", "max_attempts", "retry_delay", "timeout", "owner_id", "workflow_run_id"),
    *("step", "map_index", "generation", "created_at", "updated_at", "started_at"),
)
_JSON = frozenset({"args", "kwargs", "sensitive"})


def _literal(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if isinstance(value, str) else str(value)


_FIELDS = TaskRun._meta.concrete_fields
_VALUES = ", ".join("%s" if field.attname in _GIVEN else _literal(field.get_default()) for field in _FIELDS)
_GIVEN_IN_ORDER = [field.attname for field in _FIELDS if field.attname in _GIVEN]
_INSERT = f"""
    INSERT INTO windsock_taskrun ({", ".join(str(field.column) for field in _FIELDS)}) VALUES ({_VALUES})
    RETURNING pg_notify(%s, %s)
"""  # noqa: S608 -- names of columns and the model's defaults only
_INSERT_IN_RUN = f"""
    WITH begun AS (
        UPDATE windsock_workflowrun SET {", ".join(f"{name} = %s" for name in BEGUN)} WHERE id = %s
    ) {_INSERT}
"""  # noqa: S608 -- names of columns only


def open_run(
    workflow: str, run_id: str, *, origin: str, revision: int | None, params: Any
) -> tuple[WorkflowRun, bool]:
    """Return the row of a Dag run, locked, and whether it was just made: PROCESSING, without steps."""
    now, using = timezone.now(), alias()
    made = (mirroring.key_of(run_id), workflow, run_id, origin, revision, json.dumps(params), now, now, now)
    for _ in range(2):
        row = fetch_one(using, _OPEN_RUN, (*made, workflow, run_id), once=True)
        if row is not None:
            run = WorkflowRun.from_db(using, _RUN_NAMES, row[: len(_RUN_NAMES)])
            run.params = json.loads(run.params)  # Django has psycopg give it as text
            return run, bool(row[len(_RUN_NAMES)])
    return mirroring.ensure(workflow, run_id, origin=origin, revision=revision, params=params)


def insert(record: TaskRun, duty: str, *, within: WorkflowRun | None) -> None:
    """Insert a new record, and have the relay do a duty when that is committed.

    Args:
        record: not saved yet.
        duty: of the relay.
        within: its run, to be written along; None: it needs not be.
    """
    record.created_at = record.updated_at = timezone.now()
    values = [getattr(record, name) for name in _GIVEN_IN_ORDER]
    for place, name in enumerate(_GIVEN_IN_ORDER):
        if name in _JSON:
            values[place] = json.dumps(values[place])
    if within is None:
        fetch_one(alias(), _INSERT, (*values, CHANNEL, duty), once=True)
    else:
        within.updated_at = record.updated_at
        run = (*(getattr(within, name) for name in BEGUN), within.pk)
        fetch_one(alias(), _INSERT_IN_RUN, (*run, *values, CHANNEL, duty), once=True)
    record._state.adding, record._state.db = False, alias()


def latest_of(run: WorkflowRun, step: str, map_index: int) -> TaskRun | None:
    """Return the record of the newest generation."""
    records = TaskRun.objects.filter(workflow_run=run, step=step, map_index=map_index)
    return records.order_by("-generation").first()


def new_record(run: WorkflowRun, step: Step, map_index: int, **fields: Any) -> TaskRun:
    """Return a record that is not saved yet, of the run's generation.

    Args:
        run: its run.
        step: as the run's version has it.
        map_index: -1 for a step that is not mapped.
        fields: of the record.
    """
    task = registered().get(step.task)
    names = ("backend", "queue_name", "takes_context") if task else ()
    return TaskRun(
        task=step.task,
        name=step.name[:200],
        retry_delay=step.retry.delay,
        timeout=step.timeout,
        owner_id=run.requested_by_id,
        workflow_run=run,
        step=step.name,
        map_index=map_index,
        generation=run.generation,
        **{name: getattr(task, name) for name in names},
        **fields,
    )
