import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from windsock.local import ports
from windsock.local.errors import NoFreePort

#: Where no other run of these tests looks.
SOMEWHERE = 21_000 + os.getpid() % 10_000


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_passed_over(busy: int) -> None:
    assert ports.free(busy) > busy


def test_a_promised_port_is_passed_over() -> None:
    first = ports.free(20000)
    assert ports.free(first, frozenset({first})) > first


def test_a_port_that_another_stack_will_listen_on_is_passed_over() -> None:
    code = f"from windsock.local import ports; print(ports.free({SOMEWHERE}), flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdin
        theirs = int(other.stdout.readline())
        assert ports.free(theirs) > theirs
        other.stdin.write("\n")
    assert ports.free(theirs) == theirs


def test_this_process_keeps_what_it_was_given() -> None:
    assert ports.free(SOMEWHERE) == ports.free(SOMEWHERE)


def test_no_free_port_is_an_error() -> None:
    with pytest.raises(NoFreePort):
        ports.free(20000, frozenset(range(20000, 20100)))
