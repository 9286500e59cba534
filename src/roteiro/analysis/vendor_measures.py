"""What was measured of vendors: shares, percentiles and prices, like with like, each with its interval and draws of where it may be.

**Like with like.** Vendors serve different requests. Rows are sorted into strata (what was asked of whom, how long it was), and only strata
are compared in which every vendor has some; within them each vendor's rows are weighted so that its strata weigh as in all vendors' traffic
together (direct standardisation).

**Uncertainty.** Failures come in bursts, so rows of one block of time are not independent. The variance of a share is that between blocks
(linearised, as of a cluster sample), which gives the number of independent rows that would be as sure; with it the share has a beta
distribution (Jeffreys' prior), also where nothing failed. A percentile takes the interval of the share below it (R. Woodruff, "Confidence
intervals for medians and other position measures", 1952).

What must not live here: scores (`vendor_score`), queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv

from roteiro.analysis.chance import Chance

__all__ = ["DRAWS", "LEAST_IN_STRATUM", "Known", "Matching", "Rows", "durations", "match", "percentile", "ratio", "share"]

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

DRAWS: Final = 4000
LEAST_IN_STRATUM: Final = 20
"""Rows that each vendor must have in a stratum for it to be compared there."""
TAIL: Final = 0.025
HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """A measure: its value, 95 % interval, how many rows tell it, and draws of what it may be."""

    value: float
    low: float
    high: float
    n: int
    draws: Values


@dataclass(frozen=True, slots=True)
class Rows:
    """One vendor's rows: their block of time, and their weight (on the mean 1)."""

    block: Codes
    weight: Values

    def __len__(self) -> int:
        return len(self.block)

    def only(self, which: npt.NDArray[np.bool_]) -> "Rows":
        return Rows(self.block[which], self.weight[which])


@dataclass(frozen=True, slots=True)
class Matching:
    """How rows were matched. `weight`: of each row, 0 where its stratum is not compared. `strata`: compared of all; `kept`: by vendor, the
    share of its rows that is compared. `matched`: False where no stratum is shared, so that all rows stand as they are."""

    weight: Values
    strata: int
    of_strata: int
    kept: tuple[float, ...]
    matched: bool


def match(vendor: Codes, stratum: Codes, vendors: int, least: int = LEAST_IN_STRATUM) -> Matching:
    """Weights of rows that make vendors 0 … `vendors` - 1 comparable. Vendors without a row do not hinder the others."""
    n_strata = int(stratum.max(initial=-1)) + 1
    counts = np.zeros((vendors, n_strata))
    np.add.at(counts, (vendor, stratum), 1.0)
    there = counts.sum(axis=1) > 0
    shared = (counts[there] >= least).all(axis=0) if there.any() else np.zeros(n_strata, np.bool_)
    if not shared.any():
        return Matching(np.ones(len(vendor)), 0, n_strata, tuple(1.0 if one else 0.0 for one in there), False)
    wanted = np.where(shared, counts.sum(axis=0), 0.0)
    wanted /= wanted.sum()
    kept = np.where(shared, counts, 0.0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(shared & (counts > 0), wanted * kept[:, None] / counts, 0.0)
    total = counts.sum(axis=1)
    shares = np.divide(kept, total, out=np.zeros(vendors), where=total > 0)
    return Matching(factor[vendor, stratum], int(shared.sum()), n_strata, tuple(float(one) for one in shares), True)


def sure_of(p: float, rows: Rows, good: npt.NDArray[np.bool_]) -> float:
    """The number of independent rows that would tell the share p as surely as these do."""
    weight = rows.weight
    kish = float(weight.sum() ** 2 / (weight**2).sum())
    _, block = np.unique(rows.block, return_inverse=True)
    blocks = int(block.max()) + 1
    if p in (0.0, 1.0) or blocks < 2:
        return kish
    residual = np.bincount(block, weight * (good - p), blocks)
    variance = blocks / (blocks - 1) * float((residual**2).sum()) / float(weight.sum()) ** 2
    return kish if variance <= 0.0 else min(kish, p * (1.0 - p) / variance)


def share(good: npt.NDArray[np.bool_], rows: Rows, chance: Chance) -> Known | None:
    """The share of good rows; None without any."""
    if not len(rows) or not rows.weight.sum():
        return None
    p = float(np.clip((rows.weight * good).sum() / rows.weight.sum(), 0.0, 1.0))
    n = sure_of(p, rows, good)
    a, b = p * n + HALF, (1.0 - p) * n + HALF
    low = 0.0 if p == 0.0 else float(betaincinv(a, b, TAIL))
    high = 1.0 if p == 1.0 else float(betaincinv(a, b, 1.0 - TAIL))
    return Known(p, min(low, p), max(high, p), len(rows), chance.beta(a, b, DRAWS))


def percentile(values: Values, at: float, rows: Rows, chance: Chance) -> Known | None:
    """The value that the share `at` of rows does not exceed; NaN are left out. None without any."""
    known = ~np.isnan(values) & (rows.weight > 0.0)
    if not known.any():
        return None
    values, rows = values[known], rows.only(known)
    order = np.argsort(values, kind="stable")
    ordered, reached = values[order], np.cumsum(rows.weight[order])
    reached /= reached[-1]

    def of(shares: Values) -> Values:
        found: Values = ordered[np.minimum(np.searchsorted(reached, shares - 1e-12), len(ordered) - 1)]
        return found

    value = float(of(np.array([at]))[0])
    below = values <= value
    n = sure_of(float((rows.weight * below).sum() / rows.weight.sum()), rows, below)
    a, b = at * n + HALF, (1.0 - at) * n + HALF
    low, high = (float(one) for one in of(np.array([betaincinv(a, b, TAIL), betaincinv(a, b, 1.0 - TAIL)])))
    return Known(value, min(low, value), max(high, value), len(values), of(chance.beta(a, b, DRAWS)))


def ratio(above: Values, below: Values, rows: Rows, chance: Chance) -> Known | None:
    """The weighted sum of `above` for each of `below`, as dollars a token; None where there is none below."""
    total = float((rows.weight * below).sum()) if len(rows) else 0.0
    if total <= 0.0:
        return None
    value = float((rows.weight * above).sum()) / total
    _, block = np.unique(rows.block, return_inverse=True)
    blocks = int(block.max()) + 1
    if blocks < 2:  # then each row is one
        block, blocks = np.arange(len(rows)), len(rows)
    residual = np.bincount(block, rows.weight * (above - value * below), blocks)
    error = float(np.sqrt(blocks / max(1, blocks - 1) * (residual**2).sum())) / total
    draws = np.maximum(0.0, chance.normal(value, error, DRAWS)) if error > 0.0 else np.full(DRAWS, value)
    return Known(value, max(0.0, value - 1.96 * error), value + 1.96 * error, len(rows), draws)


def durations(lasted_s: Sequence[float], chance: Chance, going_on_s: Sequence[float] = ()) -> Known | None:
    """The mean of a few durations, taken as exponential: their sum over a gamma of their count. None without any.

    `going_on_s`: of those that have not ended, so far; they add to the sum and not to the count.
    """
    if not len(lasted_s):
        return None
    total, count = float(np.sum(lasted_s) + np.sum(going_on_s)), len(lasted_s)
    low, high = (total / float(gammaincinv(count, tail)) for tail in (1.0 - TAIL, TAIL))
    return Known(total / count, low, high, count, total / chance.gamma(count, size=DRAWS))
