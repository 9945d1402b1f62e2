import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import windsock
from windsock import __main__ as command
from windsock.errors import WireError
from windsock.wire import MESSAGE_LIMIT

SAMPLES = "windsock.testing.samples"
SOURCE = Path(windsock.__file__).parents[1]


def call(folder: Path, message: Any, *options: str) -> subprocess.CompletedProcess[bytes]:
    arguments = [sys.executable, "-m", "windsock", "--outcome", str(folder / "outcome"), *options]
    body = json.dumps(message).encode()
    variables = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(arguments, input=body, capture_output=True, timeout=20, check=False, env=variables)


def message(name: str, *args: Any) -> dict[str, Any]:
    return {"protocol": 1, "call": {"function": f"{SAMPLES}.{name}", "args": list(args)}}


def test_one_call_in_one_outcome_out(tmp_path: Path) -> None:
    assert call(tmp_path, message("echo", 1)).returncode == 0
    outcome = json.loads((tmp_path / "outcome").read_text())
    assert outcome == {"protocol": 1, "outcome": {"value": {"args": [1], "kwargs": {}}}}


def test_standard_output_belongs_to_the_function(tmp_path: Path) -> None:
    done = call(tmp_path, message("chatter"))
    assert b"forged" in done.stdout
    assert json.loads((tmp_path / "outcome").read_text())["outcome"] == {"value": "said"}


def test_a_failure_is_an_outcome_and_a_clean_exit(tmp_path: Path) -> None:
    assert call(tmp_path, message("boom")).returncode == 0
    assert json.loads((tmp_path / "outcome").read_text())["outcome"]["failure"]["message"] == "boom"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"call": {"function": "a.b"}}, "protocol None is not readable"),
        ({"protocol": 99, "call": {"function": "a.b"}}, "protocol 99 is not readable"),
        ({"protocol": 1, "call": {}}, "function: is missing"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Any, reason: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(wrong).encode())))
    monkeypatch.setattr(command, "_close_input", lambda: None)
    with pytest.raises(WireError, match=reason):
        command.main(["--outcome", str(tmp_path / "outcome")])
    assert not (tmp_path / "outcome").exists()


def test_the_function_reads_nothing_from_standard_input(tmp_path: Path) -> None:
    wanted = {"protocol": 1, "call": {"function": "builtins.input"}}
    call(tmp_path, wanted)
    failure = json.loads((tmp_path / "outcome").read_text())["outcome"]["failure"]
    assert failure["exception"] == "builtins.EOFError"


@pytest.mark.parametrize("name", ["set_up", "set_up_with_hook"])
def test_a_set_up_may_return_nothing_or_what_is_entered_around_the_call(tmp_path: Path, name: str) -> None:
    call(tmp_path, message("identity"), "--setup", f"{SAMPLES}:{name}")
    state = json.loads((tmp_path / "outcome").read_text())["outcome"]["value"]["state"]
    assert state == (["set up"] if name == "set_up" else ["set up", "entered"])


def test_a_full_disk_is_told_and_is_no_clean_exit() -> None:
    arguments = [sys.executable, "-m", "windsock", "--outcome", "/dev/full"]
    body = json.dumps(message("echo")).encode()
    variables = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(arguments, input=body, capture_output=True, timeout=20, check=False, env=variables)
    assert done.returncode == os.EX_IOERR
    assert done.stderr == b"windsock: the outcome cannot be written: [Errno 28] No space left on device\n"


def test_an_outcome_that_is_too_large_is_a_failure_with_advice(tmp_path: Path) -> None:
    call(tmp_path, message("large", MESSAGE_LIMIT))
    failure = json.loads((tmp_path / "outcome").read_text())["outcome"]["failure"]
    assert "keep large data in the database or a file and pass its key" in failure["message"]


def test_what_the_function_prints_is_seen_at_once(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "windsock", "--outcome", str(tmp_path / "outcome")]
    variables = os.environ | {"PYTHONPATH": str(SOURCE)}
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, env=variables) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(message("say_and_wait", str(tmp_path / "go"))).encode())
        process.stdin.close()
        assert process.stdout.readline() == b"out at once\n"
        (tmp_path / "go").touch()
