"""What a child is given and what it keeps, seen through real children."""

import signal

import pytest

from windsock.call import Call, Outcome
from windsock.transport import Warm
from windsock.warm import WarmProcess, child, frames

SAMPLES = "windsock.testing.samples"


def run(process: WarmProcess, name: str, *args: object) -> Outcome:
    return Warm(process=process).send(Call(function=f"{SAMPLES}.{name}", args=args))


def test_a_child_without_a_call_ends_quietly(warm_process: WarmProcess) -> None:
    session = warm_process.open(1, 2, 2)
    session.channel.shutdown(1)
    while session.exit is None:
        session.connection.settimeout(10)
        session.read_exit()
    assert (session.exit, session.outcome) == (0, None)
    session.close()


def test_a_thread_that_is_left_does_not_hold_the_child(warm_process: WarmProcess) -> None:
    assert run(warm_process, "leave_thread").value == "left"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_child_dies_of_signals_as_any_process_does(warm_process: WarmProcess, number: int) -> None:
    failure = run(warm_process, "kill_self", int(number)).failure
    assert failure is not None
    assert f"killed by {signal.Signals(number).name}" in failure.message


def test_a_result_that_is_too_large_is_a_failure_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_LIMIT", 10_000)
    [frame] = frames.FrameReader().feed(child._frame(Outcome(value="x" * 10_000)))
    failure = frames.read_outcome(frame).failure
    assert failure is not None
    assert "keep large data in the database" in failure.message


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (3, 3), ("a reason", 1), (True, 1)])
def test_leaving_has_the_status_that_python_gives_it(code: object, status: int) -> None:
    assert child._exit_status(SystemExit(code)) == status
