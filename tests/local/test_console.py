import io

import pytest

from windsock.local.console import Screen, Terminal
from windsock.local.status import Phase, Progress, Status

READY = Progress(state=Phase.READY, pid=1, since=0.0, seconds=1.5)
STARTING = Progress(state=Phase.STARTING, pid=2, since=0.0)


def screen(*, terminal: bool = False) -> tuple[Screen, io.StringIO]:
    output = io.StringIO()
    console = Terminal(file=output, force_terminal=terminal, width=60, highlight=False, soft_wrap=True)
    return Screen(console), output


def test_without_a_terminal_each_part_is_one_line_once() -> None:
    shown, output = screen()
    for part in (STARTING, READY, READY):
        shown.progress(Status(parts={"web": part}))
    assert output.getvalue().split() == ["web", "ready", "1.5", "s"]


def test_on_a_terminal_every_state_has_its_mark() -> None:
    shown, output = screen(terminal=True)
    parts = {
        "web": READY,
        "relay": STARTING,
        "worker": Progress(),
        "valkey": Progress(state=Phase.EXTERNAL),
        "postgres": Progress(state=Phase.FAILED),
    }
    shown.progress(Status(parts=parts))
    shown.end_progress()
    for text in ("✓", "1.5 s", "✗", "yours", "waits", "relay"):
        assert text in output.getvalue()


def test_the_table_never_cuts_a_value() -> None:
    shown, output = screen()
    token = "windsock_" + "x" * 90
    shown.table("Windsock is up", {"API token": token})
    letters = output.getvalue().replace("│", "").replace("\n", "").replace(" ", "")
    assert token in letters


def test_a_line_that_is_to_be_copied_is_not_broken() -> None:
    shown, output = screen()
    shown.say("curl " + "x" * 100)
    assert output.getvalue() == "curl " + "x" * 100 + "\n"


def test_log_lines_carry_the_parts_name() -> None:
    shown, output = screen()
    shown.log([("web", "GET /"), ("airflow-dag-processor", "[bold] is no style")])
    assert output.getvalue().splitlines() == [
        "web                   | GET /",
        "airflow-dag-processor | [bold] is no style",
    ]


def test_a_closed_terminal_silences_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, output = screen()

    def broken(_: str) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(output, "write", broken)
    shown.say("hello")
    shown.log([("web", "hello")])
    shown.table("t", {"a": "b"})
