import sys
from pathlib import Path

import pytest
from tests.local.conftest import MANAGE

from windsock.local import project
from windsock.local.errors import ProjectNotFound
from windsock.local.project import Project


def repository(root: Path) -> Path:
    """A pyproject.toml that names the project in `example/`."""
    (root / "example").mkdir(parents=True)
    (root / "example" / "manage.py").write_text(MANAGE)
    (root / "pyproject.toml").write_text(
        '[tool.windsock]\nproject = "example"\n'
        'app-environment = ".venv"\nairflow-environment = ".venv-airflow"\n'
    )
    return root


def test_a_bare_project_is_found_from_below(project: Project) -> None:
    below = project.root / "shop" / "views"
    below.mkdir(parents=True)
    assert project == find(below)


def find(start: Path, **environ: str) -> Project:
    return project.find(start, environ)


@pytest.mark.parametrize("below", [".", "example", "docs"])
def test_a_pyproject_names_the_project_wherever_one_stands(tmp_path: Path, below: str) -> None:
    root = repository(tmp_path)
    (root / "docs").mkdir()
    found = find(root / below)
    assert found.root == root
    assert found.directory == root / "example"
    assert found.python == root / ".venv" / "bin" / "python"
    assert found.airflow_environment == root / ".venv-airflow"
    assert found.state == root / ".windsock"


def test_another_project_inside_a_repository_is_its_own(tmp_path: Path) -> None:
    other = repository(tmp_path) / "other"
    other.mkdir()
    (other / "manage.py").write_text(MANAGE)
    found = find(other)
    assert found.root == found.directory == other
    assert found.python == Path(sys.executable)


def test_the_environment_wins_over_manage(project: Project) -> None:
    assert find(project.root, DJANGO_SETTINGS_MODULE="shop.other").settings == "shop.other"
    inside = find(project.root, DJANGO_SETTINGS_MODULE="windsock_local_settings")
    assert inside.settings == "shop.settings"


def test_the_state_folder_can_be_elsewhere(project: Project, tmp_path: Path) -> None:
    assert find(project.root, WINDSOCK_STATE=str(tmp_path / "s")).state == tmp_path / "s"


def test_no_project_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound, match=r"manage\.py"):
        find(tmp_path)


def test_a_manage_without_settings_is_named(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("print()")
    with pytest.raises(ProjectNotFound, match="DJANGO_SETTINGS_MODULE"):
        find(tmp_path)


def test_the_overlay_completes_the_projects_settings(project: Project) -> None:
    project.state.mkdir()
    written = overlay(project) / "windsock_local_settings.py"
    text = written.read_text()
    assert "from shop.settings import *" in text
    assert text.endswith("configure(globals())\n")
    before = written.stat().st_mtime_ns
    overlay(project)
    assert written.stat().st_mtime_ns == before


overlay = project.write_overlay
