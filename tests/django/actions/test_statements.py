"""What a worker reads of a record; ``test_tasks`` runs the statements."""

from datetime import timedelta
from typing import Any

import pytest
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
