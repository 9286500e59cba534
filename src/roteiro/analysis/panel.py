"""Pasts side by side, ended at the same column, so that one learner can be taught by all of them at once.

What must not live here: what is looked up in them (`lags`), and learners.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from roteiro.analysis.past import Past

__all__ = ["Panel", "panel_of"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Panel:
    """`values` (series, n), each ended at column n and NaN before it begins; `known` where they were measured. `seasons` in steps, of all.

    `sums` and `counts` (series, n + 1) are of what comes before a column. An index counts columns.
    """

    pasts: tuple[Past, ...]
    values: Floats
    known: npt.NDArray[np.bool_]
    seasons: tuple[int, ...]
    sums: Floats
    counts: Integers

    def __len__(self) -> int:
        return int(self.values.shape[1])

    @property
    def season(self) -> int:
        """The shortest; 1 where there is none."""
        return self.seasons[0] if self.seasons else 1

    def at(self, index: Integers, origin: Integers) -> Floats:
        """(series, rows): values at `index`, NaN where that is before the first column, or not known yet at `origin`."""
        inside = (index >= 0) & (index < origin)
        return np.where(inside, self.values[:, np.clip(index, 0, len(self) - 1)], np.nan)

    def mean(self, end: Integers, width: int, origin: Integers) -> Floats:
        """(series, rows): means of the `width` values before each `end`, of as many as there are at `origin`; NaN where there are none."""
        end = np.clip(end, 0, origin)
        begin = np.maximum(end - width, 0)
        count = self.counts[:, end] - self.counts[:, begin]
        result: Floats = np.where(count > 0, (self.sums[:, end] - self.sums[:, begin]) / np.maximum(count, 1), np.nan)
        return result

    def weekday(self, index: Integers) -> Integers:
        """(series, rows): weekdays of columns."""
        first = self.pasts[0]
        if all(one.start_s + one.step_s * len(one) == first.start_s + first.step_s * len(first) for one in self.pasts):
            one_row = first.weekday(index - (len(self) - len(first)))
            return np.broadcast_to(one_row, (len(self.pasts), len(index)))
        return np.stack([one.weekday(index - (len(self) - len(one))) for one in self.pasts])

    def some(self, first: int, beyond: int) -> "Panel":
        """Its series from `first` to before `beyond`."""
        part = slice(first, beyond)
        return Panel(self.pasts[part], self.values[part], self.known[part], self.seasons, self.sums[part], self.counts[part])


def panel_of(pasts: Sequence[Past]) -> Panel:
    """Of pasts that have the same steps and seasons."""
    longest = max(len(one) for one in pasts)
    values, known = np.full((len(pasts), longest), np.nan), np.zeros((len(pasts), longest), bool)
    for row, one in enumerate(pasts):
        values[row, longest - len(one) :], known[row, longest - len(one) :] = one.values, one.known
    there = np.isfinite(values)
    sums, counts = np.zeros((len(pasts), longest + 1)), np.zeros((len(pasts), longest + 1), np.int64)
    np.cumsum(np.where(there, values, 0.0), axis=1, out=sums[:, 1:])
    np.cumsum(there, axis=1, out=counts[:, 1:])
    return Panel(tuple(pasts), values, known, pasts[0].seasons, sums, counts)
