import ast
import subprocess
import sys
from pathlib import Path

import pytest

import windsock
from windsock.call import Call
from windsock.environment import Interpreter, Venv, child_variables
from windsock.transport import Subprocess, bootstrap

PACKAGE = Path(windsock.__file__).parent
ECHO = Call(function="windsock.testing.samples.echo", args=("hello",))
IMPORTABLE = """
import importlib.util
def importable(name):
    return importlib.util.find_spec(name) is not None
def windsocks_place():
    import windsock
    return windsock.__file__
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment in which nothing is installed."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def within(environment: Path, directory: Path) -> Subprocess:
    (directory / "project.py").write_text(IMPORTABLE)
    variables = child_variables() | {"PYTHONPATH": ""}
    return Subprocess(environment=Venv(environment), directory=directory, variables=variables)


def test_an_environment_without_windsock_is_lent_this_one(bare: Path, tmp_path: Path) -> None:
    transport = within(bare, tmp_path)
    assert transport.send(ECHO).value == {"args": ["hello"], "kwargs": {}}
    assert transport.send(Call(function="project.windsocks_place")).value == windsock.__file__


def test_nothing_beside_windsock_is_lent(bare: Path, tmp_path: Path) -> None:
    transport = within(bare, tmp_path)
    assert transport.send(Call(function="project.importable", args=("windsock.wire",))).value is True
    assert transport.send(Call(function="project.importable", args=("pytest",))).value is False
    assert transport.send(Call(function="project.importable", args=("signing",))).value is False


def test_an_installed_windsock_wins(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "own"], check=True)
    (packages,) = (tmp_path / "own").glob("lib/python*/site-packages")
    (packages / "windsock").symlink_to(PACKAGE)
    found = within(tmp_path / "own", tmp_path).send(Call(function="project.windsocks_place")).value
    assert found == str(packages / "windsock" / "__init__.py")


def test_a_folder_of_that_name_in_the_project_is_not_windsock(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "windsock").mkdir()
    assert within(bare, tmp_path).send(ECHO).succeeded


def test_an_older_python_is_refused_for_good_and_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = (3, 10, 13, 'final', 0)\n"
        "sys.argv[:2] = sys.argv[1:2]\nexec(sys.argv.pop(1))\n"
    )
    python.chmod(0o700)
    failure = Subprocess(environment=Interpreter(python)).send(ECHO).failure
    assert failure is not None
    assert "Windsock needs Python 3.11 or newer in the project's environment" in failure.message
    assert failure.message.endswith("is Python 3.10")
    assert not failure.retry


def test_an_older_python_can_read_it() -> None:
    text = Path(bootstrap.__file__).read_text()
    ast.parse(text, feature_version=(3, 6))
    assert text.isascii()  # whatever encoding its locale stands for


def test_what_is_at_hand_is_not_lent_again(tmp_path: Path) -> None:
    bootstrap.lend(str(tmp_path))
    assert sys.modules["windsock"] is windsock
