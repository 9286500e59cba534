"""What became of all requests since the run began, counted from its events: sums by their labels, and histograms.

Everything is done a batch at a time on whole columns: a batch of ten thousand rows costs some milliseconds, whatever is in it. Sums are
kept by numbers, as the rows have them; names are for whoever reads. The boundaries of histograms are those that the OpenTelemetry GenAI
conventions advise, so that both exports are made from one count.
What must not live here: names, and any format.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roteiro.terms.codes import Command, Outcome, Step
from roteiro.terms.error import InvariantError

__all__ = ["DURATION_S", "INTER_TOKEN_S", "OTHERS", "TTFT_S", "Example", "Histogram", "Steps", "Sums", "Tally", "distinct"]

DURATION_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84)
TTFT_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0)
INTER_TOKEN_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
QUEUE_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864)
MOST_TENANTS: Final = 100
"""Tenants that have series of their own; those that come later share one."""
OTHERS: Final = -2
"""In place of a tenant's number: one of the others."""
SUCCESS: Final = int(Outcome.SUCCESS)
SENDS: Final = [int(Command.SEND), int(Command.RESCUE)]
NOTE, FAILED, TEND, WAKE = int(Step.NOTE), int(Step.FAILED), int(Step.TEND), int(Step.WAKE)

NONE_AND_OTHERS: Final = 2
"""What is added to each number of a key, so that none is negative."""
BITS: Final = {
    "tenant": 18, "workload": 12, "model": 12, "target": 12, "outcome": 5, "reason": 8, "error_class": 5, "status": 11, "stream": 3,
    "cache": 4, "degraded": 4, "complexity": 4, "operation": 5, "command": 5,
}  # fmt: skip
"""Room for each field in a packed key."""
DENSE: Final = 1 << 16

Rows = NDArray[Any]
Columns = Mapping[str, Rows]
Where = NDArray[np.int64]
"""Indices of rows."""
Key = tuple[int, ...]


class Example(NamedTuple):
    """One row of a bucket: both halves of its trace id, its value, and when it ended, in seconds since the run's epoch."""

    trace_hi: int
    trace_lo: int
    value: float
    ended_s: float


def distinct(cell: Rows) -> tuple[Rows, Rows]:
    """The distinct values, none negative, in order; and which of them each is."""
    if len(cell) and int(cell.max()) > DENSE:
        return np.unique(cell, return_inverse=True)
    cells = np.flatnonzero(np.bincount(cell))  # counting is cheaper than sorting
    place = np.zeros(int(cells[-1]) + 1 if len(cells) else 0, np.int64)
    place[cells] = np.arange(len(cells))
    return cells, place[cell]


