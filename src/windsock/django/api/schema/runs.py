"""The endpoints of what is done to workflows and their runs."""

from typing import Any

from windsock.django.api.operating import BackfillBody, ClearBody, MarkBody, RunBody
from windsock.django.api.runs import RunViewSet
from windsock.django.api.schema.components import TEXT, UUID, Schema, ref
from windsock.django.api.schema.documents import form_of
from windsock.django.api.schema.operations import (
    IDEMPOTENCY_KEY,
    LOCATION,
    ONCE,
    PAGE,
    RUNS,
    STARTING,
    WORKFLOWS,
    WRITING,
    Endpoint,
    answer,
    choice,
    moment,
    query,
)
from windsock.django.api.workflows import WorkflowViewSet
from windsock.django.models import WorkflowRun

ONCE_ONLY = (IDEMPOTENCY_KEY,)
WORKFLOW = {200: answer(ref("Workflow"), "The workflow as it is now.")}
RUN = {202: answer(ref("WorkflowRun"), "The run as it is now.")}


def _made(form: str, description: str) -> dict[int, Schema]:
    """Return the answers of what can be tried first."""
    return {
        200: answer(ref(form), f"{description} With `dry_run`: nothing was changed."),
        202: answer(ref(form), description),
    }


_OPERATING: dict[tuple[type, str], Endpoint] = {
    (WorkflowViewSet, "run"): Endpoint(
        id="run_workflow",
        tag=WORKFLOWS,
        summary="Ask for a run of the newest definition",
        description="The run begins as PENDING and starts when that definition is live in Airflow. What "
        "is paused or retired answers 409; a param that it does not have, or whose value its schema does "
        "not allow, 400.",
        key=TEXT,
        parameters=ONCE_ONLY,
        body=form_of(RunBody),
        answers={202: answer(ref("WorkflowRun"), "The run.", headers={"Location": LOCATION})},
        refusals=(*STARTING, 404, 409),
    ),
    (WorkflowViewSet, "pause"): Endpoint(
        id="pause_workflow",
        tag=WORKFLOWS,
        summary="Begin no more runs, and let active ones rest",
        description="Needs the permission `windsock.change_workflow`. Airflow is told as soon as it answers.",
        key=TEXT,
        answers=WORKFLOW,
        refusals=(*WRITING, 404, 409),
    ),
    (WorkflowViewSet, "unpause"): Endpoint(
        id="unpause_workflow",
        tag=WORKFLOWS,
        summary="Begin runs again",
        description="Needs the permission `windsock.change_workflow`.",
        key=TEXT,
        answers=WORKFLOW,
        refusals=(*WRITING, 404, 409),
    ),
    (WorkflowViewSet, "backfill"): Endpoint(
        id="backfill_workflow",
        tag=WORKFLOWS,
        summary="Have the runs of a range of time made, or see which they would be",
        description="Needs the permission `windsock.change_workflow`. Airflow is asked at once: 503 while it "
        "does not answer, 409 with its words when it refuses.",
        key=TEXT,
        parameters=ONCE_ONLY,
        body=form_of(BackfillBody),
        is_body_needed=True,
        answers=_made("WorkflowBackfill", "The dates."),
        refusals=(*STARTING, 404, 409),
    ),
}


def _deed(id: str, summary: str, **said: Any) -> Endpoint:
    """Return what changes a run; Airflow has a word in it."""
    return Endpoint(
        id=id,
        tag=RUNS,
        summary=summary,
        key=UUID,
        parameters=ONCE_ONLY,
        **{"description": "Needs the permission `windsock.change_workflowrun`.", "answers": RUN} | said,
    )


_RUNS: dict[tuple[type, str], Endpoint] = {
    (RunViewSet, "list"): Endpoint(
        id="list_runs",
        tag=RUNS,
        summary="List the runs of workflows, the newest first",
        parameters=(
            query("workflow", TEXT, "Runs of this workflow, by its id."),
            choice("status", WorkflowRun.Status.values, "Runs in this status."),
            choice("origin", WorkflowRun.Origin.values, "Who began it."),
            moment("logical_after", "Runs of this logical date or a later one."),
            moment("logical_before", "Runs of an earlier logical date."),
            *PAGE,
        ),
        answers={200: answer(ref("WorkflowRunPage"), "A page of runs.")},
        refusals=(400, 403, 404),
    ),
    (RunViewSet, "retrieve"): Endpoint(
        id="get_run",
        tag=RUNS,
        summary="Get a run with its steps",
        key=UUID,
        answers={200: answer(ref("WorkflowRunWithSteps"), "The run.")},
        refusals=(403, 404),
    ),
    (RunViewSet, "cancel"): _deed(
        "cancel_run",
        "End a run that is not finished",
        refusals=(*WRITING, *ONCE, 404, 409),
    ),
    (RunViewSet, "retry"): _deed(
        "retry_run",
        "Run the failed steps again, and those that were not reached, in the version that the run has",
        refusals=(*STARTING, 404, 409),
    ),
    (RunViewSet, "clear"): _deed(
        "clear_run",
        "Have steps run again, or see which they would be",
        body=form_of(ClearBody),
        answers=_made("WorkflowRunSteps", "The steps."),
        refusals=(*STARTING, 404, 409),
    ),
    (RunViewSet, "mark"): _deed(
        "mark_run",
        "Take a run or one of its steps for ended",
        body=form_of(MarkBody),
        is_body_needed=True,
        refusals=(*WRITING, *ONCE, 404, 409),
    ),
}
#: (class of the view, its action) -> what it is.
RUN_ENDPOINTS = _OPERATING | _RUNS
