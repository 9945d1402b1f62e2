"""What Airflow's scheduler and triggerer do to a DAG, step by step, in this process on its real database."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.jobs.triggerer_job_runner import TriggerRunner, TriggerRunnerSupervisor
from airflow.models.dagbag import DBDagBag
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, timezone
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

BUNDLE = "dags-folder"


class Run:
    """A run of a DAG whose task instances go where a worker or a triggerer would take them."""

    def __init__(self, dag: DAG) -> None:
        self.dag_id = dag.dag_id
        self.run_id = f"manual__{uuid4()}"
        dag.relative_fileloc = "night.py"
        now = timezone.utcnow()
        with create_session() as session:
            if session.get(DagBundleModel, BUNDLE) is None:
                session.add(DagBundleModel(name=BUNDLE))
                session.flush()
            dags = [LazyDeserializedDAG.from_dag(dag)]
            update_dag_parsing_results_in_db(BUNDLE, None, dags, {}, None, set(), session=session)
            session.commit()
            found = DBDagBag().get_latest_version_of_dag(self.dag_id, session=session)
            assert found
            found.create_dagrun(
                run_id=self.run_id,
                run_after=now,
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                session=session,
            )

    def schedule(self) -> dict[str, Any]:
        """What a turn of the scheduler does; return the states."""
        with create_session() as session:
            run = session.scalar(select(DagRun).where(DagRun.run_id == self.run_id))
            assert run
            run.dag = DBDagBag().get_dag_for_run(run, session=session)
            decision = run.task_instance_scheduling_decisions(session=session)
            run.schedule_tis(decision.schedulable_tis, session=session)
        return self.states()

    def trigger(self) -> dict[str, Any]:
        """What the triggerer does until every trigger fired; return the states."""
        workloads = self._workloads()
        events = asyncio.run(_fired(workloads))
        for entry in events:
            Trigger.submit_event(entry.trigger_id, entry.event)
        return self.states()

    def states(self) -> dict[str, Any]:
        return {ti.task_id: ti.state and str(ti.state) for ti in self.instances()}

    def instances(self) -> list[TaskInstance]:
        with create_session() as session:
            found = session.scalars(select(TaskInstance).where(TaskInstance.run_id == self.run_id))
            return list(found)

    def result(self, task_id: str) -> Any:
        """Return a task's XCom."""
        with create_session() as session:
            found = session.scalar(
                select(XComModel.value).where(
                    XComModel.run_id == self.run_id,
                    XComModel.task_id == task_id,
                    XComModel.key == "return_value",
                )
            )
        return found if found is None else json.loads(found)

    def _workloads(self) -> list[Any]:
        supervisor: Any = SimpleNamespace(job=SimpleNamespace(id=1), logger_cache={})
        made = []
        with create_session() as session:
            for ti in session.scalars(select(TaskInstance).where(TaskInstance.run_id == self.run_id)):
                if ti.trigger is not None:
                    made.append(
                        TriggerRunnerSupervisor._create_workload(
                            supervisor, ti.trigger, DBDagBag(), lambda ti: "log", session
                        )
                    )
        return made


async def _fired(workloads: list[Any]) -> list[Any]:
    runner = TriggerRunner()
    runner.to_create.extend(workloads)
    await runner.create_triggers()
    assert not runner.failed_triggers
    await asyncio.gather(*(details["task"] for details in runner.triggers.values()))
    return list(runner.events)
