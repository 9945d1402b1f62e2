from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from windsock.django import tasks
from windsock.django.actions import telling
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.signals import workflow_run_failed, workflow_run_finished

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> WorkflowRun:
    workflow = Workflow.objects.create(id="a", source="test")
    WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=1, document={"id": "a"})
    return WorkflowRun.objects.create(workflow=workflow, run_id="r", status="FAILED", revision=1)


@pytest.fixture
def watched(run: WorkflowRun) -> WorkflowRun:
    """A run whose failure somebody wants to know of."""
    WorkflowVersion.objects.update(document={"id": "a", "notify": ["ann@example.org"]})
    return run


@pytest.fixture
def heard() -> Iterator[list[tuple[str, Any]]]:
    heard: list[tuple[str, Any]] = []

    def finished(sender: Any, run: WorkflowRun, **_: Any) -> None:
        assert sender is WorkflowRun
        heard.append(("finished", run.status))

    def failed(run: WorkflowRun, **_: Any) -> None:
        heard.append(("failed", run.status))
        raise OSError("a receiver's own fault")

    workflow_run_finished.connect(finished)
    workflow_run_failed.connect(failed)
    yield heard
    workflow_run_finished.disconnect(finished)
    workflow_run_failed.disconnect(failed)


def test_a_failure_is_told_after_the_commit(
    run: WorkflowRun, heard: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        telling.ended(run)
        assert heard == []

    assert heard == [("finished", "FAILED"), ("failed", "FAILED")]


@pytest.mark.parametrize("status", ["DONE", "CANCELLED"])
def test_another_end_is_no_failure(
    run: WorkflowRun, heard: list[Any], status: str, django_capture_on_commit_callbacks: Any
) -> None:
    run.status = WorkflowRun.Status(status)
    with django_capture_on_commit_callbacks(execute=True):
        telling.ended(run)

    assert heard == [("finished", status)]
    assert not TaskRun.objects.exists()


def test_the_mail_is_a_task_of_the_same_transaction(watched: WorkflowRun) -> None:
    with transaction.atomic():
        telling.ended(watched)
    mail = TaskRun.objects.get()

    assert (mail.task, mail.status, mail.related_id) == (telling.MAIL, "PENDING", str(watched.pk))
    assert mail.kwargs == {"run": str(watched.pk), "generation": 0}
    assert mail.max_attempts > 1


def test_nothing_is_mailed_when_the_failure_is_not_kept(watched: WorkflowRun) -> None:
    with transaction.atomic():
        telling.ended(watched)
        transaction.set_rollback(True)

    assert not TaskRun.objects.exists()


def test_a_failure_is_mailed_once_in_each_generation(watched: WorkflowRun) -> None:
    for generation in (0, 0, 1):
        watched.generation = generation
        telling.ended(watched)

    assert sorted(mail.kwargs["generation"] for mail in TaskRun.objects.all()) == [0, 1]


def test_nobody_is_told_by_mail_who_is_not_named(run: WorkflowRun) -> None:
    telling.ended(run)

    assert not TaskRun.objects.exists()


def test_without_a_backend_of_ours_the_failure_is_kept_without_a_mail(
    watched: WorkflowRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(tasks._registry, telling.MAIL)
    telling.ended(watched)

    assert "Nobody is mailed" in caplog.text
