import socket
import struct
from typing import Any

import pytest

from windsock.call import Call, Outcome
from windsock.errors import WireError
from windsock.warm import frames
from windsock.warm.frames import FrameReader, encode, receive

DOCUMENTS: list[dict[str, Any]] = [{"a": 1}, {}, {"text": "ü" * 500}, {"b": [None]}]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 10_000])
def test_frames_are_put_together_from_pieces_of_any_size(size: int) -> None:
    stream = b"".join(map(encode, DOCUMENTS))
    reader = FrameReader()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == DOCUMENTS


def test_an_unfinished_frame_waits() -> None:
    reader = FrameReader()
    assert list(reader.feed(encode({"a": 1})[:-1])) == []
    assert list(reader.feed(b"}")) == [{"a": 1}]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xff\xff\xff", "is too long"),
        (b"GET / HTTP/1.1\r\n\r\n", "is too long"),
        (struct.pack(">I", 2) + b"{{", "is not JSON"),
        (struct.pack(">I", 2) + b"\xff\xfe", "is not JSON"),
        (struct.pack(">I", 2) + b"[]", "is not a JSON object"),
    ],
)
def test_what_is_no_frame_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        list(FrameReader().feed(data))


def test_too_much_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_LIMIT", 10)
    with pytest.raises(WireError, match="keep large data in the database"):
        encode({"text": "x" * 10})


def test_receive_waits_for_one_frame_and_tells_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(encode({"a": 1}))
        assert receive(ours) == {"a": 1}
        theirs.shutdown(socket.SHUT_WR)
        assert receive(ours) is None


def test_calls_and_outcomes_come_through() -> None:
    call, outcome = Call(function="a.b", args=(1,)), Outcome(value=[1])
    [first] = FrameReader().feed(frames.call_frame(call))
    [second] = FrameReader().feed(frames.outcome_frame(outcome))
    assert (frames.read_call(first), frames.read_outcome(second)) == (call, outcome)


@pytest.mark.parametrize("frame", [{}, {"protocol": 2}, {"protocol": 1}, {"protocol": 1, "call": []}])
def test_a_frame_without_a_readable_call_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        frames.read_call(frame)
    with pytest.raises(WireError):
        frames.read_outcome(frame)
