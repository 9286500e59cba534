"""Anomalies of a past: periods that are farther from what is usual at their hour than this record's own worst usual days are.

What is usual is a median of medians, so that no anomaly takes part in it: the level around (a day's running median) and what the same
phase of the day, of workdays and weekends apart, is to it. How far is far is told by the record itself: each day has a largest deviation,
and their median and spread say what a usual day's largest is (block maxima, as in the statistics of extremes). So a machine that has a
spike every night has no anomaly every night. What must not live here: changes that stay (`change_points`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.past import THURSDAY, filled
from roteiro.analysis.series import DAY_S, Series, seasons_of
from roteiro.analysis.usual import block_of, usual

__all__ = ["THRESHOLD", "Anomaly", "Scored", "anomalies", "periods_of", "scored"]

Floats = npt.NDArray[np.float64]

THRESHOLD: Final = 2.0
"""On noise alone some one day in two hundred has an anomaly (tests/analysis/test_anomalies.py); it was not chosen by labelled data."""
HOUR_S: Final = 3600
LEAST_BLOCKS: Final = 6
LEAST_SPREAD: Final = 0.1
"""Of the logarithm of a day's largest deviation."""
GAUSSIAN_SPREAD: Final = 0.2
"""What it is for independent normal deviations, some 24 to 288 a day; it stands in where days are too few."""
TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Periods `first` to `last` (numbers of the series, both within) that are anomalous together. At its worst, at period `at`, `value`
    came and `expected` is usual; `score` as in `Scored`. `weekday` (Monday 0) and `hour` of the worst, or -1 without dates."""

    first: int
    last: int
    at: int
    value: float
    expected: float
    score: float
    weekday: int
    hour: float


@dataclass(frozen=True, slots=True)
class Scored:
    """`expected` (n,): what is usual. `scores` (n,): how far the mean of an hour around is from it, in spreads of the logarithm of a
    usual day's largest deviation above their median; NaN where it is not known, minus infinity where there is no deviation."""

    expected: Floats
    scores: Floats


def scored(series: Series) -> Scored:
    """Every period of the past, scored against the whole of it."""
    values = filled(series.values, seasons_of(series)[:1])
    block = block_of(series)
    expected = usual(series, values, block)
    wide = max(1, round(HOUR_S / series.step_s))
    away = np.abs(running_mean(np.where(series.known, series.values - expected, 0.0), wide))
    middle, spread = usual_largest(away[: len(away) // block * block].reshape(-1, block).max(axis=1), away, block)
    with np.errstate(divide="ignore"):
        scores = (np.log(away) - middle) / spread
    return Scored(expected, np.where(series.known, scores, np.nan))


def running_mean(values: Floats, wide: int) -> Floats:
    if wide == 1:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - wide // 2, 0), np.minimum(at + (wide - wide // 2), len(values))
    result: Floats = (sums[high] - sums[low]) / (high - low)
    return result


def usual_largest(largest: Floats, away: Floats, block: int) -> tuple[float, float]:
    """(middle, spread) of the logarithm of a day's largest deviation; where days are few, as if deviations were normal."""
    largest = largest[largest > 0.0]
    if len(largest) >= LEAST_BLOCKS:
        logs = np.log(largest)
        middle = float(np.median(logs))
        return middle, 1.4826 * float(np.median(np.abs(logs - middle))) + LEAST_SPREAD
    some = away[away > 0.0]
    if not len(some):
        return 0.0, 1.0
    deviation = 1.4826 * float(np.median(some))
    return float(np.log(deviation * np.sqrt(2.0 * np.log(max(block, 3))) + TINY)), GAUSSIAN_SPREAD + LEAST_SPREAD


def anomalies(series: Series, threshold: float = THRESHOLD) -> tuple[Anomaly, ...]:
    """The anomalies of a past, in their order; neighbours within an hour are one. None where fewer than two dozen periods are known."""
    if int(series.known.sum()) < 24:
        return ()
    found = scored(series)
    (at,) = np.nonzero(np.nan_to_num(found.scores, nan=-np.inf) > threshold)
    apart = max(1, round(HOUR_S / series.step_s))
    runs = np.split(at, np.nonzero(np.diff(at) > apart)[0] + 1) if len(at) else []
    return tuple(told(series, found, run) for run in runs)


def told(series: Series, found: Scored, run: npt.NDArray[np.int64]) -> Anomaly:
    worst = int(run[np.argmax(np.abs(series.values[run] - found.expected[run]))])
    at_s = float(series.at_s[worst])
    weekday, hour = (int((np.floor(at_s / DAY_S) + THURSDAY) % 7), at_s % DAY_S / HOUR_S) if series.dated else (-1, -1.0)
    value, expected, score = float(series.values[worst]), float(found.expected[worst]), float(np.max(found.scores[run]))
    return Anomaly(int(run[0]), int(run[-1]), worst, value, expected, score, weekday, hour)


def periods_of(found: Iterable[Anomaly], count: int) -> npt.NDArray[np.bool_]:
    """Which of `count` periods they take up."""
    result = np.zeros(count, np.bool_)
    for one in found:
        result[one.first : one.last + 1] = True
    return result
