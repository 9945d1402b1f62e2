from typing import Any

import pytest

from windsock import wire
from windsock.django.actions.plans import Plan, Stored, columns_of
from windsock.django.models import Workflow
from windsock.workflow import Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


def plan(id: str = "a", key: str = "1", **changes: Any) -> Plan:
    definition = Definition(**{"id": id, "steps": (Step(name="s", task="shop.tasks.sync"),), **changes})
    return Plan(source="test", key=key, id=id, definition=definition)


def stored(*plans: Plan) -> Stored:
    return Stored.of(plans, lock=False)


@pytest.fixture
def workflow() -> Workflow:
    return Workflow.objects.create(id="a", source="test", source_key="1", title="old", description="text")


def test_a_plan_says_its_problems_as_one_text() -> None:
    bad = Plan(source="test", key="1", id="", problems=(("title", "too long"), ("", "broken")))

    assert bad.problem == "title: too long; broken"
    assert (bad.document, bad.digest) == (None, wire.digest(None))


def test_the_document_of_a_plan_is_made_once() -> None:
    made = plan()

    assert made.document is made.document
    assert made.digest == wire.digest(made.document)


def test_what_airflow_said_stays_on_the_row_until_there_is_another_definition(workflow: Workflow) -> None:
    for known, is_new, kept in (
        ("Airflow: no", False, "Airflow: no"),
        ("Airflow: no", True, ""),
        ("Not live yet: slow", False, "Not live yet: slow"),
        ("title: too long", False, ""),
    ):
        workflow.problem = known
        assert columns_of(plan(), workflow, is_new=is_new)["problem"] == kept


def test_the_other_workflows_of_a_row_are_those_in_force(workflow: Workflow) -> None:
    Workflow.objects.create(id="gone", source="test", source_key="1", retired_at="2026-01-01T00:00Z")
    Workflow.objects.create(id="foreign", source="test", source_key="2")
    renamed = plan("b")

    assert stored(renamed).others(renamed) == [workflow]
    assert stored(plan()).others(plan()) == []
    nothing = Plan(source="test", key="1", id="")
    assert stored(nothing).others(nothing) == [workflow]
    nameless = Plan(source="test", key="1", id="", problems=(("", "broken"),))
    assert stored(nameless).others(nameless) == []
    assert workflow in stored(nameless).of_row(nameless)


def test_the_id_of_another_row_is_refused(workflow: Workflow) -> None:
    taken = plan(key="2")
    checked = stored(taken).checked(taken)

    assert (checked.id, checked.definition) == ("", None)
    assert checked.problem == "id: 'a' is the workflow of test 1"


def test_many_changes_are_written_by_one_statement(
    workflow: Workflow, django_assert_num_queries: Any
) -> None:
    Workflow.objects.bulk_create([Workflow(id=f"w{n}", source="test", is_paused=True) for n in range(5)])
    known = stored(plan(), *(plan(f"w{n}") for n in range(5)))
    for row in known.workflows.values():
        known.change(row, {"title": f"new {row.id}", "source": "test"})
    known.create(Workflow(id="x", source="test"))
    known.change(known.workflows["x"], {"title": "at once"})
    before = workflow.updated_at
    with django_assert_num_queries(2):
        known.write()

    workflow.refresh_from_db()
    assert (workflow.title, workflow.description) == ("new a", "text")
    assert workflow.updated_at > before
    assert Workflow.objects.filter(is_paused=True, title__startswith="new w").count() == 5
    assert Workflow.objects.get(id="x").title == "at once"


def test_what_does_not_change_is_not_written(workflow: Workflow, django_assert_num_queries: Any) -> None:
    known = stored(plan())
    known.change(known.workflows["a"], {"title": "old"})
    with django_assert_num_queries(0):
        known.write()
