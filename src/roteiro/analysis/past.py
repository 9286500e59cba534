"""What a forecasting method is told: the past without holes, its seasons, and the calendar of past and future.

What must not live here: methods.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.series import DAY_S, Series, seasons_of

__all__ = ["Past", "filled", "past_of"]

Floats = npt.NDArray[np.float64]
THURSDAY: Final = 3
"""The weekday of the epoch, Monday being 0."""


@dataclass(frozen=True, slots=True)
class Past:
    """`values` (n,) without holes; `known` tells which of them were measured. `seasons` in steps, the shortest first; may be empty."""

    values: Floats
    known: npt.NDArray[np.bool_]
    start_s: float
    step_s: int
    dated: bool
    seasons: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def season(self) -> int:
        """The shortest season; 1 where there is none."""
        return self.seasons[0] if self.seasons else 1

    def weekday(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The weekday (Monday 0) of steps by their number, of the past and beyond; all 0 without dates."""
        if not self.dated:
            return np.zeros(len(index), np.int64)
        days = np.floor((self.start_s + self.step_s * index) / DAY_S).astype(np.int64)
        return (days + THURSDAY) % 7

    def until(self, count: int) -> "Past":
        """Its first `count` steps, with the seasons that these still show twice."""
        seasons = tuple(length for length in self.seasons if 2 * length <= count)
        return Past(self.values[:count], self.known[:count], self.start_s, self.step_s, self.dated, seasons)


def past_of(series: Series, left_out: npt.NDArray[np.bool_] | None = None) -> Past:
    """The series without holes. `left_out`: steps (anomalies) that are treated as if they were not known."""
    values = series.values if left_out is None else np.where(left_out, np.nan, series.values)
    seasons = seasons_of(series)
    known = np.isfinite(values)
    return Past(filled(values, seasons), known, series.start_s, series.step_s, series.dated, seasons)


def filled(values: Floats, seasons: tuple[int, ...]) -> Floats:
    """Holes as the mean of the same phase in the nearest cycles before and after; what is left by straight lines. All missing: zeros."""
    result = values.copy()
    for season in seasons[:1]:
        for reach in (1, 2):
            (holes,) = np.nonzero(~np.isfinite(result))
            if not len(holes):
                return result
            sides = np.full((2, len(holes)), np.nan)
            for row, shift in enumerate((-reach * season, reach * season)):
                at = holes + shift
                inside = (at >= 0) & (at < len(values))
                sides[row, inside] = values[at[inside]]
            some = np.isfinite(sides).any(axis=0)
            result[holes[some]] = np.nanmean(sides[:, some], axis=0)
    known = np.isfinite(result)
    if not known.any():
        return np.zeros(len(values))
    if not known.all():
        at = np.arange(len(values))
        result[~known] = np.interp(at[~known], at[known], result[known])
    return result
