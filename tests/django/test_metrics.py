from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from tests.django import jobs
from tests.django.conftest import Broker

from windsock.django import metrics
from windsock.django.models import TaskRun
from windsock.run import Status

pytestmark = pytest.mark.django_db

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped() -> Samples:
    """What Prometheus understands."""
    text, content_type = metrics.scrape()
    assert content_type.startswith("text/plain")
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"windsock_{name}", frozenset(labels.items())]


def test_what_waits_and_runs_is_told_by_queue(broker: Broker) -> None:
    now = timezone.now()
    jobs.add.enqueue(1)
    jobs.add.using(run_after=now + timedelta(hours=1)).enqueue(2)
    TaskRun.objects.create(task="a.b", name="b", status=Status.PROCESSING, lease_expires_at=now)
    TaskRun.objects.filter(run_after=None).update(created_at=now - timedelta(minutes=2))

    samples = scraped()

    queue = {"backend": "default", "queue": "default"}
    assert of(samples, "tasks_pending", **queue) == 2
    assert of(samples, "tasks_pending_due", **queue) == 1
    assert of(samples, "tasks_oldest_pending_seconds", **queue) == pytest.approx(120, abs=30)
    assert of(samples, "tasks_processing", **queue) == 1
    assert of(samples, "tasks_lease_expired", **queue) == 1
    assert of(samples, "queue_messages", **queue) == 0  # sent on commit, which a test does not reach
    assert of(samples, "broker_up", backend="default") == 1
    assert of(samples, "metrics_bound_reached", of="PENDING") == 0


def test_what_ended_lately_is_told_by_name_and_status() -> None:
    now = timezone.now()
    for name, ago in (("sync", 1), ("sync", 2), ("sync", 400)):
        run = TaskRun.objects.create(
            task="a.b",
            name=name,
            status=Status.FAILED,
            started_at=now - timedelta(seconds=ago + 3),
            finished_at=now - timedelta(seconds=ago),
        )
        TaskRun.objects.filter(pk=run.pk).update(updated_at=run.finished_at)

    samples = scraped()

    assert of(samples, "tasks_finished_recently", task_name="sync", status="FAILED") == 2
    assert of(samples, "tasks_finished_recently_seconds", task_name="sync", status="FAILED") == 6


def test_a_bound_that_was_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "COUNTED", 2)
    for _ in range(3):
        TaskRun.objects.create(task="a.b", name="b")

    samples = scraped()

    assert of(samples, "tasks_pending", backend="default", queue="default") == 2
    assert of(samples, "metrics_bound_reached", of="PENDING") == 1
    assert of(samples, "metrics_bound_reached", of="PROCESSING") == 0


def test_a_broker_in_trouble_is_told_and_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis+socket:///nowhere.sock")

    samples = scraped()

    assert of(samples, "broker_up", backend="default") == 0
    assert ("windsock_queue_messages", frozenset({("backend", "default")})) not in samples
    assert of(samples, "task_records_bytes") > 0


def test_no_query_goes_without_a_bound_and_the_number_of_queries_is_fixed(broker: Broker) -> None:
    with CaptureQueriesContext(connection) as queries:
        metrics.scrape()
    found: list[dict[str, Any]] = list(queries)
    assert len(found) == 4
    assert all("LIMIT" in each["sql"] or "pg_class" in each["sql"] for each in found)
