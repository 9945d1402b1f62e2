import pytest
from django.contrib.auth.models import User
from django.test import Client
from tests.django.pages.conftest import MakeUser, MakeWorkflow

from windsock.django.api.tasks import visible_to
from windsock.django.models import TaskRun
from windsock.django.pages.access import visible_runs, visible_workflows
from windsock.run import Status


@pytest.mark.parametrize("page", ["", "tasks/", "workflows/w/"])
def test_a_stranger_is_sent_to_the_login(client: Client, page: str) -> None:
    response = client.get(f"/windsock/{page}")
    assert response.status_code == 302
    assert response["Location"] == f"/windsock/login/?next=/windsock/{page}"


def test_a_live_part_that_lost_its_login_reloads_the_page(client: Client) -> None:
    response = client.get("/windsock/", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert response["HX-Refresh"] == "true"


def test_a_page_runs_nothing_but_our_own_scripts_and_is_not_kept(browser: Client) -> None:
    response = browser.get("/windsock/")
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]
    assert b"<script>" not in response.content
    assert b"style=" not in response.content


def test_workflows_and_runs_need_a_permission(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    make_workflow("w", Status.DONE)
    make_workflow("gone", retired_at="2026-01-01T00:00Z")
    nobody = make_user("nobody")
    reader, clerk = make_user("reader", "view_workflow"), make_user("clerk", "view_workflowrun")
    assert not visible_workflows(nobody).exists()
    assert not visible_runs(nobody).exists()
    assert [workflow.pk for workflow in visible_workflows(reader)] == ["w"]
    assert not visible_runs(reader).exists()
    assert visible_runs(clerk).count() == 1
    assert not visible_workflows(clerk).exists()


def test_tasks_are_seen_by_their_owner_and_by_holders_of_the_permission(make_user: MakeUser) -> None:
    one, other, auditor = make_user("one"), make_user("other"), make_user("auditor", "view_taskrun")
    TaskRun.objects.create(task="shop.tasks.sync", name="sync", owner=one)

    def seen(user: User) -> int:
        return visible_to(user).count()

    assert (seen(one), seen(other), seen(auditor)) == (1, 0, 1)


def test_what_may_not_be_seen_does_not_exist(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    workflow = make_workflow("w", Status.DONE)
    task = TaskRun.objects.create(task="shop.tasks.sync", name="sync")
    client = Client()
    client.force_login(make_user("nobody"))
    for page in (f"tasks/{task.pk}/", f"runs/{workflow.runs.get().pk}/", "workflows/w/"):
        assert client.get(f"/windsock/{page}").status_code == 404
