"""The process that adds and publishes rows, in the project's own interpreter: one JSON line in, one out."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "workflows"))

from saving import publish, unsettled


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


def fill(count: int) -> int:
    """Add rows until there are so many, in bulk, which publishes nothing; return how many there are."""
    from shop.models import Report

    missing = range(Report.objects.count(), count)
    Report.objects.bulk_create((Report(title=f"Report {number + 1}") for number in missing), batch_size=1000)
    return Report.objects.count()


def revision(workflow: str) -> int:
    """Return a workflow's newest revision; 0 when it has none."""
    from windsock.django.history import version_at

    version = version_at(workflow)
    return version.revision if version and version.revision else 0


def unmirrored(workflow: str) -> int:
    """Return how many of a workflow's runs have no end in Django yet."""
    from windsock.django.models import WorkflowRun
    from windsock.run import FINISHED

    return WorkflowRun.objects.filter(workflow_id=workflow).exclude(status__in=FINISHED).count()


def records(workflow: str) -> dict[str, int]:
    """Return how many records a workflow's steps have, by status."""
    from django.db.models import Count

    from windsock.django.models import TaskRun

    found = TaskRun.objects.filter(workflow_run__workflow=workflow).values_list("status")
    return {str(status): count for status, count in found.annotate(count=Count("pk")).order_by()}


ORDERS: dict[str, Callable[..., Any]] = {
    order.__name__: order for order in (fill, publish, unsettled, revision, unmirrored, records)
}

if __name__ == "__main__":
    main()
