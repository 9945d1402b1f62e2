import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import (
    DAG,
    CronDataIntervalTimetable,
    DeltaDataIntervalTimetable,
    MultipleCronTriggerTimetable,
    TriggerRule,
)
from airflow.sdk.exceptions import DuplicateTaskIdFound, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from tests.airflow.plans import DAILY, START, plan

from windsock.airflow.dag import SENTINEL, build, sentinel
from windsock.airflow.operators import StepOperator
from windsock.wire import from_json
from windsock.workflow import Param, Retry, Schedule, Step, Workflow, validate


def compiled(**values: Any) -> DAG:
    return build(plan("shop_sync", **values), revision=7, digest="d1ce")


def stored(dag: DAG) -> Any:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def next_interval(schedule: Schedule, after: datetime) -> tuple[str, str]:
    """What the scheduler makes of a schedule: its first interval when catching up from ``after``."""
    timetable = stored(compiled(schedule=schedule)).timetable
    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=after, latest=None, catchup=True)
    )
    return info.data_interval.start.isoformat(), info.data_interval.end.isoformat()


def test_the_documentation_ends_with_what_django_looks_for() -> None:
    assert compiled().doc_md == "Windsock revision 7, digest d1ce"
    assert compiled(description="Syncs.").doc_md == "Syncs.\n\nWindsock revision 7, digest d1ce"


def test_the_description_ends_with_what_the_list_of_dags_shows() -> None:
    """The list carries no documentation."""
    assert compiled(description="Syncs.").description == "Syncs. [revision 7, d1ce]"
    assert build(plan("a"), revision=7, digest="0123456789abcdef").description == "[revision 7, 0123456789ab]"


def test_who_and_what_is_shown() -> None:
    dag = compiled(title="Sync the shop", description="Syncs.", owner="ada", tags=("shop", "night"))
    assert (dag.dag_id, dag.dag_display_name) == ("shop_sync", "Sync the shop")
    assert dag.tags == {"shop", "night"}
    assert dag.owner == "ada"
    assert compiled().dag_display_name == "shop_sync"


def test_a_dag_starts_at_once_keeps_its_versions_and_calls_nobody() -> None:
    dag = compiled(max_active_runs=3)
    assert dag.is_paused_upon_creation is False
    assert dag.disable_bundle_versioning is False
    assert dag.rerun_with_latest_version is False
    assert dag.max_active_runs == 3
    assert (dag.has_on_success_callback, dag.has_on_failure_callback, dag.deadline) == (False, False, None)
    assert not any(task.has_on_failure_callback for task in stored(dag).tasks)


def test_one_cron_expression_has_data_intervals_in_its_own_time_zone() -> None:
    schedule = Schedule(cron=("0 6 * * *",), start=START, timezone="Europe/Berlin")
    dag = compiled(schedule=schedule)
    assert isinstance(dag.timetable, CronDataIntervalTimetable)
    assert dag.timezone.name == "Europe/Berlin"
    # The clocks go forward in the night before 2026-03-29.
    assert next_interval(schedule, datetime(2026, 3, 28, tzinfo=UTC)) == (
        "2026-03-28T05:00:00+00:00",
        "2026-03-29T04:00:00+00:00",
    )


def test_several_cron_expressions_are_united() -> None:
    schedule = Schedule(cron=("0 6 * * *", "30 18 * * *"), start=START)
    assert isinstance(compiled(schedule=schedule).timetable, MultipleCronTriggerTimetable)
    assert next_interval(schedule, datetime(2026, 1, 1, 7, tzinfo=UTC))[0] == "2026-01-01T18:30:00+00:00"


def test_an_interval_is_a_data_interval() -> None:
    schedule = Schedule(every=timedelta(minutes=90), start=START)
    assert isinstance(compiled(schedule=schedule).timetable, DeltaDataIntervalTimetable)
    assert next_interval(schedule, START) == ("2026-01-01T00:00:00+00:00", "2026-01-01T01:30:00+00:00")


