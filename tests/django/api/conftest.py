from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient
from tests.django import jobs


@pytest.fixture
def caller(db: None) -> User:
    """May do everything with users and groups, and is no superuser."""
    user = User.objects.create_user("caller")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    return user


class JsonClient(APIClient):
    default_format = "json"


@pytest.fixture
def api(caller: User) -> APIClient:
    """A client that is signed in as the caller and speaks JSON."""
    client = JsonClient()
    client.force_authenticate(caller)
    return client


Person = Callable[..., APIClient]


@pytest.fixture
def person(db: None) -> Person:
    """Sign somebody in who has these permissions."""

    def signed_in(*permissions: str, name: str = "ann") -> APIClient:
        user = User.objects.create_user(name)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = JsonClient()
        client.force_authenticate(user)
        return client

    return signed_in


@pytest.fixture
def document() -> dict[str, Any]:
    """A definition as people send it."""
    return {
        "id": "report",
        "title": "Report",
        "steps": [{"name": "sum", "task": jobs.add.module_path, "args": [1]}],
    }
