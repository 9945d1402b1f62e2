import ast
import importlib.util
import sys
from pathlib import Path

import pytest

import windsock.airflow

MODULES = sorted(Path(windsock.airflow.__file__).parent.rglob("*.py"))
FOREIGN = {"django", "rest_framework", "celery"}


def test_django_cannot_be_imported_where_airflow_runs() -> None:
    assert importlib.util.find_spec("django") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("django")
    assert not [name for name in sys.modules if name.partition(".")[0] == "django"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_nothing_on_this_side_imports_the_other(path: Path) -> None:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    assert not [name for name in names if name.partition(".")[0] in FOREIGN]
    assert not [name for name in names if name.startswith("windsock.django")]
