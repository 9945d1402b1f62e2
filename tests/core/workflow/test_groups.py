import pytest

from windsock.testing import a_step, a_workflow
from windsock.workflow import validate
from windsock.workflow.groups import graph_id, lineage


def problems(*steps: tuple[str, str, tuple[str, ...]]) -> dict[str, str]:
    """What is wrong with steps given as (name, group, after)."""
    return dict(
        validate(a_workflow(*(a_step(name, group=group, after=after) for name, group, after in steps)))
    )


def test_the_groups_around_a_step_begin_with_the_outermost() -> None:
    assert lineage("load.files.large") == ("load", "load.files", "load.files.large")
    assert lineage("") == ()
    assert graph_id("load.files") == "load__files"


def test_groups_may_be_nested_and_share_names_of_their_parts() -> None:
    assert not problems(
        ("a", "load", ()),
        ("b", "load.files", ("a",)),
        ("c", "store.files", ("b",)),
        ("d", "store", ("c",)),
        ("e", "", ("d",)),
    )


@pytest.mark.parametrize(
    "group", ["load files", ".load", "load.", "load..files", "lädt", "load\n", "l" * 201]
)
def test_a_name_that_airflow_refuses_is_refused(group: str) -> None:
    assert list(problems(("a", "", ()), ("b", group, ()))) == ["steps.1.group"]


@pytest.mark.parametrize(
    ("step", "group"),
    [
        ("load", "load"),
        ("load", "load.files"),
        ("load.files", "load.files"),
        ("load__files", "load.files"),
        ("load.upstream_join_id", "load"),
    ],
)
def test_a_step_may_not_be_called_like_a_group(step: str, group: str) -> None:
    found = problems((step, "", ()), ("b", group, ()))
    assert list(found) == ["steps.1.group"]
    assert step in found["steps.1.group"]


def test_two_groups_that_are_one_in_airflow_are_refused() -> None:
    found = problems(("a", "load.files", ()), ("b", "load__files", ()))
    assert list(found) == ["steps.1.group"]


def test_groups_that_wait_for_each_other_are_refused() -> None:
    found = problems(("a", "load", ()), ("b", "check", ("a",)), ("c", "load", ("b",)))
    assert list(found) == ["steps.0.group"]
    assert (
        "load -> check -> load" in found["steps.0.group"]
        or "check -> load -> check" in found["steps.0.group"]
    )


def test_a_step_within_a_group_may_also_wait_for_another_group() -> None:
    assert not problems(("a", "load", ()), ("b", "check", ("a",)), ("c", "load", ("a", "b")))


def test_nested_groups_that_wait_for_each_other_are_refused() -> None:
    steps = ("a", "all.load", ()), ("b", "all.check", ("a",)), ("c", "all.load", ("b",))
    assert "all.check" in problems(*steps)["steps.0.group"]


def test_groups_are_looked_at_only_when_the_steps_are_sound() -> None:
    assert list(problems(("a", "x y", ("nobody",)))) == ["steps.0.after"]
