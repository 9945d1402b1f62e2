import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from windsock.airflow.project import COORDINATOR, Project
from windsock.environment import Interpreter, Poetry, Uv, Venv
from windsock.errors import WireError
from windsock.warm import WarmProcess


def coordinators(monkeypatch: pytest.MonkeyPatch, **kwargs: Any) -> None:
    entry = {"classpath": COORDINATOR, "kwargs": kwargs}
    other = {"classpath": "acme.JavaCoordinator", "kwargs": {"java": "17"}}
    monkeypatch.setenv("AIRFLOW__SDK__COORDINATORS", json.dumps({"shop": entry, "java": other}))
    monkeypatch.setenv("AIRFLOW__SDK__QUEUE_TO_COORDINATOR", '{"shop-steps": "shop", "java": "java"}')


@pytest.mark.parametrize(
    ("data", "environment"),
    [
        ({"python": "/srv/python"}, Interpreter("/srv/python")),
        ({"venv": "/srv/.venv"}, Venv("/srv/.venv")),
        ({"poetry": "/srv", "install": True}, Poetry("/srv", install=True)),
        ({"uv": "/srv"}, Uv("/srv")),
    ],
)
def test_an_environment_is_named_in_every_way(data: dict[str, Any], environment: object) -> None:
    assert Project.of(directory="/srv", environment=data).environment == environment


def test_an_environment_that_is_none_is_refused() -> None:
    with pytest.raises(WireError, match="environment"):
        Project.of(directory="/srv", environment={"conda": "shop"})


def test_a_queues_project_is_its_coordinators(monkeypatch: pytest.MonkeyPatch) -> None:
    coordinators(monkeypatch, directory="/srv/shop", python="/srv/python", settings="shop.settings")
    found = Project.of_queue("shop-steps")
    assert found == Project.of(directory="/srv/shop", python="/srv/python", settings="shop.settings")


@pytest.mark.parametrize("queue", ["java", "nobody's"])
def test_a_queue_without_one_has_the_project_of_the_section(
    monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    coordinators(monkeypatch, directory="/srv/shop", python="/srv/python")
    assert Project.of_queue(queue) is None
    monkeypatch.setenv("AIRFLOW__WINDSOCK__DIRECTORY", "/srv/blog")
    monkeypatch.setenv("AIRFLOW__WINDSOCK__ENVIRONMENT", '{"venv": "/srv/blog/.venv"}')
    monkeypatch.setenv("AIRFLOW__WINDSOCK__SETTINGS", "blog.settings")
    venv = {"venv": "/srv/blog/.venv"}
    assert Project.of_queue(queue) == Project.of(
        directory="/srv/blog", environment=venv, settings="blog.settings"
    )


def test_its_process_gets_nothing_of_airflows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, airflow_home: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    project = Project.of(directory=str(tmp_path), python=sys.executable, settings="shop.settings")
    warm = project.warm_process()
    assert not [name for name in warm.environment if "AIRFLOW" in name]
    assert warm.environment["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert warm.path.is_relative_to(airflow_home)


def test_its_process_gets_variables_of_its_own(tmp_path: Path) -> None:
    project = Project.of(directory=str(tmp_path), python=sys.executable, variables={"DATABASE_URL": "x://y"})
    assert project.warm_process().environment["DATABASE_URL"] == "x://y"


def test_each_project_has_a_process_of_its_own(tmp_path: Path) -> None:
    def path(**changes: Any) -> Path:
        kwargs: dict[str, Any] = {"directory": str(tmp_path), "python": sys.executable, **changes}
        return Project.of(**kwargs).warm_process().path

    paths = {path(), path(settings="other"), path(directory=os.fspath(tmp_path / "b")), path(steps="c")}
    assert len({*paths, path(variables={"DATABASE_URL": "a"}), path(variables={"DATABASE_URL": "b"})}) == 6


def test_a_lock_that_lies_elsewhere_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Uv, "python", lambda self: Path(sys.executable))
    for folder, watched in ((tmp_path, ()), (tmp_path / "backend", (tmp_path / "backend",))):
        project = Project.of(directory=str(tmp_path), environment={"uv": str(folder)})
        assert project.warm_process().watch == watched


def test_a_record_that_cannot_be_ended_is_noted_without_the_output(tmp_path: Path) -> None:
    project = Project.of(directory=str(tmp_path), python=sys.executable)
    nobody = WarmProcess(
        python=tmp_path / "python", path=tmp_path / "s", setup="a:b", directory=tmp_path, environment={}
    )
    with capture_logs() as logs:
        project.tell_lost(nobody, step="load", reason="killed", output="secret")
    [line] = logs
    assert (line["event"], line["step"]) == ("The record of a lost step was not ended", "load")
    assert "output" not in line
