"""What a step's arguments are made of besides the step itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from windsock.call import Failure, describe
from windsock.django import rendering, tasks
from windsock.django.actions.steps import Arguments
from windsock.django.models import WorkflowRun
from windsock.django.references import is_reference, resolved
from windsock.django.storable import json_problem
from windsock.workflow import Step

#: Bytes that a jsonb column keeps. Source: PostgreSQL, ``JENTRY_OFFLENMASK``.
_LIMIT = 2**28 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What the templates of a step are rendered with."""

    logical_date: str | None = None
    data_interval_start: str | None = None
    data_interval_end: str | None = None
    params: Mapping[str, Any]
    results: Mapping[str, Any]  #: step -> what its XCom holds
    version: int | None = None  #: revision of the version that Airflow runs; None: it does not say
    first_attempt: int | None = None  #: since the step was cleared last; None: Airflow does not say
    xcom_limit: int | None = None  #: bytes of JSON; a larger result stays here; None: none does


def needs_run(step: Step, around: Circumstances) -> bool:
    """Whether the row of the run has a part in the arguments: its moment, or results that are kept here."""
    if not rendering.has_templates((step.args, step.kwargs)):
        return False
    dates = (around.logical_date, around.data_interval_start, around.data_interval_end)
    return not all(dates) or any(map(is_reference, around.results.values()))


def arguments(
    step: Step, around: Circumstances, run_id: str, run: WorkflowRun | None = None
) -> Arguments | Failure:
    """Return the arguments with which a step is called, or as what it fails without them.

    A run without a logical date takes the moment at which it was created.

    Args:
        step: as the run's version has it.
        around: dates, params and results.
        run_id: Airflow's id of the run.
        run: its row; not needed where ``needs_run`` says so.
    """
    try:
        tasks.resolve(step.task)
        created = run.created_at if run else timezone.now()
        names = rendering.variables(
            params=around.params,
            results=resolved(around.results, run) if run else around.results,
            run_id=run_id,
            logical_date=_moment(around.logical_date) or created,
            data_interval=(
                _moment(around.data_interval_start) or created,
                _moment(around.data_interval_end) or created,
            ),
        )
        found = rendering.render(list(step.args), names), rendering.render(step.kwargs, names)
        json.dumps(found, allow_nan=False)
        if problem := json_problem(found, limit=_LIMIT):
            raise ValueError(f"the arguments cannot be kept: {problem}")
    except Exception as error:
        return describe(error)
    return found


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
