"""Time-ordered primary keys."""

import os
import time
import uuid
from datetime import datetime

_last = 0


def uuid7() -> uuid.UUID:
    """Return a version 7 UUID that is greater than the one before it in this thread.

    48 bits of Unix milliseconds, 12 bits of their fraction, then random bits.
    Source: RFC 9562, sections 5.7 and 6.2, method 3.
    """
    global _last
    moment = _last = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
    value = moment >> 12 << 80 | 0x7 << 76 | (moment & 0xFFF) << 64
    return uuid.UUID(int=value | 0x2 << 62 | int.from_bytes(os.urandom(8)) >> 2)


def first_key(moment: datetime) -> uuid.UUID:
    """Return the least key that ``uuid7`` makes at ``moment`` or later, so that a time bounds keys."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62)
