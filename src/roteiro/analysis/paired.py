"""Whether two alternatives differ by more than chance, when both were tried under the same luck.

Student's paired t test (Student, "The probable error of a mean", 1908) on the differences seed by seed; and Holm's correction ("A simple
sequentially rejective multiple test procedure", 1979) for looking at many figures at once: of 20 figures that do not differ, one would
otherwise be called different at 5 %. Holm's holds whatever the figures have to do with each other.
What must not live here: what the figures are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Paired", "holm", "paired", "student_quantile", "student_two_sided"]

SEARCH = 200
"""Halvings of the interval in which a quantile is looked for: more than a float has bits."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of the differences (new - old), its 95 % interval, and the two-sided p: how likely such a mean or a larger one would be if
    there were no difference. `pairs` is how many seeds tell it."""

    mean: float
    low: float
    high: float
    p: float
    pairs: int


def paired(old: Sequence[float], new: Sequence[float]) -> Paired | None:
    """Of as many values of each, pair by pair; pairs that lack one (NaN) are left out. None where no pair is left.

    One pair tells no p (NaN) unless its values are equal. Differences that are all the same leave no doubt: p is 1 where they are 0,
    else 0.
    """
    differences = [b - a for a, b in zip(old, new, strict=True) if not (math.isnan(a) or math.isnan(b))]
    n = len(differences)
    if n == 0:
        return None
    mean = math.fsum(differences) / n
    if n == 1:
        return Paired(mean, mean, mean, 1.0 if mean == 0.0 else math.nan, 1)
    variance = math.fsum((one - mean) ** 2 for one in differences) / (n - 1)
    error = math.sqrt(variance / n)
    # A spread that floats cannot tell from none is none.
    if error <= abs(mean) * 1e-12:
        return Paired(mean, mean, mean, 1.0 if mean == 0.0 else 0.0, n)
    half = student_quantile(0.975, n - 1) * error
    return Paired(mean, mean - half, mean + half, student_two_sided(mean / error, n - 1), n)


def student_two_sided(t: float, freedom: int) -> float:
    """The share of Student's distribution farther from 0 than t; `freedom` is a whole number of degrees, at least 1.

    The finite series of Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * cosine * ((k - 1) / k)
        total += term
    within = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - within))


def student_quantile(share: float, freedom: int) -> float:
    """The value that `share` (0.5 to 1) of Student's distribution lies below, found by halving."""
    low, high = 0.0, 1.0
    while student_two_sided(high, freedom) > 2.0 * (1.0 - share):
        high *= 2.0
    for _ in range(SEARCH):
        middle = (low + high) / 2.0
        if student_two_sided(middle, freedom) > 2.0 * (1.0 - share):
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def holm(ps: Sequence[float]) -> list[float]:
    """Each p as it counts when all are looked at; NaN stays, and does not count as looked at."""
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    adjusted, most = list(ps), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(order) - rank) * ps[i]))
        adjusted[i] = most
    return adjusted
