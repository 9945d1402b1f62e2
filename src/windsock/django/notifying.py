"""The mail to those whom a workflow names in ``notify`` when a run of it fails."""

from datetime import timedelta
from typing import Any

from django.core.mail import send_mail
from django.urls import reverse

from windsock.django import compat
from windsock.django.conf import is_configured, settings
from windsock.django.history import version_of
from windsock.django.models import TaskRun, WorkflowRun
from windsock.django.sensitive import scrub
from windsock.django.tasks import TrackedTask
from windsock.run import Status

RETRIES, RETRY_DELAY = 8, timedelta(seconds=30)  #: more than an hour in all, since the delay doubles
LINES = 20  #: failed steps that are named
LENGTH = 300  #: characters of a step's message


def mail_failure(run: str, generation: int) -> int:
    """Tell by mail that a run has failed; a task.

    Args:
        run: key of the run.
        generation: which of its ends is meant.

    Returns:
        How many addresses were written to.
    """
    found = WorkflowRun.objects.select_related("workflow").filter(pk=run).first()
    addresses = recipients(found) if found else []
    if found is None or not addresses:
        return 0
    send_mail(f"{_title(found)}: a run has failed", text(found), None, addresses)
    return len(addresses)


def register() -> None:
    """Make the mail a task of the first backend that keeps records; without one nobody is written to."""
    for alias in compat.task_backends:
        if issubclass(compat.task_backends[alias].task_class, TrackedTask):
            declare: Any = compat.task
            declare(backend=alias, retries=RETRIES, retry_delay=RETRY_DELAY)(mail_failure)
            return


def recipients(run: WorkflowRun) -> list[str]:
    """Return the addresses that the run's version names."""
    version = version_of(run)
    document = version.document if version else None
    return list((document or {}).get("notify", ()))


def text(run: WorkflowRun) -> str:
    """Return what the mail says: which run, which steps and why, where to look; no arguments."""
    failed = _failed(run)
    lines = [f"The run {run.run_id} of {_title(run)} ({run.workflow_id}) has failed.", ""]
    lines += [_line(step) for step in failed[:LINES]]
    if len(failed) > LINES:
        lines.append(f"and {len(failed) - LINES} more steps")
    if run.message:
        lines.append(run.message[:LENGTH])
    if is_configured("BASE_URL"):
        lines += ["", settings.BASE_URL.rstrip("/") + reverse("windsock:run", args=[run.pk])]
    return "\n".join(lines).rstrip() + "\n"


def _failed(run: WorkflowRun) -> list[TaskRun]:
    newest: dict[tuple[str, int], TaskRun] = {}
    for step in run.steps.order_by("generation", "id"):
        newest[step.step, step.map_index] = step
    return [step for step in newest.values() if step.status == Status.FAILED]


def _line(step: TaskRun) -> str:
    name = step.step if step.map_index < 0 else f"{step.step}[{step.map_index}]"
    message = " ".join(scrub(step, step.message).split())
    kind = step.exception.rpartition(".")[2]
    why = ": ".join(part for part in (kind, message) if part)
    return f"{name}: {why[:LENGTH]}" if why else name


def _title(run: WorkflowRun) -> str:
    return " ".join((run.workflow.title or run.workflow_id).split())
