"""Distributions as tables of quantiles: drawn by one look-up, whatever their shape.

A table has KNOTS quantiles with straight lines between them. Knots lie evenly in four stretches, each covering the upper 32nd of the one
before, so that the tail is as fine as the middle: the last stretch goes from the share 1 - 2^-15 to 1 - 2^-20, and what lies beyond
counts as that value. For a log-normal of sigma up to 1 a drawn value is within 0.5 % of the exact quantile between the shares
0.02 and 1 - 2^-15 (`error` tells it of any table), and the mean within 0.05 %.

What must not live here: random numbers.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.policy.kernel import kernel

__all__ = [
    "KNOTS", "SHARES", "TABLE", "Table", "at", "constant", "error", "exponential", "lognormal", "mean", "measured", "mixed", "power_tailed",
]  # fmt: skip

Table = npt.NDArray[np.float64]
"""Quantiles at SHARES, shape (KNOTS,)."""

N: Final = 128
KNOTS: Final = 4 * N + 1
TABLE: Final = np.dtype([("quantiles", "f8", (KNOTS,))])
FIRST, SECOND, THIRD = 1.0 - 2.0**-5, 1.0 - 2.0**-10, 1.0 - 2.0**-15
BY_FIRST, BY_SECOND, BY_THIRD, BY_FOURTH = N / FIRST, N / (SECOND - FIRST), N / (THIRD - SECOND), N / (1.0 - THIRD)
LEAST, MOST = 2.0**-12, 1.0 - 2.0**-20

SHARES: Final[Table] = np.concatenate(
    [
        np.arange(N) / BY_FIRST,
        FIRST + np.arange(N) / BY_SECOND,
        SECOND + np.arange(N) / BY_THIRD,
        THIRD + np.arange(N + 1) / BY_FOURTH,
    ]
)


@kernel
def at(table: Any, u: float) -> float:
    """The quantile of a record TABLE at share `u` in [0, 1)."""
    if u < FIRST:
        x = u * BY_FIRST
        k = int(x)
        part = x - k
    elif u < SECOND:
        x = (u - FIRST) * BY_SECOND
        k = int(x)
        part = x - k
        k += N
    elif u < THIRD:
        x = (u - SECOND) * BY_THIRD
        k = int(x)
        part = x - k
        k += 2 * N
    else:
        x = (u - THIRD) * BY_FOURTH
        k = int(x)
        part = x - k
        k += 3 * N
    low = table.quantiles[k]
    return low + (table.quantiles[k + 1] - low) * part  # type: ignore[no-any-return]


def of(quantile: Callable[[float], float]) -> Table:
    """The table of an inverse distribution function. Its ends are cut at the shares 2^-12 and 1 - 2^-20."""
    return np.array([quantile(min(max(share, LEAST), MOST)) for share in SHARES.tolist()])


def constant(value: float) -> Table:
    return np.full(KNOTS, value)


def lognormal(median: float, p95: float) -> Table:
    """By its median and 95th percentile; a constant where they are equal."""
    if not 0.0 < median < p95:
        return constant(median)
    z = NormalDist()
    sigma = math.log(p95 / median) / z.inv_cdf(0.95)
    return of(lambda share: median * math.exp(sigma * z.inv_cdf(share)))


def power_tailed(median: float, p95: float, p99: float) -> Table:
    """Log-normal by its median and p95 up to there; beyond, the power law (Pareto) that goes through p95 and p99.

    x(u) = p95 × (0.05 / (1 - u))^k with k = ln(p99 / p95) / ln 5. The mean is finite below k = 1; the table ends at the share 1 - 2^-20.
    """
    body = lognormal(median, p95)
    power = math.log(p99 / p95) / math.log(5.0)
    return np.where(SHARES <= 0.95, body, p95 * (0.05 / np.maximum(1.0 - SHARES, 1.0 - MOST)) ** power)


def mixed(body: Table, share: float, factor: float) -> Table:
    """The distribution of which `share` is longer by `factor` (above 1) than the body."""

    def below(value: float) -> float:
        return (1.0 - share) * share_below(body, value) + share * share_below(body, value / factor)

    def quantile(wanted: float) -> float:
        low, high = float(body[0]), float(body[-1]) * factor
        for _ in range(60):
            middle = (low + high) / 2.0
            low, high = (middle, high) if below(middle) < wanted else (low, middle)
        return high

    return of(quantile)


def share_below(table: Table, value: float) -> float:
    """The share of what is drawn from the table that is at most `value`."""
    return float(np.interp(value, table, SHARES, left=0.0, right=1.0)) if table[0] < table[-1] else float(value >= table[0])


def exponential(average: float) -> Table:
    return of(lambda share: -average * math.log1p(-share))


def measured(values: npt.NDArray[np.float64]) -> Table:
    """The quantiles of a sample (Hyndman and Fan's type 7: straight lines between order statistics). The largest ends the tail."""
    return np.quantile(values, SHARES)


def mean(table: Table) -> float:
    """Of the distribution that is drawn from the table."""
    return float(np.sum((table[1:] + table[:-1]) * 0.5 * np.diff(SHARES)))


def error(table: Table, quantile: Callable[[float], float], low: float = 0.02, high: float = THIRD) -> float:
    """Largest relative error between the knots, for shares from `low` to `high`."""
    middles = (SHARES[1:] + SHARES[:-1]) * 0.5
    drawn = (table[1:] + table[:-1]) * 0.5
    exact = np.array([quantile(share) for share in middles.tolist()])
    asked = (middles >= low) & (middles <= high)
    return float(np.max(np.abs(drawn - exact)[asked] / exact[asked]))
