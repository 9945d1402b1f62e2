import sys
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext

from windsock import wire
from windsock.call import Call, Outcome, execute
from windsock.django import stepping
from windsock.django.actions import runs
from windsock.django.compat import task
from windsock.django.context import TaskContext
from windsock.django.models import TaskRun, Workflow, WorkflowRun, WorkflowVersion
from windsock.errors import FailWithoutRetry, Skip
from windsock.workflow import Retry, Step
from windsock.workflow import Workflow as Definition

pytestmark = pytest.mark.django_db


@task
def give(*args: Any, **kwargs: Any) -> Any:
    return [list(args), kwargs]


@task
def stumble(how: str) -> None:
    if how == "skip":
        raise Skip("nothing to do")
    if how == "leave":
        raise SystemExit(3)
    if how == "never":
        raise FailWithoutRetry("never again")
    raise ValueError("bad luck") if how == "badly" else ValueError(how)


@task(sensitive=("password",))
def blab(password: str, how: str = "") -> str:
    print("the password is", password)
    sys.stderr.write("half a line")
    stumble.func(f"not {password}" if how == "badly" else how) if how else None
    return password


@task
async def give_later(value: Any) -> Any:
    return value


@task(takes_context=True)
def tell(context: TaskContext) -> int:
    return context.attempt


@task(takes_context=True)
def watch_itself(context: TaskContext) -> int:
    """Report progress inside a transaction, and return what others see of it meanwhile."""
    deadline = time.monotonic() + 10
    with transaction.atomic():
        context.progress(40)
        while not (seen := TaskRun.objects.get(pk=context.run.pk).progress) and time.monotonic() < deadline:
            pass
    return seen


def publish(*steps: Step, revision: int = 1) -> None:
    Workflow.objects.get_or_create(id="a", source="test")
    document = wire.to_json(Definition(id="a", steps=steps))
    WorkflowVersion.objects.create(workflow_id="a", digest="", revision=revision, document=document)


def step(task: Any = give, **changes: Any) -> Step:
    return Step(**{"name": "one", "task": task.module_path, **changes})


def call(**changes: Any) -> Outcome:
    kwargs = {
        "workflow": "a",
        "revision": 1,
        "run_id": "manual__1",
        "step": "one",
        "map_index": -1,
        "attempt": 1,
        "logical_date": None,
        "data_interval_start": None,
        "data_interval_end": None,
        "params": {"day": "mon"},
        "results": {},
        **changes,
    }
    return execute(Call(function="windsock.django.steps.run", kwargs=kwargs))


def lost(reason: str = "killed by SIGKILL", **changes: Any) -> None:
    identity = {
        "workflow": "a",
        "revision": 1,
        "run_id": "manual__1",
        "step": "one",
        "map_index": -1,
        "attempt": 1,
    }
    stepping.lost(**{**identity, "reason": reason, **changes})


def record() -> TaskRun:
    return TaskRun.objects.get()


def test_a_step_runs_and_is_recorded() -> None:
    publish(step(args=(1,), kwargs={"x": [2]}))

    outcome = call()

    assert outcome == Outcome(value=[[1], {"x": [2]}])
    assert (record().status, record().result, record().progress) == ("DONE", outcome.value, 100)
    run = WorkflowRun.objects.get()
    assert (run.run_id, run.origin, run.status, run.revision) == ("manual__1", "airflow", "PROCESSING", 1)
    assert run.params == {"day": "mon"}


def test_arguments_are_rendered_and_kept() -> None:
    publish(
        step(
            kwargs={
                "value": "{{ results.load }}",
                "file": "{{ ds }}-{{ params.day }}",
                "to": "{{ data_interval_end }}",
            }
        )
    )

    call(
        results={"load": {"n": 1}},
        logical_date="2026-01-02T00:00:00+00:00",
        data_interval_end="2026-01-03T00:00:00+00:00",
    )

    assert record().kwargs == {"value": {"n": 1}, "file": "2026-01-02-mon", "to": "2026-01-03T00:00:00+00:00"}


