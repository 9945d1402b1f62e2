from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group
from django.core import serializers
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from windsock.django import sources
from windsock.django.compat import task
from windsock.django.models import Workflow, WorkflowVersion
from windsock.workflow import Schedule, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


class Team(Group):
    class Meta:
        proxy = True
        app_label = "auth"


@task
def work() -> None:
    pass


class Groups(sources.WorkflowSource[Group]):
    """A group's name is its cron expression; one without digits or stars has no workflow."""

    model = Group
    fields: ClassVar = {"schedule.cron": "name"}

    def workflow(self, row: Group) -> Definition | None:
        if row.name == "none":
            return None
        if row.name == "broken":
            raise LookupError("no such thing")
        return Definition(
            id=f"group_{row.pk}",
            title=row.name,
            schedule=Schedule(cron=(row.name,), start=datetime(2026, 1, 1, tzinfo=UTC)),
            steps=(Step(name="a", task=work.module_path),),
        )


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_sources", {})
    monkeypatch.setattr(Groups, "name", "")
    sources.register(Groups)


def crons(row: Group) -> list[str | None]:
    """The cron expression of each version of a row, the tombstone as None."""
    versions = WorkflowVersion.objects.filter(workflow=f"group_{row.pk}").order_by("id")
    return [version.document and version.document["schedule"]["cron"][0] for version in versions]


def test_saving_a_row_publishes_it() -> None:
    row = Group.objects.create(name="@daily")

    stored = Workflow.objects.get()
    assert (stored.id, stored.source, stored.source_key) == (f"group_{row.pk}", "auth.Group", str(row.pk))
    assert (stored.title, stored.owner, stored.problem) == ("@daily", "windsock", "")
    assert crons(row) == ["@daily"]


def test_a_change_is_a_new_version_and_no_change_is_none() -> None:
    row = Group.objects.create(name="@daily")
    row.save()
    row.name = "@hourly"
    row.save()
    row.save()

    assert crons(row) == ["@daily", "@hourly"]


def test_a_bad_row_leaves_the_last_good_version_in_force() -> None:
    row, neighbour = Group.objects.create(name="@daily"), Group.objects.create(name="@weekly")
    row.name = "61 * * * *"
    row.save()

    assert crons(row) == ["@daily"]
    assert "schedule.cron.0" in Workflow.objects.get(id=f"group_{row.pk}").problem
    assert Workflow.objects.get(id=f"group_{neighbour.pk}").problem == ""

    row.name = "@daily"
    row.save()
    assert Workflow.objects.get(id=f"group_{row.pk}").problem == ""


def test_a_row_that_was_never_good_is_reported_without_a_version() -> None:
    row = Group.objects.create(name="nonsense")

    assert "nonsense" in Workflow.objects.get().problem
    assert crons(row) == []


def test_a_mistake_of_the_source_is_reported_on_the_row() -> None:
    row = Group.objects.create(name="@daily")
    row.name = "broken"
    row.save()

    assert Workflow.objects.get().problem == "LookupError: no such thing"
    assert crons(row) == ["@daily"]


def test_deleting_a_row_retires_its_workflow_and_keeps_its_history() -> None:
    row = Group.objects.create(name="@daily")
    key = row.pk
    row.delete()

    assert Workflow.objects.get().retired_at is not None
    assert crons(Group(pk=key)) == ["@daily", None]


def test_a_row_that_shall_have_no_workflow_any_more_is_retired_and_can_come_back() -> None:
    row = Group.objects.create(name="@daily")
    for name in ("none", "@daily"):
        row.name = name
        row.save()

    assert crons(row) == ["@daily", None, "@daily"]
    assert Workflow.objects.get().retired_at is None


def test_what_the_database_holds_is_published_not_what_was_assigned() -> None:
    row = Group.objects.create(name="0 1 * * ")
    row.name = Concat(F("name"), Value("*"))
    row.save()

    assert crons(row) == ["0 1 * * *"]


