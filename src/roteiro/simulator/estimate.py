"""A number with its 95 % interval: over seeds, or, of one seed, over batches of consecutive requests.

Over seeds it is Student's interval; a share has Wilson's (E. B. Wilson, 1927), which never leaves 0 to 1, with the number of trials that
the spread between seeds is worth, and at most the requests that there were. Of one seed, the run is cut into batches of equally many
requests (A. M. Law, "Simulation Modeling and Analysis", section 9.5.3), and the interval is widened by the correlation of neighbours; it
tells how much the run wavers in itself, not what another seed's weather would bring.

What must not live here: which numbers there are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_BATCHES", "Estimate", "estimate", "estimates", "from_batches"]

STUDENT: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for a two-sided interval of 95 %, by degrees of freedom from 1."""
NORMAL: Final = 1.96
LEAST_BATCHES: Final = 8
MOST_CORRELATED: Final = 0.9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds and its 95 % interval. All three are the same where nothing tells of one; NaN where there is no number."""

    mean: float
    low: float
    high: float


def student(n: Any) -> Any:
    """t for `n` values (an array or a number, at least 2)."""
    degrees = np.asarray(n) - 1
    table = np.array((math.nan, *STUDENT))
    return np.where(degrees < len(table), table[np.clip(degrees, 0, len(STUDENT))], NORMAL + 2.4 / np.maximum(degrees, 1))


def estimate(values: Sequence[float], *, share: bool = False, trials: float = math.inf, floor: float = -math.inf) -> Estimate:
    """Of one number under several seeds; NaN is no value. `share`: it lies in 0 to 1, of `trials` requests over all seeds. `floor`: below
    which it cannot be, nor its interval."""
    return estimates(np.array(values, float).reshape(-1, 1), share=share, trials=trials, floor=floor)[0]


def estimates(
    values: npt.NDArray[np.float64], *, share: bool = False, trials: float = math.inf, floor: float = -math.inf
) -> list[Estimate]:
    """Of several numbers: `values` has a row a seed and a column a number."""
    told = ~np.isnan(values)
    n = told.sum(axis=0)
    known = np.where(told, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = known.sum(axis=0) / n
        variance = np.where(told, (values - mean) ** 2, 0.0).sum(axis=0) / (n - 1) / n  # of the mean
        t = student(n)
        if share:
            low, high = wilson(mean, np.fmin(mean * (1.0 - mean) / variance, trials), np.where(n > 1, t, NORMAL))
        else:
            half = t * np.sqrt(variance)
            low, high = np.maximum(mean - half, np.minimum(mean, floor)), mean + half
    low, high = (np.where(np.isnan(bound) | (n < 2), mean, bound) for bound in (low, high))
    return [Estimate(*row) for row in np.column_stack([mean, low, high]).tolist()]


def wilson(share: Any, trials: Any, z: Any) -> tuple[Any, Any]:
    """Wilson's interval for a share of so many trials."""
    worth = z * z / np.where(np.isnan(trials), math.inf, trials)
    middle = (share + worth / 2.0) / (1.0 + worth)
    half = np.sqrt(share * (1.0 - share) * worth + worth * worth / 4.0) / (1.0 + worth)
    return np.clip(np.minimum(middle - half, share), 0.0, 1.0), np.clip(np.maximum(middle + half, share), 0.0, 1.0)


def from_batches(whole: float, batches: Sequence[float], *, share: bool = False, total: bool = False) -> Estimate:
    """Of one run: `whole` is its number, `batches` the same of each of its batches. `total`: it adds up over them."""
    told = np.array([value for value in batches if not math.isnan(value)])
    n = len(told)
    if n < LEAST_BATCHES or math.isnan(whole):
        return Estimate(whole, whole, whole)
    apart = told - told.mean()
    variance = float((apart**2).sum()) / (n - 1)
    if variance == 0.0:
        return Estimate(whole, whole, whole)
    follows = min(max(float((apart[1:] * apart[:-1]).sum()) / float((apart**2).sum()), 0.0), MOST_CORRELATED)
    of_mean = variance / n * (1.0 + follows) / (1.0 - follows)
    t = float(student(n))
    if share:
        low, high = wilson(whole, whole * (1.0 - whole) / of_mean, t)
        return Estimate(whole, float(low), float(high))
    half = t * math.sqrt(of_mean) * (n if total else 1)
    return Estimate(whole, max(whole - half, min(whole, 0.0)), whole + half)