def test_a_run_without_a_logical_date_takes_its_own_moment() -> None:
    publish(step(kwargs={"day": "{{ ds }}", "begin": "{{ data_interval_start }}"}))

    call()

    created = WorkflowRun.objects.get().created_at
    assert record().kwargs == {"day": created.date().isoformat(), "begin": created.isoformat()}


def test_the_version_of_the_run_counts_not_the_newest() -> None:
    publish(step(args=("old",)), revision=3)
    publish(step(args=("new",)), revision=5)

    assert call(revision=4).value == [["old"], {}]
    assert call(revision=None, run_id="manual__2").value == [["new"], {}]


def test_a_retired_workflow_still_runs_what_began() -> None:
    publish(step(), revision=1)
    WorkflowVersion.objects.create(workflow_id="a", digest="", revision=2, document=None)

    assert call(revision=2).succeeded


@pytest.mark.parametrize("identity", [{"workflow": "b"}, {"revision": 0}, {"step": "two"}])
def test_what_this_database_does_not_know_fails_without_a_record(identity: dict[str, Any]) -> None:
    publish(step())

    outcome = call(**identity)

    assert outcome.failure is not None
    assert outcome.failure.exception == "builtins.LookupError"
    assert not TaskRun.objects.exists()


def test_a_failure_carries_the_tracebacks_of_the_task_itself() -> None:
    publish(step(stumble, args=("badly",)))

    failure = call().failure

    assert failure is not None
    assert (failure.exception, failure.message) == ("builtins.ValueError", "bad luck")
    assert 'ValueError("bad luck")' in failure.traceback
    assert failure.traceback.rstrip().endswith("ValueError: bad luck")
    assert record().traceback == failure.traceback
    assert record().status == "FAILED"


def test_a_step_with_tries_left_waits_for_the_next() -> None:
    publish(step(stumble, args=("{{ params.how }}",), retry=Retry(limit=1)))

    call(params={"how": "badly"})
    assert (record().status, record().message) == ("PENDING", "bad luck")
    call(params={"how": "badly"}, attempt=2)
    assert (record().status, record().attempt) == ("FAILED", 2)


@pytest.mark.parametrize(("how", "status"), [("skip", "SKIPPED"), ("never", "FAILED"), ("leave", "PENDING")])
def test_every_end_of_a_task_ends_the_record(how: str, status: str) -> None:
    publish(step(stumble, args=(how,), retry=Retry(limit=5)))

    outcome = call()

    assert record().status == status
    assert outcome.skipped == (how == "skip")


def test_a_template_that_fails_is_the_failure_of_the_step() -> None:
    publish(step(args=("{{ results.load.x }}",)))

    failure = call(results={"load": {}}).failure

    assert failure is not None
    assert "in the template '{{ results.load.x }}'" in failure.traceback
    assert (record().status, record().exception) == ("FAILED", "jinja2.exceptions.UndefinedError")


def test_a_task_that_is_not_registered_any_more_is_not_imported() -> None:
    publish(Step(name="one", task="os.getcwd"))

    failure = call().failure

    assert failure is not None
    assert failure.exception == "windsock.errors.UnknownTask"
    assert record().status == "FAILED"


def test_a_task_gets_its_context() -> None:
    publish(step(tell))

    assert call(attempt=3).value == 3


def test_an_attempt_that_has_ended_gives_its_outcome_again() -> None:
    publish(step(args=("first",)))
    first = call()
    WorkflowVersion.objects.update(document=wire.to_json(Definition(id="a", steps=(step(args=("second",)),))))

    assert call() == first


@pytest.mark.parametrize("how", ["skip", "never"])
def test_a_bad_end_is_given_again_too(how: str) -> None:
    publish(step(stumble, args=(how,)))

    assert call() == call()


def test_a_later_try_of_what_is_done_does_not_run_it_again() -> None:
    """Airflow did not hear of the end, took the step for dead and tries it once more."""
    publish(step(args=(1,), retry=Retry(limit=2)))
    first = call(first_attempt=1)

    assert call(attempt=2, first_attempt=1) == first
    assert (record().status, record().attempt, record().generation) == ("DONE", 1, 0)


