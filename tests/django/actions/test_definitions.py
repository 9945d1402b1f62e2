import threading
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from tests.django.plans import a_line, a_plan
from tests.django.test_definition_rows import workflows

from windsock import wire
from windsock.django import compiler
from windsock.django.actions import definitions, revisions
from windsock.django.actions import workflows as actions
from windsock.django.actions.workflows import Plan
from windsock.django.models import (
    StepDefinition,
    Workflow,
    WorkflowDefinition,
    WorkflowRun,
    WorkflowVersion,
)
from windsock.errors import InvalidWorkflow, NotEditable
from windsock.workflow import Param, Schedule
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


def documents(id: str = "shop_daily") -> list[Any]:
    return list(WorkflowVersion.objects.filter(workflow=id).order_by("id").values_list("document", flat=True))


def refused(deed: Any, *args: Any) -> dict[str, str]:
    """The problems with which a deed is refused; nothing may have been written."""
    before = written()
    with pytest.raises(InvalidWorkflow) as error:
        deed(*args)
    assert written() == before
    return dict(error.value.problems)


def written() -> list[Any]:
    models = (WorkflowDefinition, StepDefinition, Workflow, WorkflowVersion)
    return [list(model.objects.order_by("pk").values()) for model in models]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(workflows)
def test_what_is_created_comes_back_and_is_what_was_published(workflow: Definition) -> None:
    with transaction.atomic():
        if definitions.problems(workflow):  # what the steps would have to know of each other
            workflow = replace(workflow, steps=(a_line(),))
        published = definitions.create(workflow)
        kept = definitions.definition_of(workflow.id)
        again = compiler.document_of(compiler.compile_workflow(kept))

        assert kept == workflow or wire.digest(again) == published.versions.get().digest
        assert wire.digest(again) == wire.digest(published.versions.get().document)
        transaction.set_rollback(True)


def test_a_new_workflow_is_published_in_the_same_transaction(admin_user: User) -> None:
    workflow = definitions.create(a_plan(a_line(), a_line("keep", "draw"), tags=("shop",)), user=admin_user)

    assert (workflow.id, workflow.source, workflow.source_key) == ("shop_daily", "windsock", "shop_daily")
    assert (workflow.tags, workflow.problem) == (["shop"], "")
    [version] = workflow.versions.all()
    assert version.author == admin_user
    assert [step["name"] for step in version.document["steps"]] == ["draw", "keep"]
    assert WorkflowDefinition.objects.get().updated_by == admin_user


def test_an_update_is_one_new_version_and_saving_the_same_is_none(admin_user: User) -> None:
    definitions.create(a_plan(a_line("draw"), a_line("keep", "draw")))
    changed = a_plan(a_line("draw", kwargs={"a": 2}), title="Changed")
    for _ in range(2):
        definitions.update("shop_daily", changed, user=admin_user)

    assert [document["title"] for document in documents()] == ["Shop", "Changed"]
    assert definitions.definition_of("shop_daily") == changed
    assert WorkflowDefinition.objects.get().updated_by == admin_user


def test_moments_in_any_zone_are_the_same_moments(admin_user: User) -> None:
    start = datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    plan = a_plan(schedule=Schedule(cron=("@daily",), start=start, timezone="Europe/Berlin"))
    definitions.create(plan)
    definitions.update("shop_daily", definitions.definition_of("shop_daily"))

    assert len(documents()) == 1
    assert documents()[0]["schedule"]["start"] == "2026-03-29T10:00:00+00:00"


def test_all_problems_are_told_at_once_and_nothing_is_written() -> None:
    bad = a_plan(
        a_line("draw", task="shop.tasks.nothing", priority=2**31),
        a_line("draw", "nobody", retry=replace(a_line().retry, limit=101)),
        title="\x00",
        schedule=replace(a_plan().schedule, cron=("61 * * * *",), timezone="Nowhere"),
        params={"no name": Param()},
        max_active_runs=0,
    )

    assert set(refused(definitions.create, bad)) >= {
        "title",
        "schedule.cron.0",
        "schedule.timezone",
        "params.no name",
        "max_active_runs",
        "steps.0.task",
        "steps.0.priority",
        "steps.1.name",
        "steps.1.after",
        "steps.1.retry.limit",
    }


