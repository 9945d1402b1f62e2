from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from tests.django.api.project import UserViewSet

from windsock import wire
from windsock.django.api import replay
from windsock.django.api.replay import Visit
from windsock.django.execution import Refused
from windsock.errors import UnknownTask

pytestmark = pytest.mark.django_db

VISIT = Visit(
    view="tests.django.api.project.UserViewSet",
    action="update",
    method="PUT",
    scheme="https",
    host="shop.example:8443",
    path="/api/users/7/",
    query="full=1",
    kwargs={"pk": "7"},
    options={"basename": "user", "detail": True},
)


def test_the_view_set_stands_as_it_stood_in_the_request() -> None:
    ada = User.objects.create_user("ada")

    view = replay.rebuild(wire.to_json(VISIT), {"username": "é"}, ada.pk)

    request = view.request
    assert isinstance(view, UserViewSet)
    assert (view.action, view.kwargs, view.detail) == ("update", {"pk": "7"}, True)
    assert (request.method, request.user, request.auth) == ("PUT", ada, None)
    assert (request.data, request.query_params.dict()) == ({"username": "é"}, {"full": "1"})
    assert request.build_absolute_uri() == "https://shop.example:8443/api/users/7/?full=1"


def test_nobody_acts_for_an_account_that_is_gone() -> None:
    with pytest.raises(Refused):
        replay.rebuild(wire.to_json(VISIT), None, None)


@pytest.mark.parametrize("path", ["tests.django.api.project.NotStaff", "nowhere.View", "os.system"])
def test_only_a_registered_view_set_is_used(path: str) -> None:
    ada = User.objects.create_user("ada")

    with pytest.raises(UnknownTask):
        replay.rebuild(wire.to_json(replace(VISIT, view=path)), None, ada.pk)
