"""The built wheel in a bare `django-admin startproject`: nothing of this repository is at hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.stack.running import ROOT, client, forget_data

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_up_works_with_the_wheel_alone(tmp_path: Path) -> None:
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "env/bin/python"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=ROOT)
    (wheel,) = (tmp_path / "dist").glob("windsock-*.whl")
    run(uv, "venv", "--python", sys.executable, tmp_path / "env", cwd=tmp_path)
    requirement = f"windsock[django,celery,local] @ file://{wheel}"
    run(uv, "pip", "install", "--python", python, "-c", constraints(tmp_path), requirement, cwd=tmp_path)
    (tmp_path / "bare").mkdir()
    run(python, "-m", "django", "startproject", "mysite", tmp_path / "bare", cwd=tmp_path)
    windsock = python.with_name("windsock")

    run(windsock, "up", "--detach", cwd=tmp_path / "bare")
    try:
        status = json.loads(run(windsock, "status", "--json", cwd=tmp_path / "bare"))
        assert status["state"] == "ready"
        with client(status["web_url"], status["token"]) as api:
            assert api.get("/api/workflows/").json()["results"] == []
        assert (tmp_path / "bare/.windsock/airflow-env/bin/python").exists()
    finally:
        run(windsock, "down", cwd=tmp_path / "bare")
        forget_data(tmp_path / "bare")


def constraints(folder: Path) -> Path:
    """The versions of the lock without their hashes, which a local wheel cannot have."""
    lines = (ROOT / "locks/app.txt").read_text().splitlines()
    file = folder / "constraints.txt"
    file.write_text("\n".join(line.removesuffix(" \\") for line in lines if line[:1].isalpha()))
    return file
