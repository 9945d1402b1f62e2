from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from windsock.django import declared, sources
from windsock.django.compat import task
from windsock.django.models import Workflow, WorkflowVersion
from windsock.workflow import Schedule, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


@task
def work() -> None:
    pass


NIGHTLY = Definition(
    id="nightly",
    title="Nightly",
    schedule=Schedule(cron=("@daily",), start=datetime(2026, 1, 1, tzinfo=UTC)),
    steps=(Step(name="a", task=work.module_path),),
)


@pytest.fixture(autouse=True)
def _registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_sources", {})
    monkeypatch.setattr(declared, "_declared", {})


def published() -> tuple[int, int, int]:
    summary = sources.publish_all()
    return summary.rows, summary.versions, summary.retired


def test_a_declared_workflow_is_published() -> None:
    assert sources.declare(NIGHTLY) is NIGHTLY
    assert published() == (1, 1, 0)

    row = Workflow.objects.get()
    assert (row.id, row.source, row.source_key, row.title) == ("nightly", "code", "nightly", "Nightly")
    assert published() == (1, 0, 0)


def test_a_change_of_the_code_is_a_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    sources.declare(NIGHTLY)
    published()
    monkeypatch.setattr(declared, "_declared", {"nightly": replace(NIGHTLY, title="By night")})

    assert published() == (1, 1, 0)
    assert Workflow.objects.get().title == "By night"
    assert WorkflowVersion.objects.count() == 2


def test_what_is_gone_from_the_code_is_retired_and_can_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sources.declare(NIGHTLY)
    published()
    monkeypatch.setattr(declared, "_declared", {})

    assert published() == (0, 0, 1)
    assert Workflow.objects.get().retired_at is not None
    assert published() == (0, 0, 0)

    sources.declare(NIGHTLY)
    assert published() == (1, 1, 0)
    assert Workflow.objects.get().retired_at is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"title": "t" * 251}, "title: is longer"),
        ({"steps": None}, "TypeError"),
        ({"id": "a b"}, "id: 'a b'"),
    ],
)
def test_a_bad_one_is_reported_and_harms_no_other(changes: dict[str, Any], problem: str) -> None:
    sources.declare(NIGHTLY)
    sources.declare(replace(NIGHTLY, **{"id": "bad", **changes}))
    summary = sources.publish_all()

    [(row, message)] = summary.refused
    assert row == f"code {changes.get('id', 'bad')}"
    assert problem in message
    assert summary.versions == 1


def test_an_id_that_belongs_to_a_row_is_reported() -> None:
    Workflow.objects.create(id="nightly", source="shop.Report", source_key="3")
    sources.declare(NIGHTLY)
    summary = sources.publish_all()

    assert summary.refused == (("code nightly", "id: 'nightly' is the workflow of shop.Report 3"),)
    assert Workflow.objects.get().source == "shop.Report"


def test_two_workflows_need_two_ids() -> None:
    sources.declare(NIGHTLY)
    assert sources.declare(replace(NIGHTLY)) == NIGHTLY
    with pytest.raises(ValueError, match="nightly"):
        sources.declare(replace(NIGHTLY, title="Another"))


def test_code_can_be_published_alone() -> None:
    sources.declare(NIGHTLY)

    assert sources.known_names() == ["code"]
    assert sources.publish_all(["code"]).versions == 1
