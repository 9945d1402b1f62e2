from typing import Any
from uuid import uuid4

import pytest
from tests.django.actions.conftest import STEP

from windsock.call import Outcome
from windsock.django.actions import steps
from windsock.django.models import TaskRun, Workflow, WorkflowRun
from windsock.django.references import MARK, resolved, shortened

pytestmark = pytest.mark.django_db
LARGE = ["x" * 100] * 20


@pytest.fixture
def run() -> WorkflowRun:
    return WorkflowRun.objects.create(workflow=Workflow.objects.create(id="a", source="test"), run_id="r")


def done(run: WorkflowRun, value: Any) -> TaskRun:
    record = steps.begin(run, STEP, map_index=-1, attempt=1)
    steps.end(record, Outcome(value=value))
    return record


def reference(record: TaskRun, value: Any = LARGE) -> Any:
    return shortened(Outcome(value=value), record, limit=1_000).value


def test_a_small_result_is_told_as_it_is(run: WorkflowRun) -> None:
    outcome = Outcome(value="x" * 998)
    assert shortened(outcome, done(run, outcome.value), limit=1_000) == outcome
    assert shortened(Outcome(value=LARGE), done(run, LARGE), limit=None).value == LARGE


def test_a_large_one_is_told_as_where_it_is(run: WorkflowRun) -> None:
    record = done(run, LARGE)
    assert reference(record) == {MARK: str(record.pk), "bytes": 2_080}


def test_bytes_are_counted_not_characters(run: WorkflowRun) -> None:
    assert MARK in reference(done(run, "ü" * 600), "ü" * 600)


def test_a_result_that_is_not_in_the_record_is_told_as_it_is(run: WorkflowRun) -> None:
    record = steps.begin(run, STEP, map_index=-1, attempt=1)
    assert shortened(Outcome(value=LARGE), record, limit=1_000).value == LARGE


def test_a_reference_becomes_the_value_again(run: WorkflowRun) -> None:
    results = {"one": reference(done(run, LARGE)), "other": [1]}
    assert resolved(results, run) == {"one": LARGE, "other": [1]}


def test_without_a_reference_nothing_is_asked(run: WorkflowRun, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert resolved({"one": {"a": 1}, "two": None}, run) == {"one": {"a": 1}, "two": None}


@pytest.mark.parametrize("value", [{MARK: "no key", "bytes": 1}, {MARK: 5, "bytes": 1}, {MARK: str(uuid4())}])
def test_what_only_looks_like_one_is_a_value(run: WorkflowRun, value: Any) -> None:
    assert resolved({"one": value}, run) == {"one": value}


def test_a_reference_opens_no_other_run_and_no_other_step(run: WorkflowRun) -> None:
    found = reference(done(run, LARGE))
    other = WorkflowRun.objects.create(workflow_id="a", run_id="s")
    for results, of in (({"one": found}, other), ({"two": found}, run)):
        with pytest.raises(LookupError, match="is not kept any more"):
            resolved(results, of)


def test_a_result_that_is_gone_is_missed(run: WorkflowRun) -> None:
    found = reference(done(run, LARGE))
    TaskRun.objects.update(result=None)
    with pytest.raises(LookupError, match="the result of the step 'one' is not kept any more"):
        resolved({"one": found}, run)
