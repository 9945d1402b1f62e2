from django.test import Client
from django.utils import timezone

from windsock.django.models import Workflow, WorkflowVersion


def test_workflows_lead_to_their_pages_unless_they_are_retired(admin_client: Client) -> None:
    Workflow.objects.create(pk="alive", source="shop.Report")
    Workflow.objects.create(pk="gone", source="shop.Report", retired_at=timezone.now())
    page = admin_client.get("/admin/windsock/workflow/").content.decode()
    assert "/windsock/workflows/alive/" in page
    assert "/windsock/workflows/gone/" not in page
    assert "gone" in page


def test_a_version_shows_its_document(admin_client: Client) -> None:
    workflow = Workflow.objects.create(pk="w", source="shop.Report")
    version = WorkflowVersion.objects.create(
        workflow=workflow, digest="d" * 32, document={"title": "Harbour"}
    )
    assert "d" * 32 in admin_client.get("/admin/windsock/workflowversion/").content.decode()
    page = admin_client.get(f"/admin/windsock/workflowversion/{version.pk}/change/").content.decode()
    assert "Harbour" in page