def test_what_was_cleared_runs_again() -> None:
    publish(step(args=(1,), retry=Retry(limit=2)))
    call(first_attempt=1)

    call(attempt=2, first_attempt=2)

    assert [each.attempt for each in TaskRun.objects.order_by("generation")] == [1, 2]


def test_a_requested_run_is_the_row_that_was_requested() -> None:
    publish(step())
    requested = runs.request(Workflow.objects.get())

    call(run_id=requested.run_id)

    assert WorkflowRun.objects.get().pk == requested.pk


def test_a_run_whose_row_is_gone_gets_its_id_back() -> None:
    publish(step())
    id = uuid4()

    call(run_id=f"windsock__{id}")

    assert WorkflowRun.objects.get().pk == id


def test_a_scheduled_run_says_so() -> None:
    publish(step())

    call(
        run_id="scheduled__2026-01-01T00:00:00+00:00",
        logical_date=datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    )

    assert WorkflowRun.objects.get().origin == "schedule"


def test_an_async_task_is_a_step_too() -> None:
    publish(step(give_later, args=([1],)))

    assert call().value == [1]
    assert record().status == "DONE"


def test_the_record_keeps_what_the_step_wrote() -> None:
    publish(step(blab, args=("",)))

    call()

    assert record().output == "the password is \nhalf a line"


@pytest.mark.parametrize("how", ["", "badly"])
def test_what_is_sensitive_is_masked_in_the_output_and_in_what_airflow_shows(how: str) -> None:
    publish(step(blab, kwargs={"password": "hunter2!", "how": how}))

    outcome = call()

    assert record().output == "the password is ********\nhalf a line"
    assert (record().status, outcome.value) == (("FAILED", None) if how else ("DONE", "hunter2!"))
    if outcome.failure is not None:
        assert outcome.failure.message == "not ********"
        assert "hunter2!" not in outcome.failure.traceback


def test_the_output_of_a_step_that_is_tried_again_is_the_last_attempts() -> None:
    publish(
        step(blab, kwargs={"password": "{{ params.word }}", "how": "{{ params.how }}"}, retry=Retry(limit=1))
    )

    call(params={"word": "first", "how": "badly"})
    assert (record().status, record().output) == ("PENDING", "the password is ********\nhalf a line")
    call(params={"word": "", "how": ""}, attempt=2)
    assert record().output == "the password is \nhalf a line"


def test_a_large_result_stays_here_and_is_given_to_a_later_step() -> None:
    large = ["x" * 100] * 20
    publish(
        step(name="load", args=large),
        step(kwargs={"rows": "{{ results.load }}", "first": "{{ results.load[0] }}"}, uses=("load",)),
    )

    told = call(step="load", xcom_limit=1_000).value
    assert told == {"windsock_result": str(record().pk), "bytes": 2_086}
    assert call(step="load", xcom_limit=1_000).value == told, "asked again, it is told again"
    seen = call(results={"load": told}, xcom_limit=1_000)

    assert seen.succeeded
    assert TaskRun.objects.get(step="one").kwargs["rows"] == [large, {}]
    assert TaskRun.objects.get(step="one").kwargs["first"] == large


def test_a_large_result_that_is_gone_fails_the_step_that_uses_it() -> None:
    publish(step(args=("{{ results.load }}",), uses=("load",)))

    failure = call(results={"load": {"windsock_result": str(uuid4()), "bytes": 1}}).failure

    assert failure is not None
    assert "the result of the step 'load' is not kept any more" in failure.message


def test_a_result_beyond_what_a_record_keeps_is_refused_with_advice() -> None:
    publish(step(args=("x" * 300_000,)))

    failure = call(xcom_limit=1_000).failure

    assert failure is not None
    assert not failure.retry
    assert "put it into a table or a file and return its key" in failure.message


