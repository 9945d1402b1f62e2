"""Keeping what an attempt comes to together with what it changed."""

import json
from typing import Any

from windsock.django.actions.tasks import alias
from windsock.django.models import TaskRun
from windsock.django.prepared import fetch_one
from windsock.errors import Lost

_KEEP = """
    UPDATE windsock_taskrun SET result = %s::jsonb, related_id = %s
    WHERE id = %s AND status = 'PROCESSING' AND attempt = %s
    RETURNING id
"""


def keep(run: TaskRun, result: Any, *, related_id: str) -> None:
    """Write the result of a running attempt in the caller's transaction, before the attempt ends.

    When that transaction is committed, whatever becomes of the attempt, the next one finds the result in its
    record and has nothing left to do.

    Args:
        run: the record with the attempt.
        result: JSON data.
        related_id: the key of the row that the task is about.

    Raises:
        Lost: the attempt is over or belongs to somebody else; what was done must be rolled back.
    """
    values = (json.dumps(result), related_id, run.pk, run.attempt)
    if fetch_one(alias(), _KEEP, values) is None:
        raise Lost(f"Attempt {run.attempt} was ended or taken over elsewhere.")
