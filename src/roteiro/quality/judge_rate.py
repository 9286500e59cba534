"""A rate as an imperfect judge counted it → the rate that it stands for, with an interval: Rogan and Gladen's estimator.

With apparent rate q, sensitivity Se and specificity Sp the rate is p = (q + Sp - 1) / (Se + Sp - 1) (Rogan and Gladen 1978, American
Journal of Epidemiology 107). All three are measured on finite counts, so the interval carries all three errors.

What must not live here: asking a judge, and what it was asked about.
"""

import math
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Counts", "Rate", "bootstrap_interval", "corrected_rate", "delta_interval"]


class Draws(Protocol):
    """A `numpy.random.Generator`."""

    def beta(self, a: float, b: float, size: int) -> npt.NDArray[np.float64]: ...


class Counts(NamedTuple):
    """`right` verdicts among `of` labelled items. Of the sensitivity, items that are truly positive; of the specificity, truly negative."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """As measured. Raises ZeroDivisionError where nothing was."""
        return self.right / self.of


class Rate(NamedTuple):
    """A share, 0..1, and its interval."""

    rate: float
    low: float
    high: float


def corrected_rate(positives: int, n: int, sensitivity: Counts, specificity: Counts, level: float = 0.95) -> Rate | None:
    """The true share of positives, where a judge called `positives` of `n` so; None where nothing was measured, or the judge tells nothing.

    A judge tells nothing where its sensitivity and specificity sum to 1 or less: it is no better than a coin. The interval is Lang and
    Reiczigel's (2014, Preventive Veterinary Medicine 113): the delta method on counts to which pseudo-observations were added, with a
    shift; it keeps its level also for small counts and rates near 0, where the plain delta method does not. Clipped to 0..1.
    """
    if not (n and sensitivity.of and specificity.of) or sensitivity.share + specificity.share <= 1.0:
        return None
    rate = _estimate(positives / n, sensitivity.share, specificity.share)
    z = _z(level)
    apparent, of = (positives + z * z / 2.0) / (n + z * z), n + z * z
    se, sp = (sensitivity.right + 1) / (sensitivity.of + 2), (specificity.right + 1) / (specificity.of + 2)
    if se + sp <= 1.0:
        return None
    p = (apparent + sp - 1.0) / (se + sp - 1.0)
    se_part, sp_part = se * (1.0 - se) / (sensitivity.of + 2), sp * (1.0 - sp) / (specificity.of + 2)
    shift = 2.0 * z * z * (p * se_part - (1.0 - p) * sp_part)
    half = z * math.sqrt(apparent * (1.0 - apparent) / of + p * p * se_part + (1.0 - p) ** 2 * sp_part) / (se + sp - 1.0)
    return _clipped(rate, p + shift - half, p + shift + half)


def delta_interval(positives: int, n: int, sensitivity: Counts, specificity: Counts, level: float = 0.95) -> Rate | None:
    """The same by the plain delta method (Rogan and Gladen): too narrow where counts are small, and the textbook's for large ones."""
    if not (n and sensitivity.of and specificity.of) or sensitivity.share + specificity.share <= 1.0:
        return None
    q, se, sp = positives / n, sensitivity.share, specificity.share
    p = _estimate(q, se, sp)
    variance = q * (1 - q) / n + p * p * se * (1 - se) / sensitivity.of + (1 - p) ** 2 * sp * (1 - sp) / specificity.of
    half = _z(level) * math.sqrt(variance) / (se + sp - 1.0)
    return _clipped(p, p - half, p + half)


def bootstrap_interval(
    positives: int, n: int, sensitivity: Counts, specificity: Counts, random: Draws, draws: int = 4000, level: float = 0.95
) -> Rate | None:
    """The same by drawing all three shares anew from their posteriors under Jeffreys' prior, without a formula of variances.

    None where there is nothing to correct by, or where in more than half of the draws the judge tells nothing.
    """
    if not (n and sensitivity.of and specificity.of) or sensitivity.share + specificity.share <= 1.0:
        return None

    def drawn(right: int, of: int) -> npt.NDArray[np.float64]:
        return random.beta(right + 0.5, of - right + 0.5, draws)

    q, se, sp = drawn(positives, n), drawn(*sensitivity), drawn(*specificity)
    tells = se + sp > 1.0
    if 2 * int(tells.sum()) < draws:
        return None
    rates = (q[tells] + sp[tells] - 1.0) / (se[tells] + sp[tells] - 1.0)
    low, high = np.quantile(rates, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return _clipped(_estimate(positives / n, sensitivity.share, specificity.share), float(low), float(high))


def _estimate(q: float, se: float, sp: float) -> float:
    return (q + sp - 1.0) / (se + sp - 1.0)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1.0 + level) / 2.0)


def _clipped(rate: float, low: float, high: float) -> Rate:
    rate, low, high = (min(max(value, 0.0), 1.0) for value in (rate, low, high))
    return Rate(rate, min(low, rate), max(high, rate))
