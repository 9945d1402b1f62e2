import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from windsock.airflow.operators.place import Connection, Here, Place
from windsock.call import Call
from windsock.environment import Environment, InProcess, Interpreter, Poetry, Venv
from windsock.errors import EnvironmentNotFound, TransportError, WireError
from windsock.transport import Subprocess

PYTHON = Interpreter(Path(sys.executable))


class Told:
    """A connection that says all."""

    settings = "told.settings"
    directory: Path | None = Path("/told")

    def environment(self) -> Environment | None:
        return Venv("/told/.venv")


def subprocess(**fields: Any) -> Subprocess:
    transport = Place(**{"environment": PYTHON, **fields}).transport({"MOOD": "good"})
    assert isinstance(transport, Subprocess)
    return transport


def test_it_reads_what_an_operator_was_given() -> None:
    place = Place.of({"poetry": "/srv/shop", "install": True}, "shop.settings", "/srv/shop/site")
    assert place == Place(
        environment=Poetry("/srv/shop", install=True),
        settings="shop.settings",
        directory=Path("/srv/shop/site"),
    )
    assert Place.of(None, "", "") == Place(environment=None)


def test_an_environment_that_is_none_is_named() -> None:
    with pytest.raises(WireError, match="environment"):
        Place.of({"conda": "/srv/shop"}, "", "")


def test_a_connection_says_only_what_is_left_out() -> None:
    told: Connection = Told()
    all_told = Place(environment=Venv("/told/.venv"), settings="told.settings", directory=Path("/told"))
    assert Place(environment=None).completed(told) == all_told
    named = Place(environment=PYTHON, settings="a", directory=Path("/a"))
    assert named.completed(told) == named


def test_without_an_environment_it_says_what_to_name() -> None:
    with pytest.raises(EnvironmentNotFound, match=r"name environment=Venv\(...\)"):
        Place(environment=None).transport({})


def test_a_call_runs_in_the_projects_interpreter_folder_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    found = subprocess(settings="shop.settings", directory=tmp_path)
    assert (found.environment, found.directory) == (PYTHON, tmp_path)
    variables = found.variables or {}
    assert (variables["DJANGO_SETTINGS_MODULE"], variables["MOOD"]) == ("shop.settings", "good")
    assert not [name for name in variables if "AIRFLOW" in name]


def test_without_settings_those_of_the_surroundings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "around.settings")
    assert (subprocess().variables or {})["DJANGO_SETTINGS_MODULE"] == "around.settings"


def test_a_poetry_project_is_imported_from_its_own_folder(tmp_path: Path) -> None:
    place = Place(environment=Poetry(tmp_path / "shop"))
    with pytest.raises(TransportError, match=f"There is no folder {tmp_path}/shop on this host"):
        place.transport({})


def test_a_project_is_imported_from_where_its_environment_stands_beside_manage_py(tmp_path: Path) -> None:
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    environments = (Venv(tmp_path / ".venv"), Interpreter(python))
    assert [subprocess(environment=each).directory for each in environments] == [None, None]
    (tmp_path / "manage.py").touch()
    assert [subprocess(environment=each).directory for each in environments] == [tmp_path, tmp_path]
    assert subprocess(environment=environments[0], directory=Path("/")).directory == Path("/")


def test_in_this_process_the_project_needs_django_beside_airflow() -> None:
    transport = Place(environment=InProcess()).transport({})
    with pytest.raises(EnvironmentNotFound, match="has no django, so the project cannot run in this process"):
        transport.send(Call(function="shop.tasks.sync"))


FAKE_CALLS = """
import contextlib

def setup_here(settings_module, directory):
    if not settings_module:
        raise RuntimeError("name the settings")
    return lambda: contextlib.nullcontext()
"""


@pytest.fixture
def calls_without_django(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fake_calls.py").write_text(FAKE_CALLS)
    monkeypatch.syspath_prepend(tmp_path)
    fake = __import__("fake_calls")
    monkeypatch.setitem(sys.modules, "windsock.django.calls", fake)
    monkeypatch.setenv("MOOD", "bad")  # and what it was comes back after the test
    monkeypatch.delitem(sys.modules, "fake_calls")


@pytest.mark.usefixtures("calls_without_django")
def test_in_this_process_a_call_runs_here() -> None:
    here = Here(settings="shop.settings", directory=None, variables={"MOOD": "good"})
    outcome = here.send(Call(function="windsock.testing.samples.identity"))
    assert outcome.value["pid"] == os.getpid()
    assert os.environ["MOOD"] == "good"


@pytest.mark.usefixtures("calls_without_django")
def test_in_this_process_a_broken_set_up_is_a_failure() -> None:
    outcome = Here(settings="", directory=None, variables={}).send(Call(function="shop.tasks.sync"))
    assert outcome.failure is not None
    assert outcome.failure.message == "name the settings"


@pytest.mark.usefixtures("calls_without_django")
def test_in_this_process_no_time_limit_can_be_held() -> None:
    here = Here(settings="shop.settings", directory=None, variables={})
    with pytest.raises(TransportError, match="a process of its own"):
        here.send(Call(function="windsock.testing.samples.echo"), timeout=timedelta(seconds=1))
