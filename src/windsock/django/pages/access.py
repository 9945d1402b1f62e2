"""Who may open a page, and what such a person sees on it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache

from windsock.django.models import Workflow, WorkflowRun

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: Who may start a run.
RUN = "windsock.add_workflowrun"
#: No script, style or frame but our own.
POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"


def page(view: View[P]) -> View[P]:
    """Make a view a page: for people who are logged in, never cached, with a content security policy."""

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            response = view(request, *args, **kwargs)
        elif "HX-Request" in request.headers:
            # A redirect would put the login form into the middle of the page that asks.
            response = HttpResponse(status=401, headers={"HX-Refresh": "true"})
        else:
            response = redirect_to_login(request.get_full_path(), reverse("windsock:login"))
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return guarded


def visible_workflows(user: Any) -> QuerySet[Workflow]:
    """Return the workflows that ``user`` sees: all with ``view_workflow``, else none."""
    known = Workflow.objects.filter(retired_at=None)
    return known if user.has_perm("windsock.view_workflow") else known.none()


def visible_runs(user: Any) -> QuerySet[WorkflowRun]:
    """Return the runs that ``user`` sees: all with ``view_workflowrun``, of retired workflows too."""
    runs = WorkflowRun.objects.all()
    return runs if user.has_perm("windsock.view_workflowrun") else runs.none()
