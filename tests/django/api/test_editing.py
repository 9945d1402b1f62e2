import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from rest_framework.test import APIClient
from tests.django.api.conftest import Person

from windsock import wire
from windsock.django.actions import definitions, revisions
from windsock.django.models import Workflow, WorkflowDefinition, WorkflowVersion
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db
ROOT = "/api/workflows/"
EDITOR = ("view_workflow", "add_workflowdefinition", "change_workflowdefinition", "delete_workflowdefinition")
Document = dict[str, Any]


@pytest.fixture
def editor(person: Person) -> APIClient:
    return person(*EDITOR)


@pytest.fixture
def made(editor: APIClient, document: Document) -> Document:
    """A workflow that is published already."""
    assert editor.post(ROOT, document).status_code == 201
    return document


def test_a_workflow_is_published(editor: APIClient, document: Document) -> None:
    answer = editor.post(ROOT, document)

    assert answer.status_code == 201, answer.json()
    assert answer["Location"] == "/api/workflows/report/"
    assert answer.json()["definition"] == document
    assert answer.json()["editable"] is True
    version = WorkflowVersion.objects.get()
    assert version.document == document
    assert version.author is not None
    assert version.author.get_username() == "ann"


def test_after_the_commit_the_revision_is_told(
    editor: APIClient, document: Document, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.post(ROOT, document).json()["revision"] is None
    assert editor.get(f"{ROOT}report/").json()["revision"] == 1


def test_every_problem_is_told_and_nothing_is_kept(editor: APIClient, document: Document) -> None:
    step = {"name": "b c", "task": "no.such", "retry": {"limit": 101}, "timeout_seconds": 0}

    answer = editor.post(ROOT, document | {"steps": [step], "schedule": {"cron": ["x"]}})

    assert answer.status_code == 400
    assert {"steps.0.name", "steps.0.task", "steps.0.retry.limit", "steps.0.timeout_seconds"} <= set(
        answer.json()
    )
    assert {"schedule.cron.0", "schedule.start"} <= set(answer.json())
    assert not Workflow.objects.exists()
    assert not WorkflowDefinition.objects.exists()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": None}, "id"),
        ({"colour": "red"}, "colour"),
        ({"steps": [{"name": "a"}]}, "steps.0.task"),
        ({"params": {"day": {"default": 1, "schema": {"type": "string"}}}}, "params.day.default"),
    ],
)
def test_a_place_is_named(editor: APIClient, document: Document, change: Document, place: str) -> None:
    answer = editor.post(ROOT, document | change)
    assert (answer.status_code, list(answer.json())) == (400, [place])


def test_an_id_is_needed_and_is_taken_once(editor: APIClient, made: Document) -> None:
    assert list(editor.post(ROOT, made).json()) == ["id"]
    assert editor.post(ROOT, {"steps": made["steps"]}).json() == {"id": ["is missing"]}


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "1"])
def test_a_body_that_is_no_object_is_refused(editor: APIClient, made: Document, body: str) -> None:
    for ask, path in ((editor.post, ROOT), (editor.put, f"{ROOT}report/"), (editor.patch, f"{ROOT}report/")):
        answer = ask(path, body, content_type="application/json")
        assert (answer.status_code, list(answer.json())) == (400, ["non_field_errors"])


def test_a_body_has_a_limit(editor: APIClient, document: Document) -> None:
    answer = editor.post(ROOT, document | {"description": "x" * 2**20})
    assert answer.status_code == 400
    assert "1048576 bytes" in answer.json()["detail"]


def test_put_replaces_and_patch_changes_keys(editor: APIClient, made: Document) -> None:
    step = {"name": "sum", "task": "tests.django.jobs.add", "args": [2]}

    replaced = editor.put(f"{ROOT}report/", {"id": "report", "steps": [step], "owner": "bob"})
    changed = editor.patch(f"{ROOT}report/", {"title": "Again", "tags": ["x"]})

    assert replaced.json()["definition"] == {"id": "report", "steps": [step], "owner": "bob"}
    assert changed.json()["definition"] == replaced.json()["definition"] | {"title": "Again", "tags": ["x"]}
    assert WorkflowVersion.objects.count() == 3
    assert Workflow.objects.get().title == "Again"


def test_what_changes_nothing_writes_no_version(editor: APIClient, made: Document) -> None:
    assert editor.patch(f"{ROOT}report/", {}).status_code == 200
    assert editor.put(f"{ROOT}report/", {"steps": made["steps"], "title": "Report"}).status_code == 200
    assert WorkflowVersion.objects.count() == 1


