"""What counts as a change of the project, and what a look at it costs."""

import contextlib
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windsock.warm import watch
from windsock.warm.watch import Watch

WRITER = "from pathlib import Path; Path({!r}).write_text('edited = True')"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which modules are loaded; nothing else is watched, and every check is due."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(watch, "BRIEF", float("inf"))
    monkeypatch.setattr(watch, "_PACKAGES", set())
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def loaded(*names: str) -> Watch:
    """A watch that noted what these modules loaded, or failed to load."""
    noted = Watch()
    importlib.invalidate_caches()
    with noted.noting():
        for name in names:
            with contextlib.suppress(SyntaxError):
                importlib.import_module(name)
    return noted


def test_an_unchanged_project_has_no_change(project: Path) -> None:
    write(project / "shop_a.py", "import json")
    assert loaded("shop_a").change() is None


def test_a_loaded_file_that_is_edited_or_removed_is_a_change(project: Path) -> None:
    path = write(project / "shop_b.py", "")
    noted = loaded("shop_b")
    path.write_text("edited = True")
    assert noted.change() == str(path)
    noted = loaded("shop_b")
    path.unlink()
    assert noted.change() == str(path)


def test_an_older_file_in_its_place_is_a_change(project: Path) -> None:
    path = write(project / "shop_c.py", "")
    noted = loaded("shop_c")
    os.utime(path, (1, 1))
    assert noted.change() == str(path)


def test_a_file_that_is_edited_after_it_was_loaded_but_during_the_set_up_is_a_change(project: Path) -> None:
    path = write(project / "shop_d.py", "")
    write(project / "shop_editor.py", WRITER.format(str(path)))
    assert loaded("shop_d", "shop_editor").change() == str(path)


def test_a_file_that_the_set_up_writes_and_then_loads_is_none(project: Path) -> None:
    path = write(project / "shop_e.py", "")
    write(project / "shop_writer.py", WRITER.format(str(path)))
    assert loaded("shop_writer", "shop_e").change() is None


def test_a_file_that_could_not_be_loaded_is_watched_too(project: Path) -> None:
    path = write(project / "shop_f.py", "def half(")
    noted = loaded("shop_f")
    assert noted.change() is None
    path.write_text("whole = True")
    assert noted.change() == str(path)


def test_a_new_source_file_beside_a_loaded_one_is_a_change(project: Path) -> None:
    write(project / "shop_package" / "__init__.py", "")
    noted = loaded("shop_package")
    write(project / "shop_package" / "notes.txt", "")
    assert noted.change() is None
    write(project / "shop_package" / "tasks.py", "")
    assert noted.change() == str(project / "shop_package")


def test_the_python_and_its_packages_are_watched_as_folders_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = project / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(watch, "_PACKAGES", {str(packages)})
    noted = loaded("json.tool")
    assert json.__file__ not in noted._files
    assert pytest.__file__ not in noted._files
    (packages / "dress-1.1.dist-info").mkdir()
    assert noted.change() == str(packages)


@pytest.mark.parametrize("name", watch.LOCKS)
def test_a_lock_of_the_project_that_appears_changes_or_goes_is_a_change(project: Path, name: str) -> None:
    noted = Watch(project)
    assert noted.change() is None
    lock = write(project / name, "1")
    assert noted.change() == str(lock)
    noted = Watch(project)
    lock.write_text("12")
    assert noted.change() == str(lock)
    noted = Watch(project)
    lock.unlink()
    assert noted.change() == str(lock)


def test_a_file_that_was_named_is_watched(project: Path) -> None:
    noted = Watch(project / ".env")
    assert noted.change() is None
    write(project / ".env", "DEBUG=1")
    assert noted.change() == str(project / ".env")


def test_a_link_that_leads_to_another_release_is_a_change(project: Path) -> None:
    for name in ("first", "second"):
        write(project / name / "manage.py", "")
    current = project / "current"
    current.symlink_to("first")
    noted = Watch(current)
    assert noted.change() is None
    current.unlink()
    current.symlink_to("second")
    assert noted.change() == str(current)


def test_the_loader_is_put_back(project: Path) -> None:
    before = importlib.machinery.SourceFileLoader.path_stats
    with pytest.raises(KeyError), Watch().noting():
        raise KeyError
    assert importlib.machinery.SourceFileLoader.path_stats is before


def test_a_long_look_takes_its_share_of_the_time_and_no_more(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, processor = iter([10.0, 10.002, 10.1, 10.3, 10.301]), iter([3.0, 3.002, 3.002, 3.003])
    path = write(project / "shop_g.py", "")
    noted = loaded("shop_g")
    monkeypatch.setattr(watch, "BRIEF", 0.001)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(time, "thread_time", lambda: next(processor))
    assert noted.change() is None
    path.write_text("edited = True")
    assert noted.change() is None  # 0.098 s after a look that took 2 ms
    assert noted.change() == str(path)


def test_a_look_that_had_to_wait_for_the_processor_is_not_long(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, processor = iter([10.0, 10.5, 10.6, 10.7]), iter([3.0, 3.0005, 3.0005, 3.001])
    path = write(project / "shop_k.py", "")
    noted = loaded("shop_k")
    monkeypatch.setattr(watch, "BRIEF", 0.001)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(time, "thread_time", lambda: next(processor))
    assert noted.change() is None
    path.write_text("edited = True")
    assert noted.change() == str(path)


def test_a_look_asks_once_for_each_file_and_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"shop_folder_{number % 30}.shop_{number}" for number in range(300)]
    for name in names:
        write(project / f"{name.replace('.', '/')}.py", "")
    noted = loaded(*names)
    asked: list[str] = []
    look = os.stat
    monkeypatch.setattr(os, "stat", lambda path: asked.append(path) or look(path))
    assert noted.change() is None
    monkeypatch.undo()
    assert len(noted._files) >= 300
    assert sorted(asked) == sorted([*noted._files, *noted._folders])
