import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils.functional import SimpleLazyObject
from tests.django.plans import a_plan

from windsock.django import authorship
from windsock.django.actions import definitions
from windsock.django.models import WorkflowVersion
from windsock.django.tasks import acting_as

ANN, BOB = User(pk=1, username="ann"), User(pk=2, username="bob")


def test_the_innermost_writer_is_the_author() -> None:
    assert authorship.author() is None
    with authorship.writing(ANN):
        with authorship.writing(BOB):
            assert authorship.author() == BOB.pk
        with authorship.writing(None):
            assert authorship.author() == ANN.pk
    assert authorship.author() is None


@pytest.mark.django_db
def test_a_task_writes_for_its_owner_as_long_as_there_is_one(admin_user: User) -> None:
    with acting_as(admin_user):
        assert authorship.author() == admin_user.pk
        with authorship.writing(AnonymousUser()):
            assert authorship.author() == admin_user.pk
        with authorship.writing(BOB):
            assert authorship.author() == BOB.pk
    with acting_as(User(pk=admin_user.pk + 1)):
        definitions.create(a_plan())
    assert WorkflowVersion.objects.get().author is None


def test_a_lazy_user_is_not_looked_up_where_contexts_pass_from_thread_to_thread() -> None:
    """It would ask the database in an event loop, which waits for the very thread that asked."""

    def look_up() -> User:
        raise AssertionError("looked up")

    async def pass_on() -> None:
        await sync_to_async(lambda: None)()

    with authorship.writing(SimpleLazyObject(look_up)):
        async_to_sync(pass_on)()


def request_of(user: Any) -> HttpRequest:
    request = HttpRequest()
    request.user = user
    return request


def answer(seen: list[Any]) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        seen.append(authorship.author())
        return HttpResponse()

    return view


def test_a_request_writes_for_who_is_signed_in() -> None:
    seen: list[Any] = []
    for user in (ANN, AnonymousUser()):
        authorship.SignedInAuthor(answer(seen))(request_of(user))
    authorship.SignedInAuthor(answer(seen))(HttpRequest())

    assert seen == [ANN.pk, None, None]
    assert authorship.author() is None


def test_an_async_request_writes_for_who_is_signed_in() -> None:
    seen: list[Any] = []

    async def view(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        return await sync_to_async(answer(seen))(request)

    async def ask_all() -> None:
        middleware = authorship.SignedInAuthor(view)
        await asyncio.gather(*(middleware(request_of(user)) for user in (ANN, BOB)))  # type: ignore[arg-type]

    asyncio.run(ask_all())
    assert sorted(seen) == [ANN.pk, BOB.pk]


@pytest.mark.django_db
def test_a_version_names_its_author(admin_client: Client, admin_user: User) -> None:
    with authorship.writing(admin_user):
        definitions.create(a_plan())
    assert WorkflowVersion.objects.get().author == admin_user
