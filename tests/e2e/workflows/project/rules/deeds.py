"""What a test has the project do, each call in a process of its own."""

from contextlib import suppress
from typing import Any

from django.db import transaction
from rules.locks import wait_for_lock
from rules.models import Plan

from windsock.django import sources
from windsock.django.models import WorkflowVersion


class _Regret(Exception):
    pass


def save(documents: list[dict[str, Any]]) -> None:
    """Save rows, each in a transaction of its own."""
    for document in documents:
        Plan.objects.update_or_create(pk=document["id"], defaults={"document": document})


def save_slowly(document: dict[str, Any], lock: int) -> None:
    """Save a row in a transaction that commits when the test says so."""
    with transaction.atomic():
        save([document])
        wait_for_lock(lock)


def save_and_regret(document: dict[str, Any]) -> int:
    """Save a row in a transaction that rolls back; return how many versions there were in it."""
    versions = 0
    with suppress(_Regret), transaction.atomic():
        save([document])
        versions = WorkflowVersion.objects.filter(workflow=document["id"]).count()
        raise _Regret
    return versions


def load(documents: list[dict[str, Any]]) -> int:
    """Add many rows past the signals, then publish; return how many versions were written."""
    Plan.objects.bulk_create([Plan(id=document["id"], document=document) for document in documents])
    return sources.publish_all([Plan._meta.label]).versions


def delete(ids: list[str]) -> None:
    """Delete rows one by one."""
    for plan in Plan.objects.filter(pk__in=ids):
        plan.delete()
