from django.test import Client
from django.utils import timezone
from tests.django.plans import a_plan

from windsock.django.actions import definitions
from windsock.django.models import Workflow

LIST = "/admin/windsock/workflow/"


def test_workflows_lead_to_their_pages_unless_they_are_retired(admin_client: Client) -> None:
    Workflow.objects.create(pk="alive", source="shop.Report")
    Workflow.objects.create(pk="gone", source="shop.Report", retired_at=timezone.now())
    page = admin_client.get(LIST).content.decode()
    assert "/windsock/workflows/alive/" in page
    assert "/windsock/workflows/gone/" not in page
    assert "/admin/windsock/workflowversion/?workflow__id__exact=gone" in page


def test_an_editable_workflow_leads_to_where_it_is_edited(admin_client: Client) -> None:
    definitions.create(a_plan())
    Workflow.objects.create(pk="foreign", source="shop.Report")
    edit = "/admin/windsock/workflowdefinition/{}/change/"
    page = admin_client.get(LIST).content.decode()
    assert edit.format("shop_daily") in page
    assert edit.format("foreign") not in page
    definitions.delete("shop_daily")
    assert edit.format("shop_daily") not in admin_client.get(LIST).content.decode()
