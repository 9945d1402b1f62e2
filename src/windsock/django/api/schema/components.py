"""The forms of requests and answers, as JSON Schema."""

from typing import Any

from windsock.django.api.schema.documents import forms
from windsock.django.models import TaskRun, WorkflowRun
from windsock.run import Status

Schema = dict[str, Any]

ANYTHING: Schema = {}
TEXT: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
PER_CENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
LINK: Schema = {"type": "string", "format": "uri-reference"}


def ref(name: str) -> Schema:
    """Return a reference to a form of ``COMPONENTS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def optional(schema: Schema) -> Schema:
    """Return the form that may be null too."""
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def record(properties: dict[str, Schema], description: str = "", *, is_open: bool = False) -> Schema:
    """Return an object that always has exactly these keys, or these and others when it is open."""
    said = {"description": description} if description else {}
    return said | {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": is_open,
    }


def page(name: str, **more: Schema) -> Schema:
    """Return a page of a list."""
    links = {"next": optional(LINK), "previous": optional(LINK)}
    return record({**more, **links, "results": {"type": "array", "items": ref(name)}})


def _result(*, success: bool) -> dict[str, Schema]:
    return {"success": {"const": success}, "message": TEXT}


_FAILED = record(
    {**_result(success=False), "errors": {"type": "object"}, "progress": PER_CENT},
    "What went wrong; `errors` names the fields, where a field is to blame.",
)
#: How the result of a task looks in each status.
RESULTS: dict[Status, Schema] = {
    Status.PENDING: record({"progress": {"const": 0}}),
    Status.PROCESSING: record({"progress": PER_CENT}),
    Status.DONE: record(
        {"progress": PER_CENT},
        "What the function returned, with the progress merged in; what is no object stands under `value`.",
        is_open=True,
    ),
    Status.FAILED: _FAILED,
    Status.CANCELLED: _FAILED,
    Status.SKIPPED: record({**_result(success=True), "progress": PER_CENT}),
}


def _task(status: Status) -> Schema:
    return record(
        {
            "id": UUID,
            "status": {"const": status.value},
            "task_name": TEXT,
            "created_at": TIME,
            "updated_at": TIME,
            "input_data": {"description": "What the caller sent, as sent; sensitive values are masked."},
            "result": RESULTS[status],
            "progress": PER_CENT,
            "related_table": optional(TEXT),
            "related_id": optional(TEXT),
            "operation": optional({"type": "string", "enum": TaskRun.Operation.values}),
        }
    )


def _task_name(status: Status) -> str:
    return f"{status.value.title()}Task"


TASK: Schema = {
    "description": "One tracked execution. Its status decides what the result looks like.",
    "oneOf": [ref(_task_name(status)) for status in Status],
    "discriminator": {
        "propertyName": "status",
        "mapping": {status.value: ref(_task_name(status))["$ref"] for status in Status},
    },
}
ACCEPTED = record(
    {"task_id": UUID, "message": TEXT, "status_endpoint": LINK},
    "A task was created; ask `status_endpoint` how it goes.",
)
PROBLEM = record({"detail": TEXT}, "Why the request was refused.")
CONFLICT: Schema = {
    "description": "Why this cannot be done now; of a task, in which status it is.",
    "type": "object",
    "properties": {"detail": TEXT, "status": {"type": "string", "enum": TaskRun.Status.values}},
    "required": ["detail"],
    "additionalProperties": False,
}
FIELD_PROBLEMS: Schema = {
    "description": "What is wrong, by field; what is about no field stands under `non_field_errors`.",
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "array", "items": ANYTHING, "minItems": 1}, {"type": "object", "minProperties": 1}]
    },
    "minProperties": 1,
}
TRACEBACK = record({"exception": TEXT, "message": TEXT, "traceback": TEXT})
OUTPUT = record({"output": TEXT})
REVISION: Schema = optional({"type": "integer"})
_WORKFLOW: dict[str, Schema] = {
    "id": TEXT,
    "title": TEXT,
    "source": TEXT,
    "owner": TEXT,
    "tags": {"type": "array", "items": TEXT},
    "description": TEXT,
    "is_paused": {"type": "boolean"},
    "live": {"type": "boolean", "description": "Whether Airflow runs the newest revision."},
    "revision": REVISION,
    "live_revision": REVISION,
    "problem": TEXT,
    "runs": LINK,
}
_DOCUMENT = optional(ref("WorkflowDocument"))
_EDITED: dict[str, Schema] = {
    "editable": {"type": "boolean", "description": "Whether it is edited here."},
    "retired_at": optional(TIME),
    "definition": _DOCUMENT | {"description": "What it says; null when it is retired or was never sound."},
}
_VERSION: dict[str, Schema] = {
    "revision": {"type": "integer"},
    "digest": TEXT,
    "author": optional(TEXT),
    "comment": TEXT,
    "refusal": {"type": "string", "description": "Why Airflow does not take it."},
    "retired": {"type": "boolean", "description": "Whether it is the end of the workflow."},
    "created_at": TIME,
    "live_at": optional(TIME) | {"description": "When Airflow was first seen to have it in force."},
}
_CHANGE = record(
    {
        "path": {"type": "string", "description": "Steps by name: `steps.draw.kwargs.value`."},
        "kind": {"type": "string", "enum": ["added", "changed", "removed"]},
        "before": ANYTHING,
        "after": ANYTHING,
    }
)
DIFFERENCE = record(
    {"from": REVISION, "to": {"type": "integer"}, "changes": {"type": "array", "items": _CHANGE}}
)
TIMES = record({"times": {"type": "array", "items": TIME}})
DATES = record({"dates": {"type": "array", "items": TIME}}, "The logical dates of the runs.")
STEPS = record({"steps": {"type": "array", "items": TEXT}}, "The names of the steps that run again.")
_RUN: dict[str, Schema] = {
    "id": UUID,
    "workflow": TEXT,
    "run_id": TEXT,
    "origin": {"type": "string", "enum": WorkflowRun.Origin.values},
    "backfill": {"type": "boolean"},
    "status": {"type": "string", "enum": WorkflowRun.Status.values},
    "revision": REVISION | {"description": "The newest of all revisions when it began."},
    "params": {"type": "object"},
    "message": TEXT,
    "requested_by": optional(TEXT),
    "logical_date": optional(TIME),
    "created_at": TIME,
    "started_at": optional(TIME),
    "finished_at": optional(TIME),
    "cancel_requested_at": optional(TIME),
}
_STEPS: dict[str, Schema] = {
    "version": REVISION | {"description": "The revision of the workflow that it runs."},
    "steps": {"type": "array", "items": ref("TrackedTask")},
}

COMPONENTS: dict[str, Schema] = {
    **{_task_name(status): _task(status) for status in Status},
    "TrackedTask": TASK,
    "TrackedTaskPage": page("TrackedTask"),
    "AcceptedTask": ACCEPTED,
    "TaskTraceback": TRACEBACK,
    "TaskOutput": OUTPUT,
    **forms(),
    "Workflow": record(_WORKFLOW),
    "WorkflowWithDefinition": record(_WORKFLOW | _EDITED),
    "WorkflowPage": page("Workflow", count={"type": "integer"}),
    "WorkflowVersion": record(_VERSION),
    "WorkflowVersionPage": page("WorkflowVersion", count={"type": "integer"}),
    "WorkflowVersionWithDocument": record(_VERSION | {"document": _DOCUMENT}),
    "WorkflowDifference": DIFFERENCE,
    "WorkflowTimes": TIMES,
    "WorkflowBackfill": DATES,
    "WorkflowRun": record(_RUN),
    "WorkflowRunPage": page("WorkflowRun", count={"type": "integer"}),
    "WorkflowRunWithSteps": record(_RUN | _STEPS),
    "WorkflowRunSteps": STEPS,
    "Problem": PROBLEM,
    "Conflict": CONFLICT,
    "FieldProblems": FIELD_PROBLEMS,
}
