"""A recorded run's steps taken again on a state of its own: what replay does, apart from comparing.

What must not live here: what was recorded of the answers, and whether they are the same.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.journey.journal import room
from roteiro.journey.step import step
from roteiro.plan.compile import Compiled, fresh_block
from roteiro.plan.version import load_version
from roteiro.policy.kernel import JIT, entry
from roteiro.policy.state import header_of, release, view
from roteiro.simulator.world import pieces
from roteiro.terms.codes import Reason, Step

__all__ = ["INPUTS", "Retake"]

NOTE, BEGIN, ADOPT = int(Step.NOTE), int(Step.BEGIN), int(Step.ADOPT)
OK, LEDGER_FULL = int(Reason.OK), int(Reason.LEDGER_FULL)
SPARE_ROWS = 4096  # more than one step writes
INPUTS: Final = ("step", "flow", "now_s", "u", "a", "b", "c", "d", "e", "worker")
"""Columns of a decision that are what the step was told."""

Written = Callable[[str, npt.NDArray[Any]], None]
"""Takes rows of the table `events` or `decisions` as they were written again."""


@entry
def feed(block: int, rows: Any, start: int, most: int) -> int:
    """Take the steps of recorded rows from `start` on, `most` at most → where it stopped: there, at an adoption, or before a full ring."""
    header = header_of(block)
    for k in range(start, min(start + most, rows.shape[0])):
        row = rows[k]
        if row.step == NOTE and row.reason != OK:  # a note; a step that asks for nothing (`Step.NOTE`) has no reason
            continue
        if row.step == ADOPT:
            return k
        if header.decision_head - header.decision_tail + SPARE_ROWS > header.n_decisions:
            return k
        refused = row.step == BEGIN and row.reason == LEDGER_FULL
        if row.step == BEGIN and not refused and not room(block):
            return k
        tail = header.event_tail
        if refused:
            header.event_tail = header.event_head - header.n_events
        step(
            block, row.step + 0, row.flow + 0, row.now_s, row.u, row.a, row.b, row.c, row.d, row.e, row.worker + 0
        )  # fmt: skip
        header.event_tail = tail
    return min(start + most, rows.shape[0])  # type: ignore[no-any-return]


class Retake:
    """A run that is taken again, from its first plan version on. Close it."""

    def __init__(self, run_directory: Path, world: int | None) -> None:
        """Raises LedgerError where the plan's version is gone. `world`: what the events say, where there are any."""
        self._run_directory = run_directory
        self.compiled, epoch = load_version(run_directory, 0)
        self.block, self.state = fresh_block(self.compiled, epoch)
        self.state.header["journal"] = 1
        if world is not None:
            self.state.header["world"] = world

    @classmethod
    def copied(cls, run_directory: Path, compiled: Compiled, block: npt.NDArray[np.uint8]) -> "Retake":
        """One that goes on from a copy of a block."""
        retake = cls.__new__(cls)
        retake._run_directory, retake.compiled, retake.block = run_directory, compiled, block.copy()
        retake.state = view(retake.block)
        return retake

    def close(self) -> None:
        """Forget the block's address, which only plain Python keeps."""
        release(int(self.block.ctypes.data))

    def take(self, rows: npt.NDArray[Any], at: int, written: Written, most: int = 1 << 62) -> int:
        """Take the steps of recorded decisions from row `at` on, `most` rows at most → where it stopped, `at` where it cannot go on.

        It goes on at a later call; adoptions are followed.
        """
        stopped = feed(int(self.block.ctypes.data), rows if JIT else rows.view(np.recarray), at, most)
        drained = self.drain(written)
        if stopped == at and rows["step"][at] == ADOPT:
            self.adopt(rows[at])
            return at + 1
        if stopped == at and drained:
            return self.take(rows, at, written, most)
        return stopped

    def adopt(self, row: Any) -> None:
        self.compiled, _ = load_version(self._run_directory, int(row["a"]), self.compiled.names)
        self.compiled.fill(self.state)
        told = [row[name].item() for name in INPUTS]
        step(int(self.block.ctypes.data), ADOPT, *told[1:])

    def drain(self, written: Written) -> int:
        """Hand on what the rings hold → how many rows."""
        drained = 0
        for ring, name in ((self.state.decisions, "decision"), (self.state.events, "event")):
            tail, head = int(self.state.header[f"{name}_tail"][0]), int(self.state.header[f"{name}_head"][0])
            for rows in pieces(ring, tail, head):
                written(f"{name}s", rows)
            self.state.header[f"{name}_tail"] = head
            drained += head - tail
        return drained

    def flow(self, slot: int) -> Mapping[str, object] | None:
        """The record of a flow as it is now, in plain numbers; None where there is no such slot."""
        if not 0 <= slot < len(self.state.flows):
            return None
        row = self.state.flows[slot]
        return {name: row[name].tolist() for name in self.state.flows.dtype.names or ()}
