import signal
import socket
from collections.abc import Iterator

import pytest

from windsock.airflow.coordinator.tracker import SessionTracker
from windsock.warm import Session


@pytest.fixture
def session() -> Iterator[Session]:
    connection, channel = socket.socketpair()
    with connection, channel:
        yield Session(connection, channel, 2**22 + 1)  # beyond every process id


def test_it_has_the_sessions_process(session: Session) -> None:
    assert SessionTracker(session).pid == session.pid


def test_a_process_that_runs_is_waited_for(session: Session) -> None:
    tracker = SessionTracker(session)
    with pytest.raises(tracker.TimeoutExpired):
        tracker.wait(0)
    session.exit = -9
    assert tracker.wait(0) == -9


def test_to_signal_what_is_gone_is_no_error(session: Session) -> None:
    SessionTracker(session).send_signal(signal.SIGTERM)
