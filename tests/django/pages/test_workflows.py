import pytest
from django.contrib.auth.models import User
from django.test import Client
from tests.django.pages.conftest import MakeUser, MakeWorkflow

from windsock.django.models import Workflow, WorkflowRun
from windsock.run import Status

URL = "/windsock/workflows/w/run/"


def test_a_workflow_shows_its_runs_and_versions(browser: Client, make_workflow: MakeWorkflow) -> None:
    workflow = make_workflow("w", Status.DONE, Status.FAILED, title="Harbour", description="Measures things.")
    page = browser.get("/windsock/workflows/w/").content.decode()
    for run in workflow.runs.all():
        assert f"/windsock/runs/{run.pk}/" in page
    for text in ("Harbour", "Measures things.", "Hourly", f'<th scope="row">{workflow.live_revision}</th>'):
        assert text in page


def test_the_button_asks_for_a_run_and_says_so(
    browser: Client, admin: User, make_workflow: MakeWorkflow
) -> None:
    make_workflow("w")
    response = browser.post(URL, {"next": "/windsock/?q=w"}, follow=True)
    assert response.redirect_chain == [("/windsock/?q=w", 302)]
    assert b"A run of w is on its way." in response.content
    run = WorkflowRun.objects.get()
    assert (run.workflow_id, run.status, run.requested_by) == ("w", "PENDING", admin)


def test_what_cannot_run_is_refused_with_the_reason(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    Workflow.objects.update(is_paused=True)
    assert b"w is paused." in browser.post(URL, follow=True).content
    assert not WorkflowRun.objects.exists()


def test_looking_alone_starts_nothing(browser: Client, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    assert browser.get(URL).status_code == 405


def test_a_run_needs_the_forms_token(admin: User, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post(URL).status_code == 403


def test_a_run_needs_a_permission(make_user: MakeUser, make_workflow: MakeWorkflow) -> None:
    make_workflow("w")
    client = Client()
    client.force_login(make_user("reader", "view_workflow"))
    assert client.post(URL).status_code == 403
    client.force_login(make_user("blind", "add_workflowrun"))
    assert client.post(URL).status_code == 404
    assert not WorkflowRun.objects.exists()


@pytest.mark.parametrize(
    "target", ["https://elsewhere.test/", "//elsewhere.test/", "", "javascript:alert(1)"]
)
def test_the_button_leads_nowhere_else(browser: Client, make_workflow: MakeWorkflow, target: str) -> None:
    make_workflow("w")
    assert browser.post(URL, {"next": target})["Location"] == "/windsock/"
