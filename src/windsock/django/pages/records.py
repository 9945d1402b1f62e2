"""From a task instance in Airflow to its record."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from windsock.django.api.tasks import visible_to
from windsock.django.models import TaskRun
from windsock.django.pages.access import page


@page
@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Redirect to the record of a step, or of the task that a DAG started; Airflow's links lead here.

    Raises:
        Http404: there is none, or not for this user.
    """
    found = _of_instance(visible_to(request.user), request)
    if found is None:
        raise Http404
    return redirect("windsock:task", pk=found)


def _of_instance(runs: QuerySet[TaskRun], request: HttpRequest) -> object:
    asked = request.GET
    try:
        map_index, try_number = int(asked.get("map_index", "-1")), int(asked.get("try_number", "0"))
    except ValueError:
        return None
    names = {name: asked.get(name, "").replace("\x00", "") for name in ("dag_id", "run_id", "task_id")}
    step = runs.filter(
        workflow_run__workflow=names["dag_id"],
        workflow_run__run_id=names["run_id"],
        step=names["task_id"],
        map_index=map_index,
    )
    started = runs.filter(waiter__map_index=map_index, **{f"waiter__{name}": names[name] for name in names})
    tries = started.filter(waiter__try_number=try_number) if try_number else started
    keys = [found.order_by("-created_at").values_list("pk", flat=True).first() for found in (step, tries)]
    return next((key for key in keys if key is not None), None)
