from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from tests.django.api.conftest import Person

from windsock.django.actions import revisions
from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db
ROOT = "/api/workflows/"
CODES = ("view_workflow", "add_workflowdefinition", "change_workflowdefinition", "delete_workflowdefinition")


@pytest.fixture
def reader(person: Person) -> APIClient:
    return person("view_workflow", name="reader")


@pytest.fixture
def editor(person: Person) -> APIClient:
    return person(*CODES, "change_workflow")


@pytest.fixture
def history(editor: APIClient, document: dict[str, Any]) -> str:
    """A workflow whose versions are 1: as it was made; 2: with another title; 3: retired."""
    editor.post(ROOT, document)
    editor.patch(f"{ROOT}report/", {"title": "Second"})
    editor.delete(f"{ROOT}report/")
    revisions.number()
    return f"{ROOT}report/versions/"


def test_versions_are_listed_the_newest_first(reader: APIClient, history: str) -> None:
    page = reader.get(history, {"page_size": 2}).json()

    assert (page["count"], len(page["results"])) == (3, 2)
    first, second = page["results"]
    assert (first["revision"], first["retired"]) == (3, True)
    assert second == {
        "revision": 2,
        "digest": second["digest"],
        "author": "ann",
        "comment": "",
        "refusal": "",
        "retired": False,
        "created_at": second["created_at"],
        "live_at": None,
    }


def test_a_list_loads_no_document(reader: APIClient, history: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(5) as asked:
        reader.get(history)
    assert not any('"document"' in query["sql"] for query in asked)


def test_a_version_alone_has_its_document(reader: APIClient, history: str, document: dict[str, Any]) -> None:
    assert reader.get(f"{history}1/").json()["document"] == document
    assert reader.get(f"{history}3/").json()["document"] is None


def test_the_difference_is_told(reader: APIClient, history: str) -> None:
    title = {"path": "title", "kind": "changed", "before": "Report", "after": "Second"}

    assert reader.get(f"{history}2/difference/").json() == {"from": 1, "to": 2, "changes": [title]}
    assert reader.get(f"{history}2/difference/?from=1").json()["changes"] == [title]
    assert reader.get(f"{history}1/difference/?from=2").json()["changes"][0]["after"] == "Report"
    assert reader.get(f"{history}2/difference/?from=2").json()["changes"] == []
    first = reader.get(f"{history}1/difference/").json()
    assert first["from"] is None
    assert {change["kind"] for change in first["changes"]} == {"added"}


@pytest.mark.parametrize("given", ["9", "0", "x", "-1", "9" * 30, "\uff11"])
def test_since_a_version_that_is_not_there(reader: APIClient, history: str, given: str) -> None:
    answer = reader.get(f"{history}2/difference/", {"from": given})
    assert (answer.status_code, list(answer.json())) == (400, ["from"])


@pytest.mark.parametrize("revision", ["4", "0", "x", "-1", "9" * 30, "1.0", "%00"])
def test_a_version_that_is_not_there_is_not_found(editor: APIClient, history: str, revision: str) -> None:
    assert editor.get(f"{history}{revision}/").status_code == 404
    assert editor.get(f"{history}{revision}/difference/").status_code == 404
    assert editor.post(f"{history}{revision}/rollback/").status_code == 404


def test_the_version_of_another_workflow_is_not_found(editor: APIClient, history: str) -> None:
    other = Workflow.objects.create(id="other", source="test")
    WorkflowVersion.objects.create(workflow=other, digest="0", document={})
    revisions.number()
    assert editor.get(f"{ROOT}other/versions/4/").status_code == 200
    assert editor.get(f"{history}4/").status_code == 404
    assert editor.get(f"{ROOT}none/versions/").status_code == 404


def test_a_rollback_publishes_it_again(editor: APIClient, history: str, document: dict[str, Any]) -> None:
    answer = editor.post(f"{history}1/rollback/")

    assert answer.status_code == 200
    assert (answer.json()["definition"], answer.json()["editable"]) == (document, True)
    revisions.number()
    newest = editor.get(history).json()["results"][0]
    assert (newest["revision"], newest["comment"]) == (4, "Rolled back to revision 1.")


def test_what_cannot_be_rolled_back_to_is_refused(editor: APIClient, history: str) -> None:
    answer = editor.post(f"{history}3/rollback/")
    assert (answer.status_code, list(answer.json())) == (400, ["revision"])
    Workflow.objects.update(source="shop.Report")
    assert editor.post(f"{history}1/rollback/").status_code == 409


def test_the_same_request_rolls_back_once(editor: APIClient, history: str) -> None:
    keyed = {"Idempotency-Key": "k"}
    answers = [editor.post(f"{history}1/rollback/", headers=keyed) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert WorkflowVersion.objects.count() == 4


def test_permissions_are_asked_for(reader: APIClient, history: str) -> None:
    assert reader.post(f"{history}1/rollback/").status_code == 403
    nobody = APIClient()
    assert nobody.get(history).status_code == 401
    nobody.force_authenticate(User.objects.create_user("nobody"))
    assert nobody.get(history).status_code == 403
    assert nobody.get(f"{history}1/difference/").status_code == 403
