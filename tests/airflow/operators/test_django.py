import json
import os
import re
import signal
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from tests.airflow.operators.conftest import PROJECT, ROOT, Worker

from windsock.airflow.operators import DjangoOperator
from windsock.testing import Recording
from windsock.testing.suite import is_running, wait_until


def call(shop: dict[str, Any], task: str, *args: Any, **options: Any) -> Any:
    path = task if "." in task else f"shop.tasks.{task}"
    return DjangoOperator(task_id="call", task=path, args=args, **{**shop, **options}).execute({})


def test_all_that_says_what_runs_is_rendered() -> None:
    operator = DjangoOperator(
        task_id="sync",
        task="{{ app }}.tasks.sync",
        args=["{{ day }}"],
        kwargs={"{{ app }}": ["{{ app }}"]},
        environment={"venv": "/srv/{{ app }}"},
        settings="{{ app }}.settings",
        directory="/srv/{{ app }}",
        env_vars={"MOOD": "{{ app }}"},
    )
    operator.render_template_fields({"app": "shop", "day": "today"})  # type: ignore[typeddict-unknown-key]
    assert (operator.task, operator.op_args) == ("shop.tasks.sync", ["today"])
    assert operator.op_kwargs == {"{{ app }}": ["shop"]}
    assert operator.environment == {"venv": "/srv/shop"}
    assert (operator.settings, operator.directory) == ("shop.settings", "/srv/shop")
    assert operator.env_vars == {"MOOD": "shop"}


def test_the_function_is_named_with_its_arguments(recording: Recording) -> None:
    operator = DjangoOperator(task_id="sync", task="shop.tasks.sync", args=(1,), kwargs={"b": 2})
    operator.transport = lambda: recording  # type: ignore[method-assign]
    assert operator.execute({})["task"] == "shop.tasks.sync"
    assert operator.execute({})["kwargs"] == {"b": 2}