def test_rows_of_a_fixture_are_published() -> None:
    text = serializers.serialize("json", [Group(pk=7, name="@daily")])
    for loaded in serializers.deserialize("json", text):
        loaded.save()

    assert crons(Group(pk=7)) == ["@daily"]


def test_rows_of_a_proxy_are_published_and_retired() -> None:
    row = Team.objects.create(name="@daily")
    key = row.pk
    row.delete()

    assert crons(Group(pk=key)) == ["@daily", None]


def test_a_rolled_back_save_leaves_nothing() -> None:
    with transaction.atomic():
        Group.objects.create(name="@daily")
        transaction.set_rollback(True)

    assert not Workflow.objects.exists()


def test_a_problem_is_told_at_the_field() -> None:
    with pytest.raises(ValidationError) as caught:
        sources.validate_row(Group(name="61 * * * *"))

    assert list(caught.value.message_dict) == ["name"]
    assert "out of range" in caught.value.message_dict["name"][0]


def test_a_problem_without_a_field_is_told_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Groups, "fields", {})

    with pytest.raises(ValidationError) as caught:
        sources.validate_row(Group(name="61 * * * *"))

    assert caught.value.message_dict[NON_FIELD_ERRORS][0].startswith("schedule.cron.0: ")


def test_a_sound_row_passes() -> None:
    sources.validate_row(Group(name="@daily"))


def test_an_id_belongs_to_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Groups.workflow
    first = Group.objects.create(name="@daily")
    monkeypatch.setattr(Groups, "workflow", lambda self, row: plain(self, Group(pk=first.pk, name=row.name)))
    second = Group.objects.create(name="@weekly")

    assert crons(first) == ["@daily"]
    assert Workflow.objects.get().source_key == str(first.pk)
    with pytest.raises(ValidationError, match=f"is the workflow of auth.Group {first.pk}"):
        sources.validate_row(second)


def test_another_id_retires_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Group.objects.create(name="@daily")
    plain = Groups.workflow
    monkeypatch.setattr(Groups, "workflow", lambda self, row: plain(self, Group(pk=99, name=row.name)))
    row.save()

    assert crons(row) == ["@daily", None]
    assert crons(Group(pk=99)) == ["@daily"]


def test_bulk_changes_are_caught_by_publishing_everything() -> None:
    kept, changed, deleted = (Group.objects.create(name=name) for name in ("@daily", "@weekly", "@monthly"))
    Group.objects.bulk_create([Group(pk=50, name="@yearly"), Group(pk=51, name="bad")])
    Group.objects.filter(pk=changed.pk).update(name="@hourly")
    Group.objects.filter(pk=deleted.pk)._raw_delete("default")

    summary = sources.publish_all()

    assert (summary.rows, summary.versions, summary.retired, len(summary.refused)) == (4, 2, 1, 1)
    assert crons(kept) == ["@daily"]
    assert crons(changed) == ["@weekly", "@hourly"]
    assert crons(deleted) == ["@monthly", None]
    assert crons(Group(pk=50)) == ["@yearly"]
    again = sources.publish_all()
    assert (again.versions, again.retired) == (0, 0)


def test_rows_that_did_not_change_cost_few_queries(django_assert_max_num_queries: Any) -> None:
    Group.objects.bulk_create([Group(name=f"{minute} 0 * * *") for minute in range(60)])
    sources.publish_all()

    with django_assert_max_num_queries(10):
        assert sources.publish_all().rows == 60


def test_two_sources_need_two_names() -> None:
    class Others(Groups):
        name = "auth.Group"

    with pytest.raises(ValueError, match=r"auth\.Group"):
        sources.register(Others)
    Others.name = "code"
    with pytest.raises(ValueError, match="code"):
        sources.register(Others)


def test_a_source_can_be_published_alone() -> None:
    Group.objects.bulk_create([Group(name="@daily")])

    assert sources.known_names() == ["auth.Group", "code"]
    assert sources.publish_all(["code"]).versions == 0
    assert sources.publish_all(["auth.Group"]).versions == 1
