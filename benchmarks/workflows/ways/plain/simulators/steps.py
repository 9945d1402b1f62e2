"""What a simulator's workflow does. The KPI is computed here: the peers need no web server for it."""

import random
from typing import Any


def draw_value() -> float:
    return round(random.uniform(0, 25), 2)


def request_kpi(value: Any, kpi_id: int) -> dict[str, Any]:
    return {"kpi_id": kpi_id, "value": float(value), "result": 0.5 * 1.225 * float(value) ** 3}


def keep_reading(simulator_id: int, value: Any, kpi_id: int, result: Any) -> int:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    from simulators.models import KpiReading

    reading = KpiReading(simulator_id=simulator_id, kpi_id=kpi_id, value=float(value), result=float(result))
    reading.save()
    return int(reading.pk)
