import os
from pathlib import Path

from windsock.local.state import State


def test_the_folder_ignores_itself(state: State) -> None:
    assert (state.folder / ".gitignore").read_text() == "*\n"


def test_secrets_are_private_and_stay(state: State) -> None:
    made = state.secrets()
    assert set(made) == {"jwt_secret", "api_secret_key", "feed_key", "airflow_password", "fernet_key"}
    assert len(set(made.values())) == 5
    assert state.secrets() == made
    assert (state.folder / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_lost_secret_is_made_again_and_the_others_stay(state: State) -> None:
    made = state.secrets()
    state.write("secrets.json", {name: value for name, value in made.items() if name != "feed_key"})
    again = state.secrets()
    assert again["feed_key"] != made["feed_key"]
    assert again["fernet_key"] == made["fernet_key"]


def test_every_written_file_is_private(state: State) -> None:
    state.write_text("token", "t")
    state.write("x.json", {})
    assert {(state.folder / name).stat().st_mode & 0o777 for name in ("token", "x.json")} == {0o600}


def test_a_missing_or_broken_file_reads_as_empty(state: State) -> None:
    assert state.read("nothing.json") == {}
    (state.folder / "half.json").write_text('{"a": ')
    assert state.read("half.json") == {}
    assert state.read_text("nothing") is None


def test_the_folder_is_closed_but_for_the_account_that_roots_database_runs_as(state: State) -> None:
    assert state.folder.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)


def test_logs_are_never_listable_by_others(state: State) -> None:
    assert state.logs.stat().st_mode & 0o777 == 0o700


def test_one_holds_the_folder_at_a_time(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    state.prepare()
    held = state.hold()
    assert held is not None
    assert state.hold() is None
    os.close(held)
    again = state.hold()
    assert again is not None
    os.close(again)
