import sys
from pathlib import Path

import pytest
from tests.airflow.fake_site import KEY, serving

from windsock.airflow.connection import Site, probe
from windsock.airflow.connection.probe import probe_environment, probe_site
from windsock.environment import Interpreter

HERE = Interpreter(sys.executable)
_DJANGO = """
import os
def setup(): __import__(os.environ["DJANGO_SETTINGS_MODULE"])
def get_version(): return "9.9"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose Django is one file."""
    (tmp_path / "django.py").write_text(_DJANGO)
    (tmp_path / "good.py").write_text("")
    (tmp_path / "bad.py").write_text("raise KeyError('SECRET_KEY')")
    return tmp_path


def test_a_project_is_set_up_in_its_own_interpreter(project: Path) -> None:
    works, text = probe_environment(HERE, "good", project)
    assert works
    assert text == f"{sys.executable} sets the project up with Django 9.9."


def test_the_true_error_is_told(project: Path) -> None:
    works, text = probe_environment(HERE, "bad", project)
    assert not works
    assert text.endswith("KeyError: 'SECRET_KEY'")


def test_what_is_missing_is_named(project: Path) -> None:
    assert (
        "There is no Python interpreter at /nowhere"
        in probe_environment(Interpreter("/nowhere"), "", None)[1]
    )
    assert "There is no folder /nowhere" in probe_environment(HERE, "", Path("/nowhere"))[1]


def test_a_project_that_hangs_is_given_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "slow.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(probe, "LIMIT", 0.5)
    assert "took more than 0.5 s" in probe_environment(HERE, "slow", project)[1]


def test_a_site_without_the_service_is_told_from_one_that_is_away() -> None:
    with serving() as fake:
        works, text = probe_site(Site(url=f"{fake.url}/elsewhere", key=KEY))
        assert not works
        assert "include windsock.django.urls" in text
    works, text = probe_site(Site(url="http://127.0.0.1:1", key=KEY))
    assert not works
    assert "does not answer" in text
