import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import structlog
from airflow.sdk import DAG
from airflow.sdk.definitions.connection import Connection
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow.sdk.execution_time.timeout import timeout
from airflow.serialization.serialized_objects import DagSerialization

from windsock.airflow.connection import DjangoHook
from windsock.airflow.operators import DjangoOperator
from windsock.airflow.operators.calling import RESULT_LIMIT, raise_failure
from windsock.call import Call, Failure, Outcome
from windsock.environment import InProcess, Interpreter, Poetry, Venv
from windsock.errors import FailWithoutRetry, Skip, TransportError
from windsock.testing import Recording
from windsock.testing.suite import is_running, wait_until

CALL = "windsock.django.calls.call"


def sync(**options: Any) -> DjangoOperator:
    return DjangoOperator(**{"task_id": "sync", "task": "shop.tasks.sync", **options})


def run(operator: Any, transport: Any, **context: Any) -> Any:
    operator.transport = lambda: transport
    return operator.execute(context)


def answering(value: Any) -> Recording:
    def answer(**kwargs: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return Recording({CALL: answer})


@contextmanager
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_a_call_says_how_its_arguments_come_and_its_result_may_go(recording: Recording) -> None:
    run(sync(args=[date(2026, 1, 2)], kwargs={"shop": 7}), recording, ti=SimpleNamespace(try_number=3))
    (call,) = recording.calls
    assert call == Call(
        function=CALL,
        kwargs={
            "task": "shop.tasks.sync",
            "args": [{"$type": "date", "value": "2026-01-02"}],
            "kwargs": {"shop": 7},
            "serializer": "json",
            "limit": RESULT_LIMIT,
            "result": True,
            "attempt": 3,
        },
    )


def test_what_cannot_be_passed_fails_at_once_and_says_what_to_pass(recording: Recording) -> None:
    with pytest.raises(AirflowFailException, match=r"kwargs.user.0 is a complex, .* serializer=\"pickle\""):
        run(sync(kwargs={"user": [2j]}), recording)
    assert recording.calls == []


def test_a_text_is_no_list_of_arguments(recording: Recording) -> None:
    operator = sync(args="{{ days }}")
    operator.render_template_fields({"days": ["a"]})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(AirflowFailException, match=r"args: expected a list .* render_template_as_native_obj"):
        run(operator, recording)


def test_the_limit_of_a_result_is_configured(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__WINDSOCK__RESULT_LIMIT", "100")
    run(sync(), recording)
    assert recording.calls[0].kwargs["limit"] == 100


def test_a_result_that_is_not_pushed_is_not_asked_for(recording: Recording) -> None:
    run(sync(do_xcom_push=False), recording)
    assert recording.calls[0].kwargs["result"] is False


def test_the_value_comes_out_as_xcom_can_hold_it() -> None:
    packed = {"days": {"$type": "set", "value": [{"$type": "date", "value": "2026-01-02"}]}}
    assert run(sync(), answering(packed)) == {"days": {date(2026, 1, 2)}}
    assert run(sync(), answering({"$type": "path", "value": "/srv"})) == "/srv"


def test_a_skip_skips() -> None:
    with pytest.raises(AirflowSkipException, match="nothing to do"):
        run(sync(), answering(Skip("nothing to do")))


def test_a_failure_shows_the_true_error_and_may_be_tried_again() -> None:
    with logged() as entries, pytest.raises(AirflowException, match=r"^KeyError: 'no shop'$") as caught:
        run(sync(), answering(KeyError("no shop")))
    assert not isinstance(caught.value, AirflowFailException)
    entry = entries[-1]
    assert entry["event"] == "The project's function failed: KeyError: 'no shop'"
    assert entry["error_detail"][0]["exc_type"] == "KeyError"
    assert entry["error_detail"][0]["frames"][-1]["name"] == "answer"


def test_a_failure_without_frames_is_shown_as_text() -> None:
    failure = Failure(exception="builtins.ValueError", message="no", traceback="as told")
    with logged() as entries, pytest.raises(AirflowException):
        run(sync(), answering(Outcome(failure=failure)))
    assert entries[-1]["event"] == "The project's function failed: ValueError: no\nas told"


def test_a_failure_can_forbid_another_try() -> None:
    with pytest.raises(AirflowFailException, match="FailWithoutRetry: no use"):
        run(sync(), answering(FailWithoutRetry("no use")))
    with pytest.raises(AirflowFailException):
        raise_failure(Failure(exception="a.B", message="c", retry=False))


def test_what_keeps_the_call_from_being_carried_is_told_in_one_line() -> None:
    class Broken:
        def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
            raise TransportError("python cannot be started")

    with pytest.raises(AirflowException, match=r"^python cannot be started$"):
        run(sync(), Broken())


def test_to_kill_it_leaves_the_call_at_once() -> None:
    class Killed:
        def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
            try:
                operator.on_kill()
            except Exception:
                pytest.fail("a function's own handler must not catch it")
            raise AssertionError("on_kill did not raise")

    operator = sync()
    with pytest.raises(AirflowException, match="Airflow ended the task"):
        run(operator, Killed())
    operator.on_kill()  # nothing is left to kill, and nothing is raised


def test_to_kill_it_leaves_the_installation_of_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = sync(environment=Venv("/srv"))
    monkeypatch.setattr(Venv, "python", lambda _: operator.on_kill())
    with pytest.raises(AirflowException, match="Airflow ended the task"):
        operator.execute({})


def test_pickle_must_be_allowed(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"does not allow it: \[windsock\] allow_pickle"):
        sync(serializer="pickle")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__ALLOW_PICKLE", "True")
    recording.functions[CALL] = lambda **kwargs: kwargs["args"]
    assert run(sync(serializer="pickle", args=[{1}, Path("/srv")]), recording) == [{1}, "/srv"]


def test_a_serializer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'json' or 'pickle', not 'yaml'"):
        sync(serializer="yaml")


@pytest.mark.parametrize(
    "environment",
    [
        Poetry("/srv/shop", install=True),
        Venv(Path("/srv/shop/.venv")),
        Interpreter("/usr/bin/python3"),
        InProcess(),
        {"venv": "/srv/shop/.venv"},
    ],
    ids=repr,
)
def test_an_environment_survives_rendering_and_the_serialization_of_its_dag(environment: Any) -> None:
    with DAG("shop") as dag:
        operator = sync(environment=environment, settings="{{ dag_id }}.settings", directory=Path("/srv"))
    named = operator.place().environment
    operator.render_template_fields({"dag_id": "shop"})  # type: ignore[typeddict-item]
    assert operator.place().environment == named
    assert operator.settings == "shop.settings"
    data = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    served = DagSerialization.from_dict(data).get_task("sync")
    assert served.environment == operator.environment
    assert data == json.loads(json.dumps(DagSerialization.to_dict(dag)))


def test_arguments_of_any_type_leave_their_dag_the_same_at_every_parse() -> None:
    with DAG("shop") as dag:
        args = [date(2026, 1, 2), {"b", "a"}, b"\xff", Path("/srv"), UUID(int=7), timedelta(1)]
        operator = sync(args=args, kwargs={"price": Decimal("1.10"), "pair": (1, 2)})
    data = json.dumps(DagSerialization.to_dict(dag))
    assert DagSerialization.from_dict(json.loads(data)).get_task("sync").task_type == "DjangoOperator"
    operator.render_template_fields({})  # type: ignore[typeddict-item]
    assert operator.op_args == args
    assert operator.op_kwargs == {"price": Decimal("1.10"), "pair": (1, 2)}


def test_an_environment_is_rendered() -> None:
    operator = sync(environment=Venv("/srv/{{ name }}/.venv"), env_vars={"MOOD": "{{ name }}"})
    operator.render_template_fields({"name": "shop"})  # type: ignore[typeddict-unknown-key]
    assert operator.place().environment == Venv("/srv/shop/.venv")
    assert operator.env_vars == {"MOOD": "shop"}


def test_mapping_over_arguments_keeps_the_environment() -> None:
    with DAG("shop") as dag:
        mapped = DjangoOperator.partial(
            task_id="sync", task="shop.tasks.sync", environment=Venv("/srv/shop/.venv")
        ).expand(args=[[1], [2]])
    served = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert served.get_task("sync").is_mapped
    one = mapped.unmap({"args": [1]})
    assert isinstance(one, DjangoOperator)
    assert one.place().environment == Venv("/srv/shop/.venv")


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A connection that names a project; the list gets the ids that are asked for."""
    asked: list[str] = []
    extra = {"environment": {"venv": "/told"}, "settings": "told.settings", "directory": "/told"}

    def get_connection(conn_id: str) -> Connection:
        asked.append(conn_id)
        return Connection(conn_id=conn_id, conn_type="django", extra=json.dumps(extra))

    monkeypatch.setattr(DjangoHook, "get_connection", staticmethod(get_connection))
    return asked


def test_without_an_environment_the_connection_says_all(connection: list[str]) -> None:
    place = sync().place()
    assert (place.environment, place.settings) == (Venv("/told"), "told.settings")
    assert place.directory == Path("/told")
    assert sync(django_conn_id="shop", settings="a", directory="/a").place().settings == "a"
    assert connection == ["django_default", "shop"]


def test_with_an_environment_no_connection_is_asked(connection: list[str]) -> None:
    assert sync(environment=Venv("/srv")).place().settings == ""
    assert connection == []


@pytest.mark.parametrize("way", ["killed", "time limit"])
def test_what_ends_a_task_ends_all_that_its_call_started(
    way: str, shop: dict[str, Any], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    operator = sync(task="windsock.testing.samples.hang", args=[str(pids)], **shop)
    sig = signal.SIGTERM if way == "killed" else signal.SIGALRM
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGALRM)}

    def end_it() -> None:
        wait_until(pids.exists, 60)
        os.kill(os.getpid(), sig)

    thread = threading.Thread(target=end_it)
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())  # as Airflow's task runner has it
    thread.start()
    try:
        with pytest.raises(AirflowException if way == "killed" else AirflowTaskTimeout), timeout(600):
            operator.execute({})
    finally:
        thread.join()
        for each, handler in before.items():
            signal.signal(each, handler)
    for pid in pids.read_text().split():
        wait_until(lambda pid=int(pid): not is_running(pid))  # type: ignore[misc]
