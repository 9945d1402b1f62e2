"""One workflow, and its button."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from windsock.django.actions import runs
from windsock.django.pages.access import RUN, page, visible_runs, visible_workflows
from windsock.django.pages.live import live
from windsock.django.pages.overview import row, with_newest
from windsock.django.pages.returning import back
from windsock.errors import RunRefused

RUNS = 30
VERSIONS = 10


@page
@require_safe
def workflow(request: HttpRequest, pk: str) -> HttpResponse:
    """Show a workflow's runs and versions."""
    found = get_object_or_404(with_newest(visible_workflows(request.user)), pk=pk)
    latest = (
        visible_runs(request.user)
        .filter(workflow=found)
        .select_related("requested_by")
        .order_by("-id")[:RUNS]
    )
    versions = found.versions.select_related("author").defer("document").order_by("-id")[:VERSIONS]
    context = {
        "row": row(found, []),
        "runs": latest[:RUNS],
        "versions": versions,
        "can_run": request.user.has_perm(RUN),
        "here": request.get_full_path(),
    }
    return live(request, "workflow", context)


@page
@require_POST
def run_now(request: HttpRequest, pk: str) -> HttpResponse:
    """Ask for a run and return to where the button was pressed."""
    found = get_object_or_404(visible_workflows(request.user), pk=pk)
    if not request.user.has_perm(RUN):
        raise PermissionDenied
    try:
        runs.request(found, user=request.user)
    except RunRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"A run of {found} is on its way.")
    return back(request)
