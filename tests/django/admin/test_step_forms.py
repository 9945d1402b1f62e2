from datetime import timedelta
from typing import Any

import pytest
from django.forms import inlineformset_factory
from tests.django import jobs
from tests.django.admin.forms_filled import filled

from windsock.django.admin.step_forms import RARE, USUAL, StepForm, StepFormSet
from windsock.django.models import StepDefinition, WorkflowDefinition

pytestmark = pytest.mark.django_db
Steps: Any = inlineformset_factory(
    WorkflowDefinition, StepDefinition, form=StepForm, formset=StepFormSet, fields=(*USUAL, *RARE)
)


def table(*steps: dict[str, str], params: Any = None) -> Any:
    return Steps(filled(*steps), instance=WorkflowDefinition(id="shop", params=params or {}))


def errors(*steps: dict[str, str], params: Any = None) -> list[dict[str, str]]:
    found = table(*steps, params=params)
    return [{name: " ".join(messages) for name, messages in form.items()} for form in found.errors]


def test_sound_steps_become_rows_in_their_order() -> None:
    found = table({}, {"name": "keep", "after": "draw,  draw2", "kwargs": '{"a": 1}'}, {"name": "draw2"})
    assert found.is_valid(), found.errors
    steps = found.steps()
    assert [(step.name, step.after, step.kwargs) for step in steps] == [
        ("draw", [], {}),
        ("keep", ["draw", "draw2"], {"a": 1}),
        ("draw2", [], {}),
    ]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": "two words"}, "name", "letters, digits"),
        ({"task": "shop.tasks.gone"}, "task", "valid choice"),
        ({"args": "{}"}, "args", "JSON list"),
        ({"kwargs": '["a"]'}, "kwargs", "JSON object"),
        ({"kwargs": '{"a": ["{{ params.hour }}"]}'}, "kwargs", "a.0: there is no param 'hour'"),
        ({"args": '["{{ results.keep }}"]'}, "args", "step 'keep' does not come before"),
        ({"after": "nobody"}, "after", "there is no step 'nobody'"),
        ({"retries": "101"}, "retries", "between 0 and 100"),
        ({"timeout": "0"}, "timeout", "positive"),
        ({"priority": str(2**31)}, "priority", "less than or equal"),
        ({"trigger_rule": "sometimes"}, "trigger_rule", "valid choice"),
        ({"pool": ""}, "pool", "required"),
    ],
)
def test_a_problem_is_told_at_the_steps_own_field(changes: dict[str, str], field: str, message: str) -> None:
    found = errors({"name": "first"}, changes, {"name": "keep"})
    assert (found[0], found[2], list(found[1])) == ({}, {}, [field])
    assert message in found[1][field]


def test_a_name_is_told_at_the_step_that_uses_it_again() -> None:
    assert errors({}, {}) == [{}, {"name": "'draw' is used twice"}]


def test_what_concerns_all_steps_is_told_above_them() -> None:
    circle = table({"after": "keep"}, {"name": "keep", "after": "draw"})
    assert not circle.is_valid()
    assert "in a circle" in str(circle.non_form_errors())
    nothing = table(dict.fromkeys(("name", "task", "args"), ""))
    assert not nothing.is_valid()
    assert "at least one step" in str(nothing.non_form_errors())


def test_a_step_that_is_taken_out_is_not_there() -> None:
    found = table({"after": "keep"}, {"name": "keep", "DELETE": "on"})
    assert "there is no step 'keep'" in str(found.errors)
    assert table({}, {"name": "", "DELETE": "on"}).is_valid()


def test_templates_are_judged_by_the_params_unless_those_cannot_be_read() -> None:
    step = {"kwargs": '{"a": "{{ params.day }}"}'}
    assert errors(step, params={"day": {"default": 1}}) == [{}]
    assert errors(step, params={"day": 1}) == [{}]
    assert "no param 'day'" in errors(step)[0]["kwargs"]


def test_tasks_are_offered_by_module_and_one_that_is_gone_is_still_seen() -> None:
    form = StepForm(instance=StepDefinition(task="shop.tasks.gone"))
    page = str(form["task"])
    assert f'<option value="{jobs.add.module_path}">add</option>' in page
    assert '<optgroup label="tests.django.jobs">' in page
    assert '<option value="shop.tasks.gone" selected>shop.tasks.gone (not registered)' in page


def test_columns_have_labels_of_their_own() -> None:
    page = str(StepForm()["kwargs"])
    assert 'aria-label="Keyword arguments"' in page


def test_what_is_folded_away_is_told_in_short() -> None:
    step = StepDefinition(retries=2, timeout=timedelta(minutes=5), teardown=True)
    assert StepForm(instance=step).rare == "retries 2, timeout 0:05:00, teardown"
    assert StepForm().rare == ""
