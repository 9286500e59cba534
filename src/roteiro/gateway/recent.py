"""The last minute second by second, for whoever looks at a living server: rates, shares, percentiles; in all and by model, target, tenant.

A second is a row of counts and of two histograms whose bins are 10 % wide, so that a window of any length is a sum and its percentiles are
good to some per cent. Memory is bounded by the numbers of names that are told apart; names past those are counted as one.
What must not live here: names, and what is exact (the ledger).
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roteiro.gateway.tally import distinct
from roteiro.terms.codes import Outcome

__all__ = ["FIELDS", "LONGEST_S", "Recent", "Window", "percentile_s"]

LONGEST_S: Final = 60
SECONDS: Final = LONGEST_S + 4
"""Seconds that are kept: a window's, the one that runs, and those that may still get rows that were read late."""
FIELDS: Final = ("requests", "answered", "failed", "refused", "cache_hits", "input_tokens", "output_tokens", "cost_nusd", "again")
BINS: Final = 160
FIRST_S: Final = 1e-4
LAST_S: Final = 1e3
_PER_E: Final = BINS / math.log(LAST_S / FIRST_S)
SUCCESS, CANCELLED = int(Outcome.SUCCESS), int(Outcome.CANCELLED)
REFUSED: Final = [int(outcome) for outcome in (Outcome.LIMITED, Outcome.BUDGET, Outcome.INVALID)]
"""The caller's own doing: a limit, a budget, a bad request."""

Rows = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Window:
    """One name in a window of `seconds`: the sums of FIELDS, and percentiles in seconds (None where nothing was measured)."""

    seconds: float
    sums: dict[str, float]
    total_s: tuple[float | None, float | None, float | None]
    """p50, p95 and p99 of answers."""
    first_s: tuple[float | None, float | None, float | None]
    """Of the time to the first token, streams only."""


class Dimension:
    """One way to divide the requests: `names` at most, told apart by a number; the last stands for all from there on."""

    def __init__(self, names: int) -> None:
        self.names = names
        self.sums = np.zeros((SECONDS, names, len(FIELDS)))
        self.total = np.zeros((SECONDS, names, BINS), np.int32)
        self.first = np.zeros((SECONDS, names, BINS), np.int32)

    def clear(self, slot: int) -> None:
        if not self.sums[slot].any():  # nothing was counted: a page that was never written takes no memory
            return
        for table in (self.sums, self.total, self.first):
            table[slot] = 0

    def add(self, slot: Rows, which: Rows, values: Rows, total: tuple[Rows, Rows], first: tuple[Rows, Rows]) -> None:
        """`values`: FIELDS of each row; `total` and `first`: of some rows (indices, bins)."""
        name = np.clip(which, -1, self.names - 2) + 1 if self.names > 1 else np.zeros(len(which), np.int64)
        cells, group = distinct(slot * self.names + name)
        summed = np.stack([np.bincount(group, column, minlength=len(cells)) for column in values], axis=1)
        self.sums.reshape(-1, len(FIELDS))[cells] += summed
        for table, (rows, bins) in ((self.total, total), (self.first, first)):
            np.add.at(table.reshape(-1), (slot[rows] * self.names + name[rows]) * BINS + bins, 1)

    def windows(self, slots: list[int], seconds: float) -> dict[int, Window]:
        """By number (-1: none), those with any request."""
        sums, total, first = self.sums[slots].sum(axis=0), self.total[slots].sum(axis=0), self.first[slots].sum(axis=0)
        return {
            int(name) - (self.names > 1): Window(
                seconds,
                dict(zip(FIELDS, sums[name].tolist(), strict=True)),
                (percentile_s(total[name], 0.5), percentile_s(total[name], 0.95), percentile_s(total[name], 0.99)),
                (percentile_s(first[name], 0.5), percentile_s(first[name], 0.95), percentile_s(first[name], 0.99)),
            )
            for name in np.flatnonzero(sums[:, 0])
        }


class Recent:
    """Give it batches of events in order; ask for windows that end now."""

    def __init__(self) -> None:
        self.dimensions = {"all": Dimension(1), "model": Dimension(64), "target": Dimension(64), "tenant": Dimension(128)}
        self._latest = -1
        """The latest second that has a slot."""

    def add(self, rows: Rows, now_s: float) -> None:
        """Take in a batch; `now_s` on the run's clock. Rows that are older than what is kept are passed over."""
        self._turn(int(now_s))
        second = rows["ended_s"].astype(np.int64)
        rows = rows[(second > self._latest - SECONDS) & (second <= self._latest)]
        if not len(rows):
            return
        slot, outcome = rows["ended_s"].astype(np.int64) % SECONDS, rows["outcome"]
        is_answer, refused = outcome == SUCCESS, np.isin(outcome, REFUSED)
        values = np.stack(
            [
                np.ones(len(rows)), is_answer, ~is_answer & ~refused & (outcome != CANCELLED), refused, rows["cache"] != 0,
                rows["input_tokens"], rows["output_tokens"], rows["cost_nusd"], np.maximum(rows["attempts"] - 1, 0),
            ]
        )  # fmt: skip
        total = np.flatnonzero(is_answer)
        first = np.flatnonzero(is_answer & (rows["stream"] != 0) & np.isfinite(rows["ttft_ms"]))
        bins_total, bins_first = bins(rows["total_ms"][total] / 1e3), bins(rows["ttft_ms"][first] / 1e3)
        for name, dimension in self.dimensions.items():
            which = slot if name == "all" else rows[name]
            dimension.add(slot, which.astype(np.int64), values, (total, bins_total), (first, bins_first))

    def windows(self, dimension: str, seconds: int, now_s: float) -> dict[int, Window]:
        """The last whole seconds, by the names' numbers in `dimension`."""
        self._turn(int(now_s))
        whole = range(max(0, int(now_s) - min(seconds, LONGEST_S)), int(now_s))
        return self.dimensions[dimension].windows([second % SECONDS for second in whole], max(1.0, float(len(whole))))

    def rates(self, now_s: float) -> list[float]:
        """Requests that ended in each of the last whole seconds, oldest first."""
        self._turn(int(now_s))
        return [float(self.dimensions["all"].sums[s % SECONDS, 0, 0]) for s in range(max(0, int(now_s) - LONGEST_S), int(now_s))]

    def _turn(self, second: int) -> None:
        """Have a clean slot for each second up to this one."""
        for turned in range(max(self._latest + 1, second - SECONDS + 1), second + 1):
            for dimension in self.dimensions.values():
                dimension.clear(turned % SECONDS)
        self._latest = max(self._latest, second)


def bins(values_s: Rows) -> NDArray[np.int64]:
    return np.clip((np.log(np.maximum(values_s, FIRST_S) / FIRST_S) * _PER_E).astype(np.int64), 0, BINS - 1)


def percentile_s(counts: Rows, share: float) -> float | None:
    """A percentile of what was counted, taken as spread evenly (in logarithms) within its bin."""
    so_far = np.cumsum(counts)
    if not so_far[-1]:
        return None
    wanted = share * so_far[-1]
    bin_of = int(np.searchsorted(so_far, wanted))
    before = so_far[bin_of - 1] if bin_of else 0
    within = (wanted - before) / max(1, counts[bin_of])
    return FIRST_S * math.exp((bin_of + float(within)) / _PER_E)
