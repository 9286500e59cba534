"""The reading side of a ring in a shared memory block.

The kernel, in other processes, writes rows and then moves `head`; the ledger's writer makes rows durable and then moves `tail`.
Row k lies at `rows[k % capacity]`, and the kernel takes no new request while a ring is nearly full, so rows between tail and
head are never overwritten. Nothing else is shared, and so nothing is locked: each word has one writer. This needs stores to be
seen in the order they were made, which x86-64 gives.

What must not live here: pyarrow, and the writing side.
"""

import numpy as np
from numpy.typing import NDArray

from roteiro.terms.error import InvariantError

__all__ = ["Ring"]


class Ring:
    """Rows that were written and are not durable yet.

    `rows`: structured array, its length a power of two; `head`, `tail`: views of one int64 each, rows ever written and rows
    ever made durable.
    """

    __slots__ = ("_head", "_rows", "_tail")

    def __init__(self, rows: NDArray[np.void], head: NDArray[np.int64], tail: NDArray[np.int64]) -> None:
        capacity = len(rows)
        if capacity == 0 or capacity & (capacity - 1):
            raise InvariantError(f"a ring of {capacity} rows; the capacity must be a power of two")
        self._rows, self._head, self._tail = rows, head.reshape(1), tail.reshape(1)

    @classmethod
    def over(cls, block: NDArray[np.uint8], dtype: np.dtype[np.void], offset: int, capacity: int, head: int, tail: int) -> "Ring":
        """A ring in a block of bytes: byte offsets of the rows and of the two words. Raises `InvariantError` when it does not fit."""
        if min(offset, head, tail) < 0 or max(offset + capacity * dtype.itemsize, head + 8, tail + 8) > block.nbytes:
            raise InvariantError(f"{capacity} rows of {dtype.itemsize} bytes at {offset} lie outside a block of {block.nbytes} bytes")
        if head % 8 or tail % 8:
            raise InvariantError(f"ring words at {head} and {tail}; they must be aligned to 8 bytes to be written in one piece")
        rows = block[offset : offset + capacity * dtype.itemsize].view(dtype)
        return cls(rows, block[head : head + 8].view(np.int64), block[tail : tail + 8].view(np.int64))

    @property
    def capacity(self) -> int:
        return len(self._rows)

    @property
    def head(self) -> int:
        return int(self._head[0])

    @property
    def tail(self) -> int:
        return int(self._tail[0])

    def pending(self) -> int:
        """Rows written and not durable. Raises `InvariantError` when the words contradict each other."""
        waiting = self.head - self.tail
        if not 0 <= waiting <= self.capacity:
            raise InvariantError(f"ring of {self.capacity} rows with head {self.head} and tail {self.tail}")
        return waiting

    def peek(self, limit: int) -> NDArray[np.void]:
        """The oldest pending rows, at most `limit`. A view where they lie together: read it before `advance`."""
        count, start = min(self.pending(), limit), self.tail % self.capacity
        together = self._rows[start : start + count]
        if len(together) == count:
            return together
        return np.concatenate([together, self._rows[: count - len(together)]])

    def copy(self, first: int, count: int) -> NDArray[np.void]:
        """Rows `first` to `first + count`, durable or not, as their places are now; for those who read along, and at most a ring full."""
        start = first % self.capacity
        together = self._rows[start : start + count].copy()
        if len(together) == count:
            return together
        return np.concatenate([together, self._rows[: count - len(together)]])

    def advance(self, count: int) -> None:
        """The `count` oldest pending rows are durable; their places may be written again."""
        if not 0 <= count <= self.pending():
            raise InvariantError(f"{count} rows made durable of {self.pending()} pending")
        self._tail[0] = self.tail + count
