"""A workflow as an Airflow DAG: a pure function of the published document."""

from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    DeltaDataIntervalTimetable,
    MultipleCronTriggerTimetable,
    Param,
    TaskGroup,
)
from airflow.sdk.bases.timetable import BaseTimetable
from jsonschema import Draft202012Validator

from windsock.airflow.operators import QUEUE, StepOperator
from windsock.workflow import Param as WorkflowParam
from windsock.workflow import Retry, Schedule, Step, Workflow, schemas
from windsock.workflow.groups import graph_id, lineage
from windsock.workflow.rules import BUNDLE, SENTINEL, sentinel_of

__all__ = ["SENTINEL", "build", "sentinel"]


def build(workflow: Workflow, *, revision: int, digest: str) -> DAG:
    """Return the DAG of a workflow.

    Args:
        workflow: what was published.
        revision: its number; stands with the digest in the last line of the DAG's documentation, where
            Django looks to see whether Airflow serves what was published.
        digest: of the published document.

    Raises:
        ValueError: the document cannot be a DAG.
    """
    schedule = workflow.schedule
    zone = ZoneInfo(schedule.timezone)
    dag = DAG(
        workflow.id,
        dag_display_name=workflow.title or workflow.id,
        # All that the list of DAGs shows; the documentation is served for one DAG at a time.
        description=f"{workflow.description} [revision {revision}, {digest[:12]}]".lstrip(),
        doc_md=f"{workflow.description}\n\nWindsock revision {revision}, digest {digest}".lstrip(),
        schedule=_timetable(schedule),
        start_date=schedule.start and schedule.start.astimezone(zone),
        end_date=schedule.end and schedule.end.astimezone(zone),
        catchup=schedule.catchup,
        max_active_runs=workflow.max_active_runs,
        params={name: _param(name, param) for name, param in workflow.params.items()},
        tags=list(workflow.tags),
        is_paused_upon_creation=False,
        disable_bundle_versioning=False,
        # A cleared run keeps the version it began with.
        rerun_with_latest_version=False,
    )
    groups: dict[str, TaskGroup] = {}
    for step in workflow.in_order():
        _add(dag, step, workflow.owner, _group(dag, groups, step.group))
    return dag


def sentinel(bundle: str = BUNDLE) -> DAG:
    """Return the DAG that stands for a bundle itself: paused, without a schedule, one empty step."""
    dag = DAG(
        sentinel_of(bundle),
        description="Lets Django ask for a refresh of the bundle; does nothing.",
        schedule=None,
        tags=["windsock"],
        is_paused_upon_creation=True,
    )
    EmptyOperator(task_id="nothing", dag=dag)
    return dag


def _timetable(schedule: Schedule) -> BaseTimetable | str | None:
    if schedule.once:
        return "@once"
    if schedule.every is not None:
        return DeltaDataIntervalTimetable(schedule.every)
    if len(schedule.cron) == 1:
        return CronDataIntervalTimetable(schedule.cron[0], timezone=schedule.timezone)
    if schedule.cron:
        # Airflow unites several expressions only without an interval: it begins and ends at the run's date.
        return MultipleCronTriggerTimetable(*schedule.cron, timezone=schedule.timezone)
    return None


def _group(dag: DAG, groups: dict[str, TaskGroup], path: str) -> TaskGroup | None:
    """Return the group of a step, made together with those around it when it is the first of them."""
    for around in lineage(path):
        if around not in groups:
            parent, _, label = around.rpartition(".")
            groups[around] = TaskGroup(
                graph_id(around),
                group_display_name=label,
                # A step is called the same in every group, so that moving it keeps its history.
                prefix_group_id=False,
                parent_group=groups.get(parent),
                dag=dag,
            )
    return groups.get(path)


def _add(dag: DAG, step: Step, owner: str, group: TaskGroup | None) -> None:
    task = StepOperator(
        task_id=step.name,
        dag=dag,
        task_group=group,
        owner=owner,
        queue=step.queue or QUEUE,
        pool=step.pool,
        priority_weight=step.priority,
        trigger_rule=step.trigger_rule,
        depends_on_past=step.depends_on_past,
        # Kept by the coordinator's clock; Airflow only shows it.
        execution_timeout=step.timeout,
        doc_md=f"Runs `{step.task}`.",
        **_retry(step.retry),
    )
    if step.after:
        task.set_upstream([dag.task_dict[name] for name in step.after])
    if step.teardown:
        task.as_teardown()


def _retry(retry: Retry) -> dict[str, Any]:
    return {
        "retries": retry.limit,
        "retry_delay": retry.delay,
        "retry_exponential_backoff": 2.0 if retry.backoff else 0.0,
        "max_retry_delay": retry.max_delay,
    }


def _param(name: str, param: WorkflowParam) -> Param:
    schema = {key: value for key, value in param.schema.items() if key not in ("default", "description")}
    for path, message in schemas.problems(schema):
        raise ValueError(f"params.{name}.schema.{path}: {message}")
    # A default of None where the schema allows no null means that a run must give the value.
    is_needed = param.default is None and not Draft202012Validator(schema).is_valid(None)
    value = {} if is_needed else {"default": param.default}
    description = param.description or param.schema.get("description") or None
    return Param(description=description, schema=schema, **value)
