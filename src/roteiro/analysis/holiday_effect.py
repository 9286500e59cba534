"""What holidays do to demand: how much of the usual comes on them, measured on the record's own, and brought into the forecast.

Holidays fall on any weekday and come too seldom for a method to learn them. So methods are not shown them (a Tuesday off would otherwise
come back next Tuesday), and their share of the usual is measured apart. What must not live here: which days are holidays.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.chance import Chance
from roteiro.analysis.forecast import Forecast
from roteiro.analysis.scenarios import evenly, widened
from roteiro.analysis.series import DAY_S, Series

__all__ = ["HolidayEffect", "holiday_effect", "on_holidays", "with_holidays"]

Floats = npt.NDArray[np.float64]

EPOCH: Final = date(1970, 1, 1).toordinal()
THURSDAY: Final = 3
LEAST: Final = 2
"""Holidays of the past that must be known to go by them; else Sundays stand for them."""
AROUND: Final = 4
"""Weeks before and after a holiday whose same weekday is the usual."""
LEAST_SPREAD: Final = 0.05


@dataclass(frozen=True, slots=True)
class HolidayEffect:
    """On a holiday `share` of the usual comes; `spread` is the standard deviation of its logarithm. `of`: how many holidays, or Sundays,
    it was measured on. `why`: `measured`, `sundays` (too few holidays in the past), or `unknown` (no week to go by)."""

    share: float
    spread: float
    of: int
    why: str


def on_holidays(series: Series, at_s: Floats, days: AbstractSet[int]) -> npt.NDArray[np.bool_]:
    """Which of these periods begin on one of the `days` (ordinals of `datetime.date`); none without dates."""
    if not series.dated or not days:
        return np.zeros(len(at_s), np.bool_)
    return np.isin(np.floor(at_s / DAY_S).astype(np.int64) + EPOCH, np.fromiter(days, np.int64))


def holiday_effect(series: Series, days: AbstractSet[int]) -> HolidayEffect:
    """The effect on this record: the median over its holidays of what came, against the same weekday in the weeks around."""
    by_day = totals_by_day(series)
    ratios = []
    for day in sorted(set(by_day) & set(days)):
        around = [by_day[at] for week in range(1, AROUND + 1) for at in (day - 7 * week, day + 7 * week) if at in by_day and at not in days]
        usual = float(np.median(around)) if len(around) >= 2 else 0.0
        if usual > 0.0 and (day - EPOCH + THURSDAY) % 7 < 5:
            ratios.append(by_day[day] / usual)
    if len(ratios) >= LEAST:
        return summed_up(ratios, "measured")
    sundays = [value for day, value in by_day.items() if (day - EPOCH + THURSDAY) % 7 == 6 and day not in days]
    workdays = [value for day, value in by_day.items() if (day - EPOCH + THURSDAY) % 7 < 5 and day not in days]
    usual = float(np.median(workdays)) if workdays else 0.0
    if len(sundays) >= LEAST and usual > 0.0:
        return summed_up([value / usual for value in sundays], "sundays")
    return HolidayEffect(1.0, 0.0, 0, "unknown")


def totals_by_day(series: Series) -> dict[int, float]:
    """Mean per period of each day that is known in three quarters."""
    if not series.dated or series.step_s > DAY_S:
        return {}
    day = np.floor(series.at_s / DAY_S).astype(np.int64) + EPOCH
    found, place = np.unique(day, return_inverse=True)
    count = np.bincount(place, weights=series.known)
    total = np.bincount(place, weights=np.where(series.known, series.values, 0.0))
    enough = count >= 0.75 * DAY_S / series.step_s
    return {int(one): float(total[at] / count[at]) for at, one in enumerate(found) if enough[at]}


def summed_up(ratios: list[float], why: str) -> HolidayEffect:
    share = float(np.median(ratios))
    logs = np.log(np.maximum(ratios, 1e-3))
    return HolidayEffect(share, max(LEAST_SPREAD, float(np.std(logs, ddof=1))), len(ratios), why)


def with_holidays(forecast: Forecast, effect: HolidayEffect, days: AbstractSet[int], chance: Chance) -> Forecast:
    """The forecast with that share of it on coming workdays that are holidays; uncertain as the effect is, in one draw a path and day."""
    at_s = forecast.at_s
    mine = on_holidays(forecast.series, at_s, days) & ((np.floor(at_s / DAY_S) + THURSDAY) % 7 < 5)
    if not mine.any() or effect.why == "unknown":
        return forecast
    middle, drawn = np.ones(len(forecast)), np.ones(forecast.paths.shape)
    middle[mine] = effect.share
    for day in np.unique(np.floor(at_s[mine] / DAY_S)):
        those = np.floor(at_s / DAY_S) == day
        share = effect.share * np.exp(effect.spread * evenly(len(forecast.paths), chance))
        drawn[:, those] = share[:, None]
    low, high = widened(forecast, middle, drawn)
    paths = forecast.paths * drawn
    return replace(forecast, mean=paths.mean(axis=0), median=forecast.median * middle, low=low, high=high, paths=paths)
