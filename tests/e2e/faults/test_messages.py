"""Messages that Redis forgets, or delivers twice and out of order."""

import base64
import json
import random
import uuid
from collections import Counter

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.processes import waited
from tests.e2e.faults.site import Site


@pytest.mark.parametrize("count", [50, pytest.param(2_000, marks=pytest.mark.full)])
@pytest.mark.usefixtures("relay")
def test_what_redis_forgets_is_sent_again(site: Site, tell: Tell, count: int) -> None:
    ids = site.enqueue("note", count)
    waiting = site.valkey.waiting()

    site.valkey.ask("FLUSHALL")
    site.overdue()
    with site.worker():
        ends = site.ended(ids, seconds=120)

    executed = Counter(task for task, _, _ in site.traces(ids))
    tell(tasks=count, forgotten=waiting, ends=ends, executions=executed.total())
    assert waiting >= count
    assert ends == {"DONE": count}
    assert set(executed.values()) == {1}


@pytest.mark.parametrize("count", [50, pytest.param(1_000, marks=pytest.mark.full)])
def test_a_message_that_comes_twice_and_out_of_order_is_claimed_once(
    site: Site, tell: Tell, count: int
) -> None:
    """Each message of a task with two attempts comes twice for each of them, all in any order."""
    ids = site.enqueue("fail_at_first", count)
    (name, messages), *others = site.valkey.queues().items()
    doubled = [copy(message, attempt) for message in messages for attempt in (1, 1, 2, 2)]
    random.Random(3).shuffle(doubled)
    site.valkey.ask("LPUSH", name, *doubled)
    site.valkey.ask("LTRIM", name, 0, len(doubled) - 1)
    with site.worker():
        ends = site.ended(ids)
        waited(lambda: site.valkey.waiting() == 0)

    attempts = Counter((task, attempt) for task, attempt, _ in site.traces(ids))
    tell(tasks=count, messages=len(doubled), ends=ends, executions=attempts.total())
    assert not others
    assert len(messages) == count
    assert ends == {"DONE": count}
    assert set(attempts) == {(task, attempt) for task in ids for attempt in (1, 2)}
    assert set(attempts.values()) == {1}


def copy(message: bytes, attempt: int) -> str:
    """Return the message for an attempt of the same task."""
    envelope = json.loads(message)
    (run_id, _), *rest = json.loads(base64.b64decode(envelope["body"]))
    envelope["body"] = base64.b64encode(json.dumps([[run_id, attempt], *rest]).encode()).decode()
    envelope["properties"]["delivery_tag"] = str(uuid.uuid4())
    return json.dumps(envelope)
