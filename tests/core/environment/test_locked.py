"""What is remembered of a project's environment, and when it is not believed any more."""

import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from windsock.environment import Poetry, memory
from windsock.environment.locked import LockedProject, resolve
from windsock.errors import EnvironmentNotFound
from windsock.testing.suite import wait_until

PYTHON = sys.executable


@dataclass
class Keeper:
    """Keeps an environment by hand."""

    environment: Path
    done: list[str] = field(default_factory=list)
    fails: bool = False

    def find(self) -> Path:
        self.done.append("find")
        return self.environment

    def install(self, holding: int) -> None:
        self.done.append("install")
        if self.fails:
            raise EnvironmentNotFound("no such package")
        make(self.environment)


def make(environment: Path) -> None:
    (environment / "bin").mkdir(parents=True, exist_ok=True)
    (environment / "pyvenv.cfg").touch()
    if not (environment / "bin" / "python").exists():
        (environment / "bin" / "python").symlink_to(PYTHON)


@pytest.fixture
def keeper(tmp_path: Path, home: Path) -> Keeper:
    make(tmp_path / "environment")
    return Keeper(tmp_path / "environment")


@pytest.fixture
def locked(project: Path) -> LockedProject:
    return LockedProject.at(project, "poetry.lock", "poetry lock")


def settle(locked: LockedProject, keeper: Keeper, *, install: bool = False) -> Path:
    """Resolve until the files are old enough for their times to be believed."""
    python = resolve(locked, keeper, install=install)
    wait_until(lambda: time.time_ns() - max(times[0] for times in locked.seen() if times) > 10**8)
    assert resolve(locked, keeper, install=install) == python
    keeper.done.clear()
    return python


def test_it_is_looked_up_once(locked: LockedProject, keeper: Keeper) -> None:
    python = keeper.environment / "bin" / "python"
    assert resolve(locked, keeper, install=False) == python
    assert resolve(locked, keeper, install=False) == python
    assert keeper.done == ["find"]


def test_it_is_looked_up_again_when_a_file_or_a_setting_has_changed(
    locked: LockedProject, keeper: Keeper, project: Path
) -> None:
    settle(locked, keeper)
    (project / "poetry.lock").write_text("# another lock\n")
    resolve(locked, keeper, install=False)
    (project / "pyproject.toml").write_text("# another project\n")
    resolve(locked, keeper, install=False)
    resolve(replace(locked, settings=("elsewhere",)), keeper, install=False)
    assert keeper.done == ["find", "find", "find"]


def test_a_file_that_was_only_touched_changes_nothing(
    locked: LockedProject, keeper: Keeper, project: Path
) -> None:
    settle(locked, keeper)
    os.utime(project / "poetry.lock")
    resolve(locked, keeper, install=False)
    assert keeper.done == []


