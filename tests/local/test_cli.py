import json
import os
from pathlib import Path

import pytest

from windsock.local import addresses, cli, ledger, status
from windsock.local.project import Project
from windsock.local.state import State
from windsock.local.status import Phase, Status


@pytest.fixture(autouse=True)
def here(project: Project, monkeypatch: pytest.MonkeyPatch, clean_environ: None) -> None:
    monkeypatch.chdir(project.root)


def test_the_status_before_the_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "stopped"


def test_without_a_project_one_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["status"]) == 1
    assert "no manage.py" in capsys.readouterr().err


def test_a_second_up_says_where_the_first_runs(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    held = state.hold()
    assert held is not None
    entry = ledger.entry("guard", os.getpid())
    assert entry is not None
    status.write(state, Status(state=Phase.READY, processes=(entry,)))
    chosen = addresses.choose(state, {})
    assert cli.main(["up"]) == 0
    shown = capsys.readouterr().out
    assert "runs already" in shown
    assert chosen.web_url in shown
    os.close(held)


@pytest.mark.parametrize("words", [["--help"], ["migrate", "--plan"]])
def test_the_words_after_manage_are_the_projects(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["manage", *words]) == 1
    assert "Nothing runs here" in capsys.readouterr().err


def test_an_unknown_part_has_no_logs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["logs", "nothing"])
    assert "airflow-scheduler" in capsys.readouterr().err
