"""The replay law: a recorded run's inputs, taken again on a fresh state, give the recorded decisions and events, all of them, bit for bit.

Inputs are the rows of steps; notes are what steps caused, and are compared like the answers. One bit of the outside is read from an answer:
that the rings had no room at an arrival depends on how far the ledger's writer had come, and only the refusal tells it. The record is read
a segment at a time, so that memory is bounded however long the run is; the first difference is looked up by taking its segment once more.

What must not live here: reading of a plan's text, taking the steps (`retake`), and how a difference is shown.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.ledger import Queries
from roteiro.plan.compile import Compiled
from roteiro.policy.state import HEADER, NONE
from roteiro.simulator.retake import INPUTS, Retake
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError
from roteiro.terms.event import DECISION, DECISION_FIELDS, EVENT, EVENT_FIELDS, Field

__all__ = ["Cause", "Difference", "Replay", "replay"]

TOLD = ("trace_hi", "trace_lo", "parent_span")  # what clients sent and drivers wrote down; no step is told it and no decision looks at it
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "decisions": DECISION_FIELDS, "events": tuple(field for field in EVENT_FIELDS if field.name not in TOLD),
}  # fmt: skip

Pieces = Iterator[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Cause:
    """The step that wrote a row: its `seq`, what it was told (in words where there are any), and the state of its flow just before."""

    seq: int
    inputs: Mapping[str, object]
    flow: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs, with codes as words. `fields`: which; a row that only one side has is None on the other.

    `cause`: the step that wrote the row when it was taken again; None where nothing was written.
    """

    table: str
    seq: int
    recorded: Mapping[str, object] | None
    replayed: Mapping[str, object] | None
    fields: tuple[str, ...]
    cause: Cause | None = None


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


