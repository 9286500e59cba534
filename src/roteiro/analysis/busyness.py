"""How many requests were with a provider at once, and how many replicas each hour of the day or the week therefore wants: a floor.

**What was at once** is exact: the time that requests spent with the provider within each stretch of five minutes, over its length (Little).
**The floor** of an hour is a quantile of that over all its stretches in the past, in replicas of a batch, rounded up: seasonal naive with
a quantile in the place of the last value. Hours of the day from two days of record on, of the week from three weeks on. **How good it would
have been** is measured on the last days, left out: in what share of their stretches it would have been enough.

Where servers were too few, requests waited with them and count as being worked at: the floor is then too high rather than too low.
What must not live here: writing it into a plan.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_DAYS", "STRETCH_S", "FloorProfile", "at_once", "floor_profile"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STRETCH_S: Final = 300.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
LEAST_DAYS: Final = 2.0
WEEKLY_DAYS: Final = 21.0
TESTED_DAYS: Final = 7.0


@dataclass(frozen=True, slots=True)
class FloorProfile:
    """`replicas`: 24 or 168 of them, an hour each, from midnight or Monday's midnight of the zone on.

    `days` of record. `held`: in what share of the stretches of the last `tested_days` such a floor, of what was known before, would have
    been enough; None where the record is too short to leave them out. `most_at_once`: the busiest stretch.
    """

    replicas: tuple[int, ...]
    days: float
    held: float | None
    tested_days: float
    most_at_once: float


def at_once(starts_s: Floats, ends_s: Floats) -> tuple[float, Floats]:
    """(when the first stretch begins, mean number of requests at once in each): intervals of time, in Unix seconds. Raises ValueError where
    there are none."""
    if not len(starts_s):
        raise ValueError("there are no requests")
    first = np.floor(starts_s.min() / STRETCH_S) * STRETCH_S
    edges = np.arange(first, ends_s.max() + STRETCH_S, STRETCH_S)
    return float(first), np.diff(passed(starts_s, edges) - passed(ends_s, edges)) / STRETCH_S


def passed(moments_s: Floats, at_s: Floats) -> Floats:
    """Seconds since each of the moments that were before `at_s`, added up."""
    ordered = np.sort(moments_s)
    # Sums are of what came after the first, as those of Unix seconds would lose the milliseconds.
    sums = np.concatenate(([0.0], np.cumsum(ordered - ordered[0])))
    before = np.searchsorted(ordered, at_s)
    total: Floats = before * (at_s - ordered[0]) - sums[before]
    return total


def floor_profile(starts_s: Floats, ends_s: Floats, batch: int, timezone: str, quantile: float = 0.9) -> FloorProfile:
    """The floor of a provider whose requests were with it between those moments, and one replica of which works at `batch` together.

    Raises ValueError where the record is shorter than LEAST_DAYS.
    """
    first_s, busy = at_once(starts_s, ends_s)
    days = len(busy) * STRETCH_S / DAY_S
    if days < LEAST_DAYS:
        raise ValueError(f"the record is {days:.1f} days long; a floor takes {LEAST_DAYS:g} at least")
    hours = hours_of(first_s, len(busy), ZoneInfo(timezone))
    tested = int(TESTED_DAYS * DAY_S / STRETCH_S)
    held = None
    if len(busy) - tested >= LEAST_DAYS * DAY_S / STRETCH_S:
        before = replicas_of(busy[:-tested], hours[:-tested], batch, quantile)
        held = float(np.mean(before[hours[-tested:] % len(before)] * batch >= busy[-tested:]))
    told = replicas_of(busy, hours, batch, quantile)
    return FloorProfile(tuple(told.tolist()), days, held, TESTED_DAYS if held is not None else 0.0, float(busy.max()))


def replicas_of(busy: Floats, hours: Ints, batch: int, quantile: float) -> Ints:
    slots = 168 if len(busy) * STRETCH_S >= WEEKLY_DAYS * DAY_S else 24
    slot = hours % slots
    levels = np.array([np.quantile(busy[slot == k], quantile) if (slot == k).any() else 0.0 for k in range(slots)])
    wanted: Ints = np.ceil(levels / batch - 1e-9).astype(np.int64)
    return wanted


def hours_of(first_s: float, count: int, zone: ZoneInfo) -> Ints:
    """The hour of the week, from Monday's midnight by the clocks of the zone, in which each stretch begins."""
    starts = first_s + STRETCH_S * np.arange(count)
    known, which = np.unique(np.floor(starts / HOUR_S), return_inverse=True)
    ahead = np.array([offset_s(float(hour) * HOUR_S, zone) for hour in known])
    local = starts + ahead[which]
    hours: Ints = (np.floor((local - 4 * DAY_S) / HOUR_S) % 168).astype(np.int64)  # 1970-01-01 was a Thursday
    return hours


def offset_s(unix_s: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(unix_s, zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()
