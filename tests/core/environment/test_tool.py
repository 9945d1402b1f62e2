import os
import signal
import threading
from pathlib import Path

import pytest

from windsock.environment import memory, tool
from windsock.errors import EnvironmentNotFound
from windsock.testing.suite import is_running, wait_until


def program(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return folder / name


def test_a_tool_on_path_comes_before_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool.find("poetry") is None
    own = program(home / "own", "poetry")
    assert tool.find("poetry", "~/own") == str(own)
    beside = program(home / "nothing", "poetry")
    assert tool.find("poetry", "~/own") == str(beside)
    on_path = program(home / "bin", "poetry")
    assert tool.find("poetry", "~/own") == str(on_path)


def test_a_failure_ends_with_what_was_printed_last(home: Path) -> None:
    broken = program(home / "bin", "broken", "seq 3000; echo 'no such package' >&2; exit 4")
    with pytest.raises(EnvironmentNotFound) as raised:
        tool.run([broken, "install"], home)
    message = str(raised.value)
    assert message.startswith(f"`{broken} install` failed in {home} with exit status 4:\n... ")
    assert message.endswith("2999\n3000\nno such package")
    assert len(message) < 2 * tool.TAIL


def test_a_tool_that_cannot_be_started_is_told(home: Path) -> None:
    with pytest.raises(EnvironmentNotFound, match="/nowhere/uv cannot be started"):
        tool.ask(["/nowhere/uv"], home)


def test_a_tool_sees_nothing_of_this_processs_own_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "AIRFLOW__CORE__FERNET_KEY"):
        monkeypatch.setenv(name, "/srv/airflow")
    monkeypatch.setenv("POETRY_VIRTUALENVS_PATH", "/srv/environments")
    _, output, _ = tool.ask(["env"], home)
    assert "/srv/airflow" not in output
    assert "POETRY_VIRTUALENVS_PATH=/srv/environments" in output


def test_a_tool_holds_the_lock_while_it_runs(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Else the next caller would install into the same environment when this one was killed."""
    caplog.set_level("INFO", logger="windsock.environment")
    text = f"echo $$ > {home}/pid; while [ ! -e {home}/go ]; do sleep 0.01; done"
    command = [program(home / "bin", "wait", text)]
    first = os.fork()
    if first == 0:
        try:
            with memory.alone(home / "lock") as holding:
                tool.run(command, home, holding=holding)
        finally:
            os._exit(1)
    wait_until((home / "pid").exists)
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    order: list[bool] = []

    def second() -> None:
        with memory.alone(home / "lock"):
            order.append((home / "go").exists())

    thread = threading.Thread(target=second)
    thread.start()
    wait_until(lambda: bool(order) or "waiting for another process" in caplog.text)
    (home / "go").touch()
    thread.join(10)
    assert order == [True]


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_an_interrupted_tool_is_ended(home: Path, trap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "_GRACE", 0.2)
    wait = program(home / "bin", "wait", f"{trap} echo $$ > {home}/pid; while true; do sleep 0.01; done")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def send() -> None:
        wait_until((home / "pid").exists)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            tool.run([wait], home)
    finally:
        signal.signal(signal.SIGUSR1, before)
        sender.join()
    assert not is_running(int((home / "pid").read_text()))


def test_output_is_kept_apart_and_bytes_that_are_no_text_do_no_harm(home: Path) -> None:
    speak = program(home / "bin", "speak", "printf 'a\\377'; echo b >&2; exit 2")
    assert tool.ask([speak], home) == (2, "a\ufffd", "b\n")


def test_a_long_output_is_cut_at_its_beginning() -> None:
    assert tool.tail("short\n") == "short"
    assert tool.tail("x" * 5000 + "end").endswith("end")
    assert len(tool.tail("x" * 5000)) == tool.TAIL + 4
