"""What learning methods are told of a step ahead: values of the same phase in earlier cycles, recent levels, what the season did then, and
the calendar.

All of it relative to a base that the series itself suggests and in a unit of its own, so that series of unlike size can teach one model.
What must not live here: learners.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from roteiro.analysis.panel import Panel

__all__ = ["Rows", "Unit", "rows_ahead", "rows_to_learn"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Unit = Literal["level", "change"]
"""What differences are measured in: the usual height, or the usual change from one cycle to the next."""

CYCLES: Final = 7
LONGER_CYCLES: Final = 3
RECENT: Final = 8
MOST_ROWS: Final = 12_000
"""That one series teaches by."""
MOST_ROWS_IN_ALL: Final = 150_000
ROWS_AT_ONCE: Final = 200_000
LEAST_UNIT: Final = 1e-12
LEAST_CHANGE: Final = 0.003
"""Of the level, where a series hardly changes; else what it does when it moves would be huge in its own unit."""
GOLDEN: Final = (0.7548776662466927, 0.5698402909980532)
"""Steps of a sequence that fills a square evenly (Roberts, 2018)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`features` (rows, columns) with NaN where the past is too short; `base` and `unit` (rows,): a target is (value − base) / unit."""

    features: npt.NDArray[np.float32]
    base: Floats
    unit: Floats
    targets: Floats

    def values(self, learned: Floats) -> Floats:
        """What is forecast, where `learned` is what the model says."""
        return self.base + self.unit * learned


def rows_ahead(panel: Panel, horizon: int, unit: Unit = "level") -> Iterator[Rows]:
    """The rows of the `horizon` steps after the past, series after series, some series at a time."""
    steps = np.arange(1, horizon + 1)
    some = max(1, ROWS_AT_ONCE // horizon)
    for first in range(0, len(panel.pasts), some):
        yield rows_at(panel.some(first, first + some), np.full(horizon, len(panel)), steps, unit)


def rows_to_learn(panel: Panel, horizon: int, unit: Unit = "level") -> Rows:
    """Rows of many origins in the past whose steps have come and were measured, evenly spread; empty where the past is too short."""
    season, count = panel.season, len(panel)
    first = max((length for length in panel.seasons if count > 3 * length), default=max(season, RECENT if count > 3 * RECENT else 4))
    origins, series = np.arange(min(first, count), count), len(panel.pasts)
    most = min(MOST_ROWS, max(1, MOST_ROWS_IN_ALL // series))
    if len(origins) * horizon <= most:
        at, step = (grid.ravel() for grid in np.meshgrid(origins, np.arange(1, horizon + 1), indexing="ij"))
    else:
        along, ahead = ((np.arange(most) * share) % 1.0 for share in GOLDEN)
        at, step = origins[(along * len(origins)).astype(np.int64)], 1 + (ahead * horizon).astype(np.int64)
    come = at + step <= count
    return rows_at(panel, at[come], step[come], unit, measured=True)


def rows_at(panel: Panel, origin: Integers, step: Integers, unit: Unit, *, measured: bool = False) -> Rows:
    """Rows of (origin, step) for each series: an origin is how many columns are known, a step counts from 1. `measured`: only those whose
    target was, and at whose origin the series had begun."""
    season, target = panel.season, origin + step - 1
    last, anchor = panel.at(origin - 1, origin), seasonal(panel)[:, None]
    levels, changes = list[Floats](), list[Floats]()
    same = target - season * (-(-step // season))
    before = [panel.at(same - season * back, origin) for back in range(CYCLES if season > 1 else 0)]
    base = np.where(anchor & np.isfinite(before[0]), before[0], last) if before else last
    for length in panel.seasons:
        again = target - length * (-(-step // length))
        cycles = CYCLES if length == season else LONGER_CYCLES
        values = [panel.at(again - length * back, origin) for back in range(cycles)]
        levels += [*values, panel.at(again - 1, origin), panel.at(again + 1, origin)]
        around = max(1, length // 24)
        levels += [panel.mean(again - length * back + around + 1, 2 * around + 1, origin) for back in range(2)]
        levels += averages(values)
        changes += [values[back] - panel.at(origin - 1 - length * (back + 1), origin) for back in range(2)]
        changes.append(panel.mean(again + 2, 3, origin) - panel.mean(origin + 1 - length, 3, origin))
        changes.append(last - panel.at(origin - 1 - length, origin))
        changes.append(panel.mean(origin, season, origin) - panel.mean(origin - length, season, origin))
    if season > 1 and len(panel.seasons) > 1:  # the level of the day that this one is like
        levels.append(panel.mean(target - panel.seasons[1] * (-(-step // panel.seasons[1])) + season // 2, season, origin))
    levels += [panel.at(origin - back, origin) for back in range(1, RECENT + 1)]
    for width in sorted({3, 12, max(2, season // 6), max(2, season // 2), season, 3 * season, 26 if season == 1 else 7 * season}):
        recent = panel.mean(origin, width, origin)
        levels.append(recent)
        if width <= season:
            changes.append(recent - panel.mean(origin - season, width, origin))
    level = np.maximum(np.abs(panel.mean(origin, max(season, 26), origin)), LEAST_UNIT)
    usual, lately = (np.maximum(one, LEAST_CHANGE * level) for one in usual_change(panel, origin, anchor))
    size = usual if unit == "change" else level
    phase = 2 * np.pi * (target % season) / season
    weekday = panel.weekday(target)
    flat = [base / size, usual / level, lately / usual]
    flat += [np.broadcast_to(one, base.shape) for one in (step, step % season, -(-step // season), np.sin(phase), np.cos(phase))]
    flat += [weekday == 5, weekday == 6, weekday == 0]
    columns = [*((one - base) / size for one in levels), *(one / size for one in changes), *flat]
    come = target < len(panel)
    truth = np.where(come, panel.values[:, np.clip(target, 0, len(panel) - 1)], np.nan)
    wanted = np.ones(base.shape, bool)
    if measured:
        wanted = panel.known[:, np.clip(target, 0, len(panel) - 1)] & np.isfinite(base) & np.isfinite(size)
    features = np.stack([one[wanted] for one in columns], axis=1, dtype=np.float32, casting="unsafe")
    return Rows(features, base[wanted], size[wanted], ((truth - base) / size)[wanted])


def averages(values: list[Floats]) -> list[Floats]:
    """Means of the same phase, of its last three and of all; NaN where none is known."""
    known = np.isfinite(values)
    there = np.where(known, values, 0.0)
    return [np.where(known[:n].any(axis=0), there[:n].sum(axis=0) / np.maximum(known[:n].sum(axis=0), 1), np.nan) for n in (3, len(values))]


def usual_change(panel: Panel, origin: Integers, anchor: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(series, rows): mean absolute changes before each origin, from cycle to cycle or, without an anchor, from step to step; in all, and
    lately."""
    found = []
    for lag in sorted({1, panel.season}):
        moved = np.abs(panel.values[:, lag:] - panel.values[:, :-lag]) if len(panel) > lag else np.zeros((len(panel.pasts), 0))
        there = np.isfinite(moved)
        sums, counts = (
            np.concatenate([np.zeros((len(moved), 1)), np.cumsum(one, axis=1)], axis=1) for one in (np.where(there, moved, 0.0), there)
        )
        end = np.maximum(origin - lag, 0)
        begin = np.maximum(end - max(26, panel.season), 0)
        whole = sums[:, end] / np.maximum(counts[:, end], 1)
        part = (sums[:, end] - sums[:, begin]) / np.maximum(counts[:, end] - counts[:, begin], 1)
        found.append((whole, part))
    by_step, by_cycle = found[0], found[-1]
    return np.where(anchor, by_cycle[0], by_step[0]), np.where(anchor, by_cycle[1], by_step[1])


def seasonal(panel: Panel) -> npt.NDArray[np.bool_]:
    """(series,): whether the value of one season ago is a better guess than the last one, at steps across a season."""
    season = panel.season
    if season == 1 or len(panel) <= season + 1:
        return np.zeros(len(panel.pasts), bool)
    from_last = np.zeros(len(panel.pasts))
    steps = sorted({1, max(1, season // 6), max(1, season // 3), max(1, season // 2)})
    for step in steps:
        from_last += np.nanmean(np.abs(panel.values[:, step:] - panel.values[:, :-step]), axis=1) / len(steps)
    from_season = np.nanmean(np.abs(panel.values[:, season:] - panel.values[:, :-season]), axis=1)
    return np.asarray(from_season <= from_last)
