"""An answer for the time in which the database is away: 503 and when to come again, never 500."""

import logging
import sys
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from windsock.django.losses import is_away

logger = logging.getLogger(__name__)

RETRY_AFTER = 5  #: seconds
TEXT = "The database cannot be reached at the moment. Try again in a few seconds."
_MARK = "_windsock_database_away"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="{seconds}">
<title>Back in a moment</title></head>
<body><h1>Back in a moment</h1><p>{text}</p></body></html>
"""

Answer = Callable[[HttpRequest], Any]


class DatabaseAway:
    """Answer 503 with ``Retry-After`` when the database was lost, wherever in a request that happened.

    It has to stand first in ``MIDDLEWARE``: what a middleware above it raises it cannot see. What is raised
    after the first byte of a streamed answer comes too late.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on and look at what comes back."""
        if self.is_async:
            return self._acall(request)
        try:
            response: HttpResponseBase = self.get_response(request)
        except Exception as error:
            return self._answer_or_raise(request, error)
        return _looked_at(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response: HttpResponseBase = await self.get_response(request)
        except Exception as error:
            return self._answer_or_raise(request, error)
        return _looked_at(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view, before Django makes an error page of it."""
        return unavailable(request, exception) if is_away(exception) else None

    def _answer_or_raise(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """Only a failing error page or ``DEBUG_PROPAGATE_EXCEPTIONS`` lets an exception come so far."""
        lost = getattr(request, _MARK, None) or error
        if not is_away(lost):
            raise error
        return unavailable(request, lost)


def _looked_at(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    lost = getattr(request, _MARK, None)
    return response if lost is None or response.status_code != 500 else unavailable(request, lost)


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Return the answer: JSON for the API and for who prefers it, else a page."""
    logger.warning("%s %s was answered with 503: %s", request.method, request.path, error)
    headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
    if _wants_json(request):
        return JsonResponse({"detail": TEXT}, status=503, headers=headers)
    return HttpResponse(_PAGE.format(seconds=RETRY_AFTER, text=escape(TEXT)), status=503, headers=headers)


def _wants_json(request: HttpRequest) -> bool:
    if "/api/" in request.path or "application/json" in (request.content_type or ""):
        return True
    preferred = request.get_preferred_type(["text/html", "application/json"])
    return preferred == "application/json"


def _note(request: HttpRequest | None = None, **_: Any) -> None:
    """Mark a request for which Django makes a 500, since a middleware sees but the response of those below.

    Each layer of middleware turns exceptions into responses on its own; this signal comes out of all of them,
    while the exception is being handled.
    """
    error = sys.exc_info()[1]
    if request is not None and not hasattr(request, _MARK) and is_away(error):
        setattr(request, _MARK, error)


got_request_exception.connect(_note, dispatch_uid="windsock.database_away")
