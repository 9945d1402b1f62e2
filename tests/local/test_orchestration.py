import json
import sys
from pathlib import Path

import pytest

from windsock.local import addresses, orchestration
from windsock.local.addresses import Addresses
from windsock.local.errors import CommandError
from windsock.local.process import Command
from windsock.local.project import Project
from windsock.local.state import State


@pytest.fixture
def chosen(state: State) -> Addresses:
    return addresses.choose(state, {})


def test_airflow_is_told_where_everything_is(project: Project, state: State, chosen: Addresses) -> None:
    found = orchestration.variables(project, state, chosen, {})
    assert found["AIRFLOW_HOME"] == str(state.airflow)
    assert found["AIRFLOW__API__PORT"] == str(chosen.airflow_port)
    assert found["AIRFLOW__WINDSOCK__URL"] == f"{chosen.web_url}/windsock/feed/"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://postgres@/airflow?")
    coordinator = json.loads(found["AIRFLOW__SDK__COORDINATORS"])["windsock"]
    assert coordinator["kwargs"]["directory"] == str(project.directory)
    assert json.loads(found["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])[0]["name"] == "windsock"


def test_airflow_has_a_connection_to_the_project(project: Project, state: State, chosen: Addresses) -> None:
    found = orchestration.variables(project, state, chosen, {})
    connection = json.loads(found["AIRFLOW_CONN_DJANGO_DEFAULT"])
    assert (connection["conn_type"], connection["host"]) == ("django", chosen.web_url)
    assert connection["password"] == found["AIRFLOW__WINDSOCK__FEED_KEY"]
    assert connection["extra"]["environment"] == {"python": str(project.python)}
    other = orchestration.variables(project, state, chosen, {"AIRFLOW_CONN_DJANGO_DEFAULT": "django://"})
    assert other["AIRFLOW_CONN_DJANGO_DEFAULT"] == "django://"


def test_dags_that_stand_in_the_project_are_read(project: Project, state: State, chosen: Addresses) -> None:
    (project.directory / "dags").mkdir()
    found = orchestration.variables(project, state, chosen, {})
    bundles = json.loads(found["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert [bundle["name"] for bundle in bundles] == ["windsock", "dags-folder"]
    assert bundles[1]["kwargs"] == {"refresh_interval": 10}
    assert found["AIRFLOW__CORE__DAGS_FOLDER"] == str(project.directory / "dags")


def test_never_is_everybody_an_admin(project: Project, state: State, chosen: Addresses) -> None:
    found = orchestration.variables(project, state, chosen, {})
    assert not [name for name in found if "ALL_ADMINS" in name]
    assert found["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin"


def test_a_step_waits_for_an_api_server_that_starts_anew(
    project: Project, state: State, chosen: Addresses
) -> None:
    found = orchestration.variables(project, state, chosen, {})
    retries, shortest, longest = (
        float(found[f"AIRFLOW__WORKERS__EXECUTION_API_{name}"])
        for name in ("RETRIES", "RETRY_WAIT_MIN", "RETRY_WAIT_MAX")
    )
    # Each wait is drawn between the two.
    assert (retries - 1) * (shortest + longest) / 2 >= 120
    assert longest <= 5


def test_the_callers_variables_replace_ours_one_by_one(
    project: Project, state: State, chosen: Addresses
) -> None:
    found = orchestration.variables(project, state, chosen, {"AIRFLOW__CORE__PARALLELISM": "9", "OTHER": "x"})
    assert found["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert found["AIRFLOW__CORE__EXECUTOR"] == "windsock.airflow.executor.LocalExecutor"
    assert "OTHER" not in found


def test_the_callers_database_gets_no_address_of_ours(project: Project, state: State) -> None:
    given = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://db.example/airflow"}
    found = orchestration.variables(project, state, addresses.choose(state, given), given)
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql://db.example/airflow"
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC" not in found


def test_the_password_file_is_private(state: State) -> None:
    orchestration.write_passwords(state)
    file = state.airflow / "passwords.json"
    assert json.loads(file.read_text()) == {"admin": state.secrets()["airflow_password"]}
    assert file.stat().st_mode & 0o777 == 0o600


def migration(folder: Path, code: str = "") -> Command:
    counting = "import sys; open(sys.argv[1], 'a').write('x')\n"
    return Command(
        argv=(sys.executable, "-c", counting + code, str(folder / "count")),
        environment={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "a"},
    )


def test_the_database_is_migrated_when_the_lock_changes_only(state: State, tmp_path: Path) -> None:
    lock = tmp_path / "airflow.txt"
    for text in ("one", "one", "two", "two"):
        lock.write_text(text)
        orchestration.migrate(state, migration(tmp_path), lock)
    assert (tmp_path / "count").read_text() == "xx"


def test_a_failed_migration_is_tried_again(state: State, tmp_path: Path) -> None:
    lock = tmp_path / "airflow.txt"
    lock.touch()
    for _ in range(2):
        with pytest.raises(CommandError):
            orchestration.migrate(state, migration(tmp_path, "sys.exit(1)"), lock)
    assert (tmp_path / "count").read_text() == "xx"
