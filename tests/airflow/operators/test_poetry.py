import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException
from tests.airflow.operators.conftest import PROJECT, ROOT, Worker

from windsock.airflow.operators import PoetryDjangoOperator
from windsock.airflow.operators.poetry import days_ago, project_folder
from windsock.environment import Poetry, child_variables, pinned
from windsock.testing import Recording

#: Stands for Poetry, which needs a package index: it notes what it is asked, and installs what is prepared.
POETRY = """#!/bin/sh
echo "$*" >> {log}
case "$1 $2" in
  "install "*) test -d {environment} || mv {environment}.prepared {environment} ;;
  "env info") test -d {environment} && echo {environment} ;;
  *) exit 64 ;;
esac
"""


class Shop:
    """A project that Poetry manages, outside the DAG folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "projects"
        self.folder = self.root / "development" / "shop"
        self.log = folder / "poetry.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        shutil.copytree(PROJECT, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\n')
        (self.folder / "poetry.lock").write_text("# nothing\n")
        environment = folder / "environment"
        script = folder / "bin" / "poetry"
        script.parent.mkdir()
        script.write_text(POETRY.format(log=self.log, environment=environment))
        script.chmod(0o755)
        _prepare(environment.with_suffix(".prepared"))

    def operator(self, function: str = "published", **options: Any) -> PoetryDjangoOperator:
        return PoetryDjangoOperator(
            **{
                "task_id": "run_django_task",
                "project_settings_file": "shop.settings",
                "project_name": "shop",
                "project_stage": "development",
                "project_root": self.root,
                "function_name": function,
                "function_file_path": "shop.tasks",
                **options,
            }
        )

    def asked(self) -> list[str]:
        """What Poetry was asked, the first word of each time."""
        return [line.split()[0] for line in self.log.read_text().splitlines()]

    def files(self) -> set[Path]:
        """All files that a run could leave, but bytecode."""
        found = [*self.root.rglob("*"), *self.temporary.rglob("*")]
        return {path for path in found if path.is_file() and path.suffix != ".pyc"}


def _prepare(folder: Path) -> None:
    """Make an environment that has the packages of this repository's, but not Windsock."""
    python = ROOT / ".venv/bin/python"
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = (ROOT / ".venv/lib").glob("python3.*/site-packages")
    (own,) = folder.glob("lib/python3.*/site-packages")
    (own / "shop.pth").write_text(f"{packages}\n")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(shop.temporary))
    return shop


def request_of(operator: PoetryDjangoOperator, recording: Recording) -> dict[str, Any]:
    operator.transport = lambda: recording  # type: ignore[method-assign]
    sent: dict[str, Any] = operator.execute({})
    return sent


# The five known failures of the published operator


def test_the_value_of_the_function_is_returned(shop: Shop) -> None:
    found = shop.operator(op_args=[1], op_kwargs={"arg2": "value2"}, string_args=["s"]).execute({})
    assert found == [[1, "s"], {"arg2": "value2"}]


def test_the_true_error_is_shown(shop: Shop) -> None:
    with pytest.raises(AirflowException, match=r"^LookupError: no such shop: 7$"):
        shop.operator("boom").execute({})


def test_no_files_are_left_by_success_nor_by_failure(shop: Shop) -> None:
    before = shop.files()
    shop.operator().execute({})
    with pytest.raises(AirflowException):
        shop.operator("boom").execute({})
    assert shop.files() == before


def test_nothing_is_locked_or_installed_per_run(shop: Shop) -> None:
    for _ in range(2):
        shop.operator().execute({})
    assert "lock" not in shop.asked()
    assert shop.asked().count("install") == 1


def test_the_project_may_be_anywhere(shop: Shop, tmp_path: Path) -> None:
    found = shop.operator("where").execute({})
    assert found["directory"] == str(shop.folder)
    assert found["executable"] == str(tmp_path / "environment/bin/python")
    elsewhere = shop.operator("where", project_root=shop.folder, project_name="", project_stage="")
    assert elsewhere.execute({})["directory"] == str(shop.folder)


PUBLISHED = """
from airflow.sdk import DAG
from windsock.airflow.operators.poetry import PoetryDjangoOperator, days_ago

default_args = {
    'owner': 'airflow',
    'start_date': days_ago(1),
}

dag = DAG('shop', default_args=default_args, schedule=None)

run_django_task = PoetryDjangoOperator(
    task_id='run_django_task',
    project_settings_file='shop.settings',
    project_name='shop',
    project_stage='development',
    function_name='published',
    function_file_path='shop.tasks',
    op_kwargs={'arg1': 'value1', 'arg2': 'value2'},
    dag=dag,
)
"""


