from django.test import Client
from tests.django.plans import a_plan

from windsock.django.actions import definitions, revisions
from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.run import Status


def test_runs_are_listed_and_lead_to_their_pages(admin_client: Client) -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    run = WorkflowRun.objects.create(workflow=workflow, run_id="scheduled__1", status=Status.DONE)
    page = admin_client.get("/admin/windsock/workflowrun/?q=scheduled__1").content.decode()
    assert f"/windsock/runs/{run.pk}/" in page
    page = admin_client.get(f"/admin/windsock/workflowrun/{run.pk}/change/").content.decode()
    assert "not known yet" in page


def test_a_run_leads_to_the_version_that_it_used(admin_client: Client) -> None:
    workflow = definitions.create(a_plan())
    revisions.number()
    version = WorkflowVersion.objects.get()
    run = WorkflowRun.objects.create(workflow=workflow, run_id="r", revision=version.revision)
    page = admin_client.get(f"/admin/windsock/workflowrun/{run.pk}/change/").content.decode()
    assert f"/admin/windsock/workflowversion/{version.pk}/change/" in page
