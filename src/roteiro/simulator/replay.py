"""The replay law: a recorded run's inputs, taken again on a fresh state, give the recorded decisions and events, all of them, bit for bit.

Inputs are the rows of steps; notes are what steps caused, and are compared like the answers. One bit of the outside is read from an answer:
that the rings had no room at an arrival depends on how far the ledger's writer had come, and only the refusal tells it.

What must not live here: reading of a plan's text, and how a difference is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.journey.journal import room
from roteiro.journey.step import step
from roteiro.ledger import Queries
from roteiro.plan.compile import Compiled, fresh_block
from roteiro.plan.version import load_version
from roteiro.policy.kernel import JIT, entry
from roteiro.policy.state import HEADER, NONE, State, header_of, release
from roteiro.simulator.world import pieces
from roteiro.terms.codes import Reason, Step
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError
from roteiro.terms.event import DECISION_FIELDS, EVENT_FIELDS, Field

__all__ = ["Difference", "Replay", "replay"]

NOTE, BEGIN, ADOPT = int(Step.NOTE), int(Step.BEGIN), int(Step.ADOPT)
OK, LEDGER_FULL = int(Reason.OK), int(Reason.LEDGER_FULL)
SPARE_ROWS = 4096  # more than one step writes
TOLD = ("trace_hi", "trace_lo", "parent_span")  # what clients sent and drivers wrote down; no step is told it and no decision looks at it
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "decisions": DECISION_FIELDS, "events": tuple(field for field in EVENT_FIELDS if field.name not in TOLD),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs, with codes as words. `fields`: which; a row that only one side has is None on the other."""

    table: str
    seq: int
    recorded: Mapping[str, object] | None
    replayed: Mapping[str, object] | None
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found. `same_decisions` of `decisions` recorded rows were written again to the bit, and so with events.

    `gaps`: why not everything could be compared, in words. `identical` only where every row is there and the same.
    """

    run: str
    decisions: int
    events: int
    same_decisions: int
    same_events: int
    first_difference: Difference | None
    gaps: tuple[str, ...]

    @property
    def identical(self) -> bool:
        return not self.gaps and self.first_difference is None and (self.same_decisions, self.same_events) == (self.decisions, self.events)


@entry
def feed(block: int, rows: Any, start: int) -> int:
    """Take the steps of recorded rows from `start` on → where it stopped: at the end, at an adoption, or because a ring must be emptied."""
    header = header_of(block)
    for k in range(start, rows.shape[0]):
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
    return rows.shape[0]  # type: ignore[no-any-return]


class Comparison:
    """Rows as they are written again, held against those recorded, in order of `seq`."""

    def __init__(self, table: str, recorded: npt.NDArray[Any]) -> None:
        self.table, self.recorded = table, recorded
        self.at = 0
        self.same = 0
        self.first: tuple[npt.NDArray[Any] | None, npt.NDArray[Any] | None, tuple[str, ...]] | None = None

    def take(self, rows: npt.NDArray[Any]) -> None:
        """The next rows that the replay wrote."""
        recorded = self.recorded[self.at : self.at + len(rows)]
        self.at += len(rows)
        written = rows[: len(recorded)]
        same = np.ones(len(recorded), np.bool_)
        for field in FIELDS[self.table]:
            same &= same_bits(recorded[field.name], written[field.name])
        self.same += int(same.sum())
        if self.first is None and not same.all():
            k = int(np.argmin(same))
            left, right = recorded[k : k + 1].copy(), written[k : k + 1].copy()
            fields = tuple(field.name for field in FIELDS[self.table] if not same_bits(left[field.name], right[field.name])[0])
            self.first = (left, right, fields)
        elif self.first is None and len(recorded) < len(rows):
            self.first = (None, rows[len(recorded) : len(recorded) + 1].copy(), ("seq",))

    def close(self) -> None:
        if self.first is None and self.at < len(self.recorded):
            self.first = (self.recorded[self.at : self.at + 1].copy(), None, ("seq",))

    def difference(self, names: Names) -> Difference | None:
        if self.first is None:
            return None
        left, right, fields = self.first
        row: Any = left if left is not None else right
        return Difference(self.table, int(row["seq"][0]), decoded(self.table, left, names), decoded(self.table, right, names), fields)


def same_bits(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where two columns hold the same bits; NaN is NaN whatever its bits."""
    if left.dtype.kind != "f":
        equal: npt.NDArray[np.bool_] = left == right
        return equal
    bits = np.dtype(f"i{left.dtype.itemsize}")
    same: npt.NDArray[np.bool_] = np.ascontiguousarray(left).view(bits) == np.ascontiguousarray(right).view(bits)
    same |= np.isnan(left) & np.isnan(right)
    return same


def decoded(table: str, row: npt.NDArray[Any] | None, names: Names) -> Mapping[str, object] | None:
    """A row in words."""
    if row is None:
        return None
    words: dict[str, object] = {}
    for field in FIELDS[table]:
        value = row[field.name][0].item()
        if isinstance(field.decode, str):
            known = getattr(names, field.decode)
            value = None if value == NONE else known[value] if 0 <= value < len(known) else f"#{value}"
        elif field.decode is not None:
            value = word(field.decode, value)
        words[field.name] = value
    return words