def test_it_runs_in_the_projects_own_place_without_airflows_secrets(
    shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    assert call(shop, "where", env_vars={"MOOD": "good"}) == {
        "executable": str(ROOT / ".venv/bin/python"),
        "directory": str(PROJECT),
        "settings": "shop.settings",
        "airflow": [],
        "mood": "good",
    }


def test_djangos_types_go_in_and_come_out_as_xcom_can_hold_them(shop: dict[str, Any]) -> None:
    kept = {
        "date": date(2026, 1, 2),
        "moment": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "span": timedelta(minutes=1.5),
        "price": Decimal("12.30"),
        "key": UUID(int=7),
        "set": {1},
        "pair": (1, "a"),
    }
    precise = Decimal("0.12345678901234567890")
    found = call(shop, "echo", time(3, 4), Path("/srv"), b"\x00\xff", precise, kwargs=kept)
    assert found["args"] == ["03:04:00", "/srv", "AP8=", "0.12345678901234567890"]
    assert found["kwargs"] == kept
    types = [type(each).__name__ for each in kept.values()]
    assert found["types"] == ["time", "PosixPath", "bytes", "Decimal", *types]


def test_what_only_pickle_can_hold_needs_the_opt_in(
    shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowFailException, match=r'the result is a complex.*serializer="pickle"'):
        call(shop, "unpicklable_by_json")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__ALLOW_PICKLE", "True")
    held = call(shop, "unpicklable_by_json", serializer="pickle")
    assert call(shop, "absolute", {2j, 3}, held, serializer="pickle") == [3.0, 3.605551275463989]


def test_a_result_of_50_megabytes_is_refused_with_advice(shop: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException) as caught:
        call(shop, "windsock.testing.samples.large", 50 * 2**20)
    assert "the result has 52,428,802 bytes of JSON, the limit is 1,048,576" in str(caught.value)
    assert "put it into a table or a file and return its key" in str(caught.value)


def test_a_crash_names_the_signal_and_leaves_nothing_on_disk(
    shop: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(AirflowException, match="killed by SIGSEGV") as caught:
        call(shop, "windsock.testing.samples.kill_self", int(signal.SIGSEGV))
    assert not isinstance(caught.value, AirflowFailException)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_imported_are_told_as_they_fail(shop: dict[str, Any]) -> None:
    with pytest.raises(AirflowException, match="ModuleNotFoundError: No module named 'no_settings'"):
        call(shop, "sync", "today", settings="no_settings")


def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(AirflowException, match="There is no Python interpreter at /nowhere"):
        call({"environment": {"python": "/nowhere"}}, "sync")


def test_a_task_runs_as_a_worker_runs_it_in_the_place_that_a_connection_names(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"environment": {"venv": f"{ROOT}/.venv"}, "settings": "shop.settings", "directory": str(PROJECT)}
    connection = json.dumps({"conn_type": "django", "extra": told})
    monkeypatch.setenv("AIRFLOW_CONN_DJANGO_DEFAULT", connection)
    worker.write(
        "DjangoOperator(task_id='sync', task='shop.tasks.sync', args=['{{ ds }}'], kwargs={'factor': 3})"
    )
    assert worker.supervise("sync") == 0
    assert worker.api.pushed == {"sync": {"day": "2026-01-02", "answer": 63}}
    assert worker.api.rendered["op_args"] == ["2026-01-02"]


def test_a_failure_stands_in_the_task_log_as_it_happened(worker: Worker) -> None:
    worker.write("DjangoOperator(task_id='sync', task='shop.tasks.boom', retries=1, **SHOP)")
    worker.api.should_retry = True
    worker.supervise("sync")
    shown = next(entry for entry in worker.log() if "The project's function failed" in entry["event"])
    assert shown["event"].endswith("LookupError: no such shop: 7")
    last, cause = shown["error_detail"]
    assert (last["exc_type"], last["exc_value"]) == ("LookupError", "no such shop: 7")
    assert last["frames"][-1]["filename"] == str(PROJECT / "shop/tasks.py")
    assert (cause["exc_type"], cause["is_cause"]) == ("KeyError", True)
    assert worker.state() == "up_for_retry"


def test_output_reaches_the_task_log_while_the_task_runs(worker: Worker) -> None:
    worker.write(
        f"DjangoOperator(task_id='chat', task='shop.tasks.chatter', args=[{str(worker.folder)!r}], **SHOP)"
    )
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(worker.supervise("chat") & 0xFF)
        finally:
            os._exit(99)
    log = worker.home / "logs"

    def said(text: str) -> bool:
        return any(text in path.read_text() for path in log.glob("*.log"))

    for text in ("printed by the project", "complained by the project", "logged by the project"):
        wait_until(lambda text=text: said(text), 30)
    (worker.folder / "seen").touch()
    assert os.waitpid(pid, 0)[1] == 0


def test_the_dag_of_the_documentation_runs(worker: Worker) -> None:
    page = (ROOT / "docs/howto/operators.md").read_text()
    (text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    text = text.replace("/srv/shop/.venv", str(ROOT / ".venv")).replace("/srv/shop", str(PROJECT))
    (worker.folder / "shop.py").write_text(text)
    for task in ("load", "sync", "report"):
        assert worker.supervise(task, dag="orders") == 0
    assert worker.api.pushed == {
        "load": "imported [2026]",
        "sync": {"day": "2026-01-02", "answer": 42},
        "report": "2026-01-02: 42 of contenttypes.ContentType",
    }


def test_a_task_that_is_marked_failed_leaves_nothing_of_its_call(worker: Worker, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    worker.write(
        f"DjangoOperator(task_id='hang', task='windsock.testing.samples.hang', args=[{str(pids)!r}], **SHOP)"
    )
    worker.api.on_heartbeat = lambda: 409 if pids.exists() else 204
    worker.supervise("hang")
    assert "Airflow ended the task" in json.dumps(worker.log())
    for pid in pids.read_text().split():
        wait_until(lambda pid=int(pid): not is_running(pid))  # type: ignore[misc]
