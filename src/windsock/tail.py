"""The last part of a text that may be of any length."""

from collections import deque

LIMIT = 16 * 1024  #: bytes of UTF-8
_CUT = "[...]\n"


class Tail:
    """Keeps the last ``LIMIT`` bytes of what is written to it, and forgets the rest at once.

    It holds no lock: a process that is forked while another thread writes must not wait for that for ever.
    """

    def __init__(self) -> None:
        self._parts: deque[str] = deque()
        self._size = 0  # characters
        self._is_cut = False

    def write(self, text: str) -> None:
        """Add ``text``."""
        if not text:
            return
        if len(text) > LIMIT:
            text, self._is_cut = text[-LIMIT:], True
        self._parts.append(text)
        self._size += len(text)
        while self._size > 2 * LIMIT:
            self._size -= len(self._parts.popleft())
            self._is_cut = True

    def line(self, text: str) -> None:
        """Add ``text`` as a line of its own."""
        last = self._parts[-1] if self._parts else "\n"
        self.write(f"{text}\n" if last.endswith("\n") else f"\n{text}\n")

    def text(self) -> str:
        """Return what is kept; where something is missing before it, it begins with a whole line."""
        data = "".join(self._parts).encode(errors="replace")
        if not self._is_cut and len(data) <= LIMIT:
            return data.decode()
        end = data[-(LIMIT - len(_CUT)) :].decode(errors="ignore")
        _, _, whole_lines = end.partition("\n")
        return _CUT + (whole_lines or end)
