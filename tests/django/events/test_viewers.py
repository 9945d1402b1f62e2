from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings
from rest_framework.request import Request
from tests.django.events.conftest import MakeRun

from windsock.django.api.signed_in import SignedIn
from windsock.django.api.tasks import visible_to
from windsock.django.events import changes
from windsock.django.events.positions import START
from windsock.django.events.viewers import Viewer
from windsock.django.models import ApiToken, TaskRun


def viewer_of(request: HttpRequest) -> Viewer:
    ways = [way() for way in SignedIn.authentication_classes]
    return Viewer.of(Request(request, authenticators=ways))


@pytest.fixture
def by_token(ann: User, ann_token: str) -> Viewer:
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {ann_token}"})
    return viewer_of(request)


@pytest.fixture
def session(ann: User, settings: Settings) -> Any:
    request: Any = RequestFactory().get("/")
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    login(request, ann)
    request.session.save()
    return request.session


@pytest.fixture
def by_session(ann: User, session: Any) -> Viewer:
    request: Any = RequestFactory().get("/")
    request.session, request.user = session, ann
    return viewer_of(request)


@pytest.mark.parametrize("way", ["by_token", "by_session"])
def test_who_is_still_signed_in_goes_on(way: str, ann: User, request: pytest.FixtureRequest) -> None:
    viewer: Viewer = request.getfixturevalue(way)
    again = viewer.again()
    assert again
    assert again.user == ann
    assert again.user is not viewer.user


@pytest.mark.parametrize("way", ["by_token", "by_session"])
def test_who_was_deactivated_does_not(way: str, ann: User, request: pytest.FixtureRequest) -> None:
    viewer: Viewer = request.getfixturevalue(way)
    User.objects.update(is_active=False)
    assert viewer.again() is None


def test_a_token_that_was_taken_back_or_expired_ends_it(by_token: Viewer) -> None:
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert by_token.again() is None
    ApiToken.objects.all().delete()
    assert by_token.again() is None


def test_a_session_that_was_left_ends_it(by_session: Viewer, session: Any) -> None:
    session.flush()
    assert by_session.again() is None


def test_another_password_ends_it(by_session: Viewer, ann: User) -> None:
    ann.set_password("another one")
    ann.save()
    assert by_session.again() is None


def test_another_persons_session_is_not_this_one(by_session: Viewer, session: Any) -> None:
    request: Any = RequestFactory().get("/")
    request.session = import_module("django.contrib.sessions.backends.db").SessionStore(session.session_key)
    other = User.objects.create_user("other")
    request.session["_auth_user_id"] = str(other.pk)
    request.session["_auth_user_hash"] = other.get_session_auth_hash()
    request.session.save()
    assert by_session.again() is None


def test_who_was_signed_in_by_another_middleware_is_looked_up(ann: User) -> None:
    request: Any = RequestFactory().get("/")
    request.user = ann
    viewer = viewer_of(request)
    assert viewer.again()
    User.objects.update(is_active=False)
    assert viewer.again() is None
    User.objects.all().delete()
    assert viewer.again() is None


def test_a_permission_counts_from_the_next_look_on(by_token: Viewer, ann: User) -> None:
    assert not by_token.sees_all
    ann.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    again = by_token.again()
    assert again
    assert again.sees_all


def test_a_change_is_seen_by_those_who_see_the_row(make_run: MakeRun, ann: User) -> None:
    holder, root = User.objects.create_user("holder"), User.objects.create_superuser("root")
    holder.user_permissions.add(Permission.objects.get(codename="view_taskrun"))
    for owner in (None, ann, holder, root):
        make_run(owner)
    found = changes.after(TaskRun.objects.all(), START, 0)
    for user in User.objects.all():
        viewer = Viewer(user, None, {}, user.has_perm("windsock.view_taskrun"))
        seen = {change.id for change in found if viewer.sees(change)}
        assert seen == set(visible_to(user).values_list("pk", flat=True))
        assert seen == set(viewer.runs().values_list("pk", flat=True))
