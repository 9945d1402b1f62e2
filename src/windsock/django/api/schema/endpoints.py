"""Every endpoint of Windsock, as people know it."""

from typing import Any

from windsock.django.api.metrics import MetricsView
from windsock.django.api.schema.components import LINK, TEXT, UUID, Schema, ref
from windsock.django.api.schema.operations import (
    API,
    IDEMPOTENCY_KEY,
    JSON,
    ONCE,
    PAGE_SIZE,
    PLAIN_TEXT,
    STARTING,
    TASKS,
    WRITING,
    Endpoint,
    answer,
    choice,
    moment,
    query,
)
from windsock.django.api.schema.runs import RUN_ENDPOINTS
from windsock.django.api.schema.workflows import WORKFLOW_ENDPOINTS
from windsock.django.api.tasks import TaskViewSet
from windsock.django.models import TaskRun

OPEN: Schema = {"type": "object"}


TASK_FILTERS: tuple[Schema, ...] = (
    choice("status", TaskRun.Status.values, "Tasks in this status."),
    query("task_name", TEXT, "Tasks of this name."),
    choice("operation", TaskRun.Operation.values, "What the task does to the related row."),
    query("related_table", TEXT, "Tasks about rows of this table."),
    query("related_id", TEXT, "Tasks about this row."),
    moment("created_after", "Tasks created at this time or later."),
    moment("created_before", "Tasks created before this time."),
    moment("updated_after", "Tasks that changed last at this time or later."),
    moment("updated_before", "Tasks that changed last before this time."),
    choice("ordering", ["created_at", "-created_at"], "The oldest or, by default, the newest first."),
    query("cursor", TEXT, "A place in the list, taken from a link of it."),
    PAGE_SIZE,
)
TASK = answer(ref("TrackedTask"), "The task.")
#: (class of the view, its action) -> what it is.
ENDPOINTS: dict[tuple[type, str], Endpoint] = {
    (TaskViewSet, "list"): Endpoint(
        id="list_tasks",
        tag=TASKS,
        summary="List the tasks that you may see, the newest first",
        parameters=TASK_FILTERS,
        answers={200: answer(ref("TrackedTaskPage"), "A page of tasks.")},
        refusals=(400, 404),
    ),
    (TaskViewSet, "retrieve"): Endpoint(
        id="get_task",
        tag=TASKS,
        summary="Get a task",
        key=UUID,
        answers={200: TASK},
        refusals=(404,),
    ),
    (TaskViewSet, "status"): Endpoint(
        id="get_task_status",
        tag=TASKS,
        summary="Get a task; the address that a 202 names",
        key=UUID,
        answers={200: TASK},
        refusals=(404,),
    ),
    (TaskViewSet, "traceback"): Endpoint(
        id="get_task_traceback",
        tag=TASKS,
        summary="Get what the task's last attempt raised",
        description="Needs the permission `windsock.view_taskrun`.",
        key=UUID,
        answers={200: answer(ref("TaskTraceback"), "Empty texts when nothing was raised.")},
        refusals=(403, 404),
    ),
    (TaskViewSet, "output"): Endpoint(
        id="get_task_output",
        tag=TASKS,
        summary="Get the last part of what a step wrote and logged",
        description="Needs the permission `windsock.view_taskrun`. At most 16 KiB, without sensitive values.",
        key=UUID,
        answers={200: answer(ref("TaskOutput"), "Empty when nothing was written; of Celery's tasks always.")},
        refusals=(403, 404),
    ),
    (TaskViewSet, "cancel"): Endpoint(
        id="cancel_task",
        tag=TASKS,
        summary="Cancel a task that waits, ask one that runs to stop",
        description="For its owner and holders of `windsock.change_taskrun`. A finished task answers 409.",
        key=UUID,
        parameters=(IDEMPOTENCY_KEY,),
        answers={202: answer(ref("TrackedTask"), "The task as it is now.")},
        refusals=(*WRITING, *ONCE, 404, 409),
    ),
    (TaskViewSet, "retry"): Endpoint(
        id="retry_task",
        tag=TASKS,
        summary="Start the same call again as a new task",
        description="For its owner and holders of `windsock.change_taskrun`. A task that is not finished, "
        "is DONE or is a step of a workflow answers 409.",
        key=UUID,
        parameters=(IDEMPOTENCY_KEY,),
        answers={202: answer(ref("AcceptedTask"), "The new task was created.")},
        refusals=(*STARTING, 404, 409),
    ),
    (MetricsView, ""): Endpoint(
        id="get_metrics",
        tag=API,
        summary="Get numbers about the record and its queues for Prometheus",
        description="Needs the permission `windsock.view_taskrun`.",
        answers={200: answer(TEXT, "The metrics, in Prometheus' text format.", media_type=PLAIN_TEXT)},
        refusals=(403, 404),
        media_types=(PLAIN_TEXT, JSON),
    ),
    **WORKFLOW_ENDPOINTS,
    **RUN_ENDPOINTS,
}
EVENTS = {
    "description": "Server-sent events. Each is named `task` and carries a task without its `input_data` and "
    "`result`; its id says from where to go on.",
    "content": {"text/event-stream": {"schema": TEXT}},
}
LAST_EVENT: tuple[Schema, ...] = (
    query("last_event_id", TEXT, "Like the header, for clients that cannot set it."),
    query("last_event_id", TEXT, "The id of the last event that came; what changed since is sent first.")
    | {"name": "Last-Event-ID", "in": "header"},
)
#: (name of the address, whether it has a variable part) -> what it is, where Django REST framework does not
#: know the view or leaves it out.
PLAIN: dict[tuple[str, bool], Endpoint] = {
    ("api-root", False): Endpoint(
        id="list_addresses",
        tag=API,
        summary="List the addresses of the lists",
        answers={200: answer({"type": "object", "additionalProperties": LINK}, "Addresses by name.")},
        refusals=(404,),
    ),
    ("api-task-events", False): Endpoint(
        id="watch_tasks",
        tag=TASKS,
        summary="Watch all tasks that you may see",
        parameters=LAST_EVENT,
        answers={200: EVENTS},
        refusals=(400, 429, 501),
    ),
    ("api-task-events", True): Endpoint(
        id="watch_task",
        tag=TASKS,
        summary="Watch a task until it has ended",
        key=UUID,
        parameters=LAST_EVENT,
        answers={
            200: EVENTS,
            204: {"description": "It had ended before that event: there is nothing to come."},
        },
        refusals=(400, 404, 429, 501),
    ),
    ("api-schema", False): Endpoint(
        id="get_schema",
        tag=API,
        summary="Get this document",
        parameters=(choice("format", ["json", "yaml"], "JSON by default."),),
        answers={
            200: {
                "description": "OpenAPI 3.1.",
                "content": {
                    "application/json": {"schema": OPEN},
                    "application/yaml": {"schema": OPEN},
                },
            }
        },
        refusals=(404,),
    ),
}


def endpoint_of(view: Any) -> Endpoint | None:
    """Return what a view of DRF does; None when it is not Windsock's."""
    found = (ENDPOINTS.get((each, getattr(view, "action", ""))) for each in type(view).__mro__)
    return next((endpoint for endpoint in found if endpoint), None)
