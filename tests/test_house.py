"""The house keeps its own rules: sizes, names, cycles, and a test beside every module."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "windsock"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
CODE = [path for path in MODULES if len(path.read_text().splitlines()) > 5]
SIDES = ("django", "airflow", "local")
CORE = [path for path in MODULES if path.relative_to(SOURCE).parts[0] not in SIDES]
AVOIDED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def identify(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", CODE, ids=identify)
def test_a_module_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", CODE, ids=identify)
def test_a_function_has_at_most_40_lines(path: Path) -> None:
    long = [
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > 40
    ]
    assert not long


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code and blank lines; the docstring is not counted."""
    docstring = node.body[0] if ast.get_docstring(node) else None
    spared = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - spared


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    assert path.stem not in AVOIDED


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=identify)
def test_a_package_offers_at_most_ten_names(path: Path) -> None:
    exported = [
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(exported[0] if exported else []) <= 10


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {name_of(path) for path in MODULES}
    graph = {name_of(path): imports(path, known) - {name_of(path)} for path in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def imports(path: Path, known: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inner & known or {node.module})
    return found & known


@pytest.mark.parametrize("path", [p for p in CODE if p.name != "__init__.py"], ids=identify)
def test_a_module_has_its_test_beside_it(path: Path) -> None:
    inner = path.relative_to(SOURCE)
    side = Path() if inner.parts[0] in SIDES else Path("core")
    twin = ROOT / "tests" / side / inner.parent / f"test_{inner.stem.strip('_')}.py"
    assert twin.exists(), f"write {twin.relative_to(ROOT)}"


@pytest.mark.parametrize("path", [p for p in CORE if p.name != "__main__.py"], ids=identify)
def test_the_core_needs_nothing_but_the_standard_library(path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r}); import {name_of(path)}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=30)
