"""Every simulator is a workflow, and one more cleans up behind them."""

from datetime import UTC, datetime, time, timedelta

from simulator.models import Simulator
from windsock.django import sources
from windsock.workflow import Param, Retry, Schedule, Step, Workflow


@sources.register
class SimulatorWorkflows(sources.WorkflowSource[Simulator]):
    """Draw a value, ask for its KPI, keep the answer."""

    model = Simulator
    fields = {"schedule.cron": "cron", "schedule.start": "start_date", "title": "name"}  # noqa: RUF012

    def workflow(self, row: Simulator) -> Workflow:
        return Workflow(
            id=f"simulator_dag_{row.pk}",
            title=row.name,
            description=f"Measures KPI {row.kpi_id} of {row.name}.",
            tags=("simulator",),
            schedule=Schedule(
                cron=(row.expression,), start=datetime.combine(row.start_date, time(), tzinfo=UTC)
            ),
            steps=(
                Step(name="draw", task="simulator.tasks.draw_value"),
                Step(
                    name="ask",
                    task="simulator.tasks.request_kpi",
                    kwargs={"value": "{{ results.draw }}", "kpi_id": row.kpi_id},
                    after=("draw",),
                    retry=Retry(limit=2, delay=timedelta(seconds=5)),
                    timeout=timedelta(seconds=30),
                ),
                Step(
                    name="keep",
                    task="simulator.tasks.keep_reading",
                    kwargs={"simulator_id": row.pk, "answer": "{{ results.ask }}"},
                    after=("ask",),
                ),
            ),
        )


sources.declare(
    Workflow(
        id="simulator_housekeeping",
        title="Housekeeping",
        description="Deletes readings that are older than a number of days.",
        tags=("simulator",),
        schedule=Schedule(cron=("30 3 * * *",), start=datetime(2026, 1, 1, tzinfo=UTC)),
        params={
            "days": Param(
                default=90,
                schema={"type": "integer", "minimum": 1},
                description="Readings of so many days stay.",
            )
        },
        steps=(
            Step(
                name="delete",
                task="simulator.tasks.delete_old_readings",
                kwargs={"days": "{{ params.days }}"},
                retry=Retry(limit=2),
            ),
        ),
    )
)
