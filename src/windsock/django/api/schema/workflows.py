"""The endpoints of workflows and their versions."""

from windsock.django.api.preview import PreviewBody, SchedulePreview
from windsock.django.api.schedule import MOST
from windsock.django.api.schema.components import TEXT, ref
from windsock.django.api.schema.documents import changed, form_of
from windsock.django.api.schema.operations import (
    IDEMPOTENCY_KEY,
    LOCATION,
    PAGE,
    REVISION,
    STARTING,
    WORKFLOWS,
    WRITING,
    Endpoint,
    answer,
    choice,
    query,
)
from windsock.django.api.versions import VersionViewSet
from windsock.django.api.workflows import WorkflowViewSet
from windsock.workflow import Workflow

YES_OR_NO = ["true", "false"]
DOCUMENT = ref("WorkflowDocument")
ONCE_ONLY = (IDEMPOTENCY_KEY,)
WORKFLOW = {200: answer(ref("WorkflowWithDefinition"), "The workflow as it is now.")}
CREATED = {201: answer(ref("WorkflowWithDefinition"), "The workflow.", headers={"Location": LOCATION})}
TIMES = {200: answer(ref("WorkflowTimes"), "Times in the schedule's time zone.")}

_EDITING: dict[tuple[type, str], Endpoint] = {
    (WorkflowViewSet, "list"): Endpoint(
        id="list_workflows",
        tag=WORKFLOWS,
        summary="List the workflows in force, by id",
        parameters=(
            query("search", TEXT, "Words, each in the id or the title."),
            query("owner", TEXT, "Workflows of this owner."),
            query("tag", TEXT, "Workflows that have this tag."),
            choice("live", YES_OR_NO, "Whether Airflow runs the newest revision."),
            choice("paused", YES_OR_NO, "Whether it is paused."),
            *PAGE,
        ),
        answers={200: answer(ref("WorkflowPage"), "A page of workflows.")},
        refusals=(400, 403, 404),
    ),
    (WorkflowViewSet, "create"): Endpoint(
        id="create_workflow",
        tag=WORKFLOWS,
        summary="Publish a new workflow",
        description="Needs the permission `windsock.add_workflowdefinition`. Everything is checked first: "
        "a 400 names each place that is wrong, `steps.0.retry.limit`, and nothing is kept.",
        parameters=ONCE_ONLY,
        body=DOCUMENT,
        is_body_needed=True,
        answers=CREATED,
        refusals=(*STARTING, 404),
    ),
    (WorkflowViewSet, "retrieve"): Endpoint(
        id="get_workflow",
        tag=WORKFLOWS,
        summary="Get a workflow with its definition, a retired one too",
        key=TEXT,
        answers=WORKFLOW,
        refusals=(403, 404),
    ),
    (WorkflowViewSet, "update"): Endpoint(
        id="replace_workflow",
        tag=WORKFLOWS,
        summary="Replace the definition of a workflow that is edited here",
        description="Needs the permission `windsock.change_workflowdefinition`. What comes from a model's "
        "rows or from code answers 409.",
        key=TEXT,
        body=DOCUMENT,
        is_body_needed=True,
        answers=WORKFLOW,
        refusals=(*WRITING, 404, 409),
    ),
    (WorkflowViewSet, "partial_update"): Endpoint(
        id="change_workflow",
        tag=WORKFLOWS,
        summary="Put other values at keys of a definition",
        description="Needs the permission `windsock.change_workflowdefinition`. Each key that is sent takes "
        "the place of the present one as a whole: `steps` means all steps.",
        key=TEXT,
        body=changed(form_of(Workflow)),
        answers=WORKFLOW,
        refusals=(*WRITING, 404, 409),
    ),
    (WorkflowViewSet, "destroy"): Endpoint(
        id="retire_workflow",
        tag=WORKFLOWS,
        summary="Retire a workflow that is edited here; its versions and runs stay",
        description="Needs the permission `windsock.delete_workflowdefinition`.",
        key=TEXT,
        answers={204: {"description": "It is retired."}},
        refusals=(403, 404, 409),
    ),
}
_SCHEDULES: dict[tuple[type, str], Endpoint] = {
    (WorkflowViewSet, "schedule"): Endpoint(
        id="get_workflow_schedule",
        tag=WORKFLOWS,
        summary="Get the next times at which a workflow runs by itself",
        key=TEXT,
        parameters=(
            query("count", {"type": "integer", "minimum": 1, "maximum": MOST}, "How many, 10 by default."),
        ),
        answers=TIMES,
        refusals=(400, 403, 404, 409),
    ),
    (SchedulePreview, "preview"): Endpoint(
        id="preview_schedule",
        tag=WORKFLOWS,
        summary="Get the next ten times of a schedule",
        body=form_of(PreviewBody),
        is_body_needed=True,
        answers=TIMES,
        refusals=(*WRITING, 404),
    ),
}
_VERSIONS: dict[tuple[type, str], Endpoint] = {
    (VersionViewSet, "list"): Endpoint(
        id="list_workflow_versions",
        tag=WORKFLOWS,
        summary="List the versions of a workflow, the newest first",
        parameters=PAGE,
        answers={200: answer(ref("WorkflowVersionPage"), "A page of versions.")},
        refusals=(403, 404),
    ),
    (VersionViewSet, "retrieve"): Endpoint(
        id="get_workflow_version",
        tag=WORKFLOWS,
        summary="Get a version with its document",
        answers={200: answer(ref("WorkflowVersionWithDocument"), "The version.")},
        refusals=(403, 404),
    ),
    (VersionViewSet, "difference"): Endpoint(
        id="compare_workflow_versions",
        tag=WORKFLOWS,
        summary="Get what a version changed",
        parameters=(query("from", REVISION, "Since this version; by default since the one before."),),
        answers={200: answer(ref("WorkflowDifference"), "What changed, steps compared by name.")},
        refusals=(400, 403, 404),
    ),
    (VersionViewSet, "rollback"): Endpoint(
        id="roll_workflow_back",
        tag=WORKFLOWS,
        summary="Publish a version's document once more, as the newest",
        description="Needs the permission `windsock.change_workflow`; only what is edited here.",
        parameters=ONCE_ONLY,
        answers=WORKFLOW,
        refusals=(*STARTING, 404, 409),
    ),
}


#: (class of the view, its action) -> what it is.
WORKFLOW_ENDPOINTS = _EDITING | _SCHEDULES | _VERSIONS
