from typing import Any

from windsock.django.api.schema.components import COMPONENTS
from windsock.django.api.schema.endpoints import ENDPOINTS, PLAIN, endpoint_of
from windsock.django.api.schema.operations import TAGS
from windsock.django.api.tasks import TaskViewSet
from windsock.django.api.tracked import TrackedModelViewSet

EVERY = [*ENDPOINTS.values(), *PLAIN.values()]


class OurTasks(TaskViewSet):
    """A project's own edition of the view."""


def test_a_subclass_is_described_as_its_parent_is() -> None:
    described = endpoint_of(OurTasks(action="list"))
    assert described is ENDPOINTS[TaskViewSet, "list"]
    assert endpoint_of(TrackedModelViewSet(action="list")) is None


def test_each_endpoint_has_an_id_and_a_known_tag() -> None:
    assert len({endpoint.id for endpoint in EVERY}) == len(EVERY)
    assert {endpoint.tag for endpoint in EVERY} <= set(TAGS)


def test_each_form_is_used() -> None:
    text = repr(EVERY) + repr(COMPONENTS) + "AcceptedTask Problem FieldProblems"
    assert [name for name in COMPONENTS if f"{name}" not in text] == []


def test_the_parameters_of_the_tasks_are_told(made: Any) -> None:
    told = {each["name"] for each in made["paths"]["/api/tasks/"]["get"]["parameters"]}
    assert {"status", "task_name", "operation", "related_table", "related_id"} <= told
