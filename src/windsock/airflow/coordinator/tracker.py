"""A step's process, as Airflow's supervisor follows one."""

import signal

from airflow.sdk.execution_time.supervisor import NeverRaised, ProcessTracker

from windsock.warm import Session


class SessionTracker(ProcessTracker):
    """Follows a process that is a child of the warm process, not of this one."""

    ProcessNotFound = NeverRaised
    TimeoutExpired = TimeoutError

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def pid(self) -> int:
        """Its id."""
        return self._session.pid

    def send_signal(self, s: signal.Signals) -> None:
        """Send a signal to its whole group."""
        self._session.signal(s)

    def wait(self, timeout: float | None) -> int:
        """Return its exit status.

        Raises:
            TimeoutError: it still runs.
        """
        if self._session.exit is None:
            raise TimeoutError
        return self._session.exit