def test_templates_are_checked_with_the_path_of_the_argument() -> None:
    bad = a_plan(a_line("draw", kwargs={"a": "{{ params.hour }}"}))
    assert refused(definitions.create, bad) == {"steps.0.kwargs.a": "there is no param 'hour'"}


def test_a_refused_update_leaves_the_last_good_version_in_force() -> None:
    definitions.create(a_plan())
    assert "steps" in refused(definitions.update, "shop_daily", replace(a_plan(), steps=()))
    assert definitions.definition_of("shop_daily") == a_plan()
    assert Workflow.objects.get().problem == ""


@pytest.mark.django_db(transaction=True)
def test_a_save_that_is_rolled_back_leaves_nothing() -> None:
    definitions.create(a_plan())
    before = written()
    with transaction.atomic():
        definitions.update("shop_daily", a_plan(title="Changed"))
        definitions.create(a_plan(id="other"))
        transaction.set_rollback(True)
    assert written() == before


def test_an_id_that_is_taken_is_refused() -> None:
    definitions.create(a_plan())
    assert refused(definitions.create, a_plan(title="Other")) == {"id": "'shop_daily' is taken"}
    foreign = compiler.compile_workflow(a_plan(id="foreign"))
    actions.publish([Plan(source="shop.Report", key="7", id="foreign", definition=foreign)])
    assert refused(definitions.create, a_plan(id="foreign")) == {
        "id": "'foreign' is the workflow of shop.Report 7"
    }


@pytest.mark.django_db(transaction=True)
def test_of_two_who_create_the_same_id_at_once_one_is_refused() -> None:
    told: list[str] = []

    def create() -> None:
        try:
            definitions.create(a_plan(title="Second"))
        except InvalidWorkflow as error:
            told.append(str(error))
        finally:
            connection.close()

    with transaction.atomic():
        definitions.create(a_plan())
        thread = threading.Thread(target=create)
        thread.start()
        thread.join(0.5)  # it waits for the row
    thread.join(20)
    assert told == ["id: 'shop_daily' is taken"]
    assert [document["title"] for document in documents()] == ["Shop"]


def test_an_id_cannot_be_changed() -> None:
    definitions.create(a_plan())
    assert refused(definitions.update, "shop_daily", a_plan(id="other")) == {
        "id": "cannot be changed; it is 'shop_daily'"
    }


def test_what_comes_from_elsewhere_is_not_edited_here() -> None:
    foreign = compiler.compile_workflow(a_plan(id="foreign"))
    actions.publish([Plan(source="shop.Report", key="7", id="foreign", definition=foreign)])
    for deed in (
        lambda: definitions.update("foreign", a_plan(id="foreign")),
        lambda: definitions.delete("foreign"),
        lambda: definitions.definition_of("foreign"),
    ):
        with pytest.raises(NotEditable, match=r"comes from shop\.Report 7; change it there"):
            deed()
    with pytest.raises(NotEditable, match="There is no workflow 'unknown'"):
        definitions.definition_of("unknown")


def test_deleting_retires_and_keeps_versions_and_runs(admin_user: User) -> None:
    workflow = definitions.create(a_plan())
    run = WorkflowRun.objects.create(workflow=workflow, run_id="r", status="DONE")
    definitions.delete("shop_daily", user=admin_user)

    workflow.refresh_from_db()
    assert workflow.retired_at is not None
    assert WorkflowRun.objects.filter(pk=run.pk).exists()
    assert documents()[-1] is None
    assert WorkflowVersion.objects.latest("id").author == admin_user
    assert (WorkflowDefinition.objects.count(), StepDefinition.objects.count()) == (0, 0)
    with pytest.raises(NotEditable, match="is retired"):
        definitions.delete("shop_daily")


def test_the_id_of_a_retired_workflow_may_be_taken_again() -> None:
    definitions.create(a_plan())
    definitions.delete("shop_daily")
    workflow = definitions.create(a_plan(title="Again"))

    assert workflow.retired_at is None
    assert [document and document["title"] for document in documents()] == ["Shop", None, "Again"]


def test_an_earlier_definition_is_restored_with_a_comment() -> None:
    workflow = definitions.create(a_plan())
    revisions.number()
    definitions.update("shop_daily", a_plan(title="Changed"))
    definitions.restore(workflow, a_plan(), comment="Back.")

    newest = WorkflowVersion.objects.latest("id")
    assert (newest.document and newest.document["title"], newest.comment) == ("Shop", "Back.")
    assert definitions.definition_of("shop_daily") == a_plan()
