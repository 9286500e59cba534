"""What is usual in a past: the course of its days, of workdays and of weekends, and the level around. All by medians, so that nothing
strange takes part in it.

What must not live here: what is strange (`anomalies`), and what changed (`change_points`).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from roteiro.analysis.past import THURSDAY
from roteiro.analysis.series import DAY_S, Series

__all__ = ["block_of", "running_median", "seasonal", "usual", "without"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST_DAYS: Final = 3
"""Days that a phase's median is made of; fewer, and there is no phase."""


def block_of(series: Series) -> int:
    """Periods of a day; of longer periods, a week of days; else two dozen."""
    if series.step_s * 4 <= DAY_S:
        return round(DAY_S / series.step_s)
    return 7 if series.step_s == DAY_S else 24


def usual(series: Series, values: Floats, block: int) -> Floats:
    """Season × the running level of what it leaves, or their sum, by period."""
    season, small = seasonal(series, values, block)
    if not small and season.min() <= 0.0:
        return running_median(values, block)
    return together(season, running_median(without(season, values, small), block), small)


def seasonal(series: Series, values: Floats, block: int) -> tuple[Floats, bool]:
    """(course of the day × its kind, whether it is to be added): sums in place of products where the level comes so near to zero that
    nothing can be told relative to it. Levels are each day's own, so that a change that stays bends no season."""
    kinds, days = kinds_of(series, block), days_of(series, block)
    by_day = np.array([np.median(values[days == day]) for day in range(days[-1] + 1)])
    small = bool(np.quantile(by_day, 0.05) <= 0.1 * np.median(by_day))

    around = without(running_median(by_day, 7), by_day, small)
    firsts = np.unique(days, return_index=True)[1]
    of_kind = np.array(
        [np.median(around[kinds[firsts] == kind]) if (kinds[firsts] == kind).any() else np.median(around) for kind in (0, 1)]
    )
    course = profile(without(by_day[days], values, small), kinds, block)
    return together(of_kind[kinds], course, small), small


def without(part: Floats, whole: Floats, small: bool) -> Floats:
    return whole - part if small else whole / part


def together(part: Floats, other: Floats, small: bool) -> Floats:
    return part + other if small else part * other


def days_of(series: Series, block: int) -> Integers:
    """The number of the day that each period is in: of the calendar, or blocks from the beginning."""
    if series.dated and series.step_s * block == DAY_S:
        day = np.floor(series.at_s / DAY_S).astype(np.int64)
        return np.asarray(day - day[0], np.int64)
    return np.arange(len(series)) // block


def kinds_of(series: Series, block: int) -> Integers:
    """1 on weekends, where these and workdays are there often enough to be told apart; else 0."""
    n = len(series)
    if not series.dated or series.step_s * block != DAY_S:
        return np.zeros(n, np.int64)
    weekend = (np.floor(series.at_s / DAY_S) + THURSDAY) % 7 >= 5
    if min(weekend.sum(), (~weekend).sum()) < LEAST_DAYS * block:
        return np.zeros(n, np.int64)
    return weekend.astype(np.int64)


def running_median(values: Floats, wide: int) -> Floats:
    """The median of `wide` values around each; at either end that of the first and the last that are whole, so that cycles stay whole."""
    if len(values) <= wide:
        return np.full(len(values), np.median(values))
    result = np.asarray(median_filter(values, wide, mode="nearest"), np.float64)
    whole = wide // 2, len(values) - (wide - wide // 2)
    result[: whole[0]], result[whole[1] + 1 :] = result[whole[0]], result[whole[1]]
    return result


def profile(relative: Floats, kinds: Integers, block: int) -> Floats:
    """The median by phase of the day and kind of day; a kind with too few days has one for all phases."""
    phase, reach = np.arange(len(relative)) % block, max(1, block // 96) if block > 7 else 0
    result = np.empty(len(relative))
    for kind in np.unique(kinds):
        mine = kinds == kind
        if mine.sum() < LEAST_DAYS * block:
            result[mine] = np.median(relative[mine])
            continue
        table = [relative[mine & (phase == at)] for at in range(block)]
        around = [np.concatenate([table[(at + off) % block] for off in range(-reach, reach + 1)]) for at in range(block)]
        result[mine] = np.array([np.median(each) if len(each) else np.median(relative[mine]) for each in around])[phase[mine]]
    return result
