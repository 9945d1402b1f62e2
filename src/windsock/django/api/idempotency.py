"""``Idempotency-Key``: the same request gets the same answer for a day and starts nothing again."""

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_422_UNPROCESSABLE_ENTITY

from windsock.django.actions import idempotency
from windsock.django.actions.tasks import alias
from windsock.django.api.parsing import plain

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("Location",)

Answer = Callable[..., Response]


def idempotent(method: Answer) -> Answer:
    """Let a view's method that starts work honour ``Idempotency-Key``; without the header nothing changes.

    The key is taken in the transaction of the work itself, so that a second request at the same time waits
    and then gets the first one's answer. What is refused is not kept.
    """

    @wraps(method)
    def once(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = request.headers.get(HEADER)
        if given is None:
            return method(self, request, *args, **kwargs)
        if not re.fullmatch("[ -~]{1,255}", given):
            raise ValidationError({HEADER: ["Give 1 to 255 printable characters of ASCII."]})
        digest = _digest([str(request.user.pk), request.method, request.path, given])
        body = _digest(plain(request.data))
        with transaction.atomic(using=alias()):
            kept = idempotency.claim(digest, body)
            if kept is None:
                response = method(self, request, *args, **kwargs)
                _keep(digest, response)
                return response
        if kept.body_digest != body:
            detail = f"This {HEADER} came with another body before."
            return Response({"detail": detail}, status=HTTP_422_UNPROCESSABLE_ENTITY)
        answer: Any = kept.answer
        return Response(answer["data"], status=kept.status_code, headers=answer["headers"])

    return once


def _keep(digest: str, response: Response) -> None:
    if response.status_code >= 400:
        transaction.set_rollback(True, using=alias())
        return
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    data = json.loads(JSONRenderer().render(response.data) or "null")
    idempotency.keep(digest, response.status_code, {"data": data, "headers": headers})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
