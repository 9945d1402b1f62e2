"""What a transport is, and the one that carries nothing: the call runs here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from windsock.call import Call, Outcome, execute
from windsock.errors import TransportError


class Transport(Protocol):
    """Carries a call to the interpreter where the function lives."""

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` and wait for what it comes to.

        Args:
            call: what to run.
            timeout: after it everything that the call started is killed, > 0; ``None`` for no limit.

        Raises:
            TransportError: the call could not be carried.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Inline:
    """Runs the call in this process and thread."""

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` here.

        Raises:
            TransportError: a time limit was asked for, which this process cannot hold against itself.
        """
        if timeout is not None:
            raise TransportError("a time limit needs a process of its own: use Subprocess or Warm")
        return execute(call)
