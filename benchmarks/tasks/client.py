"""The enqueuing process of one way, in that way's interpreter: one JSON line in, one out."""

import importlib
import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """Obey until the input ends."""
    import django

    django.setup()
    project = importlib.import_module(f"projects.{os.environ['BENCH_PROJECT']}")
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        answer = ORDERS[order.pop("do")](project, **order)
        print(json.dumps(answer), file=answers, flush=True)


def _setup(project: Any) -> None:
    project.setup()


def _singly(project: Any, *, task: str, first: int, count: int) -> dict[str, Any]:
    enqueue = project.enqueue
    began = time.perf_counter()
    for number in range(first, first + count):
        enqueue(task, number)
    return {"seconds": time.perf_counter() - began}


def _many(project: Any, *, task: str, first: int, count: int) -> dict[str, Any] | None:
    """None: the way cannot."""
    enqueue_many = getattr(project, "enqueue_many", None)
    if enqueue_many is None:
        return None
    began = time.perf_counter()
    keys = enqueue_many(task, range(first, first + count))
    return {"seconds": time.perf_counter() - began} if keys else None


def _paced(project: Any, *, task: str, first: int, count: int, rate: float) -> dict[str, Any]:
    """At a steady rate; tells when each was asked for, and its key."""
    sent = []
    began = time.perf_counter()
    for place in range(count):
        time.sleep(max(0.0, began + place / rate - time.perf_counter()))
        asked = time.time_ns()
        sent.append((first + place, asked, str(project.enqueue(task, first + place))))
    return {"sent": sent}


ORDERS = {"setup": _setup, "singly": _singly, "many": _many, "paced": _paced}

if __name__ == "__main__":
    main()
