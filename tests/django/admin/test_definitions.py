from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from tests.django.admin.forms_filled import LIST, errors_at, filled, shown, text
from tests.django.plans import a_line, a_plan

from windsock.django.actions import definitions, revisions
from windsock.django.actions.versions import difference
from windsock.django.models import StepDefinition, Workflow, WorkflowDefinition, WorkflowVersion
from windsock.errors import InvalidWorkflow

pytestmark = pytest.mark.django_db
CHANGE = f"{LIST}shop_daily/change/"


def titles() -> list[Any]:
    versions = WorkflowVersion.objects.order_by("id")
    return [version.document and version.document["title"] for version in versions]


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may only look."""
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_workflowdefinition"))
    client = Client()
    client.force_login(user)
    return client


def test_a_workflow_is_created_with_its_steps_and_published(admin_client: Client, admin_user: User) -> None:
    data = filled({}, {"name": "keep", "after": "draw", "kwargs": '{"b": "{{ results.draw }}"}'})
    answer = admin_client.post(f"{LIST}add/", data, follow=True)

    assert "was added successfully" in answer.content.decode()
    kept = definitions.definition_of("shop_daily")
    assert [(step.name, step.after) for step in kept.steps] == [("draw", ()), ("keep", ("draw",))]
    assert (kept.tags, kept.owner, kept.schedule.timezone) == (("shop", "daily"), "shop", "Europe/Berlin")
    [version] = WorkflowVersion.objects.all()
    assert version.author == admin_user
    assert WorkflowDefinition.objects.get().updated_by == admin_user


def test_saving_what_is_shown_changes_nothing(admin_client: Client) -> None:
    """Everything that REST can say comes through the form unharmed."""
    definitions.create(
        a_plan(
            a_line("draw", args=(1, {"deep": [True, None]}), kwargs={"ü": "<&'\""}),
            a_line("keep", "draw", group="load.files", teardown=True, depends_on_past=True),
            description="Zwei\nZeilen",
            tags=("shop", "two words"),
            notify=("ann@example.org",),
        )
    )
    sent = {name: value.replace("\n", "\r\n") for name, value in shown(text(admin_client, CHANGE)).items()}
    answer = admin_client.post(CHANGE, sent, follow=True)

    assert "was changed successfully" in answer.content.decode()
    first, *others = WorkflowVersion.objects.order_by("id")
    assert [difference(first, other) for other in others] == []


def test_steps_are_changed_added_and_taken_out(admin_client: Client) -> None:
    definitions.create(a_plan(a_line("draw"), a_line("keep", "draw")))
    data = shown(text(admin_client, CHANGE))
    data |= {"title": "Changed", "steps-0-name": "fetch", "steps-1-DELETE": "on", "steps-TOTAL_FORMS": "3"}
    data |= {name.replace("-0-", "-2-"): value for name, value in filled({"after": "fetch"}).items()}
    answer = admin_client.post(CHANGE, data | {"steps-TOTAL_FORMS": "3", "steps-INITIAL_FORMS": "2"})

    assert answer.status_code == 302, answer.content.decode()
    kept = definitions.definition_of("shop_daily")
    assert [(step.name, step.after) for step in kept.steps] == [("fetch", ()), ("draw", ("fetch",))]


def test_a_problem_is_told_at_its_field_and_the_last_good_version_stays(admin_client: Client) -> None:
    definitions.create(a_plan())
    shown_now = shown(text(admin_client, CHANGE))
    answer = admin_client.post(CHANGE, shown_now | {"cron": "61 * * * *", "steps-0-after": "nobody"})
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "'61 * * * *' is not a cron expression" in errors_at(page, "field-cron")
    assert "there is no step 'nobody'" in errors_at(page, "field-after")
    assert titles() == ["Shop"]
    assert definitions.definition_of("shop_daily") == a_plan()


def test_the_id_is_chosen_once(admin_client: Client) -> None:
    definitions.create(a_plan())
    page = text(admin_client, CHANGE)
    assert 'name="id"' not in page
    admin_client.post(CHANGE, shown(page) | {"id": "other"})
    assert list(WorkflowDefinition.objects.values_list("pk", flat=True)) == ["shop_daily"]

    page = admin_client.post(f"{LIST}add/", filled()).content.decode()
    assert "already exists" in errors_at(page, "field-id")
    Workflow.objects.create(id="foreign", source="shop.Report", source_key="7")
    page = admin_client.post(f"{LIST}add/", filled(id="foreign")).content.decode()
    assert "is the workflow of shop.Report 7" in errors_at(page, "field-id")


def test_deleting_retires_and_says_what_stays(admin_client: Client, admin_user: User) -> None:
    definitions.create(a_plan())
    assert "versions and runs stay" in text(admin_client, f"{LIST}shop_daily/delete/")
    admin_client.post(f"{LIST}shop_daily/delete/", {"post": "yes"})

    assert Workflow.objects.get().retired_at is not None
    assert titles() == ["Shop", None]
    assert WorkflowVersion.objects.latest("id").author == admin_user
    assert not StepDefinition.objects.exists()


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(
    admin_client: Client, admin_user: User
) -> None:
    definitions.create(a_plan())
    data = shown(text(admin_client, CHANGE))
    definitions.update("shop_daily", a_plan(title="Theirs"), user=admin_user)
    page = admin_client.post(CHANGE, data | {"title": "Mine"}).content.decode()

    assert "admin changed this workflow meanwhile" in page
    assert titles() == ["Shop", "Theirs"]


def test_what_stands_in_the_way_only_when_it_is_saved_is_told(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: Any, **__: Any) -> None:
        raise InvalidWorkflow((("id", "'shop_daily' is taken"),))

    monkeypatch.setattr(definitions, "create", create)
    answer = admin_client.post(f"{LIST}add/", filled(), follow=True)
    assert "Nothing was saved. id: &#x27;shop_daily&#x27; is taken" in answer.content.decode()
    assert not WorkflowDefinition.objects.exists()


def test_the_page_tells_what_is_in_force(admin_client: Client) -> None:
    definitions.create(a_plan())
    assert "nothing yet" in text(admin_client, CHANGE)
    revisions.number()
    revision = WorkflowVersion.objects.get().revision
    Workflow.objects.update(live_revision=revision, problem="Airflow: no such pool")
    page = text(admin_client, CHANGE)
    assert f"revision {revision}. Airflow: no such pool" in page
    assert "/windsock/workflows/shop_daily/" in page
    assert "/admin/windsock/workflowversion/?workflow__id__exact=shop_daily" in page
    assert "/windsock/workflows/shop_daily/" in text(admin_client, LIST)


def test_the_preview_answers_for_what_is_typed(admin_client: Client, staff: Client) -> None:
    typed = {name: value for name, value in filled().items() if not name.startswith("steps-")}
    page = admin_client.get(f"{LIST}preview/", typed).content.decode()
    assert page.count("<li>") == 10
    assert "06:00:00 CE" in page

    assert "five fields" in admin_client.get(f"{LIST}preview/", typed | {"cron": "daily"}).content.decode()
    assert "valid date" in admin_client.get(f"{LIST}preview/", typed | {"start_0": "soon"}).content.decode()
    assert (
        "Only when asked"
        in admin_client.get(f"{LIST}preview/", {"schedule": "manual"} | {"timezone": "UTC"}).content.decode()
    )
    assert admin_client.post(f"{LIST}preview/").status_code == 405
    assert staff.get(f"{LIST}preview/", typed).status_code == 200
    assert Client().get(f"{LIST}preview/", typed).status_code == 302


def test_the_preview_is_not_for_those_who_see_no_workflow(client: Client) -> None:
    client.force_login(User.objects.create_user("bob", is_staff=True))
    assert client.get(f"{LIST}preview/").status_code == 403


def test_who_may_only_look_sees_all_and_changes_nothing(staff: Client) -> None:
    definitions.create(a_plan(a_line(kwargs={"shelf": 7}, timeout=None)))
    page = text(staff, CHANGE)
    assert "shelf" in page
    assert "steps-0-name" not in page
    assert "Seen" not in page
    assert staff.post(CHANGE, filled(initial=0, title="Mine")).status_code == 403
    assert staff.get(f"{LIST}add/").status_code == 403
    assert titles() == ["Shop"]


def test_more_steps_than_a_form_can_carry_are_only_shown(admin_client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2 * 20 + 40
    definitions.create(a_plan(a_line("a"), a_line("b")))
    assert 'name="title"' in text(admin_client, CHANGE)
    assert len(shown(text(admin_client, CHANGE))) <= 80
    definitions.update("shop_daily", a_plan(a_line("a"), a_line("b"), a_line("c")))
    page = text(admin_client, CHANGE)
    assert 'name="title"' not in page
    assert "More than 2 steps are too many for one form" in page
    assert admin_client.post(CHANGE, {}).status_code == 403
