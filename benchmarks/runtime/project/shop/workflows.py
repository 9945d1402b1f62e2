"""Every report is a workflow; only Windsock reads this module."""

from datetime import UTC, datetime

from shop.models import Report
from windsock.django import sources
from windsock.workflow import Schedule, Step, Workflow


@sources.register
class ReportWorkflows(sources.WorkflowSource[Report]):
    """One step, that reads its own row."""

    model = Report

    def workflow(self, row: Report) -> Workflow:
        return Workflow(
            id=f"report_{row.pk}",
            title=row.title,
            tags=("report",),
            # No run begins by itself while figures are taken.
            schedule=Schedule(cron=("@daily",), start=datetime(2099, 1, 1, tzinfo=UTC)),
            max_active_runs=500,
            steps=(Step(name="read", task="shop.tasks.read", kwargs={"key": row.pk}),),
        )
