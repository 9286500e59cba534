"""Reading along in a ring of the block with a cursor of one's own: nobody waits for it, and what it was too slow for is counted.

The ledger's writer is the ring's reader of right; places are written again when it is done with them, whether or not this one has seen
their rows. So each row that was copied is looked at twice: after the copy, is its place still its own?
What must not live here: what the rows mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from roteiro.ledger.ring import Ring

__all__ = ["Follower"]


class Follower:
    """Rows of one ring, each at most once, in order."""

    def __init__(self, ring: Ring, *, cursor: int | None = None) -> None:
        """`cursor`: the first row to be read; None for those that are still to come."""
        self._ring = ring
        self.cursor = ring.head if cursor is None else cursor
        self.missed = 0
        """Rows that were overwritten before they were read."""

    @property
    def behind(self) -> int:
        """Rows written and not read."""
        return self._ring.head - self.cursor

    def take(self, most: int) -> NDArray[Any]:
        """The next rows, at most so many, copied. Rows that are gone are passed over and counted."""
        ring = self._ring
        first = self._after_the_gone(self.cursor)
        count = min(ring.head - first, most)
        rows = ring.copy(first, count)
        # The writing side fills a place before it moves `head`, so one more place than `head` tells may be in the making.
        kept = min(self._after_the_gone(first), first + count)
        self.missed += kept - self.cursor
        self.cursor = first + count
        rows = rows[kept - first :]
        torn = rows["seq"] != np.arange(kept, first + count)
        if torn.any():  # a place that was written while it was copied
            self.missed += int(torn.sum())
            rows = rows[~torn]
        return rows

    def _after_the_gone(self, first: int) -> int:
        return max(first, self._ring.head - self._ring.capacity + 1)
