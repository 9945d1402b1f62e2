import socket
from collections.abc import Iterator

import pytest

from windsock.local import ports
from windsock.local.errors import NoFreePort


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


def test_no_free_port_is_an_error() -> None:
    with pytest.raises(NoFreePort):
        ports.free(20000, frozenset(range(20000, 20100)))