def test_once_and_never() -> None:
    assert stored(compiled(schedule=Schedule(once=True, start=START))).timetable.summary == "@once"
    assert not stored(compiled()).timetable.can_be_scheduled


def test_start_end_and_catch_up() -> None:
    end = datetime(2026, 2, 1, tzinfo=UTC)
    dag = compiled(schedule=Schedule(cron=("@daily",), start=START, end=end, catchup=True))
    assert (dag.start_date, dag.end_date, dag.catchup) == (START, end, True)
    assert compiled(schedule=DAILY).catchup is False


def test_steps_come_in_their_order() -> None:
    dag = compiled(
        steps=(
            Step(name="load", task="shop.tasks.load", after=("clean", "fetch")),
            Step(name="clean", task="shop.tasks.clean", after=("fetch",)),
            Step(name="fetch", task="shop.tasks.fetch"),
        )
    )
    assert dag.get_task("load").upstream_task_ids == {"clean", "fetch"}
    assert dag.get_task("fetch").downstream_task_ids == {"clean", "load"}


def test_a_step_says_how_it_runs() -> None:
    retry = Retry(limit=4, delay=timedelta(seconds=5), backoff=True, max_delay=timedelta(minutes=1))
    step = Step(
        name="load",
        task="shop.tasks.load",
        retry=retry,
        trigger_rule="all_done",
        pool="database",
        priority=7,
        queue="heavy",
        depends_on_past=True,
        timeout=timedelta(seconds=30),
    )
    task = stored(compiled(steps=(step,))).get_task("load")
    assert (task.retries, task.retry_delay, task.max_retry_delay) == (4, retry.delay, retry.max_delay)
    assert task.retry_exponential_backoff == 2.0
    assert (task.trigger_rule, task.pool, task.priority_weight) == (TriggerRule.ALL_DONE, "database", 7)
    assert (task.queue, task.depends_on_past) == ("heavy", True)
    assert task.execution_timeout == step.timeout
    assert task.task_type == StepOperator.__name__


def test_a_step_without_a_queue_goes_to_the_coordinator() -> None:
    assert compiled().get_task("sync").queue == "windsock"


def test_a_teardown_runs_whatever_happened() -> None:
    steps = (Step(name="a", task="x.a"), Step(name="z", task="x.z", after=("a",), teardown=True))
    task = compiled(steps=steps).get_task("z")
    assert task.is_teardown
    assert task.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS


def test_a_teardown_cannot_fail_the_run() -> None:
    steps = (Step(name="a", task="x.a"), Step(name="z", task="x.z", after=("a",), teardown=True))
    assert stored(compiled(steps=steps)).get_task("z").on_failure_fail_dagrun is False


GOLDEN = Path(__file__).parents[2] / "wire"


def test_steps_are_drawn_in_their_groups_and_keep_their_names() -> None:
    document = json.loads((GOLDEN / "workflow_grouped.json").read_text())
    dag = stored(build(from_json(Workflow, document), revision=1, digest="d"))
    groups = dag.task_group.get_task_group_dict()
    assert {id: set(group.children) for id, group in groups.items()} == {
        None: {"load", "tell"},
        "load": {"load__files", "check"},
        "load__files": {"fetch"},
    }
    assert groups["load__files"].group_display_name == "files"
    assert set(dag.task_dict) == {"fetch", "check", "tell"}
    assert dag.get_task("check").upstream_task_ids == {"fetch"}
    assert [node.node_id for node in dag.task_group.topological_sort()] == ["load", "tell"]


def grouped(*steps: tuple[str, str, tuple[str, ...]]) -> Workflow:
    made = (Step(name=name, task="x.y", group=group, after=after) for name, group, after in steps)
    return plan("shop_sync", steps=tuple(made))


