import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


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