def test_a_refused_change_changes_nothing(editor: APIClient, made: Document) -> None:
    assert list(editor.patch(f"{ROOT}report/", {"titel": "x"}).json()) == ["titel"]
    assert list(editor.patch(f"{ROOT}report/", {"steps": []}).json()) == ["steps"]
    assert editor.get(f"{ROOT}report/").json()["definition"] == made


def test_an_id_is_never_changed(editor: APIClient, made: Document) -> None:
    for ask in (editor.put, editor.patch):
        assert list(ask(f"{ROOT}report/", made | {"id": "other"}).json()) == ["id"]


def test_the_document_of_a_version_can_be_sent(editor: APIClient, document: Document) -> None:
    first = {"name": "first", "task": "tests.django.jobs.add", "args": [1]}
    second = {"name": "second", "task": "tests.django.jobs.add", "args": ["{{ results.first }}"]}
    steps = [first, second | {"after": ["first"]}]
    editor.post(ROOT, document | {"steps": steps})
    kept: Any = WorkflowVersion.objects.get().document
    assert kept["steps"][1]["uses"] == ["first"]

    answer = editor.put(f"{ROOT}report/", kept)

    assert answer.json()["definition"]["steps"] == steps
    assert WorkflowVersion.objects.count() == 1


def test_a_retired_workflow_comes_back_by_post_only(editor: APIClient, made: Document) -> None:
    assert editor.delete(f"{ROOT}report/").status_code == 204
    assert editor.get(ROOT).json()["count"] == 0

    shown = editor.get(f"{ROOT}report/").json()

    assert (shown["editable"], shown["definition"]) == (False, None)
    for answer in (
        editor.patch(f"{ROOT}report/", {}),
        editor.put(f"{ROOT}report/", made),
        editor.delete(f"{ROOT}report/"),
    ):
        assert answer.status_code == 409
        assert "retired" in answer.json()["detail"]
    assert editor.post(ROOT, made).status_code == 201


def test_what_comes_from_elsewhere_is_changed_there(editor: APIClient) -> None:
    workflow = Workflow.objects.create(id="other", source="shop.Report", source_key="3")
    WorkflowVersion.objects.create(workflow=workflow, digest="0", document={"id": "other"})
    revisions.number()

    for answer in (
        editor.patch(f"{ROOT}other/", {}),
        editor.put(f"{ROOT}other/", {"steps": [{"name": "a", "task": "tests.django.jobs.add"}]}),
        editor.delete(f"{ROOT}other/"),
    ):
        assert answer.status_code == 409
        assert "shop.Report 3" in answer.json()["detail"]
    shown = editor.get(f"{ROOT}other/").json()
    assert (shown["editable"], shown["definition"]) == (False, {"id": "other"})


def test_params_that_a_hand_has_broken_are_still_shown(editor: APIClient, made: Document) -> None:
    WorkflowDefinition.objects.update(params=["nonsense"])
    assert editor.get(f"{ROOT}report/").json()["definition"] == made
    assert editor.patch(f"{ROOT}report/", {"title": "x"}).status_code == 400


def test_an_unknown_workflow_is_not_found(editor: APIClient, document: Document) -> None:
    assert editor.put(f"{ROOT}none/", document).status_code == 404
    assert editor.patch(f"{ROOT}none/", {}).status_code == 404
    assert editor.delete(f"{ROOT}none/").status_code == 404


@pytest.mark.parametrize(
    ("method", "needed"),
    [("post", EDITOR[1]), ("put", EDITOR[2]), ("patch", EDITOR[2]), ("delete", EDITOR[3])],
)
def test_each_needs_its_permission(person: Person, document: Document, method: str, needed: str) -> None:
    definitions.create(definition(document))
    others = person(*(each for each in EDITOR if each != needed))
    able = person(needed, name="bob")
    path = ROOT if method == "post" else f"{ROOT}report/"
    assert getattr(others, method)(path, document).status_code == 403
    assert getattr(able, method)(path, document).status_code in {200, 204, 400}


def definition(document: Document) -> Any:
    return wire.from_json(Definition, document)


def test_the_same_request_creates_once(editor: APIClient, document: Document) -> None:
    answers = [editor.post(ROOT, document, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0]["Location"] == answers[1]["Location"]


def is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_the_same_time_are_both_kept(
    editor: APIClient, made: Document, wait_until: Callable[..., None]
) -> None:
    def change() -> None:
        try:
            assert editor.patch(f"{ROOT}report/", {"tags": ["x"]}).status_code == 200
        finally:
            connections.close_all()

    other = threading.Thread(target=change)
    with transaction.atomic():
        definitions.update("report", definition(made | {"owner": "bob"}))
        other.start()
        wait_until(is_waited_for)
    other.join(10)

    kept = editor.get(f"{ROOT}report/").json()["definition"]
    assert kept == made | {"owner": "bob", "tags": ["x"]}
