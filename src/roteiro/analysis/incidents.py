"""Incidents as the counts tell them: stretches of time in which an objective's budget burned, for sure and at a loss that matters.

A bucket burns where the share of its events that are bad is more than twice what is usual: what the objective allows, or, where that is
missed all the time, what the window has on the mean. Burning buckets no further apart than JOINED make a stretch; of it remains the part
that holds the most bad events beyond that rate, so that chance does not stretch its ends. It is an incident where two failures at least
spent at least LEAST_SPENT of the whole window's budget, and where they are more than chance: at the usual rate, so many failures in so many
events would come, in any of the window's buckets, with a probability of at most CHANCE (P(X ≥ k) ≤ exp(−n·KL(k/n ‖ p)), H. Chernoff, 1952;
times the number of buckets, C. Bonferroni, 1936).

What must not live here: counting, and who was at fault.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.error_budget import CountSeries
from roteiro.policy.burn import CHANCE, LEAST_BAD

__all__ = ["Incident", "incidents"]

JOINED_S: Final = 900.0
"""Two burning buckets with less than that between them are one incident."""
LEAST_SPENT: Final = 0.01
UNUSUAL: Final = 2.0
"""Times the usual rate from which on a bucket burns."""


@dataclass(frozen=True, slots=True)
class Incident:
    """`since` ≤ t < `until`, to the bucket. `spent` is the share of the window's whole budget that its failures took."""

    since: datetime
    until: datetime
    bad: int
    total: int
    spent: float

    @property
    def length_s(self) -> float:
        return (self.until - self.since).total_seconds()


def incidents(series: CountSeries, least: float, expected: float) -> tuple[Incident, ...]:
    """All of them, by time. `expected`: events of the whole window; there are none where nothing may be bad."""
    allowed = (1.0 - least) * expected
    total = int((series.good + series.bad).sum())
    if allowed <= 0.0 or not total:
        return ()
    usual = max(1.0 - least, int(series.bad.sum()) / total)
    surprise = math.log(max(1, len(series.good)) / CHANCE)
    found = (told(series, first, last, allowed) for first, last in stretches(series, min(UNUSUAL * usual, (1.0 + usual) / 2.0)))
    return tuple(
        one
        for one in found
        if one.bad >= LEAST_BAD and one.spent >= LEAST_SPENT and one.total * divergence(one.bad / one.total, usual) >= surprise
    )


def stretches(series: CountSeries, rate: float) -> Iterator[tuple[int, int]]:
    """First and last bucket of each stretch that burns faster than `rate`, cut to where the excess is."""
    excess = series.bad - rate * (series.good + series.bad)
    burning = np.flatnonzero(excess > 0.0)
    if not len(burning):
        return
    breaks = np.flatnonzero(np.diff(burning) * series.step_s > JOINED_S)
    for first, last in zip(burning[[0, *(breaks + 1)]].tolist(), burning[[*breaks, -1]].tolist(), strict=True):
        begins, ends = densest(excess[first : last + 1])
        yield first + begins, first + ends


def densest(excess: npt.NDArray[np.float64]) -> tuple[int, int]:
    """First and last place of the run with the greatest sum (J. Kadane, in J. Bentley, "Programming Pearls", 1984)."""
    sums = np.concatenate([[0.0], np.cumsum(excess)])
    lowest = np.minimum.accumulate(sums[:-1])
    last = int(np.argmax(sums[1:] - lowest))
    return int(np.argmin(sums[: last + 1])), last


def told(series: CountSeries, first: int, last: int, allowed: float) -> Incident:
    good, bad = (int(values[first : last + 1].sum()) for values in (series.good, series.bad))
    since, until = (series.since + timedelta(seconds=series.step_s * bucket) for bucket in (first, last + 1))
    return Incident(since, until, bad, good + bad, bad / allowed)


def divergence(seen: float, allowed: float) -> float:
    """KL(seen ‖ allowed) of two shares; 0 where fewer were seen than allowed."""
    if seen <= allowed:
        return 0.0
    rest = 0.0 if seen >= 1.0 else (1.0 - seen) * math.log((1.0 - seen) / (1.0 - allowed))
    return seen * math.log(seen / allowed) + rest
