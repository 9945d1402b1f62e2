"""``/windsock/service/``: what Airflow's side asks on behalf of DAGs that people wrote.

Every request carries a short-lived token signed with the key that both sides share.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from windsock import __version__
from windsock.django.actions import tasks, waiters
from windsock.django.losses import is_away
from windsock.django.models import TaskRun
from windsock.django.service import registry, starting, states, waiting
from windsock.django.service.registry import Refused
from windsock.django.service.signed import (
    answer,
    as_key,
    body_of,
    open_to_all,
    refused,
    seconds_of,
    signed,
    taken,
    unsigned,
)

logger = logging.getLogger(__name__)

LONGEST_WAIT = 25.0  #: seconds; proxies give up after 30 or 60
MOST_CHECKS = 100  #: in one request


@signed
@require_GET
def about(request: HttpRequest) -> HttpResponse:
    """Say that the key is right."""
    return answer({"windsock": __version__})


@signed
@require_POST
def enqueue(request: HttpRequest) -> HttpResponse:
    """Start a registered task under the caller's id; the same id again answers what there is."""
    body = body_of(request)
    task, args, kwargs = starting.call_of(body)
    patience = seconds_of(body, "patience_seconds")
    try:
        run, is_new = waiters.enqueue_once(
            as_key(body.get("id"), "id"),
            starting.limited(task, patience),
            args,
            kwargs,
            owner=starting.owner(),
            instance=starting.instance_of(body),
            patience=timedelta(seconds=patience) if patience else None,
        )
    except (TypeError, ValueError) as error:
        raise Refused("args", str(error)) from None
    if run.task != task.module_path:
        raise Refused("id", f"it is the id of another task, {run.task}")
    return answer({"task": states.state_of(run)}, 201 if is_new else 200)


@signed
@require_POST
def cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    """Cancel what waits, ask what runs to stop; what has ended stays as it is."""
    run = TaskRun.objects.using(tasks.alias()).filter(pk=pk).first()
    if run is None:
        return JsonResponse({"detail": f"There is no task {pk}."}, status=404)
    tasks.cancel(run)
    return answer({"task": states.state_of(run)})


async def follow(request: HttpRequest) -> HttpResponse:
    """Answer which of many records changed; where nothing did, wait for it if the server can."""
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    if (problem := unsigned(request)) is not None:
        return problem
    try:
        known, seconds = _question(request)
    except Refused as refusal:
        return refused(refusal)
    if seconds > 0 and isinstance(request, ASGIRequest):
        return answer({"tasks": await waiting.changes(known, seconds)})
    return answer({"tasks": await sync_to_async(lambda: states.told(states.changed(known)))()})


@signed
@require_POST
def checks(request: HttpRequest) -> HttpResponse:
    """Call registered checks and count registered rows, many in one request, each for itself."""
    asked = taken(body_of(request), "checks", list, [])
    if len(asked) > MOST_CHECKS:
        raise Refused("checks", f"at most {MOST_CHECKS} in one request")
    return answer({"results": [_checked(each) for each in asked]})


def _question(request: HttpRequest) -> tuple[Mapping[Any, str], float]:
    body = body_of(request)
    known = taken(body, "tasks", dict, {})
    if len(known) > states.MOST:
        raise Refused("tasks", f"at most {states.MOST} in one request")
    seconds = seconds_of(body, "wait_seconds") or 0.0
    return {as_key(key, "tasks"): str(mark) for key, mark in known.items()}, min(LONGEST_WAIT, seconds)


def _checked(asked: Any) -> dict[str, Any]:
    """Return what a check says; what it raises is told, and is no reason to ask none of the others."""
    try:
        if not isinstance(asked, dict):
            raise Refused("checks", "expected objects")
        return _value(asked)
    except Refused as refusal:
        return {"error": {"message": str(refusal), "refused": True}}
    except Exception as error:
        if isinstance(error, DatabaseError) and is_away(error):
            raise
        logger.exception("The check %s failed", asked.get("check") or asked.get("model"))
        kind = type(error)
        return {"error": {"exception": f"{kind.__module__}.{kind.__qualname__}", "message": str(error)}}


def _value(asked: Mapping[str, Any]) -> dict[str, Any]:
    if "model" in asked:
        least = taken(asked, "at_least", int, 1)
        if least < 1:
            raise Refused("at_least", "expected a number from 1")
        found = registry.count(taken(asked, "model", str, ""), taken(asked, "filter", dict, {}), least)
        return {"met": found >= least, "value": found}
    value = registry.call_check(taken(asked, "check", str, ""), taken(asked, "kwargs", dict, {}))
    return {"met": bool(value), "value": value}


urlpatterns = [
    path("", about, name="service"),
    path("tasks/", enqueue, name="service-tasks"),
    path("tasks/follow/", open_to_all(follow), name="service-follow"),
    path("tasks/<uuid:pk>/cancel/", cancel, name="service-cancel"),
    path("checks/", checks, name="service-checks"),
]
