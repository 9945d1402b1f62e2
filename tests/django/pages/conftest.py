"""People and workflows for the pages."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from windsock.django.models import Workflow, WorkflowRun, WorkflowVersion
from windsock.run import Status

MakeWorkflow = Callable[..., Workflow]
MakeUser = Callable[..., User]

DOCUMENT = {
    "id": "w",
    "schedule": {"cron": ["@hourly"]},
    "steps": [
        {"name": "keep", "task": "shop.tasks.keep", "after": ["draw"]},
        {"name": "draw", "task": "shop.tasks.draw"},
    ],
}


@pytest.fixture
def make_user(db: None) -> MakeUser:
    def make(username: str, *permissions: str) -> User:
        user = User.objects.create_user(username, f"{username}@example.com", "a long password")
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        return user

    return make


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    user = make_user("admin")
    user.is_superuser = user.is_staff = True
    user.save()
    return user


@pytest.fixture
def browser(admin: User) -> Client:
    """A client in which the superuser is logged in."""
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def make_workflow(db: None) -> MakeWorkflow:
    keys = count(1)  # Two time-ordered keys of one millisecond have no order.

    def make(pk: str, *statuses: Status, **fields: Any) -> Workflow:
        workflow = Workflow.objects.create(pk=pk, source="shop.Report", **fields)
        version = WorkflowVersion.objects.create(
            workflow=workflow, digest="d", document=DOCUMENT | {"id": pk}
        )
        WorkflowVersion.objects.filter(pk=version.pk).update(revision=version.pk)
        Workflow.objects.filter(pk=pk).update(live_revision=version.pk)
        workflow.refresh_from_db()
        for number, status in enumerate(statuses):
            WorkflowRun.objects.create(
                pk=UUID(int=next(keys)),
                workflow=workflow,
                run_id=f"run {number}",
                status=status,
                revision=version.pk,
            )
        return workflow

    return make
