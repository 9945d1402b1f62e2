"""What a worker reads of a record; ``test_tasks`` runs the statements."""

import re
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from tests.django import jobs

from windsock.django.actions import enqueueing, statements, tasks
from windsock.django.models import TaskRun

pytestmark = pytest.mark.django_db


def test_a_claimed_record_is_whole() -> None:
    created = enqueueing.create(jobs.add.using(retries=2), [1], {"b": {"c": [2]}})
    claimed = tasks.claim(created.pk, 1, worker="w", lease=timedelta(seconds=30))

    assert claimed is not None
    read: dict[str, Any] = TaskRun.objects.values().get()
    assert {name: getattr(claimed, name) for name in statements.NAMES} == read
    assert claimed.get_deferred_fields() == set()


@pytest.mark.parametrize("is_analyzed", [True, False])
@pytest.mark.parametrize(
    "statement", [statements.CLAIM, statements.END, statements.END_STEP, statements.END_AND_CLAIM]
)
def test_a_row_is_found_by_its_key_whatever_the_planner_believes(statement: str, is_analyzed: bool) -> None:
    """Also right after a million rows came, when nothing has been analyzed yet."""
    numbers = count(1)
    numbered = re.sub("%s", lambda _: f"${next(numbers)}", statement)
    with connection.cursor() as cursor:
        if is_analyzed:
            cursor.execute("ANALYZE windsock_taskrun")
        # A table of one page is read whole, rightly, once the server has seen that it is one.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {numbered}")
        plan = [line for (line,) in cursor.fetchall()]

    conditions = [line for line in plan if "Index Cond" in line]
    assert conditions
    assert all("(id = " in line for line in conditions), plan
    assert not [line for line in plan if "Join Filter" in line], plan
