"""Past → rows for learners: what was known at an origin about a step ahead of it, and what came there.

One model serves all steps of the horizon at once (direct multi-step): a row is an origin and a step, its features are values of the same
phase in earlier cycles, recent levels, and the calendar. All of it relative to the level of the cycle before the origin, so that series of
unlike size can teach one model. What must not live here: learners.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.past import Past

__all__ = ["Rows", "rows_ahead", "rows_to_learn"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CYCLES: Final = 4
MOST_ROWS: Final = 12_000
LEAST_LEVEL: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Rows:
    """`features` (rows, columns) with NaN where the past is too short; `base` and `level` (rows,): a target is (value − base) / level."""

    features: Floats
    base: Floats
    level: Floats
    targets: Floats

    def values(self, learned: Floats) -> Floats:
        """What is forecast, where `learned` is what the model says."""
        return self.base + self.level * learned


def rows_ahead(past: Past, horizon: int) -> Rows:
    """The rows of the `horizon` steps after the past."""
    steps = np.arange(1, horizon + 1)
    return rows_at(past, np.full(horizon, len(past)), steps)


def rows_to_learn(past: Past, horizon: int, most: int = MOST_ROWS) -> Rows:
    """Rows of many origins in the past whose steps have come, evenly spread; empty where the past is too short.

    Targets that were not measured are left out.
    """
    first = max(2 * past.season, 8) if len(past) > 3 * past.season else max(past.season, 4)
    origins = np.arange(first, len(past))
    if not len(origins):
        return rows_at(past, np.zeros(0, np.int64), np.zeros(0, np.int64))
    every = max(1, int(np.ceil(len(origins) * horizon / most)))
    while every > 1 and past.season > 1 and np.gcd(every, past.season) > 1:  # else all origins would be of the same phases
        every += 1
    origins = origins[::-1][::every][::-1]
    at, steps = (grid.ravel() for grid in np.meshgrid(origins, np.arange(1, horizon + 1), indexing="ij"))
    come = at + steps <= len(past)
    at, steps = at[come], steps[come]
    measured = past.known[at + steps - 1]
    return rows_at(past, at[measured], steps[measured])


def rows_at(past: Past, origin: Integers, step: Integers) -> Rows:
    """Rows of (origin, step): an origin is how many values are known, a step counts from 1."""
    values, season = past.values, past.season
    target = origin + step - 1
    sums = np.concatenate([[0.0], np.cumsum(values)])

    def mean_before(end: Integers, width: int) -> Floats:
        begin = np.maximum(end - width, 0)
        result: Floats = (sums[end] - sums[begin]) / np.maximum(end - begin, 1)
        return result

    def at(index: Integers) -> Floats:
        inside = (index >= 0) & (index < origin)
        return np.where(inside, values[np.clip(index, 0, len(values) - 1)], np.nan) if len(values) else np.full(len(index), np.nan)

    level = np.maximum(np.abs(mean_before(origin, max(season, min(8, len(values))))), LEAST_LEVEL)
    same = target - season * (-(-step // season))
    columns = [at(same - season * back) for back in range(CYCLES)]
    base = np.where(np.isfinite(columns[0]), columns[0], mean_before(origin, season))
    around = max(1, season // 24)
    centre = np.clip(same + around + 1, 0, origin)
    columns.append(mean_before(np.minimum(centre, origin), 2 * around + 1))
    for longer in past.seasons[1:2]:
        again = target - longer * (-(-step // longer))
        columns += [at(again), at(again - longer), mean_before(np.clip(origin - longer + season, 0, len(values)), season)]
    columns.append(np.nanmean(np.vstack([*columns[:CYCLES], base]), axis=0))
    for width in sorted({1, max(1, season // 24), max(1, season // 6), max(2, season // 2)}):
        recent = mean_before(origin, width)
        columns += [recent, recent - mean_before(np.maximum(origin - season, 0), width)]
    columns += [mean_before(origin, 3 * season), mean_before(np.maximum(origin - season, 0), season)]
    relative = [(column - base) / level for column in columns]
    phase = 2 * np.pi * (target % season) / season
    weekday = past.weekday(target)
    relative += [base / level, np.minimum(step / season, 14.0), np.sin(phase), np.cos(phase)]
    relative += [(weekday == 5).astype(np.float64), (weekday == 6).astype(np.float64), (weekday == 0).astype(np.float64)]
    came = at_known(values, target)
    return Rows(np.column_stack(relative) if len(origin) else np.zeros((0, len(relative))), base, level, (came - base) / level)


def at_known(values: Floats, index: Integers) -> Floats:
    inside = index < len(values)
    return np.where(inside, values[np.clip(index, 0, max(len(values) - 1, 0))], np.nan) if len(values) else np.full(len(index), np.nan)
