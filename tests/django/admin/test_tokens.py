import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from windsock.django.actions import tokens
from windsock.django.models import ApiToken

ADD = "/admin/windsock/apitoken/add/"
NEVER = {"expires_at_0": "", "expires_at_1": ""}


def add(client: Client, user: User, **fields: Any) -> str:
    form = {"user": user.pk, "name": "laptop", **NEVER, **fields}
    return client.post(ADD, form, follow=True).content.decode()


def test_a_new_token_is_shown_once_and_works(admin_client: Client, admin_user: User) -> None:
    shown = re.search(r"not shown again: (windsock_[\w-]+)", add(admin_client, admin_user))
    assert shown is not None
    row = tokens.find(shown[1])
    assert row is not None
    assert (row.user, row.name, row.expires_at) == (admin_user, "laptop", None)
    assert ApiToken.objects.count() == 1
    assert shown[1] not in admin_client.get("/admin/windsock/apitoken/").content.decode()


def test_the_form_proposes_a_token_of_ones_own_that_expires(admin_client: Client, admin_user: User) -> None:
    page = admin_client.get(ADD).content.decode()
    assert f'<option value="{admin_user.pk}" selected>' in page
    assert re.search(r'name="expires_at_0" value="20\d\d-', page)


def test_an_end_is_kept(admin_client: Client, admin_user: User) -> None:
    add(admin_client, admin_user, expires_at_0="2999-01-01", expires_at_1="00:00:00")
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert expires_at.year == 2999


@pytest.mark.django_db
def test_only_a_superuser_makes_tokens_of_others(admin_user: User) -> None:
    staff = User.objects.create(username="staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="add_apitoken"))
    client = Client()
    client.force_login(staff)
    assert "Select a valid choice" in add(client, admin_user)
    assert not ApiToken.objects.exists()
    add(client, staff)
    assert ApiToken.objects.get().user == staff


def test_a_token_is_deleted_but_never_changed(admin_client: Client, admin_user: User) -> None:
    add(admin_client, admin_user)
    token = ApiToken.objects.get()
    change = f"/admin/windsock/apitoken/{token.pk}/change/"
    assert admin_client.post(change, {"user": admin_user.pk, "name": "other"}).status_code == 403
    admin_client.post(f"/admin/windsock/apitoken/{token.pk}/delete/", {"post": "yes"})
    assert not ApiToken.objects.exists()
