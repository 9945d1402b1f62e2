"""A project whose files the tests edit, and whose functions leave processes behind."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from windsock.call import Call, Outcome
from windsock.testing.suite import is_running, wait_until
from windsock.transport import Warm
from windsock.warm import Session, WarmProcess

SHOP = """
import os, subprocess, sys, time
from pathlib import Path

EDITION = "{edition}"

def set_up():
    with Path("set-ups").open("a") as file:
        file.write(f"{{os.getpid()}} {{EDITION}}\\n")

def edition():
    return EDITION

def variable(name):
    return os.environ[name]

def write_pid(name, pid):
    Path(f"{{name}}.draft").write_text(str(pid))
    Path(f"{{name}}.draft").rename(name)

def leave_session(name):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    write_pid(name, child.pid)

def leave_daemon(name):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            write_pid(name, os.getpid())
            time.sleep(600)
        os._exit(0)
    while not Path(name).exists():
        time.sleep(0.01)

def hang_with(leave, name):
    globals()[leave](name)
    time.sleep(600)

def wait_for(name):
    Path(f"{{name}}.waits").touch()
    while not Path(name).exists():
        time.sleep(0.01)
    return EDITION
"""


@dataclass(kw_only=True, slots=True)
class Shop:
    """A project in a folder of its own."""

    process: WarmProcess
    folder: Path

    def edit(self, edition: str) -> None:
        """Write the source anew, as an editor does; each edition has a length of its own."""
        draft = self.folder / "shop.py.draft"
        draft.write_text(SHOP.format(edition=edition))
        draft.rename(self.folder / "shop.py")

    def break_it(self) -> None:
        (self.folder / "shop.py").write_text("def half(")

    def send(self, name: str, *args: Any) -> Outcome:
        return Warm(process=self.process).send(Call(function=f"shop.{name}", args=args))

    def call(self, name: str, *args: Any) -> Any:
        outcome = self.send(name, *args)
        assert outcome.succeeded, outcome.failure
        return outcome.value

    def begin(self, name: str, *args: Any) -> Session:
        session = self.process.open(1, 2, 2)
        session.send(Call(function=f"shop.{name}", args=args))
        return session

    def set_ups(self) -> list[str]:
        """The editions that were set up, in order."""
        return [line.split(" ", 1)[1] for line in (self.folder / "set-ups").read_text().splitlines()]

    def pid(self, name: str) -> int:
        """The process that a function left, and noted in a file of this name."""
        path = self.folder / name
        wait_until(path.exists)
        return int(path.read_text())


@pytest.fixture
def shop(warm_process: WarmProcess, warm_home: Path) -> Shop:
    shop = Shop(process=replace(warm_process, setup="shop:set_up"), folder=warm_home)
    shop.edit("first")
    return shop


@pytest.fixture
def assert_gone() -> Callable[..., None]:
    def check(*pids: int) -> None:
        wait_until(lambda: not any(map(is_running, pids)))

    return check


def ended(session: Session) -> int:
    """Wait for the end of a session's child; return its exit status."""
    wait_until(lambda: not session.read_exit() or session.exit is not None)
    assert session.exit is not None
    return session.exit
