import signal
import subprocess
from pathlib import Path

import pytest
from tests.local.conftest import until

from windsock.local import broker
from windsock.local.broker import Broker
from windsock.local.errors import BrokerError
from windsock.local.process import spawn


def test_a_throw_away_server_answers_and_ends(tmp_path: Path) -> None:
    with broker.temporary(tmp_path) as server:
        assert server.accepts()
        assert server.url == f"redis+socket://{server.socket_file}?virtual_host=0"
        assert server.socket_file.stat().st_mode & 0o777 == 0o700
    assert not server.accepts()


def test_it_starts_again_after_it_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    server = Broker(data=folder, socket_file=folder / "s" / "v.sock")
    server.prepare()
    first = spawn(server.command(), subprocess.DEVNULL)
    until(server.accepts)
    first.send_signal(signal.SIGKILL)
    first.wait()
    server.prepare()
    second = spawn(server.command(), subprocess.DEVNULL)
    until(server.accepts)
    second.terminate()
    assert second.wait(timeout=10) == 0


def test_a_machine_without_a_server_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(BrokerError, match="pdp11"):
        broker.binary()
