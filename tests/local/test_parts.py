import dataclasses

import pytest

from windsock.local.parts import Plan, Step


def test_a_plan_is_a_value() -> None:
    step = Step(name="databases", run=lambda: None, after=("postgres",))
    plan = Plan(steps=(step,), parts=())
    assert plan.external == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.steps = ()  # type: ignore[misc]