def test_a_dag_as_it_was_published_runs_with_other_imports_and_schedule_alone(
    shop: Shop, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(shop.root))
    (worker.folder / "shop.py").write_text(PUBLISHED)
    assert worker.supervise("run_django_task") == 0
    assert worker.api.pushed == {"run_django_task": [[], {"arg1": "value1", "arg2": "value2"}]}


REAL = """
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["django>=5.2,<6"]

[tool.poetry]
package-mode = false
"""
SOURCE = """
[[tool.poetry.source]]
name = "machine"
url = "{index}"
priority = "primary"
"""


def source(python: str) -> str:
    """Poetry's words for the index of this machine's pip."""
    command = [python, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"\.index-url='(.*)'", listed)
    return SOURCE.format(index=found[1] if found else "https://pypi.org/simple")


@pytest.mark.full
def test_the_same_dag_runs_with_the_real_poetry(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUALENVS_PATH", "CACHE_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"POETRY_{name}", str(tmp_path / "poetry" / name))
    poetry = pinned.poetry()
    root = tmp_path / "dags-folder"
    folder = root / "development" / "shop"
    shutil.copytree(PROJECT, folder)
    (folder / "pyproject.toml").write_text(REAL + source(poetry[0]))
    subprocess.run([*poetry, "lock"], cwd=folder, env=child_variables(), check=True)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(root))
    (worker.folder / "shop.py").write_text(PUBLISHED)
    before = {path for path in root.rglob("*") if path.suffix != ".pyc"}
    for _ in range(2):
        assert worker.supervise("run_django_task") == 0
    assert worker.api.pushed == {"run_django_task": [[], {"arg1": "value1", "arg2": "value2"}]}
    left = {path for path in root.rglob("*") if path.suffix != ".pyc"} - before
    assert {path.name for path in left} <= {"__pycache__"}


def test_templates_dict_is_rendered_and_passed(recording: Recording) -> None:
    operator = PoetryDjangoOperator(
        task_id="sync",
        function_name="sync",
        function_file_path="shop.tasks",
        op_kwargs={"day": "{{ ds }}"},
        string_args=("{{ ds }}", "b"),
        templates_dict={"day": "{{ ds }}"},
    )
    operator.render_template_fields({"ds": "2026-01-02"})  # type: ignore[typeddict-item]
    sent = request_of(operator, recording)
    assert sent["task"] == "shop.tasks.sync"
    assert sent["kwargs"] == {"day": "2026-01-02", "templates_dict": {"day": "2026-01-02"}}
    assert sent["strings"] == ["2026-01-02", "b"]


def test_templates_may_be_files(recording: Recording, tmp_path: Path) -> None:
    operator = PoetryDjangoOperator(
        task_id="sync",
        function_name="sync",
        function_file_path="shop.tasks",
        templates_dict={"query": "orders.sql"},
        templates_exts=[".sql"],
    )
    (tmp_path / "orders.sql").write_text("select {{ ds }}")
    operator.dag = DAG("shop", template_searchpath=str(tmp_path), schedule=None)
    operator.render_template_fields({"ds": "2026-01-02"})  # type: ignore[typeddict-item]
    assert request_of(operator, recording)["kwargs"]["templates_dict"] == {"query": "select 2026-01-02"}


def test_strings_and_templates_reach_a_function_that_names_them(shop: Shop) -> None:
    operator = shop.operator(
        "published_with_names", op_args=[1], string_args=["a", 2], templates_dict={"x": "y"}
    )
    assert operator.execute({}) == [1, ["a", "2"], {"x": "y"}]


def test_the_environment_is_poetrys_unless_another_is_named(shop: Shop) -> None:
    place = shop.operator().place()
    assert place.environment == Poetry(shop.folder, install=True, install_poetry=True)
    assert (place.settings, place.directory) == ("shop.settings", shop.folder)
    named = shop.operator(environment={"venv": "/srv/.venv"}, directory="/srv").place()
    assert (named.environment, named.directory) != (place.environment, place.directory)


def test_a_project_is_looked_for_by_stage_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/dags")
    assert project_folder("", "development", "shop") == Path("/dags/development/shop")
    (tmp_path / "pyproject.toml").touch()
    assert project_folder(str(tmp_path), "development", "shop") == tmp_path
    (tmp_path / "development/shop").mkdir(parents=True)
    assert project_folder(str(tmp_path), "development", "shop") == tmp_path / "development/shop"


def test_days_are_counted_back_from_midnight() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00", days_ago(1).isoformat())
    assert 1 <= (datetime.now(UTC) - days_ago(1)).total_seconds() / 86400 < 2
