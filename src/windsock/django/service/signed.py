"""Who may ask for a service, and what is answered to a request that is not understood."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from windsock import signing, wire
from windsock.django.conf import settings
from windsock.django.service.registry import Refused
from windsock.errors import SignatureError, WireError

AUDIENCE = "service"
T = TypeVar("T")


def signed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 401 to a request without a sound token, 400 to one that is refused; naming the field."""

    @wraps(view)
    def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponse:
        if (problem := unsigned(request)) is not None:
            return problem
        try:
            return view(request, **kwargs)
        except Refused as refusal:
            return refused(refusal)

    return open_to_all(checked)


def open_to_all(view: Callable[..., T]) -> Callable[..., T]:
    """Take a view out of what the project wants of people: CSRF tokens, a login, one transaction each."""
    opened: Any = login_not_required(csrf_exempt(view))  # type: ignore[type-var]
    for alias in connections:
        opened = transaction.non_atomic_requests(using=alias)(opened)
    return opened  # type: ignore[no-any-return]


def unsigned(request: HttpRequest) -> HttpResponse | None:
    """Return what is answered to a request without a sound token; None: it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme != "Bearer":
            raise SignatureError
        signing.verify(token, settings.FEED_KEY, AUDIENCE)
    except SignatureError as error:
        return JsonResponse({"detail": str(error)}, status=401, headers={"WWW-Authenticate": "Bearer"})
    return None


def refused(refusal: Refused) -> HttpResponse:
    """Return the answer that names the field."""
    return JsonResponse({"detail": str(refusal), "errors": {refusal.field: refusal.message}}, status=400)


def answer(content: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """Return an object as the wire has it."""
    return JsonResponse({"protocol": wire.PROTOCOL, **content}, status=status)


def body_of(request: HttpRequest) -> Mapping[str, Any]:
    """Return the object that a request carries.

    Raises:
        Refused: it carries none, or speaks another protocol.
    """
    try:
        body = json.loads(request.body)
        if not isinstance(body, dict):
            raise WireError("expected an object")
        wire.check_protocol(body)
    except RequestDataTooBig:
        raise Refused("body", "it is larger than DATA_UPLOAD_MAX_MEMORY_SIZE of the settings") from None
    except (ValueError, RecursionError, WireError) as error:
        raise Refused("body", str(error)) from None
    return body


def taken(body: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """Return a field of the kind that it has to be.

    Raises:
        Refused: it is of another kind.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Refused(name, f"expected {kind.__name__}, not {type(value).__name__}")
    return value


def seconds_of(body: Mapping[str, Any], name: str) -> float | None:
    """Return a number of seconds; None: the field is left out.

    Raises:
        Refused: it is no such number.
    """
    value = body.get(name)
    if value is None:
        return None
    # Half of what a timedelta holds, so that it can be added to a date.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e10:
        raise Refused(name, "expected a number of seconds")
    return float(value)


def as_key(text: Any, name: str) -> UUID:
    """Return the key of a record.

    Raises:
        Refused: it is none.
    """
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError):
        raise Refused(name, f"{text!r} is not a UUID") from None
