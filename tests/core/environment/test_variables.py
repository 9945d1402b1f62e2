import os
from pathlib import Path

import pytest

from windsock.environment import child_variables


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW_CONN_SHOP",
        "_AIRFLOW_PROCESS_CONTEXT",
        "__AIRFLOW_SUPERVISOR_FD",
        "VIRTUAL_ENV",
        "PYTHONHOME",
    ],
)
def test_what_is_airflows_or_its_environments_stays_behind(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql:///shop")
    variables = child_variables()
    assert name not in variables
    assert variables["DATABASE_URL"] == "postgresql:///shop"


def test_what_the_caller_gives_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    variables = child_variables({"STAGE": "production", "AIRFLOW_HOME": "/elsewhere"})
    assert (variables["STAGE"], variables["AIRFLOW_HOME"]) == ("production", "/elsewhere")


def test_the_childs_environment_is_the_active_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyvenv.cfg").touch()
    monkeypatch.setenv("PATH", "/usr/bin")
    variables = child_variables(python=tmp_path / "bin" / "python")
    assert variables["PATH"] == f"{tmp_path}/bin{os.pathsep}/usr/bin"
    assert variables["VIRTUAL_ENV"] == str(tmp_path)


def test_an_interpreter_outside_of_an_environment_activates_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/srv/airflow/.venv")
    assert "VIRTUAL_ENV" not in child_variables(python=tmp_path / "bin" / "python")
