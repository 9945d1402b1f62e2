import pytest
from django.conf import settings
from django.core import mail

from windsock.django import compat, notifying, tasks
from windsock.django.actions import telling
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.django.testing import run_enqueued

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> WorkflowRun:
    workflow = Workflow.objects.create(id="a", title="Nightly\nload", source="test")
    for revision, address in ((1, "ann@example.org"), (2, "bob@example.org")):
        document = {"id": "a", "notify": [address]}
        WorkflowVersion.objects.create(workflow=workflow, digest="1", revision=revision, document=document)
    return WorkflowRun.objects.create(workflow=workflow, run_id="r", status="FAILED", revision=1)


def step(run: WorkflowRun, name: str, status: str = "FAILED", **fields: object) -> TaskRun:
    given = {"exception": "builtins.ValueError", "message": "not a number", "name": name, **fields}
    return TaskRun.objects.create(workflow_run=run, step=name, task="x.y", status=status, **given)


def sent(run: WorkflowRun) -> str:
    notifying.mail_failure(str(run.pk), 0)
    return str(mail.outbox[-1].body)


def test_whom_the_runs_own_version_names_gets_a_mail(run: WorkflowRun) -> None:
    step(run, "load")
    telling.ended(run)
    done = run_enqueued()

    assert [(each.status, each.result) for each in done] == [("DONE", 1)]
    assert [message.to for message in mail.outbox] == [["ann@example.org"]]
    assert mail.outbox[0].subject == "Nightly load: a run has failed"
    assert mail.outbox[0].body == (
        "The run r of Nightly load (a) has failed.\n\nload: ValueError: not a number\n"
    )


def test_only_what_failed_last_is_named(run: WorkflowRun) -> None:
    step(run, "load")
    step(run, "load", "DONE", generation=1)
    step(run, "keep", generation=1, map_index=3)
    step(run, "late", "SKIPPED", message="upstream")

    assert [line for line in sent(run).splitlines() if ":" in line] == ["keep[3]: ValueError: not a number"]


def test_neither_arguments_nor_secrets_are_told(run: WorkflowRun) -> None:
    hidden = {"kwargs": {"password": "hunter2!", "day": "monday"}, "sensitive": ["password"]}
    step(run, "load", message="cannot log in with hunter2!", **hidden)
    text = sent(run)

    assert "cannot log in with ********" in text
    assert "hunter2" not in text
    assert "monday" not in text


def test_the_text_is_short(run: WorkflowRun) -> None:
    for number in range(30):
        step(run, f"s{number}", message="long " * 1_000)
    lines = sent(run).splitlines()

    assert len(lines) == 2 + notifying.LINES + 1
    assert lines[-1] == "and 10 more steps"
    assert max(map(len, lines)) < notifying.LENGTH + 10


def test_a_run_that_could_not_be_started_tells_why(run: WorkflowRun) -> None:
    run.message = "Airflow refused"
    run.save()

    assert "Airflow refused" in sent(run)


def test_the_link_is_there_when_the_site_has_an_address(
    run: WorkflowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "http" not in sent(run)
    monkeypatch.setitem(settings.WINDSOCK, "BASE_URL", "https://shop.example.org/")

    assert f"https://shop.example.org/windsock/runs/{run.pk}/" in sent(run)


def test_nobody_is_written_to_about_a_run_that_is_gone(run: WorkflowRun) -> None:
    key = str(run.pk)
    run.delete()

    assert notifying.mail_failure(key, 0) == 0
    assert mail.outbox == []


def test_the_mail_is_a_task_that_is_tried_for_an_hour() -> None:
    task = tasks.resolve(telling.MAIL)
    waiting = notifying.RETRY_DELAY * (2**task.retries - 1)

    assert isinstance(task, tasks.TrackedTask)
    assert waiting.total_seconds() > 3_600


def test_without_a_backend_of_ours_there_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "task_backends", {})
    monkeypatch.setattr(tasks, "_registry", {})
    notifying.register()

    assert tasks.registered() == {}
