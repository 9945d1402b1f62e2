"""What Prometheus may ask, at a price that does not grow with the record.

Nothing here counts the whole table. Unfinished tasks are read through the index on (status, id), at most
``COUNTED`` of each status; what ended lately through the BRIN index on ``updated_at``, at most ``COUNTED``
too. Where a bound was reached, ``windsock_metrics_bound_reached`` is 1 and the true numbers are greater.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connections

from windsock.django import compat
from windsock.django.actions.tasks import alias

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

COUNTED = 5_000  #: rows that are read for one number at most
LATELY = timedelta(minutes=5)
QUEUE = ("backend", "queue")

PENDING = """
    SELECT backend, queue_name, count(*), count(*) FILTER (WHERE due <= now),
        COALESCE(EXTRACT(epoch FROM max(now - due) FILTER (WHERE due <= now)), 0)
    FROM (
        SELECT backend, queue_name, GREATEST(created_at, run_after) AS due, statement_timestamp() AS now
        FROM windsock_taskrun WHERE status = 'PENDING' ORDER BY id LIMIT %s
    ) AS waiting
    GROUP BY backend, queue_name
"""
PROCESSING = """
    SELECT backend, queue_name, count(*), count(*) FILTER (WHERE lease_expires_at < statement_timestamp())
    FROM (
        SELECT backend, queue_name, lease_expires_at
        FROM windsock_taskrun WHERE status = 'PROCESSING' ORDER BY id LIMIT %s
    ) AS running
    GROUP BY backend, queue_name
"""
FINISHED = """
    SELECT name, status, count(*), COALESCE(EXTRACT(epoch FROM sum(finished_at - started_at)), 0)
    FROM (
        SELECT name, status, started_at, finished_at FROM windsock_taskrun
        WHERE updated_at >= statement_timestamp() - %s AND finished_at >= statement_timestamp() - %s LIMIT %s
    ) AS ended
    GROUP BY name, status
"""
ROWS = """
    SELECT GREATEST(c.reltuples, 0), pg_total_relation_size(c.oid), pg_stat_get_tuples_inserted(c.oid)
    FROM pg_class c WHERE c.oid = 'windsock_taskrun'::regclass
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One metric: its name without prefix, what it means, and its values by labels."""

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    is_counter: bool = False


def scrape() -> tuple[bytes, str]:
    """Return everything in Prometheus' text format, and its content type."""
    # Only whoever is scraped needs it.
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector:
    def describe(self) -> list["Metric"]:
        return []

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for reading in readings():
            family = CounterMetricFamily if reading.is_counter else GaugeMetricFamily
            metric = family(f"windsock_{reading.name}", reading.help, labels=reading.labels)
            for labels, value in reading.values.items():
                metric.add_metric(labels, value)
            yield metric


def readings() -> Iterator[Reading]:
    """Yield every metric."""
    pending, processing = _rows(PENDING, COUNTED), _rows(PROCESSING, COUNTED)
    ended = _rows(FINISHED, LATELY, LATELY, COUNTED)
    yield from _pending(pending)
    yield from _processing(processing)
    yield from _ended(ended)
    yield from _sizes()
    yield from _messages()
    bounds = {"PENDING": _sum(pending), "PROCESSING": _sum(processing), "finished": _sum(ended)}
    yield Reading(
        name="metrics_bound_reached",
        help=f"1: more than {COUNTED} rows, so that the true numbers are greater than those shown.",
        labels=("of",),
        values={(name,): float(number >= COUNTED) for name, number in bounds.items()},
    )


def _pending(rows: list[tuple[Any, ...]]) -> Iterator[Reading]:
    yield Reading(
        name="tasks_pending",
        help="Tasks that wait, those for later too.",
        labels=QUEUE,
        values={(backend, queue): number for backend, queue, number, *_ in rows},
    )
    yield Reading(
        name="tasks_pending_due",
        help="Tasks that wait although their time has come.",
        labels=QUEUE,
        values={(backend, queue): number for backend, queue, _, number, _ in rows},
    )
    yield Reading(
        name="tasks_oldest_pending_seconds",
        help="How long the oldest task that could run has been waiting.",
        labels=QUEUE,
        values={(backend, queue): float(age) for backend, queue, _, _, age in rows},
    )


def _processing(rows: list[tuple[Any, ...]]) -> Iterator[Reading]:
    yield Reading(
        name="tasks_processing",
        help="Tasks that a worker has claimed.",
        labels=QUEUE,
        values={(backend, queue): number for backend, queue, number, _ in rows},
    )
    yield Reading(
        name="tasks_lease_expired",
        help="Claimed tasks whose worker is silent; above 0 for long: no relay is running.",
        labels=QUEUE,
        values={(backend, queue): number for backend, queue, _, number in rows},
    )


def _ended(rows: list[tuple[Any, ...]]) -> Iterator[Reading]:
    minutes = int(LATELY.total_seconds() // 60)
    yield Reading(
        name="tasks_finished_recently",
        help=f"Tasks that ended in the last {minutes} minutes; a window, not a counter.",
        labels=("task_name", "status"),
        values={(name, status): number for name, status, number, _ in rows},
    )
    yield Reading(
        name="tasks_finished_recently_seconds",
        help=f"How long the tasks that ended in the last {minutes} minutes took, in all.",
        labels=("task_name", "status"),
        values={(name, status): float(seconds) for name, status, _, seconds in rows},
    )


def _sizes() -> Iterator[Reading]:
    [(estimate, size, inserted)] = _rows(ROWS)
    yield Reading(
        name="task_records_estimate",
        help="Rows of the record as PostgreSQL's planner estimates them (pg_class.reltuples).",
        values={(): estimate},
    )
    yield Reading(
        name="task_records_bytes",
        help="Size of the record on disk with its indexes.",
        values={(): size},
    )
    yield Reading(
        name="tasks_enqueued",
        help="Records inserted, rolled back ones too, since PostgreSQL's statistics were last reset.",
        values={(): inserted},
        is_counter=True,
    )


def _messages() -> Iterator[Reading]:
    """Ask each broker how long its queues are; one in trouble takes 0.3 seconds and has no value."""
    found: dict[tuple[str, ...], float] = {}
    answers: dict[tuple[str, ...], float] = {}
    for name in compat.task_backends:
        backend: Any = compat.task_backends[name]
        if not hasattr(backend, "waiting"):
            continue
        try:
            for queue in sorted(backend.queues or {"default"}):
                found[name, queue] = backend.waiting(queue)
            answers[(name,)] = 1
        except Exception:  # whatever the broker's client raises
            answers[(name,)] = 0
    yield Reading(
        name="queue_messages",
        help="Messages at the broker that no worker has taken.",
        labels=QUEUE,
        values=found,
    )
    yield Reading(name="broker_up", help="1: the broker has answered.", labels=("backend",), values=answers)


def _sum(rows: list[tuple[Any, ...]]) -> int:
    return sum(row[2] for row in rows)


def _rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connections[alias()].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
