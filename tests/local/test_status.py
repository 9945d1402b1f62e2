import json
import os
from dataclasses import replace

import pytest

from windsock.local import ledger, status
from windsock.local.state import State
from windsock.local.status import PARTS, Phase, Progress, Status

KEYS = {"state", "web_url", "airflow_url", "username", "password_file", "token", "parts"}


@pytest.fixture
def now() -> Status:
    entry = ledger.entry("guard", os.getpid())
    assert entry is not None
    return Status(
        state=Phase.READY,
        parts={"web": Progress(state=Phase.READY, pid=7, since=1.0, seconds=2.0)},
        steps={"project": Progress(state=Phase.READY, since=1.0, seconds=0.5)},
        web_url="http://127.0.0.1:8000",
        airflow_url="http://127.0.0.1:8080",
        username="admin",
        processes=(entry,),
    )


def test_a_status_is_read_as_it_was_written(state: State, now: Status) -> None:
    status.write(state, now)
    assert status.read(state) == now


def test_scripts_get_one_object_with_every_key(state: State, now: Status) -> None:
    state.write_text("token", "t0k3n\n")
    shown = json.loads(status.to_json(now, state))
    assert set(shown) == KEYS
    assert shown["state"] == "ready"
    assert shown["token"] == "t0k3n"
    assert shown["parts"]["web"] == {"state": "ready", "pid": 7}
    assert set(shown["parts"]) == set(PARTS)


def test_before_the_first_run_everything_is_stopped_and_null(state: State) -> None:
    shown = json.loads(status.to_json(status.read(state), state))
    assert set(shown) == KEYS
    assert shown.pop("state") == "stopped"
    assert shown.pop("parts") == {name: {"state": "stopped", "pid": None} for name in PARTS}
    assert set(shown.values()) == {None}


@pytest.mark.parametrize("before", [Phase.READY, Phase.STARTING])
def test_a_supervisor_that_vanished_has_stopped(state: State, now: Status, before: Phase) -> None:
    gone = tuple(replace(each, started="another boot:1") for each in now.processes)
    status.write(state, replace(now, state=before, processes=gone))
    found = status.read(state)
    assert found.state is Phase.STOPPED
    assert not found.running
    assert json.loads(status.to_json(found, state))["web_url"] is None


def test_a_failure_is_remembered_with_its_reason(state: State) -> None:
    status.write(state, Status(state=Phase.FAILED, message="web ended again and again"))
    found = status.read(state)
    assert found.state is Phase.FAILED
    assert found.message == "web ended again and again"
