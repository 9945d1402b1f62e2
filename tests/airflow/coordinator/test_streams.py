"""What a step writes, in Airflow's task log."""

import os
import threading
import time

import pytest
from tests.airflow.coordinator.conftest import Bench

from windsock.airflow.coordinator.streams import LINE_LIMIT, SINGLE_LINES, Lines
from windsock.testing.suite import wait_until


def test_output_and_log_records_reach_the_task_log_with_level_and_logger(bench: Bench) -> None:
    bench.supervise("value")
    seen = {(line["level"], line.get("logger"), line["event"]) for line in bench.log()}
    assert ("info", "task.stdout", "printed by the step") in seen
    assert ("error", "task.stderr", "complained by the step") in seen
    assert ("warning", "shop.tasks", "logged by the step") in seen


def test_every_level_has_its_name(bench: Bench) -> None:
    bench.supervise("talk")
    said = [(line["level"], line["event"]) for line in bench.log() if line.get("logger") == "shop.tasks.deep"]
    names = ("debug", "info", "warning", "error", "critical")
    assert said == [(name, f"at {name.upper()}") for name in names]


def test_a_record_keeps_its_lines_together_and_output_is_cut_into_them(bench: Bench) -> None:
    bench.supervise("talk")
    assert bench.events("shop.other") == ["two\nlines"]
    assert bench.events("task.stdout")[:2] == ["one", "two"]


def test_what_is_not_utf_8_is_shown_as_far_as_it_can_be(bench: Bench) -> None:
    bench.supervise("talk")
    assert bench.events("task.stdout")[2] == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"


def test_a_last_line_needs_no_end(bench: Bench) -> None:
    bench.supervise("talk")
    assert bench.events("task.stderr") == ["without an end"]


def test_it_is_there_while_the_step_runs(bench: Bench) -> None:
    def listen() -> None:
        wait_until(lambda: hasattr(bench, "ti") and bench.log_file().exists())
        texts = ("are you there?", "and this?")
        wait_until(lambda: all(text in bench.log_file().read_text() for text in texts))
        (bench.folder / "heard").touch()

    bench.supervise("nothing")
    listener = threading.Thread(target=listen)
    del bench.ti
    listener.start()
    started = time.monotonic()
    bench.supervise("talk_and_wait")
    listener.join()
    assert time.monotonic() - started < 8, "it was heard only in the end"


@pytest.mark.parametrize("step", ["flood", "flood_lines"])
def test_megabytes_do_no_harm(bench: Bench, step: str) -> None:
    (bench.folder / "megabytes").write_text("4")
    bench.supervise(step)
    texts = bench.events("task.stdout")
    assert sum(text.count("x") for text in texts) == (4 * 2**20 if step == "flood" else 4 * 10_486 * 99)
    assert max(map(len, texts)) <= 2 * LINE_LIMIT
    assert [state["state"] for state in bench.api.states] == ["success"]


def test_the_first_lines_of_many_are_entries_by_themselves(bench: Bench) -> None:
    (bench.folder / "megabytes").write_text("2")
    bench.supervise("flood_lines")
    texts = bench.events("task.stdout")
    assert {text.count("\n") for text in texts[: SINGLE_LINES - 1_000]} == {0}
    assert len(texts) < SINGLE_LINES + 1_000
    assert sum(text.count("\n") + 1 for text in texts) == 2 * 10_486


@pytest.mark.full
@pytest.mark.parametrize("step", ["flood", "flood_lines"])
def test_a_hundred_megabytes_end_within_half_a_minute(bench: Bench, step: str) -> None:
    bench.supervise("nothing")
    (bench.folder / "megabytes").write_text("100")
    started = time.monotonic()
    bench.supervise(step)
    assert [state["state"] for state in bench.api.states] == ["success", "success"]
    assert time.monotonic() - started < 30


def test_what_the_child_wants_masked_is_masked_wherever_it_stands(bench: Bench) -> None:
    bench.supervise("confide")
    assert "hunter2!" not in bench.log_file().read_text()
    assert bench.events("task.stdout") == ["a program says ***"]
    assert bench.events("shop") == ["logged: ***"]
    [failure] = [line for line in bench.log() if "Task failed" in line["event"]]
    assert failure["event"] == "Task failed: ValueError: raised: ***"


def test_a_mask_holds_for_one_step_only(bench: Bench) -> None:
    bench.supervise("confide")
    (bench.folder / "megabytes").write_text("0")
    bench.supervise("flood")
    from airflow.sdk._shared.secrets_masker import redact  # the supervisor's own

    assert redact("hunter2!") == "hunter2!"


def test_the_last_words_of_a_child_that_died_go_to_its_record(bench: Bench) -> None:
    bench.supervise("say_and_die")
    lost = bench.lost()
    assert lost is not None
    assert sorted(lost["output"].splitlines()) == ["WARNING shop: logged last", "last words"]


def test_a_line_comes_together_from_pieces() -> None:
    lines = Lines()
    assert [line for piece in (b"a", b"b\nc", b"\n\nd") for line in lines.feed(piece)] == [b"ab", b"c", b""]
    assert (lines.rest(), lines.rest()) == (b"d", b"")


def test_a_line_beyond_the_limit_is_broken() -> None:
    lines = Lines(limit=4)
    assert [*lines.feed(b"abc"), *lines.feed(b"def"), *lines.feed(b"g\n")] == [b"abcdef", b"g"]


def test_a_log_line_is_never_broken() -> None:
    lines = Lines()
    text = os.urandom(LINE_LIMIT).hex().encode()
    assert [*lines.feed(text), *lines.feed(b"\n")] == [text]