class Recorded:
    """The rows of one table as they were recorded, pulled as they are wanted; and which of them are there."""

    def __init__(self, pieces: Pieces, dtype: np.dtype[Any]) -> None:
        self._pieces, self._held, self._at = pieces, np.zeros(0, dtype), 0
        self.count, self.first, self.last = 0, -1, -1

    def take(self, n: int) -> npt.NDArray[Any]:
        """The next `n` rows, fewer where there are no more."""
        parts = [self._held[self._at : self._at + n]]
        self._at += len(parts[0])
        while (missing := n - sum(map(len, parts))) > 0 and self._pull():
            parts.append(self._held[:missing])
            self._at = len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def rest(self) -> npt.NDArray[Any] | None:
        """The next row alone, if there is one; all that come after it are counted."""
        left = self.take(1)
        while self._pull():
            pass
        return left if len(left) else None

    def _pull(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._held, self._at = piece, 0
        if len(piece):
            self.first = int(piece["seq"][0]) if self.first < 0 else self.first
            self.last = int(piece["seq"][-1])
            self.count += len(piece)
        return True

    def gap(self, what: str) -> str | None:
        """Rows that are known to be missing, in words."""
        missing = self.last + 1 - self.count
        if not self.count or not missing:
            return None
        return f"{missing} {what} are missing, {f'before seq {self.first}' if self.first == missing else 'among them'}"


class Comparison:
    """Rows as they are written again, held against those recorded, in order of `seq`."""

    def __init__(self, table: str, recorded: Recorded) -> None:
        self.table, self.recorded = table, recorded
        self.same = 0
        self.first: tuple[npt.NDArray[Any] | None, npt.NDArray[Any] | None, tuple[str, ...]] | None = None

    def take(self, rows: npt.NDArray[Any]) -> None:
        """The next rows that the replay wrote."""
        recorded = self.recorded.take(len(rows))
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
        """Nothing more was written: what is left of the record has no counterpart."""
        left = self.recorded.rest()
        if self.first is None and left is not None:
            self.first = (left.copy(), None, ("seq",))

    def difference(self, names: Names, cause: Cause | None) -> Difference | None:
        if self.first is None:
            return None
        left, right, fields = self.first
        row: Any = left if left is not None else right
        return Difference(
            self.table, int(row["seq"][0]), decoded(self.table, left, names), decoded(self.table, right, names), fields, cause
        )  # fmt: skip


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


def gaps_in_block(run_directory: Path, decisions: Recorded, events: Recorded) -> list[str]:
    """What the run's block tells of rows that are not in the ledger, where it is still there."""
    header = header_in(run_directory / "block")
    if header is None:
        return []
    gaps = []
    if int(header["unjournaled"]):
        gaps.append(f"{int(header['unjournaled'])} decisions found no room and were never recorded")
    for what, recorded, head in (("decisions", decisions, int(header["decision_head"])), ("events", events, int(header["event_head"]))):
        if recorded.count and head > recorded.last + 1:
            gaps.append(f"{head - recorded.last - 1} {what} at the end are not in the ledger yet: the run is still served")
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
    """Replay a run of a data directory. `on_progress` gets decisions taken, and how many there are.

    Raises LedgerError where it is not there to be replayed.
    """
    run_directory = directory / "run" / run
    steps, recorded = itertools.tee(ledger.stream("decisions", run))
    peeked, of_events = itertools.tee(ledger.stream("events", run))
    first_step, first_event = next(steps, None), next(peeked, None)
    del peeked
    if first_step is None and first_event is None:
        raise LedgerError(f"no run {run!r} in the ledger of {directory}")
    decisions, events = Recorded(recorded, DECISION), Recorded(of_events, EVENT)
    compared = {"decisions": Comparison("decisions", decisions), "events": Comparison("events", events)}
    retake = Retake(run_directory, None if first_event is None else int(first_event["world"][0]))
    gone = first_step is not None and int(first_step["seq"][0]) > 0  # its beginning: nothing can be taken again from the same state
    causes: dict[str, Cause | None] = {}
    try:
        if first_step is not None and not gone:
            decisions_in_all = ledger.count("decisions", run)

            def tell(taken: int) -> None:
                if on_progress is not None:
                    on_progress(taken, max(decisions_in_all, taken))

            take_all(retake, run_directory, itertools.chain([first_step], steps), compared, causes, tell)
        del first_step, first_event, steps
        for comparison in compared.values():
            comparison.close()
        names = retake.compiled.names
    finally:
        retake.close()
    gaps = [] if decisions.count else ["no decisions in the ledger: they have expired, or were never kept"]
    gaps += [gap for gap in (decisions.gap("decisions"), events.gap("events")) if gap is not None]
    gaps += gaps_in_block(run_directory, decisions, events)
    found = [one.difference(names, causes.get(table)) for table, one in compared.items()]
    first = None if gone else next((one for one in found if one is not None), None)
    same = [0, 0] if gone else [one.same for one in compared.values()]
    return Replay(run, decisions.count, events.count, same[0], same[1], first, tuple(gaps))


def take_all(
    retake: Retake, run_directory: Path, steps: Pieces, compared: Mapping[str, Comparison], causes: dict[str, Cause | None],
    on_taken: Callable[[int], None],
) -> None:  # fmt: skip
    """Take all steps and compare what they write; of the first difference in each table, find the step that it is of."""
    taken = 0
    for rows in steps:
        before, plan, at = retake.block.copy(), retake.compiled, 0
        while at < len(rows):
            stopped = retake.take(rows, at, lambda table, written: compared[table].take(written))
            for table, comparison in compared.items():
                if comparison.first is not None and table not in causes:
                    causes[table] = cause_of(run_directory, plan, before, rows, at, comparison)
            if stopped == at:  # more requests at once than the recorded run had: it went another way long before
                return
            at = stopped
            on_taken(taken + at)
        taken += len(rows)
    retake.drain(lambda table, written: compared[table].take(written))


def cause_of(
    run_directory: Path, plan: Compiled, before: npt.NDArray[np.uint8], rows: npt.NDArray[Any], at: int, comparison: Comparison
) -> Cause | None:
    """The step that wrote the first row that differs: the rows of its segment taken again from the state `before`, slowly from `at` on."""
    assert comparison.first is not None
    _, right, _ = comparison.first
    if right is None:
        return None
    head = "decision_head" if comparison.table == "decisions" else "event_head"
    retake = Retake.copied(run_directory, plan, before)
    try:
        k = 0
        while k < at:
            k = max(retake.take(rows, k, forget, at - k), k)
        while k < len(rows):
            row, flow = rows[k : k + 1], retake.flow(int(rows["flow"][k]))
            retake.take(rows, k, forget, 1)
            if int(retake.state.header[head][0]) > int(right["seq"][0]):
                told = decoded("decisions", row, retake.compiled.names) or {}
                return Cause(int(row["seq"][0]), {name: told[name] for name in ("request", *INPUTS)}, flow)
            k += 1
    finally:
        retake.close()
    return None


def forget(_: str, __: npt.NDArray[Any]) -> None:
    """Rows that were compared before."""
