import re
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.django.pages.conftest import MakeUser, MakeWorkflow

from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.django.pages.overview import RUNS_A_STRIP, TASKS, WORKFLOWS_A_PAGE, rows, with_newest
from windsock.run import Status


def text(client: Client, query: str = "") -> str:
    response = client.get(f"/windsock/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(
    browser: Client, admin: User, make_workflow: MakeWorkflow
) -> None:
    counts = []
    for total in (3, 30):
        for number in range(Workflow.objects.count(), total):
            workflow = make_workflow(f"w{number:02}", *[Status.DONE] * 4)
            TaskRun.objects.create(task="a.b", name="b", owner=admin)
            TaskRun.objects.create(task="a.b", name="b", workflow_run=workflow.runs.first(), step="x")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            text(browser)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 7


def test_a_strip_shows_the_latest_runs_newest_last(make_workflow: MakeWorkflow) -> None:
    make_workflow("w", *[Status.DONE] * 30, Status.FAILED, Status.PROCESSING)
    [row] = rows(with_newest(Workflow.objects.all()), WorkflowRun.objects.all())
    assert len(row.runs) == RUNS_A_STRIP
    assert [run.status for run in row.runs[-3:]] == ["DONE", "FAILED", "PROCESSING"]
    assert row.last == row.runs[-1]
    assert len(row.gaps) == 0


def test_a_short_strip_is_filled_up_with_gaps(make_workflow: MakeWorkflow) -> None:
    make_workflow("w", Status.DONE)
    [row] = rows(with_newest(Workflow.objects.all()), WorkflowRun.objects.all())
    assert len(row.gaps) == RUNS_A_STRIP - 1


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Live"),
        ({"is_paused": True}, "Paused"),
        ({"problem": "cron: no"}, "Problem"),
        ({"live_revision": None}, "Publishing"),
    ],
)
def test_a_workflow_shows_its_state(
    browser: Client, make_workflow: MakeWorkflow, fields: dict[str, object], word: str
) -> None:
    make_workflow("w")
    Workflow.objects.update(**fields)
    page = text(browser)
    assert f"</i>{word}</span>" in page
    assert str(fields.get("problem", "")) in page


def test_a_workflow_can_be_found_by_id_and_title(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("first", title="Harbour")
    make_workflow("second", title="Ridge")
    assert "second" not in text(browser, "?q=harb")
    assert "first" not in text(browser, "?q=SECOND")
    assert "holds “nothing”" in text(browser, "?q=nothing")


def test_many_workflows_come_page_by_page(browser: Client, make_workflow: MakeWorkflow) -> None:
    for number in range(WORKFLOWS_A_PAGE + 1):
        make_workflow(f"w{number:02}")
    assert "Page 1 of 2" in text(browser)
    second = text(browser, "?page=2")
    assert f"w{WORKFLOWS_A_PAGE}" in second
    assert "w00" not in second


def test_the_latest_tasks_are_shown_without_the_steps_of_workflows(
    browser: Client, admin: User, make_workflow: MakeWorkflow
) -> None:
    run = make_workflow("w", Status.DONE).runs.get()
    TaskRun.objects.create(task="a.step", name="the_step", workflow_run=run, step="x")
    for number in range(TASKS + 1):
        key = UUID(int=number + 1)
        TaskRun.objects.create(pk=key, task="a.b", name=f"task_{number:02}", owner=admin, progress=number)
    page = text(browser)
    assert re.findall(r">(task_\d\d|the_step)<", page) == [f"task_{n:02}" for n in range(TASKS, 0, -1)]
    assert 'value="7"' in page


def test_who_sees_no_workflows_sees_their_own_tasks(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    make_workflow("concealed")
    user = make_user("somebody")
    TaskRun.objects.create(task="a.b", name="mine", owner=user)
    TaskRun.objects.create(task="a.b", name="theirs")
    client = Client()
    client.force_login(user)
    page = text(client)
    assert "concealed" not in page
    assert "mine" in page
    assert "theirs" not in page


def test_runs_are_for_those_who_may_see_them(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    make_workflow("w", Status.DONE)
    client = Client()
    client.force_login(make_user("reader", "view_workflow"))
    assert "square-" not in text(client)
    client.force_login(make_user("clerk", "view_workflow", "view_workflowrun"))
    assert "square-" in text(client)


def test_the_button_is_for_those_who_may_run(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    client = Client()
    client.force_login(make_user("reader", "view_workflow"))
    assert "Run now" not in text(client)
    client.force_login(make_user("runner", "view_workflow", "add_workflowrun"))
    assert "Run now" in text(client)
