from pathlib import Path

import pytest

from windsock.local import addresses
from windsock.local.errors import NotRunning
from windsock.local.state import State


def test_everything_is_embedded_by_default(state: State) -> None:
    chosen = addresses.choose(state, {})
    assert chosen.embedded_postgres
    assert chosen.embedded_broker
    assert chosen.database_url.startswith("postgresql://postgres@/windsock?host=/")
    assert chosen.broker_url.startswith("redis+socket:///")
    assert chosen.web_url == f"http://127.0.0.1:{chosen.web_port}"


def test_the_callers_database_replaces_only_the_projects(state: State) -> None:
    chosen = addresses.choose(state, {"DATABASE_URL": "postgresql://db.example/shop"})
    assert chosen.database_url == "postgresql://db.example/shop"
    assert not chosen.embedded_project_database
    assert chosen.embedded_postgres
    assert chosen.airflow_database


def test_with_both_databases_given_no_cluster_runs(state: State) -> None:
    given = {"DATABASE_URL": "postgresql://a/b", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://a/c"}
    chosen = addresses.choose(state, given)
    assert not chosen.embedded_postgres
    assert chosen.airflow_database == ""


def test_the_callers_broker_replaces_valkey(state: State) -> None:
    chosen = addresses.choose(state, {"CELERY_BROKER_URL": "amqp://mq.example//"})
    assert not chosen.embedded_broker
    assert chosen.broker_url == "amqp://mq.example//"


def test_other_commands_find_the_same_addresses(state: State) -> None:
    chosen = addresses.choose(state, {"AIRFLOW__API__PORT": "18080"})
    assert addresses.known(state) == chosen
    assert chosen.airflow_port == 18080
    assert (state.folder / addresses.FILE).stat().st_mode & 0o777 == 0o600


def test_sockets_keep_their_place_from_run_to_run(state: State) -> None:
    first = addresses.choose(state, {}).socket_folder
    assert addresses.choose(state, {}).socket_folder == first
    assert Path(first).is_dir()


def test_sockets_that_had_to_go_elsewhere_leave_nothing_behind(tmp_path: Path) -> None:
    state = State(tmp_path / ("x" * 100))
    state.prepare()
    moved = Path(addresses.choose(state, {}).socket_folder)
    assert not moved.is_relative_to(tmp_path)
    addresses.release(state)
    assert not moved.exists()
    addresses.release(state)


def test_sockets_in_the_state_folder_keep_their_place(state: State) -> None:
    place = Path(addresses.choose(state, {}).socket_folder)
    addresses.release(state)
    assert place.is_dir()


def test_before_the_first_run_there_are_none(state: State) -> None:
    with pytest.raises(NotRunning):
        addresses.known(state)
