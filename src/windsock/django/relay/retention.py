"""The relay's duty to delete what was kept long enough: seldom, and a little at a time."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from windsock.django.retention import batches, keep_for

logger = logging.getLogger(__name__)

BATCHES = 10  #: of one round
PAUSE = timedelta(seconds=2)  #: between two rounds while there is more
EVERY = timedelta(hours=1)


class Pruner:
    """Goes through everything once an hour, a few batches a round, so that others get at the disk too."""

    def __init__(self) -> None:
        self._left: Iterator[tuple[str, int]] | None = None
        self._found: Counter[str] = Counter()

    def run(self) -> timedelta | None:
        """Delete some batches.

        Returns:
            When to go on; None when that was all.
        """
        if self._left is None:
            self._left, self._found = batches(keep=keep_for()), Counter()
        # An error ends the generator; the next round then begins anew.
        left, self._left = self._left, None
        for _ in range(BATCHES):
            try:
                kind, number = next(left)
            except StopIteration:
                if gone := +self._found:
                    logger.info("Pruned %s.", ", ".join(f"{number} {kind}" for kind, number in gone.items()))
                return None
            self._found[kind] += number
        self._left = left
        return PAUSE
