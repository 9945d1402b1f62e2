import asyncio
import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from windsock.django import logs
from windsock.django.compat import task
from windsock.django.execution import execute_run
from windsock.django.models import TaskRun
from windsock.run import Status

logger = logging.getLogger("shop")


@task
def say(secret: str) -> None:
    logger.warning("sync says %s", "hello")


@task
async def say_later() -> None:
    await asyncio.gather(*(asyncio.to_thread(logger.warning, "async says hello") for _ in range(2)))


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler with our filter and formatter wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.TaskContextFilter())
    handler.setFormatter(logs.JsonFormatter())
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.django_db
def test_a_running_tasks_lines_carry_its_id(written: io.StringIO) -> None:
    for function in (say, say_later):
        arguments = ["hush"] if function is say else []
        run = TaskRun.objects.create(
            task=function.module_path, name="say", args=arguments, status=Status.PROCESSING, attempt=2
        )
        execute_run(run)
        found = lines(written)
        assert {line["task_id"] for line in found} == {str(run.pk)}
        assert {(line["task_name"], line["attempt"]) for line in found} == {("say", 2)}
        written.truncate(written.seek(0))
        logger.warning("after it")
        assert "task_id" not in lines(written)[0]
        assert "hush" not in written.getvalue()
        written.truncate(written.seek(0))


def test_a_format_may_name_the_task_outside_of_any() -> None:
    record = logging.LogRecord("shop", logging.INFO, "", 1, "hello", None, None)
    assert logs.TaskContextFilter().filter(record)
    assert (
        logging.Formatter("%(task_id)s/%(task_name)s/%(attempt)s %(message)s").format(record) == "//0 hello"
    )


def test_what_a_line_says_itself_stands(written: io.StringIO) -> None:
    run = SimpleNamespace(pk="other", name="other", attempt=1)
    with logs.running(SimpleNamespace(pk="this", name="this", attempt=3)):
        logger.warning("about another", extra=logs.fields(run))
    assert lines(written)[0]["task_id"] == "other"


def test_json_holds_the_traceback_and_whatever_the_text(written: io.StringIO) -> None:
    try:
        raise ValueError("no\nsuch shelf")
    except ValueError:
        logger.exception("It broke: %s", {"a": object})
    [line] = lines(written)
    assert line["level"] == "ERROR"
    assert line["message"].startswith("It broke")
    assert "ValueError: no\nsuch shelf" in line["exception"]
    assert line["time"].endswith("+00:00")
