"""What other Celery apps of the project do, seen by Celery's signals and written into the record.

A ``@shared_task`` gains a record, and no promise beyond it: nothing is sent again, leased or cancelled here.
Whatever goes wrong while it is written is logged and kept away from the task and from whoever sends it.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_task, signals
from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils.dateparse import parse_datetime

from windsock.call import describe
from windsock.django.actions import observed
from windsock.django.actions.observed import Seen
from windsock.django.actions.tasks import alias
from windsock.django.celery.app import app
from windsock.django.celery.sending import TASK
from windsock.django.conf import is_on
from windsock.django.models.keys import uuid7
from windsock.django.storable import json_problem, surely_exceeds
from windsock.django.tasks import current_owner
from windsock.run import CELERY_STATES, Status

logger = logging.getLogger(__name__)

HEADER = "windsock_id"  #: the message's header with the record's key
MASK = "********"
LIMIT = 16 * 1024  #: bytes of JSON of a result, and of arguments


def start() -> None:
    """Listen from now on; twice is once."""
    for signal, receiver in _RECEIVERS.items():
        getattr(signals, signal).connect(receiver, weak=False, dispatch_uid=f"windsock.{signal}")


def stop() -> None:
    """Listen no more."""
    for signal in _RECEIVERS:
        getattr(signals, signal).disconnect(dispatch_uid=f"windsock.{signal}")


def _safely(receiver: Callable[..., None]) -> Callable[..., None]:
    """Keep what a receiver raises from the task and its sender."""

    def receive(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception as error:
            logger.warning("A Celery task could not be observed: %r", error)

    return receive


def _before_publish(sender: Any = None, headers: Any = None, **_: Any) -> None:
    """Give the message the key of its record, which a retry keeps."""
    if sender == TASK or headers is None or headers.get(HEADER):
        return
    request = getattr(current_task, "request", None)
    same = request is not None and request.id == headers.get("id")
    headers[HEADER] = (_header(request) if same else "") or str(uuid7())


def _published(sender: Any = None, headers: Any = None, body: Any = None, **named: Any) -> None:
    if sender == TASK or not headers or not headers.get(HEADER):
        return
    args, kwargs = body[:2] if isinstance(body, list | tuple) and len(body) > 1 else ((), {})
    seen = Seen(
        id=UUID(headers[HEADER]),
        task=str(sender),
        queue=named.get("routing_key") or "",
        owner=current_owner(),
        run_after=_moment(headers.get("eta")),
        **_arguments(args, kwargs),
    )
    if headers.get("retries"):
        return
    # A write in the caller's transaction might break it, and hold up the worker until it ends.
    on_commit = partial(_safely(_write), partial(observed.published, seen))
    transaction.on_commit(on_commit, using=alias())


def _began(task: Any = None, args: Any = None, kwargs: Any = None, **_: Any) -> None:
    if not _is_foreign(task):
        return
    request = task.request
    if not _header(request):
        request.update({HEADER: str(uuid7())})
    delivery = request.delivery_info or {}
    seen = Seen(
        id=UUID(_header(request)),
        task=task.name,
        queue=delivery.get("routing_key") or "",
        max_attempts=(task.max_retries or 0) + 1,
        **_arguments(args, kwargs),
    )
    attempt = (request.retries or 0) + 1
    _write(partial(observed.began, seen, attempt=attempt, worker=request.hostname or ""))


def _returned(task: Any = None, retval: Any = None, state: str | None = None, **_: Any) -> None:
    status = CELERY_STATES.get(state or "")
    # Failures and retries have signals of their own, with the traceback.
    if not _is_foreign(task) or status not in {Status.DONE, Status.SKIPPED}:
        return
    result = retval if status is Status.DONE and _fits(retval) else None
    _write(partial(observed.ended, UUID(_header(task.request)), status, result=result))


def _failed(sender: Any = None, exception: Any = None, einfo: Any = None, **_: Any) -> None:
    if _is_foreign(sender):
        _write(
            partial(observed.ended, UUID(_header(sender.request)), Status.FAILED, **_texts(exception, einfo))
        )


def _retried(
    sender: Any = None, request: Any = None, reason: Any = None, einfo: Any = None, **_: Any
) -> None:
    if _is_foreign(sender):
        cause = getattr(reason, "exc", None) or reason
        _write(partial(observed.retried, UUID(_header(request)), **_texts(cause, einfo)))


def _revoked(sender: Any = None, request: Any = None, **named: Any) -> None:
    if not _is_foreign(sender) or not _header(request):
        return
    why = "It expired." if named.get("expired") else "It was revoked."
    seen = Seen(id=UUID(_header(request)), task=sender.name)
    # The worker may be faster than the sender, who then must not find the place empty.
    _write(partial(observed.published, seen))
    _write(partial(observed.ended, seen.id, CELERY_STATES["REVOKED"], message=why))
    # This is the worker's parent process: what it forks must not inherit a connection.
    if not connections[alias()].in_atomic_block:
        connections[alias()].close()


_RECEIVERS = {
    "before_task_publish": _safely(_before_publish),
    "after_task_publish": _safely(_published),
    "task_prerun": _safely(_began),
    "task_postrun": _safely(_returned),
    "task_failure": _safely(_failed),
    "task_retry": _safely(_retried),
    "task_revoked": _safely(_revoked),
}


def _is_foreign(task: Any) -> bool:
    return task is not None and task.name != TASK and task.app is not app


def _header(request: Any) -> str:
    """Return the record's key from a request, whose form differs between Celery's signals."""
    return str(getattr(request, HEADER, None) or (getattr(request, "headers", None) or {}).get(HEADER) or "")


def _write(action: Callable[[], None]) -> None:
    """Write; over a new connection if the old one was lost."""
    connection = connections[alias()]
    if connection.in_atomic_block:
        # A task that runs in its caller's process, maybe in its transaction.
        with transaction.atomic(using=alias()):
            action()
        return
    try:
        action()
    except (OperationalError, InterfaceError):
        connection.close()
        action()


def _arguments(args: Any, kwargs: Any) -> dict[str, Any]:
    """Return arguments as they are shown: masked, unless the settings tell to keep them and JSON can."""
    positional, named = list(args or ()), dict(kwargs or {})
    if not (is_on("OBSERVE_CELERY_ARGUMENTS") and _fits([positional, named])):
        positional, named = [MASK] * len(positional), dict.fromkeys(named, MASK)
    return {"args": positional, "kwargs": named}


def _fits(value: Any) -> bool:
    """Whether ``value`` is JSON data of a modest size."""
    try:
        return not surely_exceeds(value, LIMIT) and not json_problem(value, limit=LIMIT)
    except (TypeError, ValueError, RecursionError):
        return False


def _texts(exception: Any, einfo: Any) -> Mapping[str, str]:
    if not isinstance(exception, BaseException):
        return {"exception": "", "message": str(exception or ""), "traceback": str(einfo or "")}
    failure = describe(exception)
    traceback = str(getattr(einfo, "traceback", "") or failure.traceback)
    return {"exception": failure.exception, "message": failure.message, "traceback": traceback}


def _moment(eta: Any) -> datetime | None:
    return parse_datetime(eta) if isinstance(eta, str) else eta
