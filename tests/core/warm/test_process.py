import os
import signal
import subprocess
import sys

import pytest

from windsock.testing.suite import is_running, wait_until
from windsock.warm.process import describe_exit, die_with, kill_group


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit status 0"),
        (3, "ended with exit status 3"),
        (-signal.SIGKILL, "killed by SIGKILL"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-250, "killed by signal 250"),
    ],
)
def test_an_end_is_put_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


def test_a_group_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    kill_group(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")
def test_a_process_dies_with_its_parent() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        pid = os.fork()
        if pid == 0:
            die_with(os.getppid())
            os.write(writer, str(os.getpid()).encode())
            signal.pause()
        signal.pause()
    child = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    assert is_running(child)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    wait_until(lambda: not is_running(child))
