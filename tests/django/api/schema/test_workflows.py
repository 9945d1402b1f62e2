from typing import Any

from windsock.django.api.schema.workflows import WORKFLOW_ENDPOINTS
from windsock.django.api.versions import VersionViewSet
from windsock.django.api.workflows import WorkflowViewSet


def test_the_parameters_of_the_list_are_told(made: Any) -> None:
    told = [each["name"] for each in made["paths"]["/api/workflows/"]["get"]["parameters"]]
    assert told == ["search", "owner", "tag", "live", "paused", "page", "page_size"]


def test_a_definition_is_sent_and_shown_in_one_form(made: Any) -> None:
    paths = made["paths"]
    document = {"$ref": "#/components/schemas/WorkflowDocument"}
    for path, method in (("/api/workflows/", "post"), ("/api/workflows/{id}/", "put")):
        assert paths[path][method]["requestBody"]["required"] is True
        assert paths[path][method]["requestBody"]["content"]["application/json"]["schema"] == document
    shown = made["components"]["schemas"]["WorkflowWithDefinition"]["properties"]["definition"]
    assert document in shown["anyOf"]


def test_a_revision_is_a_number(made: Any) -> None:
    path = made["paths"]["/api/workflows/{id}/versions/{revision}/"]
    forms = {each["name"]: each["schema"]["type"] for each in path["get"]["parameters"]}
    assert forms == {"id": "string", "revision": "integer"}


def test_every_action_that_a_permission_guards_is_described() -> None:
    described = {action for kind, action in WORKFLOW_ENDPOINTS if kind is VersionViewSet}
    assert described == set(VersionViewSet.needs)
    described = {action for kind, action in WORKFLOW_ENDPOINTS if kind is WorkflowViewSet}
    assert described < set(WorkflowViewSet.needs)
