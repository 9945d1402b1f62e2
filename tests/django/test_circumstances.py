from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from tests.django import jobs

from windsock.call import Failure
from windsock.django.circumstances import Circumstances, arguments, needs_run
from windsock.django.models import WorkflowRun
from windsock.workflow import Step

MOMENT = "2026-01-02T00:00:00+00:00"
DATES = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end"), MOMENT)
REFERENCE = {"windsock_result": str(uuid4()), "bytes": 1}


def step(*args: Any, task: str = jobs.add.module_path) -> Step:
    return Step(name="one", task=task, args=args)


def around(**changes: Any) -> Circumstances:
    return Circumstances(**{"params": {"day": "mon"}, "results": {}, **DATES, **changes})


@pytest.mark.parametrize(
    ("args", "changes", "expected"),
    [
        ((1, ["plain"]), {"logical_date": None, "results": {"load": REFERENCE}}, False),
        (({"deep": ["{{ ds }}"]},), {}, False),
        (("{{ ds }}",), {"logical_date": None}, True),
        (("{{ ds }}",), {"data_interval_end": None}, True),
        (("{{ results.load }}",), {"results": {"load": REFERENCE}}, True),
        (("{{ results.load }}",), {"results": {"load": {"bytes": 1}}}, False),
    ],
)
def test_the_run_has_a_part_where_its_moment_or_its_kept_results_do(
    args: tuple[Any, ...], changes: dict[str, Any], expected: bool
) -> None:
    assert needs_run(step(*args), around(**changes)) is expected


def test_arguments_are_made_of_the_circumstances() -> None:
    made = arguments(step("{{ ds }}", "{{ params.day }}", "{{ run_id }}"), around(), "r")
    assert made == (["2026-01-02", "mon", "r"], {})


def test_a_run_without_a_date_takes_its_own_moment() -> None:
    run = WorkflowRun(run_id="r", created_at=timezone.now())
    made = arguments(step("{{ logical_date }}"), around(logical_date=None), "r", run)
    assert made == ([run.created_at.isoformat()], {})


@pytest.mark.parametrize(
    ("what", "changes", "message"),
    [
        (step("{{ results.load.x }}"), {"results": {"load": {}}}, "has no attribute 'x'"),
        (step(task="os.getcwd"), {}, "os.getcwd"),
        (step("{{ params.day }}"), {"params": {"day": "\0"}}, "cannot be kept: it holds the character NUL"),
        (step("{{ params.day }}"), {"params": {"day": [float("nan")]}}, "not JSON"),
    ],
)
def test_what_goes_wrong_is_the_failure_of_the_step(
    what: Step, changes: dict[str, Any], message: str
) -> None:
    failure = arguments(what, around(**changes), "r")
    assert isinstance(failure, Failure)
    assert message in failure.message
