"""Change points: days from which on the level or the trend of a past is another than before, and stays so.

The season-free past, a median a day, is cut into straight lines so that the squares of what they miss by and a price for each line are
least (optimal partitioning, Jackson and others, 2005: exact, by dynamic programming). Medians of days are what makes it robust. What must
not live here: what passes (`anomalies`).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.past import filled
from roteiro.analysis.series import DAY_S, Series, seasons_of
from roteiro.analysis.usual import block_of, running_median, seasonal, without

__all__ = ["Change", "changes"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAST: Final = 5
"""Days of a line, at least."""
MOST_POINTS: Final = 600
PRICE: Final = 2.0
"""Of a line, in units of its three numbers' worth by Schwarz's criterion."""
CLIP: Final = 3.0
MOST_ALIKE: Final = 0.7
"""Correlation of neighbouring days; what is more alike is a course, and not noise."""
MATERIAL: Final = 0.05
"""A change of level or, over a month, of trend by less than this share of the level is not told."""
WEEKS: Final = 3
MONTH: Final = 30.4375


@dataclass(frozen=True, slots=True)
class Change:
    """From period `at` on. `before`, `after`: the level by period at either side of the cut; `slope_before`, `slope_after`: what it gains
    each day, as a share of the level there (0 where that is nothing)."""

    at: int
    before: float
    after: float
    slope_before: float
    slope_after: float


def changes(series: Series) -> tuple[Change, ...]:
    """The change points of a past, in their order; none where fewer than three lines' worth of days are known."""
    if not series.known.any():
        return ()
    seasonless = without_season(series)
    block = max(1, DAY_S // series.step_s) if series.step_s < DAY_S else 1
    block *= max(1, -(-len(seasonless) // block // MOST_POINTS))
    count = len(seasonless) // block
    table = seasonless[len(seasonless) - count * block :].reshape(count, block)
    first = len(seasonless) - count * block
    good = np.isfinite(table).sum(axis=1) * 2 >= block
    (at,) = np.nonzero(good)
    if len(at) < 3 * LEAST:
        return ()
    values = np.nanmedian(table[good], axis=1)
    if block * series.step_s == DAY_S:
        values = without_weekdays(at, values)
    days = block * series.step_s / DAY_S
    lines = cut(at.astype(np.float64), values)
    found = []
    for before, after in pairwise(lines):
        edge = float(at[after.first])
        one, two = before.at(edge), after.at(edge)
        level = max(abs(one), abs(two), 1e-12)
        drift = abs(after.slope - before.slope) / days * MONTH
        if max(abs(two - one), drift) < MATERIAL * level:
            continue
        slopes = [line.slope / days / abs(value) if value else 0.0 for line, value in ((before, one), (after, two))]
        found.append(Change(first + int(at[after.first]) * block, one, two, slopes[0], slopes[1]))
    return tuple(found)


def without_weekdays(day: Integers, values: Floats) -> Floats:
    """Days without the course of their weeks, whichever its free days are; as they are where there are not WEEKS of each, or some are so
    near to zero that nothing can be told relative to them."""
    level = running_median(values, 7)
    if min(np.bincount(day % 7, minlength=7)) < WEEKS or level.min() <= 0.0:
        return values
    share = np.array([np.median((values / level)[day % 7 == weekday]) for weekday in range(7)])
    return values if share.min() <= 0.0 else values / share[day % 7] * float(np.median(share))


def without_season(series: Series) -> Floats:
    """The past without the course of its days and weeks, at its own level; NaN where it is not known."""
    values = filled(series.values, seasons_of(series)[:1])
    season, small = seasonal(series, values, block_of(series))
    if not small and season.min() <= 0.0:
        return series.values
    left = without(season, np.where(series.known, values, np.nan), small)
    return left if small else left * float(np.mean(season))


@dataclass(frozen=True, slots=True)
class Straight:
    """Through the points from number `first` to before `end`."""

    first: int
    end: int
    slope: float
    height: float

    def at(self, x: float) -> float:
        return self.height + self.slope * x


def cut(x: Floats, y: Floats) -> list[Straight]:
    """The lines that cost least."""
    n = len(y)
    scale = noise(y)
    if scale == 0.0:
        scale = 1e-9 * float(np.max(np.abs(y)) or 1.0)
    price = PRICE * 3.0 * np.log(n) * scale**2
    centre = y - np.median(y)
    sums = {name: np.concatenate([[0.0], np.cumsum(values)]) for name, values in (
        ("1", np.ones(n)), ("x", x), ("y", centre), ("xx", x * x), ("xy", x * centre), ("yy", centre * centre)
    )}  # fmt: skip
    best, came = np.full(n + 1, np.inf), np.zeros(n + 1, np.int64)
    best[0] = -price
    for end in range(LEAST, n + 1):
        begin = np.arange(0, end - LEAST + 1)
        total = best[begin] + missed(sums, begin, end) + price
        came[end] = int(begin[int(np.argmin(total))])
        best[end] = float(np.min(total))
    lines, last = list[Straight](), n
    while last > 0:
        first = int(came[last])
        slope, height = np.polyfit(x[first:last], y[first:last], 1)
        lines.append(Straight(first, last, float(slope), float(height)))
        last = first
    return lines[::-1]


def noise(y: Floats) -> float:
    """Standard deviation that a day's deviation has in the long run, where days resemble their neighbours with a correlation ρ.

    Of such deviations differences have the variance 2 (1 − ρ) σ² and differences of these 2 (1 − ρ) (3 − ρ) σ², so that both tell ρ and
    σ. Sums over many days vary by (1 + ρ) / (1 − ρ) times what independent ones would.
    """
    once, twice = clipped(np.diff(y)), clipped(np.diff(y, 2))
    if once == 0.0:
        return 0.0
    rho = float(np.clip(3.0 - twice / once, 0.0, MOST_ALIKE))
    return float(np.sqrt(once / (2.0 * (1.0 - rho)) * (1.0 + rho) / (1.0 - rho)))


def clipped(values: Floats) -> float:
    """Variance of differences, those of more than CLIP robust deviations (a jump is one) cut to it."""
    away = values - np.median(values)
    most = CLIP * 1.4826 * float(np.median(np.abs(away)))
    return float(np.mean(np.clip(away, -most, most) ** 2))


def missed(sums: dict[str, Floats], begin: npt.NDArray[np.int64], end: int) -> Floats:
    """Sums of squares about the least-squares line from each of `begin` to `end`."""
    count, x, y, xx, xy, yy = (sums[name][end] - sums[name][begin] for name in ("1", "x", "y", "xx", "xy", "yy"))
    spread = xx - x * x / count
    covariance = xy - x * y / count
    whole = yy - y * y / count
    result: Floats = np.maximum(whole - np.where(spread > 0.0, covariance**2 / np.maximum(spread, 1e-300), 0.0), 0.0)
    return result
