"""Every simulator is a workflow."""

from datetime import UTC, datetime, time, timedelta

from simulator.models import Simulator
from windsock.django import sources
from windsock.workflow import Retry, Schedule, Step, Workflow


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
