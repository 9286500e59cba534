"""Order statistics, and shares with their uncertainty.

A quantile here is the inverse of the empirical distribution function (type 1 of Hyndman and Fan, "Sample quantiles in statistical
packages", 1996): the smallest value that at least that share of the values do not exceed. It is always a value that was measured, and it
agrees with counting: the p95 is within a target exactly when at least 95 % of the values are. Quantiles of parts are never averaged.
What must not live here: verdicts.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["QUANTILE_METHOD", "Interval", "Times", "quantile", "times", "wilson"]

QUANTILE_METHOD: Final = "inverse of the empirical distribution function (Hyndman and Fan, type 1)"
Z_95: Final = 1.959963984540054
"""The 97.5 % point of the normal distribution: 95 % in the middle."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles of durations in milliseconds; None where there is nothing to measure."""

    count: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


def quantile(ordered: npt.NDArray[Any], percent: int) -> float | None:
    """The value at `percent` (1..100) of an ascending array; None where it is empty."""
    if not len(ordered):
        return None
    return float(ordered[-(-len(ordered) * percent // 100) - 1])


def times(values_ms: npt.NDArray[Any]) -> Times:
    """Percentiles of durations, those that are NaN left out."""
    ordered = np.sort(values_ms[~np.isnan(values_ms)])
    return Times(len(ordered), quantile(ordered, 50), quantile(ordered, 95), quantile(ordered, 99))


def wilson(good: int, total: int, z: float = Z_95) -> Interval | None:
    """The interval in which the share behind `good` of `total` lies with 95 % confidence; None without data.

    Wilson's score interval (1927): never leaves 0..1, and is honest about few requests. It takes requests as independent; an outage
    makes them less so, and the truth is then wider.
    """
    if total <= 0:
        return None
    share = good / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    low = 0.0 if good == 0 else max(0.0, middle - half)
    high = 1.0 if good == total else min(1.0, middle + half)
    return Interval(low, high)
