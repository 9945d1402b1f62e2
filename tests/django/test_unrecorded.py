import asyncio
import logging

import pytest

from windsock.django.unrecorded import CallContext


def test_progress_goes_into_the_log_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    context = CallContext(attempt=1)
    with caplog.at_level(logging.INFO, "windsock"):
        for done in range(1000):
            context.progress(done, 1000)
        asyncio.run(context.aprogress(1, 1))
    assert caplog.messages == ["progress: 0 %", "progress: 100 %"]


def test_it_knows_the_attempt_and_is_never_cancelled() -> None:
    context = CallContext(attempt=3)
    context.relate(7)
    assert (context.attempt, context.cancelled) == (3, False)


def test_what_needs_a_record_says_where_there_is_one() -> None:
    with pytest.raises(AttributeError, match=r"context.task_result needs .* DjangoTaskOperator"):
        _ = CallContext(attempt=1).task_result
