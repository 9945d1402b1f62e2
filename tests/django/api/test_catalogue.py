import json
from typing import Any

import pytest
from django.db import connection
from rest_framework.exceptions import ValidationError

from windsock.django.actions import revisions
from windsock.django.api import catalogue
from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


def make(id: str, versions: int = 1, **columns: Any) -> Workflow:
    workflow = Workflow.objects.create(id=id, source="test", **columns)
    for _ in range(versions):
        WorkflowVersion.objects.create(workflow=workflow, digest="0", document={"id": id})
    revisions.number()
    return workflow


def ids(**query: str) -> list[str]:
    return [workflow.id for workflow in catalogue.found(query)]


@pytest.fixture
def workflows() -> None:
    make("sales", 1, title="Daily sales", owner="ann", tags=["kpi", "x"], live_revision=1)
    make("stock", 2, title="Daily stock", owner="bob", tags=["kpi"], live_revision=2, is_paused=True)
    make("never", 0, problem="title: bad")


@pytest.mark.usefixtures("workflows")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["never", "sales", "stock"]),
        ({"search": "daily STOCK\x00"}, ["stock"]),
        ({"search": "a"}, ["sales", "stock"]),
        ({"owner": "ann"}, ["sales"]),
        ({"owner": "an"}, []),
        ({"tag": "kpi"}, ["sales", "stock"]),
        ({"tag": "k"}, []),
        ({"live": "true"}, ["sales"]),
        ({"live": "false"}, ["never", "stock"]),
        ({"paused": "true"}, ["stock"]),
        ({"paused": "false", "tag": "kpi"}, ["sales"]),
        ({"owner": "", "live": "", "unknown": "x"}, ["never", "sales", "stock"]),
    ],
)
def test_the_workflows_in_force_are_found(query: dict[str, str], found: list[str]) -> None:
    assert ids(**query) == found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"live": "yes"}, "Choose one of true, false."),
        ({"paused": "1"}, "Choose one of true, false."),
        ({"owner": "\x00"}, "Null characters are not allowed."),
        ({"tag": "\x00"}, "Null characters are not allowed."),
        ({"search": "a " * 21}, "Give up to 20 words."),
    ],
)
def test_a_value_that_cannot_be_is_refused(query: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        catalogue.found(query)
    assert caught.value.detail == {next(iter(query)): [message]}


def test_live_is_found_as_it_is_shown() -> None:
    for number, live in enumerate([None, 1, 2]):
        make(f"w{number}", 2, live_revision=None if live is None else 2 * number + live)
    shown = {w.id: catalogue.workflow_json(w)["live"] for w in catalogue.workflows()}
    assert shown == {"w0": False, "w1": False, "w2": True}
    assert ids(live="true") == ["w2"]


def test_a_version_that_has_no_number_yet_is_not_the_newest() -> None:
    workflow = make("a")
    WorkflowVersion.objects.create(workflow=workflow, digest="1", document={})
    assert catalogue.workflow_json(catalogue.workflows().get())["revision"] == 1
    assert catalogue.versions_of("a").count() == 1


@pytest.fixture
def many() -> None:
    """Ten thousand workflows of two versions each."""
    rows = [Workflow(id=f"w{number:05}", source="test", live_revision=number) for number in range(10_000)]
    Workflow.objects.bulk_create(rows)
    versions = [
        WorkflowVersion(workflow=row, digest="0", document={}, revision=number + 20_000 * newer)
        for newer in (0, 1)
        for number, row in enumerate(rows)
    ]
    WorkflowVersion.objects.bulk_create(versions)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE windsock_workflow, windsock_workflowversion")


def scans(plan: Any) -> list[tuple[str, str, int]]:
    """Every scan of a plan: its relation, its index, and how many rows it gave in all."""
    own = (
        plan.get("Relation Name", ""),
        plan.get("Index Name", ""),
        plan["Actual Rows"] * plan["Actual Loops"],
    )
    return ([own] if own[0] else []) + [each for part in plan.get("Plans", ()) for each in scans(part)]


@pytest.mark.usefixtures("many")
def test_a_page_looks_at_its_own_versions_only(django_assert_num_queries: Any) -> None:
    page = catalogue.found({})[5_000:5_050]
    [plan] = json.loads(page.explain(format="json", analyze=True))
    found = [scan for scan in scans(plan["Plan"]) if scan[0] == "windsock_workflowversion"]
    assert [(index, round(rows) <= 5_050) for _, index, rows in found] == [("windsock_version_of", True)]
    with django_assert_num_queries(2) as asked:
        assert catalogue.found({}).count() == 10_000
        assert len(page) == 50
    count, rows = (query["sql"] for query in asked)
    assert "windsock_workflowversion" not in count
    assert "document" not in rows


@pytest.mark.usefixtures("many")
def test_live_ones_are_found_in_one_pass() -> None:
    [plan] = json.loads(catalogue.found({"live": "true"}).explain(format="json", analyze=True))
    found = [scan for scan in scans(plan["Plan"]) if scan[0] == "windsock_workflowversion"]
    assert sum(rows for _, _, rows in found) <= 20_000
    assert plan["Execution Time"] < 500
