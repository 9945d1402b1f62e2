"""The caller's side of the warm process."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.call import Call, Failure, Outcome
from windsock.errors import SetUpFailed, TransportError, WireError
from windsock.warm import frames, place
from windsock.warm.origin import Variables
from windsock.warm.process import kill_group
from windsock.wire import PROTOCOL, from_json

#: How long a caller waits for the process to start, be set up and answer, seconds.
START_LIMIT = 60.0


class Session:
    """One child of the warm process: it waits for a Call, and gives an Outcome and an exit status."""

    def __init__(self, connection: socket.socket, channel: socket.socket, pid: int) -> None:
        self.connection = connection  #: readable when the exit status has come
        self.channel = channel  #: readable when the outcome has come
        self.pid = pid  #: of the child, which leads its own process group
        self.outcome: Outcome | None = None
        self.exit: int | None = None  #: as subprocess gives it; negative for a signal
        self.abandoned = False  #: the warm process went away before the child's end was known
        self._exits = frames.FrameReader()
        self._outcomes = frames.FrameReader()

    def send(self, call: Call) -> None:
        """Hand the child its Call.

        A child that has died already is no error here: its exit status tells.

        Raises:
            WireError: the call is too large.
        """
        frame = frames.call_frame(call)
        self.channel.setblocking(True)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.channel.sendall(frame)

    def read_outcome(self) -> bool:
        """Take in what the child has written; False when nothing more will come."""
        data = self._receive(self.channel)
        if data:
            self._take_in(data)
        return data != b""

    def read_exit(self) -> bool:
        """Take in what the warm process has written; False when nothing more will come."""
        data = self._receive(self.connection)
        for frame in self._exits.feed(data or b""):
            self._end(int(frame["exit"]))
        if data == b"" and self.exit is None:
            self.abandoned = True
            kill_group(self.pid)
            self._end(-signal.SIGKILL)
        return data != b""

    def signal(self, sig: int) -> None:
        """Send ``sig`` to the child's whole process group, if it still runs."""
        if self.exit is None:
            kill_group(self.pid, sig)

    def close(self) -> None:
        """Let go of the child; if it still runs, its whole group is killed."""
        self.connection.close()
        self.channel.close()

    def _end(self, status: int) -> None:
        self.exit = status
        # The child is gone, so all that it wrote is here; a stray descendant may hold the channel open.
        while data := self._receive(self.channel):
            self._take_in(data)
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)

    def _take_in(self, data: bytes) -> None:
        try:
            for frame in self._outcomes.feed(data):
                self.outcome = frames.read_outcome(frame)
        except WireError:
            kill_group(self.pid)

    @staticmethod
    def _receive(source: socket.socket) -> bytes | None:
        """Return what is there, b"" at the end of the stream, None when there is nothing yet."""
        try:
            return source.recv(2**18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            return b""


@dataclass(frozen=True, kw_only=True, slots=True)
class WarmProcess:
    """How to reach the warm process of one project, and how to start it where there is none."""

    python: Path  #: the project's interpreter, in which windsock is installed
    path: Path  #: of the socket; see ``windsock.warm.place.socket_path``
    setup: str  #: "module:function"
    directory: Path  #: working directory
    environment: Mapping[str, str]  #: of the process, complete
    log: Path = Path(os.devnull)  #: gets what the process itself prints
    idle: float = 600.0  #: seconds without a call after which it ends
    watch: tuple[Path, ...] = ()  #: files whose change makes it start anew, besides what the project loads

    def open(self, stdout: int, stderr: int, log: int) -> Session:
        """Have a child forked that waits for its Call.

        Args:
            stdout: descriptor for the child's standard output.
            stderr: descriptor for its standard error.
            log: descriptor for its log records, JSON objects, one a line.

        Raises:
            SetUpFailed: the project's set-up raised; the failure holds its traceback.
            TransportError: the process cannot be started or does not answer.
        """
        deadline = time.monotonic() + START_LIMIT
        crashed = False
        while True:
            try:
                return self._open((stdout, stderr, log), deadline)
            except _Retired:
                pass  # a new owner takes the call, for nothing was begun
            except (ConnectionError, EOFError) as error:
                if crashed:
                    message = f"the warm process ended before it forked; see {self.log}"
                    raise TransportError(message) from error
                crashed = True

    def _open(self, streams: tuple[int, int, int], deadline: float) -> Session:
        connection = self._connect(deadline)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                hello = {"protocol": PROTOCOL, **Variables.of(self.environment).document()}
                socket.send_fds(connection, [frames.encode(hello)], [*streams, theirs.fileno()])
            connection.settimeout(max(deadline - time.monotonic(), 0.1))
            session = Session(connection, ours, _child(frames.receive(connection)))
        except TimeoutError:
            ours.close()
            connection.close()
            raise TransportError(f"the warm process did not answer in {START_LIMIT:.0f} s") from None
        except BaseException:
            ours.close()
            connection.close()
            raise
        return session

    def _connect(self, deadline: float) -> socket.socket:
        while time.monotonic() < deadline:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(os.fspath(self.path))
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                self._start(deadline)
                continue
            except BaseException:
                connection.close()
                raise
            if place.peer_uid(connection) != os.geteuid():
                connection.close()
                raise TransportError(f"{self.path} belongs to another user's process")
            return connection
        raise TransportError(f"the warm process did not start in {START_LIMIT:.0f} s; see {self.log}")

    def _start(self, deadline: float) -> None:
        command: list[str | os.PathLike[str]] = [self.python, "-m", "windsock.warm"]
        command += ["--socket", self.path, "--setup", self.setup]
        command += ["--idle", str(self.idle), "--log", self.log, "--detach"]
        for path in (self.directory, *self.watch):
            command += ["--watch", os.path.abspath(path)]
        try:
            started = subprocess.run(  # noqa: S603 - the command is the deployment's own
                [os.fspath(part) for part in command],
                cwd=self.directory,
                env=Variables.of(self.environment).beside(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=max(deadline - time.monotonic(), 0.1),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TransportError(f"the warm process cannot be started: {error}") from error
        if started.returncode:
            reason = started.stderr.decode(errors="replace").strip()
            raise TransportError(f"the warm process cannot be started with {self.python}: {reason}")
        # Whoever loses the election is back before the winner listens; so this side waits a moment.
        time.sleep(0.01)


class _Retired(Exception):
    """The process takes no more calls, as somebody else will."""


def _child(answer: dict[str, Any] | None) -> int:
    if answer is None:
        raise EOFError
    if "retired" in answer:
        raise _Retired
    if "setup_failure" in answer:
        raise SetUpFailed(from_json(Failure, answer["setup_failure"]))
    return int(answer["pid"])
