"""What the record keeps of a step's output, and what is masked on its way."""

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from windsock.call import Failure, Outcome
from windsock.django.models import TaskRun
from windsock.django.output import bounded, captured
from windsock.tail import LIMIT
from windsock.warm import logs

QUIET = TaskRun(args=["ann"], kwargs={})
SECRETIVE = TaskRun(args=["ann"], kwargs={"password": "hunter2!"}, sensitive=["password"])


@pytest.fixture
def channel() -> Iterator[Any]:
    """The lines that a child of the warm process would write."""
    reader, writer = os.pipe()
    logger = logging.getLogger("shop.output")
    handler = logs.JsonLines(writer)
    logger.addHandler(handler)
    before, logs.channels[:] = list(logs.channels), [handler]
    try:
        yield lambda: [json.loads(line) for line in os.read(reader, 2**16).splitlines()]
    finally:
        logs.channels[:] = before
        logger.removeHandler(handler)
        os.close(reader)
        os.close(writer)


def test_output_and_log_are_kept_in_their_order(channel: Any) -> None:
    with captured(QUIET) as output:
        print("first")
        logging.getLogger("shop.output").warning("second %s", "thing")
        print("third", file=sys.stderr)
    assert output.text() == "first\nWARNING shop.output: second thing\nthird\n"


def test_it_is_still_written(channel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with captured(QUIET):
        print("on its way")
        logging.getLogger("shop.output").error("this too")
    assert capsys.readouterr().out == "on its way\n"
    assert [line["event"] for line in channel()] == ["this too"]


def test_nothing_is_taken_afterwards(channel: Any) -> None:
    out = sys.stdout
    with captured(QUIET) as output:
        pass
    print("later")
    logging.getLogger("shop.output").error("later")
    assert (output.text(), sys.stdout) == ("", out)
    assert "write" not in vars(sys.stdout)


def test_sensitive_values_are_masked_everywhere(channel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with captured(SECRETIVE) as output:
        print("login with", "hunter2!")
        sys.stderr.write("or 'hunter2!'\n")
        logging.getLogger("shop.output").error("not %s", "hunter2!")
    masks, line = channel()
    shown = capsys.readouterr()
    assert "hunter2!" not in output.text() + shown.out + shown.err + line["event"]
    assert output.text().splitlines()[0] == "login with ********"
    assert (masks["level"], "hunter2!" in masks["values"], "event" in masks) == ("mask", True, False)


def test_without_anything_sensitive_no_mask_is_asked_for(channel: Any) -> None:
    with captured(QUIET):
        logging.getLogger("shop.output").error("ann")
    assert [line["event"] for line in channel()] == ["ann"]


def test_an_outcome_is_masked_as_airflow_shows_it() -> None:
    failure = Failure(exception="a.B", message="not hunter2!", traceback="hunter2! in line 1")
    with captured(SECRETIVE) as output:
        pass
    masked = output.masked(Outcome(failure=failure)).failure
    assert masked == Failure(exception="a.B", message="not ********", traceback="******** in line 1")
    assert output.masked(Outcome(skipped=True, message="hunter2!")).message == "********"
    assert output.masked(Outcome(value="hunter2!")) == Outcome(value="hunter2!")


def test_the_last_part_is_kept() -> None:
    with captured(QUIET) as output:
        for number in range(10_000):
            print("line", number)
    assert len(output.text().encode()) <= LIMIT
    assert output.text().endswith("line 9999\n")


def test_what_postgresql_refuses_is_replaced_within_the_limit() -> None:
    text = bounded("\x00" * LIMIT + "\udc80")
    assert len(text.encode()) <= LIMIT
    assert "\x00" not in text


def test_a_task_may_replace_the_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    with captured(QUIET) as output:
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        print("into the other")
        monkeypatch.undo()
        print("into the first")
    assert output.text() == "into the first\n"


def test_bytes_are_refused_as_ever_and_take_nothing_with_them() -> None:
    with captured(QUIET) as output:
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        print("text")
    assert output.text() == "text\n"


def test_a_handler_that_holds_the_stream_is_heard(tmp_path: Path) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("shop.held")
    logger.addHandler(handler)
    try:
        with captured(QUIET) as output:
            logger.error("through the handler")
    finally:
        logger.removeHandler(handler)
    assert "through the handler\n" in output.text()
