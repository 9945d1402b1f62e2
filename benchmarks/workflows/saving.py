"""The process that saves rows, in the example's own interpreter: one JSON line in, one out."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

#: No run begins by itself while figures are taken.
START = date(2099, 1, 1)
INTERVALS = ("hourly", "daily", "weekly", "cron")
REQUESTS = 40


def main() -> None:
    """Obey until the input ends."""
    import django

    django.setup()
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {"answer": ORDERS[order["do"]](**order["values"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"order": order["order"], **answer}), file=answers, flush=True)


def fields(number: int) -> dict[str, Any]:
    """Return the columns of a row; no two rows are alike, and a quarter has a cron expression of its own."""
    place = number // len(INTERVALS)
    interval = INTERVALS[number % len(INTERVALS)]
    cron = f"{place % 60} {place // 60 % 24} * * {place // 1440 % 7}" if interval == "cron" else ""
    return {
        "name": f"Mast {number}",
        "start_date": START,
        "interval": interval,
        "cron": cron,
        "kpi_id": 1 + number % 4,
    }


def fill(count: int) -> list[int]:
    """Add rows in bulk, which publishes nothing; return their keys."""
    from simulator.models import Simulator

    rows = Simulator.objects.bulk_create(
        (Simulator(**fields(each)) for each in range(count)), batch_size=1000
    )
    return [row.pk for row in rows]


def publish() -> dict[str, float]:
    """Run `manage.py workflows publish`."""
    from django.core.management import call_command

    began, cpu = time.monotonic(), time.process_time()
    call_command("workflows", "publish")
    return {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu}


def edit(key: int, number: int) -> dict[str, Any]:
    """Change a row and save it; the moments are of the clock that all processes share."""
    from simulator.models import Simulator

    row = Simulator.objects.get(pk=key)
    row.name = f"Mast {key}, edit {number}"
    row.kpi_id = 1 + row.kpi_id % 4
    began, cpu = time.monotonic(), time.process_time()
    row.save()
    spent = {"cpu": time.process_time() - cpu, "saved": time.monotonic() - began}
    return {"dag": f"simulator_dag_{key}", "began": began, **spent, "digest": _digest(key)}


def run_now(number: int) -> dict[str, Any]:
    """Save a new row and ask for its first run in the same transaction."""
    from django.db import transaction

    from simulator.models import Simulator

    row = Simulator(**fields(number))
    began = time.monotonic()
    with transaction.atomic():
        row.save()
        run = _request(f"simulator_dag_{row.pk}")
    return {"dag": f"simulator_dag_{row.pk}", "run": run, "began": began}


def run_again(key: int) -> dict[str, Any]:
    """Ask for a run of a workflow that is live."""
    began = time.monotonic()
    return {"dag": f"simulator_dag_{key}", "run": _request(f"simulator_dag_{key}"), "began": began}


def digests(keys: list[int]) -> dict[str, str]:
    """Return what was published for rows; whether Airflow serves it is seen elsewhere."""
    return {f"simulator_dag_{key}": _digest(key) for key in keys}


def unsettled() -> int:
    """Return how many versions the relay has not seen in force yet: when to stop counting its work."""
    from windsock.django.models import WorkflowVersion

    return WorkflowVersion.objects.filter(is_settled=False).count()


def revision(key: int) -> int:
    """Return the newest revision of a row's workflow."""
    from windsock.django.models import WorkflowVersion

    newest = WorkflowVersion.objects.filter(workflow_id=f"simulator_dag_{key}").order_by("-revision").first()
    return newest.revision if newest and newest.revision else 0


def feed() -> dict[str, Any]:
    """Return what an answer of the feed costs when nothing and when one workflow has changed."""
    from django.db import connection
    from django.db.models import Max

    from windsock.django.models import WorkflowVersion

    with connection.cursor() as cursor:
        # What autovacuum has done in any database that is older than a minute.
        cursor.execute(f"ANALYZE {WorkflowVersion._meta.db_table}")
    newest = WorkflowVersion.objects.aggregate(newest=Max("revision"))["newest"]
    return {"nothing": _asked(newest), "one": _asked(newest - 1)}


def _asked(after: int) -> dict[str, Any]:
    """Ask in this process for the queries and their plans, and over HTTP for the time."""
    from django.db import connection
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext

    from windsock import signing
    from windsock.django.conf import settings
    from windsock.django.feed import changes

    token = signing.sign(settings.FEED_KEY, "feed", lifetime=600.0, bundle="windsock")
    headers = {"Authorization": f"Bearer {token}"}
    address = f"/windsock/feed/?after={after}"
    with CaptureQueriesContext(connection) as caught:
        answer = json.loads(changes(RequestFactory().get(address, headers=headers)).content)
    plans = [_plan(query["sql"]) for query in caught.captured_queries]
    return {"entries": len(answer["entries"]), "plans": plans, "http_ms": _milliseconds(address, headers)}


def _milliseconds(address: str, headers: dict[str, str]) -> float:
    """Return the median of some requests to the running web server, each over a kept connection."""
    import httpx

    from windsock.django.conf import settings

    times = []
    with httpx.Client(base_url=settings.BASE_URL, headers=headers, trust_env=False) as client:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            client.get(address).raise_for_status()
            times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def _plan(query: str) -> dict[str, Any]:
    """Return the nodes of a query's plan that read a table, and how long the query took."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]
    return {"nodes": sorted(set(_reading(plan["Plan"]))), "ms": plan["Execution Time"]}


def _reading(node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node or ("Relation Name" in node and not node["Node Type"].startswith("Bitmap")):
        yield f"{node['Node Type']} {node.get('Index Name') or node['Relation Name']}"
    for below in node.get("Plans", ()):
        yield from _reading(below)


def _digest(key: int) -> str:
    from windsock.django.models import WorkflowVersion

    versions = WorkflowVersion.objects.filter(workflow_id=f"simulator_dag_{key}")
    return str(versions.order_by("-id").values_list("digest", flat=True)[0])


def _request(workflow: str) -> str:
    from windsock.django.actions import runs
    from windsock.django.models import Workflow

    return runs.request(Workflow.objects.get(pk=workflow)).run_id


ORDERS: dict[str, Callable[..., Any]] = {
    order.__name__: order
    for order in (fill, publish, edit, run_now, run_again, digests, unsettled, revision, feed)
}

if __name__ == "__main__":
    main()
