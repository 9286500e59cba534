"""The state block of a run as a file that processes share: made, mapped, and stepped by the supervisor.

What must not live here: what is in the tables (`policy.state`, `plan.compile`), and when to take which step.
"""

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import numpy as np

from roteiro.gateway.journey_port import NO_FLOW, Answer, FileLock, Journey
from roteiro.ledger.ring import Ring
from roteiro.ledger.writer import RingSpec
from roteiro.plan.compile import Compiled, fresh_block
from roteiro.policy.state import HEADER, TABLES, State, block_size, view
from roteiro.terms.codes import Step
from roteiro.terms.error import InvariantError, SettingsError

__all__ = ["SUPERVISOR", "Block"]

SUPERVISOR: Final = -1
"""The supervisor's number among the workers: it takes steps and has no flows."""


class Block:
    """A mapped block. Each step holds the lock that the workers hold for theirs."""

    def __init__(self, path: Path, lock: Path) -> None:
        """Map the block in a file. Raises SettingsError where it is none of this release."""
        self.path, self.lock_path = path, lock
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                self._memory = mmap.mmap(file, 0)
            finally:
                os.close(file)
            self.state: State = view(np.frombuffer(self._memory, np.uint8))
        except (OSError, ValueError, InvariantError) as error:
            raise SettingsError(f"{path} cannot be used as a state block: {error}") from None
        self.lock = FileLock(lock)
        self._journey = Journey(self.state, SUPERVISOR, self.lock)
        self._alone = Journey(self.state, SUPERVISOR)

    @classmethod
    def create(cls, path: Path, lock: Path, compiled: Compiled, epoch_unix_s: float, epoch_monotonic_s: float) -> Self:
        """Make the file, with a fresh state for a plan. Raises SettingsError where the disk cannot hold it.

        All its bytes are allocated now: on a full disk a hole in a mapped file is found out by SIGBUS, later. The file gets its
        name when it is whole, so that no crash leaves half a block.
        """
        size, part = block_size(compiled.capacities), path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            buffer = np.memmap(part, np.uint8, "r+")
            fresh_block(compiled, epoch_unix_s, epoch_monotonic_s, buffer)
            buffer.flush()
            part.rename(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise SettingsError(
                f"{path.parent} cannot hold the state block of {size / 2**20:.0f} MiB: {error.strerror}; free space or use another --data"
            ) from None
        return cls(path, lock)

    @property
    def epoch_unix_s(self) -> float:
        return float(self.state.header["epoch_unix_s"][0])

    @property
    def now_s(self) -> float:
        """The latest clock reading that a step was taken at, in seconds since the run's epoch."""
        return float(self.state.header["last_now"][0])

    def step(self, what: Step, a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> Answer:
        """Take one of the fleet's steps → (command, argument, reason, flow, how many wait or have news)."""
        return self._journey.step(int(what), NO_FLOW, a, b, c, d, e)  # a plain number: Numba would compile all again for a Step

    @contextmanager
    def held(self) -> Iterator[Callable[..., Answer]]:
        """Hold the lock, while no other process takes a step; yields what takes steps within: of a `Step` and its arguments."""
        with self.lock:
            yield lambda what, *arguments: self._alone.step(int(what), NO_FLOW, *arguments)

    def at_rest(self, what: Step, a: int = 0) -> float:
        """Take a step on the block of a run that is over, at the last clock reading it saw → the answer's argument."""
        latest = self.now_s + self._journey.epoch_monotonic_s
        return Journey(self.state, SUPERVISOR, clock=lambda: latest).step(int(what), NO_FLOW, a)[1]

    def ring(self, table: str) -> Ring:
        """The reading side of `events`, `decisions` or `signals`."""
        spec, block = self.ring_spec(table), np.frombuffer(self._memory, np.uint8)
        return Ring.over(block, TABLES[table], spec.offset, spec.capacity, spec.head, spec.tail)

    def ring_spec(self, table: str) -> RingSpec:
        """Where a ring lies, as the ledger's writer wants to know it."""
        header, words = self.state.header[0], HEADER.fields
        assert words is not None
        return RingSpec(
            offset=int(header[f"at_{table}"]),
            capacity=int(header[f"n_{table}"]),
            itemsize=TABLES[table].itemsize,
            head=words[f"{table[:-1]}_head"][1],
            tail=words[f"{table[:-1]}_tail"][1],
        )

    def close(self) -> None:
        """Let go of the lock file. The memory goes with the last view of it."""
        self.lock.close()
