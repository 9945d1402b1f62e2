"""Event ids: places in the order in which the record changed."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)
_WRITTEN = re.compile(
    r"([0-9]{1,16})-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:-([0-9]{1,10}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the order (updated_at, id), written ``<microseconds>-<uuid>-<horizon>``.

    Attributes:
        at: When the record changed.
        id: The record's key.
        horizon: All transactions with a smaller number had ended when this was read, so that a record which
            was committed later, though it changed earlier, is known by its transaction. None: not known.
    """

    at: datetime
    id: UUID = FIRST
    horizon: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}"
        return place if self.horizon is None else f"{place}-{self.horizon}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Return what ``str`` wrote; the horizon may be missing.

        Raises:
            ValueError: it is not an event id.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError("That is not the id of an event.")
        microseconds, key, horizon = found.groups()
        at = EPOCH + timedelta(microseconds=int(microseconds))
        return cls(at, UUID(key), int(horizon) % 2**32 if horizon else None)


START = Position(EPOCH)


def not_before(transaction: int, horizon: int) -> bool:
    """Whether a transaction's number is ``horizon`` or younger; the numbers, 32 bits, go round."""
    return (transaction - horizon) % 2**32 < 2**31
