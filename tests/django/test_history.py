import pytest

from windsock.django.actions import refusals, revisions
from windsock.django.history import find_step, in_force, version_at
from windsock.django.models import Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def versions() -> None:
    for workflow, document in (("a", {"n": 1}), ("b", {}), ("a", {"n": 3}), ("a", {"n": 4}), ("a", None)):
        Workflow.objects.get_or_create(id=workflow, source="test")
        WorkflowVersion.objects.create(workflow_id=workflow, digest="", document=document)
        revisions.number()
    WorkflowVersion.objects.create(workflow_id="a", digest="", document={"n": 6})
    refusals.report("a", 3, "no such pool")


@pytest.mark.parametrize(
    ("revision", "found"), [(0, None), (1, 1), (2, 1), (3, 1), (4, 4), (9, 5), (None, 5)]
)
def test_the_newest_that_was_not_refused_counts(revision: int | None, found: int | None) -> None:
    version = version_at("a", revision)

    assert (version and version.revision) == found


def test_all_that_ever_was_in_force_is_told_newest_first() -> None:
    assert [version.revision for version in in_force("a")] == [5, 4, 1]
    assert [version.revision for version in in_force("a", 4)] == [4, 1]
    assert not in_force("c")


def test_a_step_is_found_in_the_version_that_counts() -> None:
    for revision, task in ((7, "x.old"), (9, "x.new")):
        steps = [{"name": "zero", "task": "x.zero"}, {"name": 'on"e', "task": task}]
        WorkflowVersion.objects.create(
            workflow_id="b", digest="", revision=revision, document={"id": "b", "steps": steps}
        )

    def found(**which: int | None) -> str:
        return str(find_step("b", 'on"e', **{"at": None, "version": None, **which})["task"])

    assert (found(), found(at=8), found(at=8, version=9)) == ("x.new", "x.old", "x.new")
    with pytest.raises(LookupError, match="'b' has no step 'two' at revision 9"):
        find_step("b", "two", at=None, version=None)
    with pytest.raises(LookupError, match="'b' has no version up to revision 1"):
        find_step("b", 'on"e', at=1, version=None)
