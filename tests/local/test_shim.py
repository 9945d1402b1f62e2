import os
import subprocess
import sys

import pytest

from windsock.local import shim


def become(*words: str, parent: int | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", "-S", shim.__file__, "15", str(parent or os.getpid()), *words],
        capture_output=True,
        text=True,
    )


def test_it_becomes_the_program() -> None:
    assert become("-1", "-1", "/bin/echo", "hello").stdout == "hello\n"


def test_it_does_not_start_when_the_parent_is_gone() -> None:
    finished = become("-1", "-1", "/bin/echo", "hello", parent=1)
    assert finished.returncode == 1
    assert finished.stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give root up")
def test_it_gives_up_root_and_its_groups() -> None:
    assert become("65534", "65534", "/usr/bin/id", "-G").stdout == "65534\n"
