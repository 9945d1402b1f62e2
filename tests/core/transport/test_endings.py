import socket
from datetime import timedelta

from windsock.errors import Lost, TimedOut
from windsock.transport import describe_end, lost, timed_out
from windsock.warm.client import Session


def test_a_lost_call_says_why_and_may_be_tried_again() -> None:
    failure = lost("killed by SIGKILL").failure
    assert failure is not None
    assert failure.exception == f"{Lost.__module__}.{Lost.__qualname__}"
    assert failure.message == "The process gave no outcome: killed by SIGKILL"
    assert failure.retry


def test_a_time_limit_is_named_in_seconds() -> None:
    failure = timed_out(timedelta(minutes=1.5)).failure
    assert failure is not None
    assert failure.exception == f"{TimedOut.__module__}.{TimedOut.__qualname__}"
    assert failure.message == "The time limit of 90 s was reached"


def test_the_end_of_a_warm_child_is_its_own_or_that_of_its_process() -> None:
    connection, channel = socket.socketpair()
    with connection, channel:
        session = Session(connection, channel, pid=1)
        session.exit = 3
        assert describe_end(session) == "ended with exit status 3"
        session.abandoned = True
        assert describe_end(session) == "the warm process went away"
