"""PostgreSQL that is restarted under load."""

import signal
import time
from collections import Counter

import pytest
from tests.e2e.faults.conftest import Tell
from tests.e2e.faults.site import Site


@pytest.mark.parametrize(("requests", "seconds"), [(60, 0.5), pytest.param(600, 3, marks=pytest.mark.full)])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.usefixtures("worker", "relay")
def test_a_restart_of_postgresql_answers_503_and_loses_nothing(
    site: Site, tell: Tell, how: signal.Signals, requests: int, seconds: float
) -> None:
    """SIGINT is the fast shutdown, SIGKILL a crash."""
    load = site.create_users(requests, callers=6)
    load.reached(requests // 4)
    began = time.monotonic()
    site.postgres.stop(how)
    # The fault's own duration.
    time.sleep(seconds)
    site.postgres.start()
    away = time.monotonic() - began
    back = site.create_users(requests // 4, callers=6)
    answers = [*load.answers(), *back.answers()]

    accepted = [answer.task_id for answer in answers if answer.status == 202]
    ends = site.ended(accepted, seconds=120)
    said = Counter(answer.status for answer in answers)
    tell(
        requests=len(answers),
        away=away,
        answers=said,
        longest_answer=max(answer.seconds for answer in answers),
        ends=ends,
        users=load.users(answers),
    )
    assert set(said) == {202, 503}
    assert ends == {"DONE": len(accepted)}
    assert load.users(answers) == len(accepted)
