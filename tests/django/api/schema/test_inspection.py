from typing import Any

import pytest

Made = dict[str, Any]


def operation(made: Made, path: str, method: str) -> Made:
    found: Made = made["paths"][path][method]
    return found


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_every_action_of_a_tracked_view_set_answers_with_a_task(made_of_project: Made, method: str) -> None:
    described = operation(made_of_project, "/shop/users/{id}/", method)
    accepted = described["responses"]["202"]["content"]["application/json"]["schema"]
    assert accepted == {"$ref": "#/components/schemas/AcceptedTask"}
    assert {"401", "403", "404", "429", "503"} <= set(described["responses"])
    assert "200" not in described["responses"]
    assert described["tags"] == ["users"]


def test_the_key_in_a_path_is_the_models(made_of_project: Made) -> None:
    for path, form in (
        ("/shop/users/{id}/", {"type": "integer"}),
        ("/shop/groups/{id}/members/", {"type": "integer"}),
    ):
        [parameter] = operation(made_of_project, path, "get")["parameters"]
        assert parameter["schema"] == form


def test_creating_takes_the_serializers_body_and_an_idempotency_key(made_of_project: Made) -> None:
    described = operation(made_of_project, "/shop/users/", "post")
    assert described["summary"] == "Start a task: create user"
    assert [each["name"] for each in described["parameters"]] == ["Idempotency-Key"]
    assert {"400", "415", "422"} <= set(described["responses"])
    body = described["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    form = made_of_project["components"]["schemas"][body]
    assert set(form["properties"]) == {"username", "email", "first_name", "last_name", "is_active"}
    assert form["required"] == ["username"]


def test_listing_takes_the_parameters_of_the_pages(made_of_project: Made) -> None:
    described = operation(made_of_project, "/shop/users/", "get")
    assert {each["name"] for each in described["parameters"]} == {"page", "page_size"}
    assert described["summary"] == "Start a task: list users"


def test_a_view_set_without_a_queryset_attribute_is_described(made_of_project: Made) -> None:
    assert operation(made_of_project, "/shop/colleagues/", "get")["operationId"] == "colleague_list"


def test_an_action_that_is_no_task_is_described_as_it_is(made_of_project: Made) -> None:
    described = operation(made_of_project, "/shop/groups/{id}/members/", "get")
    assert "202" not in described["responses"]


def test_a_projects_own_description_wins(made_of_project: Made) -> None:
    described = operation(made_of_project, "/shop/groups/{id}/", "delete")
    assert described["tags"] == ["people"]
    assert described["deprecated"]
    assert "202" in described["responses"]