@pytest.mark.parametrize(
    "steps",
    [
        (("load", "", ()), ("b", "load", ())),
        (("a", "load files", ()),),
        (("a", "l" * 201, ()),),
    ],
)
def test_a_group_that_airflow_refuses_was_refused_before(steps: Any) -> None:
    assert validate(grouped(*steps))
    with pytest.raises((ValueError, DuplicateTaskIdFound)):
        build(grouped(*steps), revision=1, digest="d")


def test_groups_that_airflow_cannot_draw_were_refused_before() -> None:
    circle = grouped(("a", "load", ()), ("b", "check", ("a",)), ("c", "load", ("b",)))
    sound = grouped(("a", "load", ()), ("b", "check", ("a",)), ("c", "load", ("a", "b")))
    assert validate(circle)
    with pytest.raises(ValueError, match="cyclic"):
        stored(build(circle, revision=1, digest="d")).task_group.topological_sort()
    assert not validate(sound)
    assert stored(build(sound, revision=1, digest="d")).task_group.topological_sort()


def test_no_text_of_a_row_reaches_airflows_templates() -> None:
    step = Step(name="a", task="x.a", args=("{{ conn.prod.password }}",), kwargs={"b": "{{ var.value.x }}"})
    text = str(DagSerialization.to_dict(compiled(steps=(step,))))
    assert "conn.prod" not in text
    assert "var.value" not in text


def test_a_param_keeps_its_schema_and_its_default() -> None:
    param = Param(default=3, schema={"type": "integer", "minimum": 1}, description="How many")
    found = stored(compiled(params={"count": param})).params.get_param("count")
    assert (found.value, found.description) == (3, "How many")
    assert found.schema == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize(
    ("schema", "needed"),
    [
        ({"type": "integer"}, True),
        ({"type": ["string", "null"]}, False),
        ({}, False),
        ({"enum": ["a", "b"]}, True),
        ({"enum": ["a", None]}, False),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, True),
        ({"const": 1}, True),
    ],
)
def test_no_default_means_needed_unless_null_is_allowed(schema: dict[str, Any], needed: bool) -> None:
    params = compiled(params={"x": Param(schema=schema)}).params
    if needed:
        with pytest.raises(ParamValidationError):
            params.validate()
    else:
        assert params.validate() == {"x": None}


def test_a_scheduled_workflow_needs_defaults() -> None:
    with pytest.raises(ValueError, match="required params"):
        compiled(schedule=DAILY, params={"x": Param(schema={"type": "integer"})})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://169.254.169.254/latest"},
        {"anyOf": [{"properties": {"a": {"$ref": "file:///etc/passwd"}}}]},
        {"$schema": "http://elsewhere/"},
    ],
)
def test_a_schema_that_would_fetch_something_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="points out of the document"):
        compiled(params={"x": Param(default=1, schema=schema)})


def test_a_schema_may_refer_to_itself() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"n": {"type": "integer"}},
        "$ref": "#/$defs/n",
    }
    assert compiled(schedule=DAILY, params={"x": Param(default=1, schema=schema)}).params["x"] == 1


def test_the_trigger_form_gets_the_whole_schema() -> None:
    schema = {"type": "string", "title": "Day", "format": "date", "examples": ["2026-01-01"]}
    params = stored(compiled(params={"day": Param(default="2026-01-01", schema=schema)})).params
    assert params.get_param("day").schema == schema


def test_the_same_document_gives_the_same_dag() -> None:
    assert DagSerialization.to_dict(compiled(schedule=DAILY)) == DagSerialization.to_dict(
        compiled(schedule=DAILY)
    )


def test_each_bundle_has_a_sentinel_of_its_own() -> None:
    assert sentinel("shop").dag_id == "windsock_sentinel.shop"


def test_the_sentinel_does_nothing() -> None:
    dag = sentinel()
    assert dag.dag_id == SENTINEL == "windsock_sentinel"
    assert dag.is_paused_upon_creation is True
    assert dag.tags == {"windsock"}
    assert not dag.timetable.can_be_scheduled
    assert [task.task_type for task in dag.tasks] == ["EmptyOperator"]
