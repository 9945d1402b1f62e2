from windsock.testing import a_step, a_workflow
from windsock.workflow import validate


def test_what_is_built_is_sound() -> None:
    assert validate(a_workflow()) == ()


def test_a_test_names_only_what_it_is_about() -> None:
    workflow = a_workflow(a_step("a", pool="shop"), id="bank", max_active_runs=1)
    assert (workflow.id, workflow.max_active_runs, workflow.step("a").pool) == ("bank", 1, "shop")
