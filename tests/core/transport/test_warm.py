import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from windsock.call import Call
from windsock.testing.suite import IsolatedTransportSuite, is_running, wait_until
from windsock.transport import Transport, Warm
from windsock.warm import WarmProcess, place

SAMPLES = "windsock.testing.samples"


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
        failure = Warm(process=broken).send(Call(function=f"{SAMPLES}.echo")).failure
        assert failure is not None
        assert failure.message == "the settings are broken"
        assert "in broken_set_up" in failure.traceback
        wait_until(lambda: not is_running(place.owner(broken.path) or 0))
