"""Results that are too large for Airflow: they stay in the record, and an XCom holds a reference to it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from windsock.call import Outcome
from windsock.django.models import TaskRun, WorkflowRun
from windsock.run import Status

MARK = "windsock_result"
_KEYS = {MARK, "bytes"}


def shortened(outcome: Outcome, record: TaskRun, *, limit: int | None) -> Outcome:
    """Return the outcome as Airflow keeps it.

    Args:
        outcome: what the attempt that ``record`` holds has come to.
        record: has the result.
        limit: bytes of JSON that an XCom may have; None: any number.
    """
    if limit is None or outcome.value is None or record.status != Status.DONE:
        return outcome
    size = len(json.dumps(outcome.value, ensure_ascii=False).encode())
    return outcome if size <= limit else replace(outcome, value={MARK: str(record.pk), "bytes": size})


def resolved(results: Mapping[str, Any], run: WorkflowRun) -> Mapping[str, Any]:
    """Return the results of earlier steps with the values in place of references.

    Args:
        results: step -> its XCom.
        run: theirs; a reference to anything else is none.

    Raises:
        LookupError: a result is not kept any more.
    """
    references = {name: value[MARK] for name, value in results.items() if is_reference(value)}
    if not references:
        return results
    records = TaskRun.objects.filter(pk__in=references.values(), workflow_run=run, step__in=references)
    found = {(step, str(key)): result for step, key, result in records.values_list("step", "pk", "result")}
    values = {name: found.get((name, key)) for name, key in references.items()}
    for name, value in values.items():
        if value is None:
            raise LookupError(f"the result of the step {name!r} is not kept any more")
    return {**results, **values}


def is_reference(value: Any) -> bool:
    """Whether an XCom holds a reference in place of the result itself."""
    if not isinstance(value, Mapping) or value.keys() != _KEYS:
        return False
    try:
        return bool(str(UUID(value[MARK])) == value[MARK])
    except (ValueError, AttributeError, TypeError):
        return False