class Table:
    """Numbers by key: rows that are found again by the numbers that make a key, however many keys there come to be."""

    def __init__(self, by: tuple[str, ...], width: int, dtype: Any) -> None:
        """`by`: the fields that make the key; `width`: numbers of a key."""
        self.by = by
        self._keys, self._values = np.zeros(0, np.int64), np.zeros((0, width), dtype)
        if sum(BITS[name] for name in by) > 63:
            raise InvariantError(f"a key of {', '.join(by)} does not fit into a word")

    def group(self, columns: Columns, where: Where) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of some rows: the distinct keys, and which of them each row has."""
        chosen = [columns[name][where].astype(np.int64) + NONE_AND_OTHERS for name in self.by]
        sizes = [int(column.max(initial=0)) + 1 for column in chosen]
        cell = chosen[0]
        for column, size in zip(chosen[1:], sizes[1:], strict=True):
            cell = cell * size + column
        cells, group = distinct(cell)
        packed, shift = np.zeros(len(cells), np.int64), 0
        for name, size in zip(reversed(self.by), reversed(sizes), strict=True):
            cells, rest = np.divmod(cells, size)
            packed |= rest << shift
            shift += BITS[name]
        order = np.argsort(packed)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return packed[order], rank[group]

    def add(self, keys: NDArray[np.int64], values: Rows) -> None:
        """Add a row of `values` to that of each key."""
        at = np.searchsorted(self._keys, keys)
        if len(self._keys) == 0 or not (self._keys[np.minimum(at, len(self._keys) - 1)] == keys).all():
            all_keys = np.union1d(self._keys, keys)
            grown = np.zeros((len(all_keys), self._values.shape[1]), self._values.dtype)
            grown[np.searchsorted(all_keys, self._keys)] = self._values
            self._keys, self._values = all_keys, grown
            at = np.searchsorted(all_keys, keys)
        self._values[at] += values

    def unpacked(self, packed: int) -> Key:
        """The numbers of a key."""
        parts = []
        for name in reversed(self.by):
            parts.append((packed & ((1 << BITS[name]) - 1)) - NONE_AND_OTHERS)
            packed >>= BITS[name]
        return tuple(reversed(parts))

    def items(self) -> Iterator[tuple[Key, list[Any]]]:
        """(key, its numbers), in order of keys."""
        for packed, values in zip(self._keys.tolist(), self._values.tolist(), strict=True):
            yield self.unpacked(packed), values


class Sums(Table):
    """Sums by key. `of`: what is summed; `count` is the count of rows."""

    def __init__(self, by: tuple[str, ...], of: tuple[str, ...] = ("count",)) -> None:
        super().__init__(by, len(of), np.float64)
        self.of = of

    def take(self, columns: Columns, where: Where) -> None:
        """Take in some rows."""
        keys, group = self.group(columns, where)
        if len(keys):
            weights = (None if name == "count" else columns[name][where] for name in self.of)
            self.add(keys, np.stack([np.bincount(group, weight, minlength=len(keys)) for weight in weights], axis=1))


class Histogram(Table):
    """Counts by key and bucket, the last bucket being all above, and after it the sum of what was observed."""

    def __init__(self, by: tuple[str, ...], bounds: tuple[float, ...], *, with_examples: bool = False) -> None:
        super().__init__(by, len(bounds) + 2, np.float64)
        self.bounds, self._with_examples = bounds, with_examples
        self.examples: dict[Key, dict[int, Example]] = {}
        """Per key and bucket, the latest row with a trace."""

    def take(self, columns: Columns, values: NDArray[np.float64], where: Where) -> None:
        """Take in the values of some rows; what is not a number is passed over."""
        where = where[np.isfinite(values[where])]
        keys, group = self.group(columns, where)
        if not len(keys):
            return
        values = values[where]
        size = len(self.bounds) + 1
        cell = group * size + np.searchsorted(self.bounds, values, side="left")
        counts = np.bincount(cell, minlength=len(keys) * size).reshape(-1, size)
        self.add(keys, np.column_stack([counts, np.bincount(group, values, minlength=len(keys))]))
        traced = np.flatnonzero(columns["traced"][where]) if self._with_examples else ()
        if len(traced):
            cells, from_the_end = np.unique(cell[traced][::-1], return_index=True)
            rows = traced[::-1][from_the_end]
            told = (columns[name][where[rows]].tolist() for name in ("trace_hi", "trace_lo", "ended_s"))
            named = {group: self.unpacked(int(keys[group])) for group in np.unique(cells // size).tolist()}
            for each, hi, lo, ended_s, value in zip(cells.tolist(), *told, values[rows].tolist(), strict=True):
                self.examples.setdefault(named[each // size], {})[each % size] = Example(hi, lo, value, ended_s)


class Tally:
    """All that is counted. Give it batches of events (`terms.event`) in order; read its members."""

    def __init__(self) -> None:
        self.rows = 0
        self.requests = Sums(("tenant", "model", "target", "outcome"))
        self.loads = Sums(("workload", "stream", "outcome"))
        self.operations = Sums(("operation", "outcome"))
        self.endings = Sums(("outcome", "reason", "error_class", "status"))
        self.usage = Sums(
            ("tenant", "model", "target"),
            ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_nusd", "lost_nusd", "saved_nusd"),
        )
        self.walks = Sums(("model",), ("again", "fallbacks", "rescues", "hedges", "hedges_won", "estimated"))
        self.caches = Sums(("model", "cache"))
        self.degraded = Sums(("model", "degraded"))
        self.complexities = Sums(("model", "complexity"))
        self.duration = Histogram(("model", "target", "outcome"), DURATION_S, with_examples=True)
        self.first_token = Histogram(("model", "target"), TTFT_S, with_examples=True)
        self.inter_token = Histogram(("model", "target"), INTER_TOKEN_S)
        self.queued = Histogram(("workload",), QUEUE_S)
        self.input_tokens = Histogram(("model", "target", "operation"), TOKENS)
        self.output_tokens = Histogram(("model", "target", "operation"), TOKENS)
        self._tenants: set[int] = set()

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        if not len(rows):
            return
        self.rows += len(rows)
        columns = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
        columns["tenant"] = self._bounded(columns["tenant"])
        columns["again"] = np.maximum(columns["attempts"] - 1, 0)
        columns["hedges"], columns["hedges_won"] = columns["hedged"] != 0, columns["hedged"] == 2
        columns["traced"] = (columns["trace_hi"] | columns["trace_lo"]) != 0
        everything = np.arange(len(rows))
        for sums in (self.requests, self.loads, self.operations, self.endings, self.usage, self.walks):
            sums.take(columns, everything)
        for name, sums in (("cache", self.caches), ("degraded", self.degraded), ("complexity", self.complexities)):
            sums.take(columns, np.flatnonzero(columns[name]))
        is_answer = columns["outcome"] == SUCCESS
        answered = np.flatnonzero(is_answer)
        total_s, first_s = columns["total_ms"].astype(np.float64) / 1e3, columns["ttft_ms"].astype(np.float64) / 1e3
        later_tokens = columns["output_tokens"] - 1
        self.duration.take(columns, total_s, np.flatnonzero(is_answer | (columns["attempts"] > 0)))
        self.first_token.take(columns, first_s, answered)
        self.inter_token.take(columns, (total_s - first_s) / np.maximum(later_tokens, 1), np.flatnonzero(is_answer & (later_tokens > 0)))
        self.queued.take(columns, columns["queue_ms"].astype(np.float64) / 1e3, np.flatnonzero(columns["queue_ms"] > 0.0))
        self.input_tokens.take(columns, columns["input_tokens"].astype(np.float64), answered)
        self.output_tokens.take(columns, columns["output_tokens"].astype(np.float64), answered)

    def _bounded(self, tenants: Rows) -> Rows:
        """The tenants, those for whom there is no room as OTHERS."""
        for tenant in np.unique(tenants).tolist():
            if len(self._tenants) >= MOST_TENANTS:
                break
            self._tenants.add(tenant)
        known = np.isin(tenants, list(self._tenants))
        return tenants if known.all() else np.where(known, tenants, OTHERS)


class Steps:
    """What was decided on the way, counted from the decisions."""

    def __init__(self) -> None:
        self.sends = Sums(("target", "reason"))
        self.failures = Sums(("target", "error_class"))
        self.notes = Sums(("target", "reason"))
        """What happened to targets, rules and the fleet beside the answers to steps: a breaker that opened, a credential refused."""
        self.answers = Sums(("command", "reason"))

    def add(self, rows: Rows) -> None:
        """Take in a batch."""
        if not len(rows):
            return
        step, command = rows["step"], rows["command"]
        columns = {"command": command, "reason": rows["reason"], "target": rows["target"]}
        self.notes.take(columns, np.flatnonzero(step == NOTE))
        self.answers.take(columns, np.flatnonzero((step != NOTE) & (step != TEND) & ((step != WAKE) | (command != 0))))
        failed = np.flatnonzero(step == FAILED)
        self.failures.take({"target": rows["target"], "error_class": rows["a"]}, failed)
        sends = np.flatnonzero(np.isin(command, SENDS))
        self.sends.take({"target": rows["argument"].astype(np.int64) & 0xFFFF, "reason": rows["reason"]}, sends)
