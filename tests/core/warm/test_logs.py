import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from windsock.warm.logs import JsonLines, as_line, channels, send_logs_to


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """A root logger as Python starts with it, in place of the one that pytest listens to."""
    root = logging.RootLogger(logging.WARNING)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    monkeypatch.setattr(logging.Logger, "manager", logging.Manager(root))
    return root


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def start(root: logging.Logger, descriptor: int, *handlers: logging.Handler) -> None:
    """Begin as a child does; pytest's own handlers, which come with every test, go first."""
    root.handlers[:] = handlers
    send_logs_to(descriptor)


def lines(reader: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in os.read(reader, 2**16).splitlines()]


def record(
    level: int, message: str = "a", *args: object, error: BaseException | None = None
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("shop", level, "f.py", 1, message, args, info)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (5, "debug"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warning"),
        (40, "error"),
        (60, "critical"),
    ],
)
def test_a_level_gets_the_name_that_airflow_knows(level: int, name: str) -> None:
    assert as_line(record(level))["level"] == name


def test_a_line_says_when_who_and_what() -> None:
    line = as_line(record(20, "%s of %d", "one", 2))
    assert (line["logger"], line["event"]) == ("shop", "one of 2")
    assert line["timestamp"].endswith("+00:00")


def test_a_traceback_stands_in_the_text() -> None:
    assert "ValueError: so it goes" in as_line(record(40, error=ValueError("so it goes")))["event"]


def test_a_line_break_stays_inside_its_line(root: logging.Logger, pipe: tuple[int, int]) -> None:
    start(root, pipe[1])
    root.error("two\nlines")
    assert [line["event"] for line in lines(pipe[0])] == ["two\nlines"]


def test_a_project_without_logging_shows_info(root: logging.Logger, pipe: tuple[int, int]) -> None:
    start(root, pipe[1])
    logging.getLogger("shop").info("seen")
    logging.getLogger("shop").debug("not seen")
    assert [line["event"] for line in lines(pipe[0])] == ["seen"]


def test_a_projects_own_level_is_kept(root: logging.Logger, pipe: tuple[int, int]) -> None:
    root.setLevel(logging.ERROR)
    start(root, pipe[1])
    assert root.level == logging.ERROR


def test_the_terminal_is_replaced_and_a_file_is_kept(
    root: logging.Logger, pipe: tuple[int, int], tmp_path: Path
) -> None:
    kept = logging.FileHandler(tmp_path / "log")
    start(root, pipe[1], logging.StreamHandler(sys.stderr), kept)
    kept.close()
    assert [type(handler) for handler in root.handlers] == [logging.FileHandler, JsonLines]


def test_a_reader_that_went_away_is_no_error(
    root: logging.Logger, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    start(root, pipe[1])
    os.close(pipe[0])
    root.error("into the void")
    assert capsys.readouterr().err == ""


def console(level: int = logging.NOTSET) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    return handler


def test_a_logger_that_keeps_its_records_to_itself_is_heard_at_its_handlers_level(
    root: logging.Logger, pipe: tuple[int, int]
) -> None:
    shop = logging.getLogger("shop")
    shop.propagate = False
    handler = console(logging.ERROR)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    shop.addHandler(handler)
    start(root, pipe[1])
    for message in ("seen", "a secret"):
        shop.error(message)
    shop.warning("too low")
    assert [line["event"] for line in lines(pipe[0])] == ["seen"]


def test_a_record_that_reaches_the_root_is_told_once(root: logging.Logger, pipe: tuple[int, int]) -> None:
    logging.getLogger("shop").addHandler(console())
    start(root, pipe[1], console(logging.INFO))
    logging.getLogger("shop.tasks").warning("once")
    assert [line["event"] for line in lines(pipe[0])] == ["once"]


def test_a_disabled_logger_stays_silent(root: logging.Logger, pipe: tuple[int, int]) -> None:
    logging.getLogger("shop").disabled = True
    start(root, pipe[1])
    logging.getLogger("shop").error("unheard")
    logging.getLogger("other").error("heard")
    assert [line["event"] for line in lines(pipe[0])] == ["heard"]


def test_lines_pass_through_what_the_child_puts_there(root: logging.Logger, pipe: tuple[int, int]) -> None:
    start(root, pipe[1])
    for channel in channels:
        channel.through = lambda line: line | {"event": line["event"].upper()}
    root.error("loud")
    channels[0].write({"level": "mask", "values": ["x"]})
    assert [line.get("event") for line in lines(pipe[0])] == ["LOUD", None]
