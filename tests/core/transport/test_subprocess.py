import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import windsock
from windsock.call import Call
from windsock.environment import Interpreter, child_variables
from windsock.errors import EnvironmentNotFound, TransportError, WireError
from windsock.testing.suite import IsolatedTransportSuite, is_running, wait_until
from windsock.transport import Subprocess, Transport

SOURCE = Path(windsock.__file__).parents[1]
SAMPLES = "windsock.testing.samples"
HERE = Interpreter(sys.executable)
#: A program that has one of the samples run, as Airflow's task process does.
CALLER = f"""
import json, signal, sys
from windsock.call import Call
from windsock.environment import Interpreter
from windsock.transport import Subprocess
if sys.argv[1] == "raise":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
call = Call(function="{SAMPLES}." + sys.argv[2], args=sys.argv[3:4], kwargs=json.loads(sys.argv[4]))
print(Subprocess(environment=Interpreter(sys.executable), grace=0.5).send(call))
"""


def sample(name: str, *args: object, **kwargs: object) -> Call:
    return Call(function=f"{SAMPLES}.{name}", args=args, kwargs=kwargs)


@contextlib.contextmanager
def caller(how: str, name: str, path: Path, kwargs: str = "{}") -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that calls; ``how`` is "raise" or "die": what SIGTERM does to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", CALLER, how, name, str(path), kwargs],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def pids_in(path: Path) -> list[int]:
    wait_until(path.exists, 30)
    return [int(pid) for pid in path.read_text().split()]


def wait_until_gone(pids: list[int]) -> None:
    for pid in pids:
        wait_until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


class TestSubprocess(IsolatedTransportSuite):
    def make_transport(self) -> Transport:
        return Subprocess(environment=HERE)


def test_the_set_up_runs_first() -> None:
    transport = Subprocess(environment=HERE, setup=f"{SAMPLES}:set_up_with_hook")
    assert transport.send(sample("identity")).value["state"] == ["set up", "entered"]


def test_a_failed_set_up_shows_its_own_traceback() -> None:
    failure = Subprocess(environment=HERE, setup=f"{SAMPLES}:broken_set_up").send(sample("echo")).failure
    assert failure is not None
    assert failure.message == "the settings are broken"
    assert "in broken_set_up" in failure.traceback


def test_directory_and_variables_are_the_given_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
    transport = Subprocess(environment=HERE, directory=tmp_path, variables=child_variables({"STAGE": "test"}))
    (tmp_path / "seen.py").write_text("import os\ndef seen(): return [os.getcwd(), dict(os.environ)]\n")
    directory, variables = transport.send(Call(function="seen.seen")).value
    assert (directory, variables["STAGE"]) == (str(tmp_path), "test")
    assert not [name for name in variables if "AIRFLOW" in name]


