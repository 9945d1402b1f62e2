import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from tests.django.admin.forms_filled import text
from tests.django.plans import a_line, a_plan

from windsock.django.actions import definitions, revisions
from windsock.django.models import StepDefinition, Workflow, WorkflowVersion

LIST = "/admin/windsock/workflowversion/"


@pytest.fixture
def workflow(admin_user: User) -> Workflow:
    """A workflow with two numbered versions."""
    workflow = definitions.create(a_plan(a_line(kwargs={"b": 1})), user=admin_user)
    revisions.number()
    definitions.update("shop_daily", a_plan(a_line(kwargs={"b": "<2>"}), title="Changed"))
    revisions.number()
    return workflow


def versions(workflow: Workflow) -> list[WorkflowVersion]:
    return list(workflow.versions.order_by("id"))


def test_versions_are_listed_with_author_and_comment(admin_client: Client, workflow: Workflow) -> None:
    WorkflowVersion.objects.filter(pk=versions(workflow)[0].pk).update(comment="Rolled back to revision 7.")
    definitions.create(a_plan(id="other", title="Other"))
    page = text(admin_client, f"{LIST}?workflow__id__exact=shop_daily")
    assert ">admin<" in page
    assert "Rolled back to revision 7." in page
    assert "other revision" not in page


def test_a_version_shows_its_document(admin_client: Client, workflow: Workflow) -> None:
    page = text(admin_client, f"{LIST}{versions(workflow)[1].pk}/change/")
    assert "&quot;title&quot;: &quot;Changed&quot;" in page
    definitions.delete("shop_daily")
    assert "retired" in text(admin_client, f"{LIST}{versions(workflow)[-1].pk}/change/")


def test_the_difference_names_what_changed(admin_client: Client, workflow: Workflow) -> None:
    first, second = versions(workflow)
    page = text(admin_client, f"{LIST}{second.pk}/difference/")
    for part in ("steps.draw.kwargs.b", "<pre>1</pre>", "&lt;2&gt;", "title", "Changed"):
        assert part in page
    assert "first version" in text(admin_client, f"{LIST}{first.pk}/difference/")
    back = text(admin_client, f"{LIST}{first.pk}/difference/?from={second.pk}")
    assert back.index("Changed") < back.index("Shop</pre>".replace("Shop", "&quot;Shop&quot;"))
    for nonsense in ("x", "9" * 30, "0"):
        assert "steps.draw" in text(admin_client, f"{LIST}{second.pk}/difference/?from={nonsense}")
    assert admin_client.get(f"{LIST}999999/difference/").status_code == 404


def test_the_button_rolls_back(admin_client: Client, admin_user: User, workflow: Workflow) -> None:
    first, second = versions(workflow)
    address = f"{LIST}{first.pk}/rollback/"
    assert address in text(admin_client, f"{LIST}{first.pk}/change/")
    assert address in text(admin_client, f"{LIST}{first.pk}/difference/")
    assert "/rollback/" not in text(admin_client, f"{LIST}{second.pk}/change/")  # it is in force
    answer = admin_client.post(address, follow=True)

    assert answer.redirect_chain[-1][0] == f"{LIST}?workflow__id__exact=shop_daily"
    assert f"is what it was at revision {first.revision}" in answer.content.decode()
    newest = versions(workflow)[-1]
    assert (newest.author, newest.comment) == (admin_user, f"Rolled back to revision {first.revision}.")
    assert definitions.definition_of("shop_daily").title == "Shop"
    assert admin_client.get(address).status_code == 405


def test_what_cannot_be_rolled_back_says_why(admin_client: Client, workflow: Workflow) -> None:
    first = versions(workflow)[0]
    first.document["steps"][0]["task"] = "shop.tasks.gone"
    first.save()
    page = admin_client.post(f"{LIST}{first.pk}/rollback/", follow=True).content.decode()
    assert "Nothing was changed. steps.0.task" in page
    assert StepDefinition.objects.get().kwargs == {"b": "<2>"}
    Workflow.objects.update(source="shop.Report", source_key="7")
    assert "/rollback/" not in text(admin_client, f"{LIST}{first.pk}/change/")
    page = admin_client.post(f"{LIST}{first.pk}/rollback/", follow=True).content.decode()
    assert "it comes from shop.Report 7" in page


def test_who_may_only_look_sees_differences_and_rolls_nothing_back(
    client: Client, workflow: Workflow
) -> None:
    user = User.objects.create_user("ann", is_staff=True)
    client.force_login(user)
    first, second = versions(workflow)
    assert client.get(f"{LIST}{second.pk}/difference/").status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_workflowversion"))
    assert "steps.draw" in text(client, f"{LIST}{second.pk}/difference/")
    assert "/rollback/" not in text(client, f"{LIST}{first.pk}/difference/")
    assert client.post(f"{LIST}{first.pk}/rollback/").status_code == 403
    assert len(versions(workflow)) == 2
