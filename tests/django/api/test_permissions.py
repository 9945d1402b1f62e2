from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User

from windsock.django.api.permissions import Needed

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    user = User.objects.create_user("viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_workflow"))
    return user


def allowed(user: Any, action: str | None) -> bool:
    view = SimpleNamespace(
        action=action, needs={"list": "windsock.view_workflow", "run": "windsock.add_workflowrun"}
    )
    request: Any = SimpleNamespace(user=user)
    return Needed().has_permission(request, view)


def test_reading_needs_a_permission_too(user: User) -> None:
    assert allowed(user, "list")
    assert not allowed(User.objects.create_user("other"), "list")


def test_what_has_no_permission_is_refused(user: User) -> None:
    assert not allowed(user, "run")
    assert not allowed(user, "destroy")


@pytest.mark.parametrize("action", ["list", "metadata", None])
def test_nothing_is_open_to_everybody(action: str | None) -> None:
    assert not allowed(AnonymousUser(), action)