def test_modules_of_the_directory_are_found_first(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("def name():\n    return __file__\n")
    outcome = Subprocess(environment=HERE, directory=tmp_path).send(Call(function="shop.name"))
    assert outcome.value == str(tmp_path / "shop.py")


def test_a_missing_interpreter_is_raised() -> None:
    with pytest.raises(EnvironmentNotFound):
        Subprocess(environment=Interpreter("/nowhere/python")).send(sample("echo"))


def test_a_program_that_cannot_be_started_is_raised(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x7fELF is what it is not")
    (tmp_path / "python").chmod(0o700)
    with pytest.raises(TransportError, match="python cannot be started"):
        Subprocess(environment=Interpreter(tmp_path / "python")).send(sample("echo"))


def test_a_call_that_is_too_large_is_raised() -> None:
    with pytest.raises(WireError, match="keep large data in the database"):
        Subprocess(environment=HERE).send(sample("echo", "x" * 2**25))


def test_a_program_that_is_no_python_is_lost_with_advice() -> None:
    failure = Subprocess(environment=Interpreter("/bin/false")).send(sample("echo")).failure
    assert failure is not None
    assert failure.message.endswith("ended with exit status 1; is /bin/false a Python 3?")


def test_an_interpreter_behind_a_wrapper_is_stopped_with_it(tmp_path: Path) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\n{sys.executable} "$@"\nexit $?\n')
    wrapper.chmod(0o700)
    transport = Subprocess(environment=Interpreter(wrapper))
    assert transport.send(sample("echo")).succeeded
    running = transport.start(sample("hang", str(tmp_path / "pids")))
    pids = pids_in(tmp_path / "pids")
    outcome = running.wait(timedelta(seconds=0.1))
    assert outcome.failure is not None
    assert outcome.failure.message == "The time limit of 0.1 s was reached"
    wait_until_gone(pids)


def test_nothing_is_left_on_disk_for_nothing_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("echo", "boom", "kill_self"):
        Subprocess(environment=HERE).send(sample(name))
    assert list(tmp_path.iterdir()) == []


def test_an_outcome_that_cannot_be_written_is_no_success(capfd: pytest.CaptureFixture[str]) -> None:
    failure = Subprocess(environment=HERE).send(sample("fill_the_disk")).failure
    assert failure is not None
    assert "ended with exit status 74; it could not be written" in failure.message
    assert "the outcome cannot be written: [Errno 27] File too large" in capfd.readouterr().err


def test_what_is_no_outcome_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "{}" > "/dev/fd/$5"\n')
    (tmp_path / "python").chmod(0o700)
    failure = Subprocess(environment=Interpreter(tmp_path / "python")).send(sample("echo")).failure
    assert failure is not None
    assert failure.message == "The process gave no outcome: ended with exit status 0"


def test_a_crash_shows_where_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    Subprocess(environment=HERE).send(sample("kill_self", signal.SIGSEGV))
    shown = capfd.readouterr().err
    assert "Fatal Python error: Segmentation fault" in shown
    assert "in kill_self" in shown


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT])
def test_a_crash_names_its_signal(number: signal.Signals) -> None:
    failure = Subprocess(environment=HERE).send(sample("kill_self", number)).failure
    assert failure is not None
    assert failure.message == f"The process gave no outcome: killed by {number.name}"


def test_output_streams_live(tmp_path: Path) -> None:
    with caller("die", "say_and_wait", tmp_path / "go") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"out at once\n"
        assert process.stderr.readline() == b"err at once\n"
        (tmp_path / "go").touch()
        assert b"waited" in process.stdout.read()


def test_a_left_thread_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert Subprocess(environment=HERE).send(sample("leave_thread")).value == "left"
    assert "the call left threads, which end now: Thread-1" in capfd.readouterr().err


@pytest.mark.parametrize("how", ["raise", "die"])
@pytest.mark.parametrize("kwargs", ["{}", '{"deaf": true, "apart": true}'])
def test_a_caller_that_gets_sigterm_leaves_no_process(tmp_path: Path, how: str, kwargs: str) -> None:
    with caller(how, "hang", tmp_path / "pids", kwargs) as process:
        pids = pids_in(tmp_path / "pids")
        process.terminate()
        assert process.wait(30) == (7 if how == "raise" else -signal.SIGTERM)
        wait_until_gone(pids)


def test_a_caller_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    with caller("die", "hang", tmp_path / "pids", '{"deaf": true, "apart": true}') as process:
        pids = pids_in(tmp_path / "pids")
        process.kill()
        wait_until_gone(pids)


def test_a_stopped_call_may_clean_up(tmp_path: Path) -> None:
    running = Subprocess(environment=HERE).start(sample("end_in_order", str(tmp_path / "done")))
    outcomes: list[Any] = []
    waiting = threading.Thread(target=lambda: outcomes.append(running.wait()))
    waiting.start()
    wait_until((tmp_path / "done.ready").exists, 30)
    running.stop()
    waiting.join(30)
    assert (tmp_path / "done").read_text() == "cleaned up"
    assert outcomes[0].failure.message == (
        "The process gave no outcome: it was stopped, ended with exit status 3"
    )


def test_a_call_that_does_not_stop_is_killed_after_the_grace(tmp_path: Path) -> None:
    running = Subprocess(environment=HERE, grace=0.2).start(sample("hang", str(tmp_path / "pids"), deaf=True))
    pids = pids_in(tmp_path / "pids")
    running.stop()
    failure = running.wait().failure
    assert failure is not None
    assert failure.message.endswith("it was stopped, killed by SIGKILL")
    wait_until_gone(pids)
    running.stop()
