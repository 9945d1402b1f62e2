"""Redis that is stopped or stands still while requests come in."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.servers import Valkey
from tests.e2e.faults.site import Site

LONGEST_ANSWER = 1.0  #: seconds
#: In a quick run another process uses the same processors.
LONGEST_BESIDE_OTHERS = 3.0


@contextmanager
def stopped(valkey: Valkey) -> Iterator[None]:
    valkey.stop()
    try:
        yield
    finally:
        valkey.start()


@contextmanager
def standing_still(valkey: Valkey) -> Iterator[None]:
    valkey.send(signal.SIGSTOP)
    try:
        yield
    finally:
        valkey.send(signal.SIGCONT)


@pytest.mark.parametrize(("requests", "seconds"), [(40, 1), pytest.param(500, 10, marks=pytest.mark.full)])
@pytest.mark.parametrize("fault", [stopped, standing_still])
@pytest.mark.usefixtures("worker", "relay")
def test_without_redis_everything_is_accepted_and_done_afterwards(
    site: Site, tell: Tell, fault: object, requests: int, seconds: float
) -> None:
    began = time.monotonic()
    with fault(site.valkey):  # type: ignore[operator]
        load = site.create_users(requests, seconds=seconds)
        answers = load.answers()
        # The fault lasts its time, even when the requests were quicker.
        time.sleep(max(0, began + seconds - time.monotonic()))
        away = time.monotonic() - began
    back = time.monotonic()
    accepted = [answer.task_id for answer in answers if answer.status == 202]
    ends = site.ended(accepted, seconds=120)

    longest = max(answer.seconds for answer in answers)
    tell(
        requests=requests,
        away=away,
        answers=Counter(answer.status for answer in answers),
        longest_answer=longest,
        ends=ends,
        users=load.users(answers),
        all_ended_after=time.monotonic() - back,
    )
    assert len(accepted) == requests
    assert longest < (LONGEST_ANSWER if requests >= 500 else LONGEST_BESIDE_OTHERS)
    assert ends == {"DONE": requests}
    assert load.users(answers) == requests