@pytest.mark.parametrize(
    ("reason", "exception"),
    [("killed by SIGKILL", "windsock.errors.Lost"), ("time limit of 30 s", "windsock.errors.TimedOut")],
)
def test_a_lost_attempt_ends_the_record(reason: str, exception: str) -> None:
    publish(step(retry=Retry(limit=1)))
    lost(reason)
    assert (record().status, record().exception, record().message) == ("PENDING", exception, reason)
    lost(reason, attempt=2)
    assert record().status == "FAILED"


def test_the_last_words_of_a_lost_attempt_are_kept_and_masked() -> None:
    publish(step(blab, kwargs={"password": "hunter2!", "how": "badly"}, retry=Retry(limit=1)))
    call()
    TaskRun.objects.update(status="PROCESSING", output="")
    lost(output="it is hunter2!")

    assert record().output == "it is ********"


def test_an_attempt_that_ended_is_not_lost() -> None:
    publish(step())
    call()
    lost()

    assert record().status == "DONE"


def test_an_attempt_that_waits_for_its_retry_keeps_its_own_reason() -> None:
    publish(step(stumble, args=("badly",), retry=Retry(limit=1)))
    call()
    lost()

    assert record().message == "bad luck"


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_step_runs() -> None:
    publish(step(watch_itself))

    assert call().value == 40
    assert record().progress == 100


def test_a_rehearsal_leaves_nothing_and_runs_no_task() -> None:
    publish(step(stumble, args=("badly",)))
    with CaptureQueriesContext(connection) as queries:
        stepping.rehearse()
    told = [query["sql"] for query in queries if "pg_notify" in query["sql"]]
    assert len(told) == 4, "the first step of a run and a later one began and ended"
    assert (TaskRun.objects.count(), WorkflowRun.objects.count()) == (0, 0)
    assert post_save.has_listeners(Workflow), "rows of sources are listened to again"


def test_where_nothing_is_published_there_is_nothing_to_rehearse() -> None:
    stepping.rehearse()


def test_receivers_of_a_project_hear_nothing_of_the_rehearsal() -> None:
    publish(step())
    heard: list[Any] = []

    def listen(instance: Any, **_: Any) -> None:
        heard.append(instance)

    post_save.connect(listen, sender=WorkflowRun)
    stepping.rehearse()
    post_save.disconnect(listen, sender=WorkflowRun)
    assert heard == []


def asked(**changes: Any) -> list[str]:
    """Run a step and return the statements that it took."""
    with CaptureQueriesContext(connection) as queries:
        assert call(**changes).succeeded
    return [query["sql"] for query in queries]


def test_the_first_step_of_a_run_takes_four_statements() -> None:
    publish(step(args=("{{ params.day }}",)))
    dates = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end"), "2026-01-02")

    asked_for = asked(**dates)

    assert record().args == ["mon"]
    marks = ("windsock_workflowversion", "INSERT INTO windsock_workflowrun", "INSERT INTO windsock_taskrun")
    statements = [text for text in asked_for if "SAVEPOINT" not in text]
    assert len(statements) == 4
    assert all(mark in text for mark, text in zip(marks, statements, strict=False))
    assert "finished_at = statement_timestamp()" in statements[-1]


def test_only_the_end_of_a_step_waits_for_the_disk() -> None:
    publish(step(args=("{{ ds }}",)), step(name="two"))
    statements = asked()
    hurried = [text for text in statements if "synchronous_commit" in text]
    assert len(hurried) == 2, "the beginning, and the arguments that are known only then"
    assert "finished_at" not in hurried[1]
    assert "finished_at = statement_timestamp()" in statements[-1]
    assert sum("synchronous_commit" in text for text in asked(step="two")) == 1


def test_arguments_that_cannot_be_kept_are_the_failure_of_the_step() -> None:
    publish(step(args=("{{ results.load }}",)))

    failure = call(results={"load": "\0"}).failure

    assert failure is not None
    assert "the arguments cannot be kept: it holds the character NUL" in failure.message
    assert record().status == "FAILED"
