import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from windsock.local import addresses, commands, ledger, status
from windsock.local.errors import NotRunning
from windsock.local.process import Command, spawn
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import Phase, Progress, Status


@pytest.fixture
def up(state: State) -> Status:
    """A status as a running supervisor writes it; this test is the supervisor."""
    addresses.choose(state, {})
    entry = ledger.entry("guard", os.getpid())
    assert entry is not None
    now = Status(
        state=Phase.READY,
        parts={"web": Progress(state=Phase.READY, pid=1)},
        username="ada",
        web_url="http://127.0.0.1:8000",
        processes=(entry,),
    )
    status.write(state, now)
    return now


def test_the_status_for_scripts_is_one_object(
    state: State, up: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.show_status(state, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"


def test_the_status_for_people_names_the_parts(
    state: State, up: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.show_status(state, as_json=False)
    assert "http://127.0.0.1:8000" in (shown := capsys.readouterr().out)
    assert "web" in shown


def test_the_log_of_one_part_is_plain(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.log("web").write_text("GET /\n")
    commands.show_logs(state, "web", follow=False)
    assert capsys.readouterr().out == "GET /\n"


def test_the_logs_of_all_carry_names(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    state.log("web").write_text("GET /\n")
    commands.show_logs(state, None, follow=False)
    assert capsys.readouterr().out.startswith("web ")


def test_down_without_a_stack_says_so(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.down(state) == 0
    assert capsys.readouterr().out == "Nothing runs here.\n"


def test_down_ends_what_only_the_ledger_knows(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    argv = (sys.executable, "-c", "import time; time.sleep(60)")
    process = spawn(Command(argv=argv), subprocess.DEVNULL)
    entry = ledger.entry("web", process.pid)
    assert entry is not None
    ledger.write(state, [entry])
    commands.down(state)
    assert process.wait(timeout=5) != 0
    assert capsys.readouterr().out == "Stopped.\n"


def test_reset_asks_first(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    state.secrets()
    assert commands.reset(state, sure=False) == 1
    assert (state.folder / "secrets.json").exists()


def test_reset_forgets_all_but_airflows_environment(state: State) -> None:
    state.secrets()
    addresses.choose(state, {})
    (state.folder / "airflow-env").mkdir()
    assert commands.reset(state, sure=True) == 0
    assert {each.name for each in state.folder.iterdir()} == {"airflow-env", "lock"}


def test_reset_removes_the_folders_made_elsewhere(state: State, tmp_path: Path) -> None:
    outside = tmp_path / "windsock-0-abc"
    (outside / "postgres").mkdir(parents=True)
    chosen = addresses.choose(state, {})
    moved = replace(chosen, database_folder=str(outside / "postgres"))
    state.write(addresses.FILE, {name: getattr(moved, name) for name in moved.__dataclass_fields__})
    commands.reset(state, sure=True)
    assert not outside.exists()


@pytest.mark.parametrize("command", [commands.token, lambda found, state: commands.manage(found, state, [])])
def test_nothing_is_run_against_a_stack_that_is_down(project: Project, state: State, command: object) -> None:
    assert callable(command)
    with pytest.raises(NotRunning):
        command(project, state)


def test_the_token_is_asked_of_the_project_for_its_superuser(
    project: Project, state: State, up: Status, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:])\n")
    python.chmod(0o755)
    assert commands.token(replace(project, python=python), state) == 0
    assert capfd.readouterr().out == "-m django windsock_token --username ada\n"