def test_a_change_within_a_tick_of_the_clock_is_seen(
    locked: LockedProject, keeper: Keeper, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still gives two contents of one length the same times."""
    monkeypatch.setattr(
        LockedProject, "_times", lambda *_: [time.time_ns() // 10**11 * 10**11 + 10**11, 9, 1]
    )
    resolve(locked, keeper, install=False)
    (project / "poetry.lock").write_text("# poetry.lick\n")
    resolve(locked, keeper, install=False)
    assert keeper.done == ["find", "find"]


def test_an_interpreter_that_is_gone_is_looked_up_again(locked: LockedProject, keeper: Keeper) -> None:
    settle(locked, keeper)
    (keeper.environment / "bin" / "python").unlink()
    keeper.environment = keeper.environment.with_name("other")
    make(keeper.environment)
    assert resolve(locked, keeper, install=False) == keeper.environment / "bin" / "python"


def test_a_memory_that_cannot_be_read_is_none(locked: LockedProject, keeper: Keeper) -> None:
    settle(locked, keeper)
    (record,) = memory.folder().glob("*.json")
    record.write_text("{")
    resolve(locked, keeper, install=False)
    assert keeper.done == ["find"]


def test_two_projects_have_two_memories(locked: LockedProject, keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    for name in locked.files:
        (tmp_path / "bank" / name).write_bytes((locked.folder / name).read_bytes())
    resolve(locked, keeper, install=False)
    resolve(LockedProject.at(tmp_path / "bank", "poetry.lock", ""), keeper, install=False)
    assert keeper.done == ["find", "find"]


def test_a_link_to_another_project_is_another_project(tmp_path: Path, project: Path) -> None:
    (tmp_path / "current").symlink_to(project)
    assert LockedProject.at(tmp_path / "current", "uv.lock", "").folder == project


def test_it_is_installed_once_for_each_lock(locked: LockedProject, keeper: Keeper, project: Path) -> None:
    for _ in range(3):
        resolve(locked, keeper, install=True)
    assert keeper.done == ["install", "find"]
    (project / "poetry.lock").write_text("# another lock\n")
    for _ in range(3):
        resolve(locked, keeper, install=True)
    assert keeper.done == ["install", "find"] * 2


def test_what_was_only_looked_up_is_installed_when_that_is_asked_for(
    locked: LockedProject, keeper: Keeper
) -> None:
    resolve(locked, keeper, install=False)
    resolve(locked, keeper, install=True)
    assert keeper.done == ["find", "install", "find"]


def test_an_environment_that_was_made_anew_is_installed_again(locked: LockedProject, keeper: Keeper) -> None:
    settle(locked, keeper, install=True)
    keeper.environment.rename(keeper.environment.with_name("old"))
    make(keeper.environment)
    resolve(locked, keeper, install=True)
    assert keeper.done == ["install", "find"]


def test_a_failed_install_is_tried_again(locked: LockedProject, keeper: Keeper, project: Path) -> None:
    settle(locked, keeper, install=True)
    before = (project / "poetry.lock").read_text()
    (project / "poetry.lock").write_text("# another lock\n")
    keeper.fails = True
    for _ in range(2):
        with pytest.raises(EnvironmentNotFound, match="no such package"):
            resolve(locked, keeper, install=True)
    # Half of it may be installed: the lock from before is not taken for what is there.
    (project / "poetry.lock").write_text(before)
    keeper.fails = False
    resolve(locked, keeper, install=True)
    assert keeper.done == ["install", "install", "install", "find"]


def callers_at_once(act: Callable[[int], None], count: int, tools: Path) -> list[int | None]:
    """Call in so many processes, of which all but one wait for that one's tool; return their exit codes."""
    (tools / "meet").touch()

    def call(number: int) -> None:
        log = logging.getLogger("windsock.environment.memory")
        log.setLevel("INFO")
        log.addFilter(lambda _: (tools / f"waiting-{number}").touch() is None)
        act(number)

    fork = multiprocessing.get_context("fork")
    callers = [fork.Process(target=call, args=(number,)) for number in range(count)]
    for caller in callers:
        caller.start()
    wait_until(lambda: len(list(tools.glob("waiting-*"))) == count - 1 and (tools / "met").exists(), 30)
    (tools / "meet").unlink()
    for caller in callers:
        caller.join(30)
    return [caller.exitcode for caller in callers]


def test_twenty_processes_at_once_install_once(tools: Path, project: Path, tmp_path: Path) -> None:
    def call(number: int) -> None:
        (tmp_path / f"answer-{number}").write_text(str(Poetry(project, install=True).python()))

    assert callers_at_once(call, 20, tools) == [0] * 20
    assert {path.read_text() for path in tmp_path.glob("answer-*")} == {
        str(tools / "environment" / "bin" / "python")
    }
    assert (tools / "calls").read_text().splitlines() == [
        "install --no-interaction --no-ansi",
        "env info --path",
    ]


def test_whoever_waited_for_an_install_that_failed_fails_with_it(tools: Path, project: Path) -> None:
    def call(number: int) -> None:
        with pytest.raises(EnvironmentNotFound, match="no such package: windvane"):
            Poetry(project, install=True).python()

    (tools / "broken").touch()
    assert callers_at_once(call, 5, tools) == [0] * 5
    assert (tools / "calls").read_text().splitlines() == ["install --no-interaction --no-ansi"]
    (tools / "broken").unlink()
    assert Poetry(project, install=True).python().exists()


def test_a_look_up_that_failed_is_no_reason_not_to_install(locked: LockedProject, keeper: Keeper) -> None:
    (keeper.environment / "pyvenv.cfg").unlink()
    with pytest.raises(EnvironmentNotFound):
        resolve(locked, keeper, install=False)
    assert resolve(locked, keeper, install=True) == keeper.environment / "bin" / "python"


def test_what_is_known_costs_less_than_a_millisecond(
    locked: LockedProject, keeper: Keeper, project: Path
) -> None:
    (project / "poetry.lock").write_bytes(b"x" * 2**20)
    settle(locked, keeper, install=True)
    times = []
    for _ in range(50):
        begun = time.process_time()  # what other processes do meanwhile is not counted
        resolve(LockedProject.at(project, "poetry.lock", ""), keeper, install=True)
        times.append(time.process_time() - begun)
    assert keeper.done == []
    assert sorted(times)[25] < 0.001, f"{sorted(times)[25] * 1e6:.0f} us"


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("pyproject.toml", "There is no pyproject.toml in .*; give the folder of the project"),
        ("poetry.lock", "There is no poetry.lock in .*; run `poetry lock` there"),
    ],
)
def test_what_is_no_locked_project_gives_advice(project: Path, missing: str, advice: str) -> None:
    (project / missing).unlink()
    with pytest.raises(EnvironmentNotFound, match=advice):
        LockedProject.at(project, "poetry.lock", "poetry lock")
