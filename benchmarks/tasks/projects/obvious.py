"""The obvious tracked design: create the row, send its id, load and save it on each state."""

import os
from collections.abc import Callable

from celery import Celery

from projects import effect
from projects.migrated import setup

__all__ = ["app", "enqueue", "setup"]

app = Celery("obvious", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = int(os.environ.get("BENCH_PREFETCH", "4"))


def _tracked(job_id: str, function: Callable[[int], None]) -> None:
    # The worker imports this module before Django is set up.
    from projects.obvious_app.models import Job

    job = Job.objects.get(pk=job_id)
    job.status = "PROCESSING"
    job.save()
    function(job.input_data["number"])
    job = Job.objects.get(pk=job_id)
    job.status, job.progress, job.result = "DONE", 100, {"success": True}
    job.save()


@app.task(name="noop")
def noop(job_id: str) -> None:
    _tracked(job_id, effect.noop)


@app.task(name="nap")
def nap(job_id: str) -> None:
    _tracked(job_id, effect.nap)


TASKS = {"noop": noop, "nap": nap}


def enqueue(name: str, number: int) -> str:
    from projects.obvious_app.models import Job

    job = Job.objects.create(task_name=name, input_data={"number": number})
    TASKS[name].delay(str(job.pk))
    return str(job.pk)
