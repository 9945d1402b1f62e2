"""Who changes workflows: the signed-in person of a request, else on whose behalf a task runs.

``SignedInAuthor`` stands behind ``AuthenticationMiddleware``, so that a row saved in any admin or view says
on its workflow's new version who changed it.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from windsock.django.tasks import current_owner


class _Holder:
    """Keeps a user who may be lazy from being looked up: asgiref compares what context variables hold."""

    def __init__(self, user: Any) -> None:
        self.user = user


_NOBODY = _Holder(None)
_holder: ContextVar[_Holder] = ContextVar("windsock_author", default=_NOBODY)


def author() -> Any:
    """Return the primary key of the user who changes workflows now; None: nobody is known."""
    signed_in = getattr(_holder.get().user, "pk", None)
    owner = current_owner() if signed_in is None else None
    if owner is None:
        return signed_in
    # A task outlives its owner; a version by somebody who is gone would fail at the commit.
    return get_user_model()._default_manager.filter(pk=owner).values_list("pk", flat=True).first()


@contextmanager
def writing(user: Any) -> Iterator[None]:
    """Make ``user`` the author of every version that is written inside the block.

    Args:
        user: a user; None leaves whoever it is already.
    """
    token = _holder.set(_holder.get() if user is None else _Holder(user))
    try:
        yield
    finally:
        _holder.reset(token)


class SignedInAuthor:
    """Make the person who is signed in the author of what a request changes."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on; the user is not looked up before somebody asks for the author."""
        if self.is_async:
            return self._acall(request)
        with writing(getattr(request, "user", None)):
            response: HttpResponseBase = self.get_response(request)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        with writing(getattr(request, "user", None)):
            response: HttpResponseBase = await self.get_response(request)
        return response
