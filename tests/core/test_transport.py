"""Every transport passes the one suite; what is particular to each stands below it."""

import os
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import windsock
from windsock.call import Call
from windsock.environment import Interpreter
from windsock.errors import EnvironmentNotFound, TransportError
from windsock.testing import TransportSuite
from windsock.testing.suite import IsolatedTransportSuite, is_running, wait_until
from windsock.transport import Inline, Subprocess, Transport, Warm
from windsock.warm import WarmProcess, place

SOURCE = Path(windsock.__file__).parents[1]
SAMPLES = "windsock.testing.samples"


def sample(name: str, *args: object) -> Call:
    return Call(function=f"{SAMPLES}.{name}", args=args)


class TestInline(TransportSuite):
    def make_transport(self) -> Transport:
        return Inline()

    def test_it_refuses_a_time_limit_that_it_cannot_hold(self) -> None:
        with pytest.raises(TransportError, match="use Subprocess or Warm"):
            Inline().send(sample("echo"), timeout=timedelta(seconds=1))


class TestSubprocess(IsolatedTransportSuite):
    def make_transport(self) -> Transport:
        return Subprocess(environment=Interpreter(sys.executable))

    def test_nothing_is_left_on_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        for name in ("echo", "boom", "kill_self"):
            self.run_sample(name)
        assert list(tmp_path.iterdir()) == []

    def test_the_set_up_runs_first(self) -> None:
        transport = Subprocess(environment=Interpreter(sys.executable), setup=f"{SAMPLES}:set_up_with_hook")
        assert transport.send(sample("identity")).value["state"] == ["set up", "entered"]

    def test_a_failed_set_up_shows_its_own_traceback(self) -> None:
        transport = Subprocess(environment=Interpreter(sys.executable), setup=f"{SAMPLES}:broken_set_up")
        failure = transport.send(sample("echo")).failure
        assert failure is not None
        assert failure.message == "the settings are broken"
        assert "in broken_set_up" in failure.traceback

    def test_directory_and_variables_are_the_given_ones(self, tmp_path: Path) -> None:
        transport = Subprocess(
            environment=Interpreter(sys.executable), directory=tmp_path, variables={"PYTHONPATH": str(SOURCE)}
        )
        assert transport.send(sample("identity")).value["directory"] == str(tmp_path)

    def test_a_missing_interpreter_is_raised(self) -> None:
        with pytest.raises(EnvironmentNotFound):
            Subprocess(environment=Interpreter("/nowhere/python")).send(sample("echo"))

    def test_an_interpreter_that_is_none_is_lost_with_advice(self) -> None:
        failure = Subprocess(environment=Interpreter("/bin/false")).send(sample("echo")).failure
        assert failure is not None
        assert "is windsock installed in /bin/false?" in failure.message


class TestWarm(IsolatedTransportSuite):
    @pytest.fixture(autouse=True)
    def _process(self, warm_process: WarmProcess) -> None:
        self.process = warm_process

    def make_transport(self) -> Transport:
        return Warm(process=self.process)

    def test_log_records_of_the_child_are_logged_here(self, caplog: pytest.LogCaptureFixture) -> None:
        self.run_sample("chatter")
        record = next(item for item in caplog.records if item.name == "windsock.testing")
        assert (record.levelname, record.getMessage()) == ("WARNING", "a record of the child")

    def test_output_goes_where_this_process_prints(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.run_sample("chatter")
        assert "forged" in capfd.readouterr().out

    def test_one_process_serves_all_calls_with_one_set_up(self) -> None:
        first, second = (self.run_sample("identity").value for _ in range(2))
        assert first["parent"] == second["parent"] == place.owner(self.process.path)
        assert first["pid"] != second["pid"]
        assert first["state"] == ["set up", "entered"]

    def test_a_child_inherits_nothing_of_another_call(self) -> None:
        counts = {self.run_sample("identity").value["descriptors"] for _ in range(4)}
        assert len(counts) == 1
        assert counts.pop() <= 7

    def test_a_killed_warm_process_is_elected_again(self) -> None:
        before = self.run_sample("identity").value["parent"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: not is_running(before))
        after = self.run_sample("identity").value["parent"]
        assert after != before

    def test_a_failed_set_up_shows_its_own_traceback(self, warm_home: Path) -> None:
        broken = replace(
            self.process, path=warm_home / "broken.sock", setup=f"{SAMPLES}:broken_set_up", idle=0.5
        )
        failure = Warm(process=broken).send(sample("echo")).failure
        assert failure is not None
        assert failure.message == "the settings are broken"
        assert "in broken_set_up" in failure.traceback
        wait_until(lambda: not is_running(place.owner(broken.path) or 0))
