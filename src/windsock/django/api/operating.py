"""What is done to workflows and runs over REST: run, pause, backfill; cancel, retry, clear, mark."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from django.urls import reverse
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from windsock.django import operating
from windsock.django.actions import runs
from windsock.django.api import catalogue
from windsock.django.api.documents import read
from windsock.django.api.idempotency import idempotent
from windsock.django.api.parsing import plain
from windsock.django.api.signed_in import NoForm, SignedIn
from windsock.django.models import Workflow, WorkflowRun


class Reprocess(Enum):
    """Which runs that are there already a backfill repeats."""

    NONE = "none"
    FAILED = "failed"
    COMPLETED = "completed"


class End(Enum):
    """What a run or step can be marked as."""

    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBody:
    """What a run is asked for with."""

    params: Mapping[str, Any] = field(default_factory=dict)  #: values by param name


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillBody:
    """What a backfill is asked for with."""

    start: datetime  #: the first logical date that may be run
    end: datetime  #: the last one
    dry_run: bool = False  #: tell the dates and begin nothing
    reprocess: Reprocess = Reprocess.NONE  #: which of the runs that are there already to repeat
    max_active_runs: int = 10  #: of the backfill at a time
    params: Mapping[str, Any] = field(default_factory=dict)  #: values by param name, for each run


@dataclass(frozen=True, kw_only=True, slots=True)
class ClearBody:
    """Which steps are to run again."""

    steps: tuple[str, ...] = ()  #: names of steps; none: all
    downstream: bool = True  #: and what comes after them
    dry_run: bool = False  #: tell the steps and clear nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkBody:
    """How a run or one of its steps is to count as ended."""

    status: End
    step: str = ""  #: name of a step; empty: the whole run


class OperatedWorkflows(SignedIn, GenericViewSet[Workflow]):
    """Run, pause, unpause, backfill."""

    @action(detail=True, methods=["post"])
    @idempotent
    def run(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for a run; 202 and the run, which begins as PENDING."""
        workflow = self.get_object()
        body = read(RunBody, plain(request.data))
        run = runs.request(workflow, body.params, user=request.user)
        headers = {"Location": reverse("windsock:api-run-detail", args=[run.pk])}
        return Response(run_json(run), status=status.HTTP_202_ACCEPTED, headers=headers)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Begin no more runs; Airflow is told as soon as it answers."""
        operating.pause(self.get_object())
        return self._steered()

    @action(detail=True, methods=["post"])
    def unpause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Begin runs again."""
        operating.unpause(self.get_object())
        return self._steered()

    @action(detail=True, methods=["post"])
    @idempotent
    def backfill(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have the runs of a range of time made; with ``dry_run`` only tell which they would be."""
        workflow = self.get_object()
        body = read(BackfillBody, plain(request.data))
        dates = operating.backfill(
            workflow,
            body.start,
            body.end,
            dry_run=body.dry_run,
            reprocess=body.reprocess.value,
            max_active_runs=body.max_active_runs,
            params=body.params,
        )
        return Response({"dates": dates}, status=_code(dry_run=body.dry_run))

    def _steered(self) -> Response:
        return Response(catalogue.workflow_json(self.get_object()))


class OperatedRuns(SignedIn, GenericViewSet[WorkflowRun]):
    """Cancel, retry, clear, mark."""

    serializer_class = NoForm

    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """End a run that is not finished; what Airflow has of it ends a moment later."""
        operating.cancel(self.get_object())
        return self._accepted()

    @action(detail=True, methods=["post"])
    @idempotent
    def retry(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Run the steps again that failed, and those that were not reached."""
        operating.retry(self.get_object())
        return self._accepted()

    @action(detail=True, methods=["post"])
    @idempotent
    def clear(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Have steps run again; with ``dry_run`` only tell which they would be."""
        run = self.get_object()
        body = read(ClearBody, plain(request.data))
        steps = operating.clear(run, body.steps, downstream=body.downstream, dry_run=body.dry_run)
        return Response({"steps": steps}, status=_code(dry_run=body.dry_run))

    @action(detail=True, methods=["post"])
    @idempotent
    def mark(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a run or one of its steps for ended."""
        run = self.get_object()
        body = read(MarkBody, plain(request.data))
        operating.mark(run, body.status.value, step=body.step)
        return self._accepted()

    def _accepted(self) -> Response:
        return Response(run_json(self.get_object()), status=status.HTTP_202_ACCEPTED)


def run_json(run: WorkflowRun) -> dict[str, Any]:
    """Return what REST says about one run, without its steps."""
    return {
        "id": str(run.id),
        "workflow": run.workflow_id,
        "run_id": run.run_id,
        "origin": run.origin,
        "backfill": run.origin == WorkflowRun.Origin.BACKFILL,
        "status": run.status,
        "revision": run.revision,
        "params": run.params,
        "message": run.message,
        "requested_by": run.requested_by.get_username() if run.requested_by else None,
        "logical_date": run.logical_date,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "cancel_requested_at": run.cancel_requested_at,
    }


def _code(*, dry_run: bool) -> int:
    return status.HTTP_200_OK if dry_run else status.HTTP_202_ACCEPTED
