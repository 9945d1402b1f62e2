import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from windsock.local import environments
from windsock.local.errors import CommandError


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "airflow.txt"
    file.write_text("# nothing to install\n")
    return file


def test_the_shipped_lock_has_airflow_and_no_django() -> None:
    names = [line.split("==")[0] for line in environments.lock().read_text().splitlines() if "==" in line]
    assert "apache-airflow-core" in names
    assert "django" not in [name.lower() for name in names]


def test_a_new_environment_has_this_very_windsock_and_its_metadata(tmp_path: Path, lock: Path) -> None:
    python = environments.ensure(tmp_path / "env", lock, tmp_path / "log")
    question = (
        "import importlib.metadata as m, windsock.local; print(windsock.local.__file__)\n"
        "print(m.version('windsock'), len(m.entry_points(group='apache_airflow_provider')))"
    )
    answer = subprocess.run([python, "-I", "-c", question], capture_output=True, text=True, check=True)
    file, facts = answer.stdout.splitlines()
    assert file.endswith("windsock/local/__init__.py")
    assert facts == f"{importlib.metadata.version('windsock')} 1"


def test_an_environment_is_made_again_only_when_the_lock_changes(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[Path] = []
    monkeypatch.setattr(environments, "_compile", lambda python, packages, log: installed.append(python))
    for text in ("# one\n", "# one\n", "# two\n"):
        lock.write_text(text)
        environments.ensure(tmp_path / "env", lock, tmp_path / "log")
    assert len(installed) == 2


def test_a_failed_installation_is_tried_again(tmp_path: Path, lock: Path) -> None:
    lock.write_text("no-such-distribution-of-windsock @ file:///nowhere\n")
    with pytest.raises(CommandError):
        environments.ensure(tmp_path / "env", lock, tmp_path / "log")
    lock.write_text("# nothing\n")
    assert environments.ensure(tmp_path / "env", lock, tmp_path / "log").exists()


def test_a_copy_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    old = tmp_path / "windsock-0.0.1.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: windsock\nVersion: 0.0.1\n")
    (old / "RECORD").write_text(
        "windsock_old.py,,\nwindsock-0.0.1.dist-info/METADATA,,\n../../../bin/windsock,,\n"
    )
    (tmp_path / "windsock_old.py").touch()
    environments.copy_distribution("windsock", tmp_path)
    assert not (tmp_path / "windsock_old.py").exists()
    found = [each.version for each in importlib.metadata.distributions(name="windsock", path=[str(tmp_path)])]
    assert importlib.metadata.version("windsock") in found


def test_without_uv_pip_installs(tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    make, install = environments._installer(tmp_path / "env", tmp_path / "env" / "bin" / "python", lock)
    assert make == (sys.executable, "-m", "venv", str(tmp_path / "env"))
    assert install[1:4] == ("-m", "pip", "install")
    assert "--require-hashes" in install
