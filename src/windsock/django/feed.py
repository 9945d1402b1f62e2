"""The feed: what Airflow's side reads of the published workflows, and reports about them.

Every request carries a short-lived token signed with the key that both sides share.
"""

import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from windsock import signing, wire
from windsock.django.actions import refusals
from windsock.django.conf import settings
from windsock.django.history import version_at
from windsock.django.models import WorkflowVersion
from windsock.errors import SignatureError, WireError

AUDIENCE = "feed"
P = ParamSpec("P")
_TABLE = WorkflowVersion._meta.db_table
#: The highest revision is always among the rows, so that one query tells whether there is news at all.
_NEWS = f"""
    SELECT DISTINCT ON (workflow_id, refusal = '') id, workflow_id, revision, refusal, document
    FROM (
        (SELECT id, workflow_id, revision, refusal, document FROM {_TABLE} WHERE revision > %(after)s)
        UNION ALL (
            SELECT id, workflow_id, revision, refusal, NULL FROM {_TABLE}
            WHERE revision IS NOT NULL ORDER BY revision DESC LIMIT 1
        )
    ) news
    ORDER BY workflow_id, refusal = '', revision DESC, document IS NULL
"""  # noqa: S608


def _signed(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Answer 401 to a request without a sound token."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme != "Bearer":
                raise SignatureError
            signing.verify(token, settings.FEED_KEY, AUDIENCE)
        except SignatureError as error:
            return JsonResponse({"detail": str(error)}, status=401, headers={"WWW-Authenticate": "Bearer"})
        return view(request, *args, **kwargs)

    return csrf_exempt(checked)


@_signed
@require_GET
def changes(request: HttpRequest) -> HttpResponse:
    """Answer the newest version of each workflow that changed after revision ``after``.

    Where Airflow refused that, the newest that it did not refuse is told too.
    """
    after = _revision(request, "after")
    if after is None:
        return _refused("after must be a revision")
    versions = list(WorkflowVersion.objects.raw(_NEWS, {"after": after}))
    revision = max((version.revision or 0 for version in versions), default=0)
    entries = _entries(version for version in versions if (version.revision or 0) > after)
    return JsonResponse({"protocol": wire.PROTOCOL, "revision": revision, "entries": entries})


@_signed
@require_GET
def one(request: HttpRequest, workflow: str) -> HttpResponse:
    """Answer what was in force of a workflow at ``revision``."""
    revision = _revision(request, "revision")
    if revision is None:
        return _refused("revision must be a revision")
    version = version_at(workflow, revision)
    if version is None:
        return JsonResponse({"detail": f"{workflow!r} has no version up to {revision}"}, status=404)
    return JsonResponse({"protocol": wire.PROTOCOL, "entry": _entry(version)})


@_signed
@require_http_methods(["GET", "POST"])
def problems(request: HttpRequest) -> HttpResponse:
    """Take down what Airflow's side refuses; an empty message clears it."""
    if request.method == "GET":
        return one(request, workflow="problems")
    try:
        message = json.loads(request.body)
        wire.check_protocol(message)
        reports = [
            (str(report["workflow"]), int(report["revision"]), str(report["message"]))
            for report in message["problems"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, WireError) as error:
        return _refused(f"not a report of problems: {error}")
    for workflow, revision, text in reports:
        refusals.report(workflow, revision, text.replace("\x00", ""))
    return HttpResponse(status=204)


def _entries(versions: Iterable[WorkflowVersion]) -> list[dict[str, Any]]:
    """Return what is told of the newest taken and the newest refused version of each workflow."""
    found = sorted(map(_entry, versions), key=lambda entry: entry["revision"])
    taken = {entry["workflow"]: entry["revision"] for entry in found if not entry.get("refused")}
    return [entry for entry in found if entry["revision"] >= taken.get(entry["workflow"], 0)]


def _entry(version: WorkflowVersion) -> dict[str, Any]:
    entry = {"workflow": version.workflow_id, "revision": version.revision, "document": version.document}
    return entry | ({"refused": True} if version.refusal else {})


def _revision(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _refused(detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=400)


urlpatterns = [
    path("", changes, name="feed"),
    path("problems/", problems, name="feed-problems"),
    path("<path:workflow>/", one, name="feed-workflow"),
]
