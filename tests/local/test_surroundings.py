from pathlib import Path

import pytest

from windsock.local import addresses, surroundings
from windsock.local.addresses import Addresses
from windsock.local.project import Project
from windsock.local.state import State


@pytest.fixture
def chosen(state: State) -> Addresses:
    return addresses.choose(state, {})


def test_a_password_is_made_up_once_and_kept(project: Project, state: State) -> None:
    user = surroundings.superuser(project, state, {})
    assert user.username == "admin"
    assert user.generated
    assert surroundings.superuser(project, state, {}).password == user.password
    assert state.password_file.read_text() == f"{user.password}\n"
    assert state.password_file.stat().st_mode & 0o777 == 0o600


def test_the_projects_env_file_names_the_superuser(project: Project, state: State) -> None:
    (project.root / ".env").write_text(
        "DJANGO_SUPERUSER_USERNAME=ada\nDJANGO_SUPERUSER_EMAIL=ada@example.org\nDJANGO_SUPERUSER_PASSWORD=enigma\n"
    )
    user = surroundings.superuser(project, state, {})
    assert (user.username, user.email, user.password) == ("ada", "ada@example.org", "enigma")
    assert not user.generated


def test_the_environment_wins_over_the_env_file(project: Project, state: State) -> None:
    (project.root / ".env").write_text("DJANGO_SUPERUSER_USERNAME=ada\n")
    user = surroundings.superuser(project, state, {"DJANGO_SUPERUSER_USERNAME": "grace"})
    assert user.username == "grace"
    assert user.email == "grace@example.com"


def test_the_parts_get_what_the_contract_names(project: Project, state: State, chosen: Addresses) -> None:
    shared = surroundings.shared(project, state, chosen, {"PATH": "/bin"})
    assert shared["DATABASE_URL"] == chosen.database_url
    assert shared["CELERY_BROKER_URL"] == chosen.broker_url
    assert shared["DJANGO_SETTINGS_MODULE"] == "windsock_local_settings"
    assert shared["WINDSOCK_BASE_URL"] == chosen.web_url
    assert shared["WINDSOCK_AIRFLOW_URL"] == chosen.airflow_url
    assert shared["WINDSOCK_FEED_KEY"] == state.secrets()["feed_key"]
    assert shared["WINDSOCK_AIRFLOW_PASSWORD"] == state.secrets()["airflow_password"]
    assert Path(shared["PYTHONPATH"]) == state.folder / "settings"
    assert shared["PATH"] == "/bin"
    assert "WINDSOCK_API_TOKEN" not in shared


def test_a_known_token_is_passed_on(project: Project, state: State, chosen: Addresses) -> None:
    state.write_text("token", "t0k3n\n")
    assert surroundings.shared(project, state, chosen, {})["WINDSOCK_API_TOKEN"] == "t0k3n"


def test_airflows_secrets_and_other_environments_stay_out(
    project: Project, state: State, chosen: Addresses
) -> None:
    caller = {"AIRFLOW__CORE__FERNET_KEY": "x", "_AIRFLOW_X": "y", "VIRTUAL_ENV": "/v", "PYTHONPATH": "/mine"}
    shared = surroundings.shared(project, state, chosen, caller)
    assert not [name for name in shared if name.startswith(("AIRFLOW", "_AIRFLOW"))]
    assert "VIRTUAL_ENV" not in shared
    assert shared["PYTHONPATH"].endswith(":/mine")
    assert state.secrets()["jwt_secret"] not in shared.values()
