"""Frames: JSON objects with their length in front."""

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

from windsock.call import Call, Outcome
from windsock.errors import WireError
from windsock.wire import MESSAGE_LIMIT, PROTOCOL, check_protocol, from_json, limited, to_json

FRAME_LIMIT = MESSAGE_LIMIT  #: bytes
_HEAD = struct.Struct(">I")


def encode(document: Any) -> bytes:
    """Return the frame of a JSON object.

    Raises:
        WireError: it is larger than ``FRAME_LIMIT``.
    """
    body = limited(document, FRAME_LIMIT)
    return _HEAD.pack(len(body)) + body


class FrameReader:
    """Puts frames together from whatever pieces a socket gives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take in ``data`` and yield the frames that are complete.

        Raises:
            WireError: a frame is too long or no JSON object.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > FRAME_LIMIT:
                raise WireError(f"a message of {length:,} bytes is too long (limit {FRAME_LIMIT:,})")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _object(body)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """Wait for one frame; ``None`` when the other side has closed.

    Raises:
        WireError: the frame is too long or no JSON object.
        TimeoutError: the socket's time limit passed.
    """
    reader = FrameReader()
    while data := channel.recv(2**16):
        for frame in reader.feed(data):
            return frame
    return None


def call_frame(call: Call) -> bytes:
    """Return the frame that carries ``call``."""
    return encode({"protocol": PROTOCOL, "call": to_json(call)})


def read_call(frame: dict[str, Any]) -> Call:
    """Return the call that a frame carries.

    Raises:
        WireError: it carries none that can be read here.
    """
    check_protocol(frame)
    return from_json(Call, frame.get("call"))


def outcome_frame(outcome: Outcome) -> bytes:
    """Return the frame that carries ``outcome``."""
    return encode({"protocol": PROTOCOL, "outcome": to_json(outcome)})


def read_outcome(frame: dict[str, Any]) -> Outcome:
    """Return the outcome that a frame carries.

    Raises:
        WireError: it carries none that can be read here.
    """
    check_protocol(frame)
    return from_json(Outcome, frame.get("outcome"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise WireError(f"a message is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise WireError("a message is not a JSON object")
    return document
