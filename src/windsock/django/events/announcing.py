"""Telling open event streams that some record changed.

What gets lost here arrives a few seconds later: every web process looks by itself as well.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from windsock.django.events.addresses import CHANNEL, redis_url

logger = logging.getLogger(__name__)

INTERVAL = 0.1  #: seconds between two messages
LIMIT = 0.3  #: seconds for connecting and for sending
PAUSE = 1.0  #: seconds until the next try after a failure
IDLE_LIMIT = 60.0  #: seconds after which an idle thread gives its connection back


class Announcer:
    """One thread per process, which begins with the first announcement."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        #: Whether there is something to say; stays True where no Redis is, so that nothing is done there.
        self._announced = False

    def announce(self) -> None:
        """Say that some record changed; never raises, never waits for Redis."""
        if self._announced:
            return
        self._announced = True
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="windsock-announcer", daemon=True)
                # No thread can be started while the interpreter ends.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            self._news.set()

    def stop(self) -> None:
        """Say what is left to say and end the thread; the next announcement begins another."""
        thread = self._thread
        if thread is not None:
            self._stopping.set()
            self._news.set()
            thread.join()
        self.__init__()  # type: ignore[misc]

    def _run(self) -> None:
        client: Any = None
        try:
            while True:
                if not self._news.wait(IDLE_LIMIT):
                    _close(client)
                    client = None
                    self._news.wait()
                self._news.clear()
                failed = False
                if self._announced:
                    client = client or _client()
                    if client is None:
                        return
                    # Before it is said: what is announced meanwhile has to be said again.
                    self._announced = False
                    failed = not self._publish(client)
                if failed:
                    self._announced = True
                    self._news.set()
                if self._stopping.is_set() and (failed or not self._announced):
                    return
                self._stopping.wait(PAUSE if failed else INTERVAL)
        except Exception:
            # A task or a request must never suffer from this.
            logger.exception("Announcing changes of the record ended; streams see them by looking.")
            self._announced = True
        finally:
            _close(client)

    def _publish(self, client: Any) -> bool:
        import redis

        try:
            client.publish(CHANNEL, "")
        except (redis.RedisError, OSError) as error:
            logger.debug("A change of the record could not be announced: %s", error)
            return False
        return True


def _client() -> Any:
    url = redis_url()
    if url is None:
        return None
    try:
        # Here, because a project with another broker has no client for Redis.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        return None
    # Once more, since a server that was started again has closed the connection.
    retry = Retry(NoBackoff(), 1)
    return Redis.from_url(url, socket_timeout=LIMIT, socket_connect_timeout=LIMIT, retry=retry)


def _close(client: Any) -> None:
    if client is not None:
        client.close()


announcer = Announcer()
#: What tells another process to announce; None: this one does it.
_through: Callable[[], None] | None = None
_is_told: ContextVar[bool] = ContextVar("windsock_is_told", default=False)


def announce() -> None:
    """Say that some record changed; never raises, never waits for Redis."""
    if _through is None:
        announcer.announce()
    elif not _is_told.get():
        with contextlib.suppress(Exception):
            _through()


def announce_through(tell: Callable[[], None] | None) -> None:
    """Leave it to another process to announce: this one needs neither a thread nor a client for Redis then.

    Args:
        tell: has the other process do it; None: this process announces by itself again.
    """
    global _through
    _through = tell


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Announce through nobody in the block: its own transaction tells the other process."""
    token = _is_told.set(True)
    try:
        yield
    finally:
        _is_told.reset(token)


# The thread does not exist in a forked child, and its lock may be held there for ever.
os.register_at_fork(after_in_child=announcer.__init__)  # type: ignore[misc]
