"""What a simulator's workflow does, step by step."""

import logging
import random
from datetime import timedelta
from typing import Any

import httpx
from django.urls import reverse
from django.utils import timezone

from simulator.models import KpiReading
from windsock.django.compat import task
from windsock.django.conf import settings

logger = logging.getLogger(__name__)


@task
def draw_value() -> float:
    """Return a wind speed between 0 and 25 metres a second."""
    return round(random.uniform(0, 25), 2)  # noqa: S311


@task
def request_kpi(value: float, kpi_id: int) -> dict[str, Any]:
    """Ask this project's own endpoint over HTTP, log the answer and return it.

    Raises:
        httpx.HTTPError: the endpoint could not be reached or refused the question.
    """
    response = httpx.post(
        settings.BASE_URL + reverse("simulator-kpi"),
        json={"value": value, "kpi_id": kpi_id},
        headers={"Authorization": f"Bearer {settings.API_TOKEN}"},
        timeout=10,
        trust_env=False,
    )
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    logger.info("KPI %(kpi_id)s of %(value)s is %(result)s %(unit)s", answer)
    return answer


@task
def keep_reading(simulator_id: int, answer: dict[str, Any]) -> int:
    """Store the endpoint's answer and return the reading's id."""
    reading = KpiReading(
        simulator_id=simulator_id,
        kpi_id=answer["kpi_id"],
        value=answer["value"],
        result=answer["result"],
    )
    reading.save()
    return int(reading.pk)


@task
def delete_old_readings(days: int) -> int:
    """Delete the readings that are older than ``days`` and return how many there were."""
    old = KpiReading._default_manager.filter(created_at__lt=timezone.now() - timedelta(days=days))
    count, _ = old.delete()
    return count
