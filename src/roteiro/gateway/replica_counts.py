"""How many calls are with each server that the gateway runs itself, over all workers: a row of numbers each in shared memory.

Each worker writes its own row and reads all, so no lock is needed: with them a call goes to the server with the least to do, whoever sent
it there, and the supervisor sees when a server that leaves has ended its calls. A row begins with the serial of the edge that its worker
goes by: once all have said so much, nobody sends to a server that this edge no longer has.

What must not live here: which servers there are (`local_models`).
"""

import mmap
import os
from typing import Final

__all__ = ["MOST_SLOTS", "ReplicaCounts", "WorkerCounts"]

MOST_SLOTS: Final = 1023
"""Servers that run or end at once, of all providers together."""
_ROW: Final = MOST_SLOTS + 1
_WORD: Final = 8


class WorkerCounts:
    """A worker's side, the `Calls` of its targets. `fd` is the shared memory."""

    def __init__(self, fd: int, worker: int) -> None:
        self._numbers = memoryview(mmap.mmap(fd, 0)).cast("q")
        self._first = worker * _ROW

    def enter(self, slot: int) -> None:
        self._numbers[self._first + 1 + slot] += 1

    def leave(self, slot: int) -> None:
        self._numbers[self._first + 1 + slot] -= 1

    def total(self, slot: int) -> int:
        return sum(self._numbers[slot + 1 :: _ROW])

    def adopted(self, serial: int) -> None:
        """Calls that begin from now on go by this edge."""
        self._numbers[self._first] = serial


class ReplicaCounts:
    """The supervisor's side, for `workers` workers."""

    def __init__(self, workers: int) -> None:
        self.fd = os.memfd_create("roteiro-replicas", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, workers * _ROW * _WORD)
        self._memory = mmap.mmap(self.fd, 0)
        self._numbers = memoryview(self._memory).cast("q")
        self._workers = workers

    def total(self, slot: int) -> int:
        """Calls that are with a server."""
        return sum(self._numbers[slot + 1 :: _ROW])

    def away(self, worker: int) -> None:
        """A worker is gone, and its calls with it. Whoever takes its place says which edge it goes by."""
        self._memory[worker * _ROW * _WORD : (worker + 1) * _ROW * _WORD] = bytes(_ROW * _WORD)

    def left(self, slot: int, serial: int) -> bool:
        """Whether nobody sends to a server any more that the edge of this serial is the first without, and all its calls are over."""
        return min(self._numbers[::_ROW]) >= serial and self.total(slot) == 0

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._memory.close()
        os.close(self.fd)