def word(codes: type[IntEnum], value: int) -> str:
    return codes(value).name.lower() if value in codes._value2member_map_ else f"#{value}"


def gaps_of(run_directory: Path, decisions: npt.NDArray[Any], events: npt.NDArray[Any]) -> list[str]:
    """Rows that are known to be missing."""
    gaps = []
    for what, rows in (("decisions", decisions), ("events", events)):
        if not len(rows):
            if what == "decisions":
                gaps.append("no decisions in the ledger: they have expired, or were never kept")
            continue
        missing = int(rows["seq"][-1]) + 1 - len(rows)
        if missing:
            where = f"before seq {int(rows['seq'][0])}" if int(rows["seq"][0]) == missing else "among them"
            gaps.append(f"{missing} {what} are missing, {where}")
    header = header_in(run_directory / "block")
    if header is not None:
        if int(header["unjournaled"]):
            gaps.append(f"{int(header['unjournaled'])} decisions found no room and were never recorded")
        for what, rows, head in (("decisions", decisions, int(header["decision_head"])), ("events", events, int(header["event_head"]))):
            if len(rows) and head > int(rows["seq"][-1]) + 1:
                gaps.append(f"{head - int(rows['seq'][-1]) - 1} {what} at the end are not in the ledger yet: the run is still served")
    return gaps


def header_in(path: Path) -> Any:
    """The header of a run's block, where that is still there and readable."""
    try:
        with path.open("rb") as file:
            data = file.read(HEADER.itemsize)
    except OSError:
        return None
    return np.frombuffer(data, HEADER)[0] if len(data) == HEADER.itemsize else None


def replay(directory: Path, ledger: Queries, run: str, on_progress: Callable[[int, int], None] | None = None) -> Replay:
    """Replay a run of a data directory. `on_progress` gets rows fed and rows in all.

    Raises LedgerError where it is not there to be replayed.
    """
    run_directory = directory / "run" / run
    if run not in {one.run for one in ledger.runs()}:
        raise LedgerError(f"no run {run!r} in the ledger of {directory}")
    decisions, events = ledger.rows("decisions", run), ledger.rows("events", run)
    gaps = gaps_of(run_directory, decisions, events)
    compiled, epoch = load_version(run_directory, 0)
    block, state = fresh_block(compiled, epoch)
    address = int(block.ctypes.data)
    state.header["journal"] = 1
    if len(events):
        state.header["world"] = events["world"][0]
    if len(decisions) and int(decisions["seq"][0]) > 0:  # its beginning is gone: nothing can be taken again from the same state
        return Replay(run, len(decisions), len(events), 0, 0, None, tuple(gaps))
    compared = (Comparison("decisions", decisions), Comparison("events", events))
    try:
        names = take_all(address, state, compiled, run_directory, decisions, compared, on_progress)
    finally:
        release(address)
    for comparison in compared:
        comparison.close()
    differences = [found for comparison in compared if (found := comparison.difference(names)) is not None]
    return Replay(
        run, len(decisions), len(events), compared[0].same, compared[1].same, differences[0] if differences else None, tuple(gaps)
    )


def take_all(
    address: int, state: State, compiled: Compiled, run_directory: Path, rows: npt.NDArray[Any], compared: tuple[Comparison, Comparison],
    on_progress: Callable[[int, int], None] | None,
) -> Names:  # fmt: skip
    """Feed all rows and compare what they write → the names of the last plan version."""
    at = 0
    while at < len(rows):
        stopped = feed(address, rows if JIT else rows.view(np.recarray), at)
        drained = drain(state, compared)
        if stopped == at and rows["step"][at] == ADOPT:
            row = {name: rows[name][at].item() for name in ("flow", "now_s", "u", "a", "b", "c", "d", "e", "worker")}
            compiled, _ = load_version(run_directory, row["a"], compiled.names)
            compiled.fill(state)
            step(
                address, ADOPT, row["flow"], row["now_s"], row["u"], row["a"], row["b"], row["c"], row["d"], row["e"], row["worker"]
            )  # fmt: skip
            stopped += 1
        elif stopped == at and not drained:  # more requests at once than the recorded run had: it went another way long before
            break
        at = stopped
        if on_progress is not None:
            on_progress(at, len(rows))
    drain(state, compared)
    return compiled.names


def drain(state: State, compared: tuple[Comparison, Comparison]) -> int:
    """Compare what the rings hold → how many rows."""
    drained = 0
    for ring, name, comparison in ((state.decisions, "decision", compared[0]), (state.events, "event", compared[1])):
        tail, head = int(state.header[f"{name}_tail"][0]), int(state.header[f"{name}_head"][0])
        for rows in pieces(ring, tail, head):
            comparison.take(rows)
        state.header[f"{name}_tail"] = head
        drained += head - tail
    return drained
