"""Fill an empty database of the example with what the pages' tests and pictures look at.

Run it in the example's environment: ``python seed.py``. Prints one JSON object of the keys that tests need.
"""

import json
import random
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from simulator.models import Simulator  # noqa: E402
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion  # noqa: E402
from windsock.run import Status  # noqa: E402

NOW = timezone.now()
DICE = random.Random(7)
MORE = (("Control tower", "hourly"), ("Glider hill", "daily"), ("Sea lock", "hourly"))
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/simulator/tasks.py", line 31, in request_kpi
    response.raise_for_status()
httpx.HTTPStatusError: Server error '503 Service Unavailable'
"""


def main() -> None:
    user = get_user_model().objects.create_superuser("admin", "admin@example.com", "a long password")
    reader = get_user_model().objects.create_user("reader", "reader@example.com", "a long password")
    call_command("loaddata", "simulators", verbosity=0)
    for name, interval in MORE:
        Simulator(name=name, interval=interval, start_date=NOW.date()).save()
    give_revisions()
    Workflow.objects.filter(title="Ridge mast").update(is_paused=True)
    Workflow.objects.filter(title="Glider hill").update(
        problem="schedule.cron.0: '61 * * * *' is not a cron expression"
    )
    Workflow.objects.filter(title="Sea lock").update(live_revision=None)
    failed = None
    for workflow in Workflow.objects.exclude(title="Sea lock"):
        failed = runs(workflow, user) or failed
    tasks(user)
    task = tasks(reader, only="report_for_reader")
    print(json.dumps({"failed_run": str(failed.pk) if failed else None, "reader_task": str(task.pk)}))


def give_revisions() -> None:
    start = WorkflowVersion.objects.filter(revision__isnull=False).count()
    for number, version in enumerate(WorkflowVersion.objects.filter(revision=None).order_by("id"), start + 1):
        WorkflowVersion.objects.filter(pk=version.pk).update(revision=number, live_at=NOW)
    for version in WorkflowVersion.objects.all():
        Workflow.objects.filter(pk=version.workflow_id).update(live_revision=version.revision)


def runs(workflow: Workflow, user: Any) -> WorkflowRun | None:
    count = {"Runway east": 24, "Control tower": 24, "North field": 24}.get(
        workflow.title, DICE.randint(6, 17)
    )
    step = timedelta(days=1) if count < 20 else timedelta(hours=1)
    failed = None
    for index in range(count):
        status = Status.FAILED if DICE.random() < 0.07 else Status.DONE
        last = index == count - 1
        if last and workflow.title == "North field":
            status = Status.PROCESSING
        if last and workflow.title == "Control tower":
            status = Status.FAILED
        created = NOW - step * (count - 1 - index) - timedelta(seconds=9)
        run = WorkflowRun.objects.create(
            workflow=workflow,
            run_id=f"scheduled__{created.isoformat()}",
            origin="schedule",
            status=status,
            revision=workflow.live_revision,
            logical_date=created,
            started_at=created + timedelta(seconds=1),
            finished_at=None
            if status == Status.PROCESSING
            else created + timedelta(seconds=DICE.uniform(2, 6)),
        )
        WorkflowRun.objects.filter(pk=run.pk).update(created_at=created)
        if last:
            steps(run)
        if last and status == Status.FAILED:
            failed = run
    return failed


def steps(run: WorkflowRun) -> None:
    answer = {"kpi_id": 1, "name": "Power density", "unit": "W/m2", "value": 7.5, "result": 258.398438}
    ask = Status(run.status)
    step(run, "draw", "simulator.tasks.draw_value", Status.DONE, result=7.5)
    if ask == Status.FAILED:
        message = "Server error '503 Service Unavailable'"
        trouble = {"exception": "httpx.HTTPStatusError", "message": message, "traceback": TRACEBACK}
        step(run, "ask", "simulator.tasks.request_kpi", ask, **trouble)
    else:
        step(run, "ask", "simulator.tasks.request_kpi", ask, result=answer)
    if ask == Status.DONE:
        step(run, "keep", "simulator.tasks.keep_reading", ask, result=12)


def step(run: WorkflowRun, name: str, task: str, status: Status, **fields: Any) -> None:
    begun = run.started_at or NOW
    TaskRun.objects.create(
        task=task,
        name=task.rpartition(".")[2],
        workflow_run=run,
        step=name,
        status=status,
        attempt=1,
        progress=100 if status == Status.DONE else 0,
        started_at=begun,
        finished_at=None if status == Status.PROCESSING else begun + timedelta(milliseconds=180),
        **fields,
    )


def tasks(user: Any, only: str = "") -> TaskRun:
    lines = [
        ("import_readings", Status.DONE, 100, 3600, 41.0),
        ("create_user", Status.DONE, 100, 1500, 0.12),
        ("delete_user", Status.CANCELLED, 0, 1320, 0.4),
        ("create_user", Status.FAILED, 50, 900, 0.09),
        ("export_month", Status.DONE, 100, 540, 12.4),
        ("list_users", Status.DONE, 100, 260, 0.05),
        ("recompute_kpis", Status.PROCESSING, 64, 95, None),
        ("export_month", Status.PROCESSING, 12, 8, None),
        ("update_user", Status.PENDING, 0, 2, None),
    ]
    for name, status, progress, age, seconds in [(only, Status.DONE, 100, 1, 0.2)] if only else lines:
        created = NOW - timedelta(seconds=age)
        users = name.endswith(("user", "users"))
        task = TaskRun.objects.create(
            task=f"example.tasks.{name}",
            name=name,
            owner=user,
            status=status,
            progress=progress,
            attempt=0 if status == Status.PENDING else 1,
            started_at=None if status == Status.PENDING else created,
            finished_at=created + timedelta(seconds=seconds) if seconds else None,
            related_table="users_user" if users else "",
            operation=name.partition("_")[0].upper().replace("LIST", "READ") if users else "",
            message="email: user with this email address already exists." if status == Status.FAILED else "",
        )
        TaskRun.objects.filter(pk=task.pk).update(created_at=created)
    return task


main()
connection.close()
