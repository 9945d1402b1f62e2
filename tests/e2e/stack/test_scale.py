"""Many rows at once."""

import pytest
from tests.e2e.stack.running import Stack, eventually

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]
MANY = 300


def test_rows_that_bypass_signals_are_published_and_all_become_live(stack: Stack) -> None:
    stack.shell(
        "from datetime import UTC, datetime; from simulator.models import Simulator; "
        "Simulator.objects.bulk_create(Simulator(name=f'bulk {number}', interval='weekly', kpi_id=1, "
        f"start_date=datetime(2099, 1, 1, tzinfo=UTC)) for number in range({MANY}))"
    )
    stack.manage("workflows", "publish")

    def behind() -> int:
        code = (
            "from windsock.django.models import Workflow; "
            "print(Workflow.objects.filter(title__startswith='bulk', live_revision__isnull=True).count())"
        )
        return int(stack.shell(code).split()[-1])

    eventually(lambda: behind() == 0, 300)
    served = stack.airflow.get("/api/v2/dags?tags=simulator&limit=1").json()["total_entries"]
    assert served >= MANY
    assert stack.airflow.get("/api/v2/importErrors").json()["total_entries"] == 0
