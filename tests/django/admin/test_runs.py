from django.test import Client

from windsock.django.models import Workflow, WorkflowRun
from windsock.run import Status


def test_runs_are_listed_and_lead_to_their_pages(admin_client: Client) -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    run = WorkflowRun.objects.create(workflow=workflow, run_id="scheduled__1", status=Status.DONE)
    page = admin_client.get("/admin/windsock/workflowrun/?q=scheduled__1").content.decode()
    assert f"/windsock/runs/{run.pk}/" in page
    assert admin_client.get(f"/admin/windsock/workflowrun/{run.pk}/change/").status_code == 200
