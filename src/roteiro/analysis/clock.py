"""The clock on a wall: moments of one time zone as if they were UTC, so that every day has 24 hours and begins at midnight.

What people do follows this clock and not Unix time, so a series of a zone is laid out by it. Where clocks go forward an hour is missing in
it, and is not known; where they go back an hour comes twice, and counts as the mean of both. What must not live here: what zones there are.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

__all__ = ["comes_twice", "to_clock", "to_unix"]

Floats = npt.NDArray[np.float64]

QUARTER_S: Final = 900.0
"""Clocks have changed at quarters of an hour only since zones are counted in hours and their parts."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_clock(unix_s: Floats, zone: str) -> Floats:
    """Unix seconds → seconds of the zone's clock since its own 1970; NaN stays."""
    place = ZoneInfo(zone)

    def offset(quarter: float) -> float:
        shift = (EPOCH + timedelta(seconds=quarter)).astimezone(place).utcoffset()
        assert shift is not None
        return shift.total_seconds()

    return unix_s + by_quarter(unix_s, offset)


def to_unix(clock_s: Floats, zone: str) -> Floats:
    """The way back; of an hour that comes twice the first, and an hour that is missing as if clocks had not changed yet."""
    return clock_s - by_quarter(clock_s, lambda quarter: offset_of(quarter, zone, 0))


def comes_twice(clock_s: Floats, zone: str) -> npt.NDArray[np.bool_]:
    """Which of these times are in an hour that the clock shows twice."""
    return by_quarter(clock_s, lambda quarter: float(offset_of(quarter, zone, 0) > offset_of(quarter, zone, 1))) > 0.0


def offset_of(clock_s: float, zone: str, fold: int) -> float:
    shown = (EPOCH + timedelta(seconds=clock_s)).replace(tzinfo=ZoneInfo(zone), fold=fold)
    shift = shown.utcoffset()
    assert shift is not None
    return shift.total_seconds()


def by_quarter(at_s: Floats, what: Callable[[float], float]) -> Floats:
    """A value that is the same all over a quarter of an hour."""
    known = np.isfinite(at_s)
    quarters, place = np.unique(np.floor(at_s[known] / QUARTER_S), return_inverse=True)
    result = np.full(len(at_s), np.nan)
    result[known] = np.array([what(quarter * QUARTER_S) for quarter in quarters])[place] if len(quarters) else 0.0
    return result
