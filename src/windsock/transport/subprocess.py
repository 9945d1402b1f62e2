"""Calls that run in fresh processes of the project's interpreter."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

from windsock.call import Call, Outcome
from windsock.environment import Environment
from windsock.errors import TransportError, WireError
from windsock.transport import bootstrap
from windsock.transport.endings import lost, timed_out
from windsock.warm.process import describe_exit, kill_group
from windsock.wire import MESSAGE_LIMIT, PROTOCOL, check_protocol, from_json, limited, to_json

#: How long a killed call may take to be gone, seconds. More than the sweep of its guard may take.
_KILL_LIMIT = bootstrap.SWEEP_LIMIT + 5.0
_SCRIPT = "import sys; exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'))"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subprocess:
    """Runs each call in a fresh process of the project's interpreter, which prints where this one does.

    Where Windsock is not installed there, this one is lent: the package ``windsock`` alone is imported from
    here.
    """

    environment: Environment
    setup: str = ""  #: "module:function" that is called before; empty for none
    directory: Path | None = None  #: working directory; None: this process's
    #: Environment variables, complete; None: this process's. See ``windsock.environment.child_variables``.
    variables: Mapping[str, str] | None = None
    grace: float = 5.0  #: seconds that a stopped call has between SIGTERM and SIGKILL

    def send(self, call: Call, *, timeout: timedelta | None = None) -> Outcome:
        """Run ``call`` in a process of its own group, of which nothing is left afterwards.

        Raises:
            EnvironmentNotFound: there is no such interpreter.
            TransportError: the process cannot be started.
        """
        return self.start(call).wait(timeout)

    def start(self, call: Call) -> "Running":
        """Start ``call``, which is stopped when the thread that started it ends.

        Raises:
            EnvironmentNotFound: there is no such interpreter.
            TransportError: the process cannot be started.
        """
        python = os.fspath(self.environment.python())
        body = limited({"protocol": PROTOCOL, "call": to_json(call)})
        command = [python, "-c", _SCRIPT, bootstrap.__file__, str(os.getpid())]
        with _unnamed_file() as question, contextlib.ExitStack() as stack:
            question.write(body)
            question.seek(0)
            answer = stack.enter_context(_unnamed_file())
            try:
                process = subprocess.Popen(  # noqa: S603 - the command is the deployment's own
                    [*command, str(answer.fileno()), str(self.grace), self.setup],
                    stdin=question,
                    cwd=self.directory,
                    env=None if self.variables is None else dict(self.variables),
                    pass_fds=[answer.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                raise TransportError(f"{python} cannot be started: {error}") from error
            stack.pop_all()
        return Running(process, python, answer, self.grace)


class Running:
    """A call in a process of its own; that one has a guard, which leaves nothing of it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", python: str, answer: BinaryIO, grace: float
    ) -> None:
        """Take over the started process.

        Args:
            process: the guard.
            python: its interpreter.
            answer: the file that gets the outcome; closed in the end.
            grace: seconds between SIGTERM and SIGKILL.
        """
        self._process = process
        self._python = python
        self._answer = answer
        self._grace = grace
        self._stopped = False

    def wait(self, timeout: timedelta | None = None) -> Outcome:
        """Wait for the outcome; whatever interrupts that stops the call first.

        Args:
            timeout: after it everything that the call started is killed, > 0; ``None`` for no limit.
        """
        with self._answer:
            try:
                if self._ends_within(None if timeout is None else timeout.total_seconds()):
                    return self._outcome(self._process.returncode)
                self._end(signal.SIGQUIT, _KILL_LIMIT)
                return timed_out(timeout)
            except BaseException:
                self._end(signal.SIGTERM, self._grace + _KILL_LIMIT)
                raise
            finally:
                self._end(signal.SIGKILL, None)

    def stop(self) -> None:
        """Send SIGTERM to all that the call started, and SIGKILL after the grace; ``wait`` then returns.

        May be called from a signal handler and from another thread.
        """
        self._stopped = True
        self._signal(signal.SIGTERM)

    def _signal(self, sig: signal.Signals) -> None:
        # Never after its end is known: the number might be another process's by then. The group, because a
        # wrapper may stand between this process and the guard.
        if self._process.poll() is None:
            kill_group(self._process.pid, sig)

    def _end(self, sig: signal.Signals, seconds: float | None) -> None:
        self._signal(sig)
        self._ends_within(seconds)

    def _ends_within(self, seconds: float | None) -> bool:
        if seconds is not None and sys.platform == "linux" and self._process.poll() is None:
            # Popen.wait would only look now and then.
            with contextlib.suppress(OSError), open(os.pidfd_open(self._process.pid)) as end:
                poll = select.poll()
                poll.register(end, select.POLLIN)
                poll.poll(seconds * 1000)
                seconds = 0
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _outcome(self, status: int) -> Outcome:
        outcome = _read(self._answer)
        if outcome is not None:
            return outcome
        reason = describe_exit(status)
        if self._stopped:
            return lost(f"it was stopped, {reason}")
        if not os.fstat(self._answer.fileno()).st_size:
            return lost(f"{reason}; is {self._python} a Python 3?")
        if status == os.EX_IOERR:
            return lost(f"{reason}; it could not be written, what was printed says why")
        return lost(reason)


def _unnamed_file() -> BinaryIO:
    """Open a file without a name, of which nothing is left however either side ends."""
    if sys.platform == "linux":
        return open(os.memfd_create("windsock"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


def _read(answer: BinaryIO) -> Outcome | None:
    try:
        answer.seek(0)
        document = json.loads(answer.read(MESSAGE_LIMIT))
        check_protocol(document)
        return from_json(Outcome, document["outcome"])
    except (OSError, ValueError, KeyError, WireError):
        return None
