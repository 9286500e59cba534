"""Error budgets, kept as counts: how many events may be bad, how many were, how fast, and when none is left.

Good and bad events are integers by bucket of time, so budgets add up over any split of time and of traffic, and two ledgers are merged by
adding. Of n events (1 − objective)·n may be bad. What is left is 1 − bad ÷ that: 10,000 good and 1 bad at 99 % leave 99.0 % of the budget.
A window that is not over yet has the budget of the events it is expected to have.

What must not live here: alerts (`burn_alert`), and where counts come from (`sli`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from math import ceil
from operator import add
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from roteiro.analysis.objective import Window

__all__ = ["Budget", "CountSeries", "Counts", "Exhaustion", "exhaustion", "expected_events", "sliced"]

Ints = npt.NDArray[np.int64]

LEVEL: Final = 0.95
RECENT: Final = 1 / 30
"""The part of a window whose rate of failures is taken to go on: a day of a month."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of an objective. `excluded` were left out as the plan's rules say, `maintenance` as it announced; neither is good or bad."""

    good: int = 0
    bad: int = 0
    excluded: int = 0
    maintenance: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.good + other.good, self.bad + other.bad, self.excluded + other.excluded, self.maintenance + other.maintenance
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be bad of `expected` events, and what was. `expected` is at least what there has been."""

    least: float
    good: int
    bad: int
    expected: float

    @classmethod
    def of(cls, counts: Counts, least: float, expected: float | None = None) -> "Budget":
        return cls(least, counts.good, counts.bad, max(float(counts.total), expected or 0.0))

    @property
    def allowed(self) -> float:
        """So many of the expected events may be bad."""
        return (1.0 - self.least) * self.expected

    @property
    def spent(self) -> float | None:
        """Share of the budget; more than 1 where it is overspent. None where there is none to spend."""
        if self.allowed <= 0.0:
            return None
        return self.bad / self.allowed

    @property
    def remaining(self) -> float | None:
        """What is left, as a share of the budget; below 0 where it is overspent."""
        return None if self.spent is None else 1.0 - self.spent

    @property
    def burn(self) -> float | None:
        """How many times faster than allowed the events so far spent it."""
        total = self.good + self.bad
        return None if not total or self.least >= 1.0 else self.bad / total / (1.0 - self.least)


@dataclass(frozen=True, eq=False, slots=True)
class CountSeries:
    """Good and bad events by bucket: the k-th is `step_s` seconds long and begins k of them after `since`."""

    since: datetime
    step_s: float
    good: Ints
    bad: Ints

    def __add__(self, other: "CountSeries") -> "CountSeries":
        """Both together. Raises ValueError where their buckets are not the same."""
        if (self.since, self.step_s) != (other.since, other.step_s):
            raise ValueError("counts of different buckets cannot be added")
        length = max(len(self.good), len(other.good))
        good, bad = (padded(a, length) + padded(b, length) for a, b in ((self.good, other.good), (self.bad, other.bad)))
        return CountSeries(self.since, self.step_s, good, bad)

    @property
    def ends(self) -> datetime:
        return self.since + timedelta(seconds=self.step_s * len(self.good))

    def before(self, at: datetime) -> int:
        """How many buckets begin before `at`."""
        return min(max(ceil((at - self.since).total_seconds() / self.step_s), 0), len(self.good))

    def between(self, since: datetime, until: datetime) -> Counts:
        """Counts of the buckets that begin in since ≤ t < until."""
        first, last = self.before(since), self.before(until)
        return Counts(int(self.good[first:last].sum()), int(self.bad[first:last].sum()))

    def last(self, at: datetime, length_s: float) -> Counts:
        """Counts of the last `length_s` seconds before `at`."""
        return self.between(at - timedelta(seconds=length_s), at)

    @classmethod
    def merged(cls, parts: "list[CountSeries]") -> "CountSeries":
        return reduce(add, parts)


def padded(values: Ints, length: int) -> Ints:
    return np.concatenate([values, np.zeros(length - len(values), np.int64)])


def sliced(series: CountSeries, length_s: float, objective: float) -> CountSeries:
    """The time-slice method: a slice is one good or one bad event; one without any event is neither. Slices begin with the series."""
    by = max(1, round(length_s / series.step_s))
    length = -(-len(series.good) // by)
    good, bad = (padded(values, length * by).reshape(length, by).sum(axis=1) for values in (series.good, series.bad))
    total = good + bad
    kept = (total > 0) & (good >= objective * total * (1.0 - 1e-12))
    return CountSeries(series.since, series.step_s * by, kept.astype(np.int64), ((total > 0) & ~kept).astype(np.int64))


def expected_events(series: CountSeries, window: Window, at: datetime) -> float:
    """Events that the window which holds `at` has when it is over: those there were, and the rest at the rate since they began."""
    since, until = window.bounds(at)
    seen = series.between(since, at).total
    began = max(since, series.since)
    passed, left = (at - began).total_seconds(), (until - at).total_seconds()
    if window.period is None:
        left = max(0.0, (began - since).total_seconds())  # a record that is younger than the window
    return float(seen) if passed <= 0 else seen * (1.0 + max(0.0, left) / passed)


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """When the budget will be spent if failures go on at their recent rate; None: not within this window, or the next as long.

    `earliest` and `latest` hold the rate's 95 % interval.
    """

    at: datetime | None
    earliest: datetime | None
    latest: datetime | None
    bad_per_s: float


def exhaustion(series: CountSeries, window: Window, least: float, at: datetime) -> Exhaustion | None:
    """The forecast for the window that holds `at`; None where nothing is known or nothing may be bad.

    The rate is that of the last thirtieth of the window. Its interval is the exact one of a Poisson count (F. Garwood, 1936), wider where
    failures come in bunches: by the variance of the counts of a sixtieth of that time each over their mean (quasi-Poisson). A rolling
    window forgives failures as they leave it.
    """
    expected = expected_events(series, window, at)
    if expected <= 0.0 or least >= 1.0:
        return None
    since, until = window.bounds(at)
    lately_s = min((until - since).total_seconds() * RECENT, (at - series.since).total_seconds())
    recent_s = max(1, round(lately_s / series.step_s)) * series.step_s
    recent = series.last(at, recent_s).bad
    bunched = dispersion(series, at, recent_s)
    low, high = poisson_interval(recent / bunched)
    allowed = (1.0 - least) * expected

    def when(count: float) -> datetime | None:
        return spent_at(series, window, allowed, count / recent_s, at)

    return Exhaustion(when(recent), when(high * bunched), when(low * bunched), recent / recent_s)


def dispersion(series: CountSeries, at: datetime, recent_s: float) -> float:
    """How much more failures vary from part to part of the recent time than if each came alone; 1 at least."""
    last, count = series.before(at), int(recent_s // series.step_s)
    by = max(1, count // 60)
    parts = series.bad[max(last - count, 0) : last]
    parts = parts[: len(parts) // by * by].reshape(-1, by).sum(axis=1)
    mean = float(parts.mean()) if len(parts) else 0.0
    return max(1.0, float(parts.var(ddof=1)) / mean) if len(parts) > 1 and mean > 0.0 else 1.0


def poisson_interval(count: float) -> tuple[float, float]:
    """The means under which so many, or so few, are seen with 2.5 % each."""
    tail = (1.0 - LEVEL) / 2.0
    low = float(chi2.ppf(tail, 2.0 * count)) / 2.0 if count > 0 else 0.0
    return low, float(chi2.ppf(1.0 - tail, 2.0 * (count + 1.0))) / 2.0


def spent_at(series: CountSeries, window: Window, allowed: float, rate: float, at: datetime) -> datetime | None:
    """When `allowed` failures are in the window, if `rate` of them come a second from `at` on."""
    since, until = window.bounds(at)
    if window.period is not None:
        left = allowed - series.between(since, at).bad
        if left <= 0.0:
            return at
        seconds = left / rate if rate > 0.0 else np.inf
        return at + timedelta(seconds=seconds) if seconds < (until - at).total_seconds() else None
    # In a rolling window those that are in it leave, bucket by bucket, in the order in which they came.
    inside = series.bad[series.before(since) : series.before(at)]
    stays: Any = inside.sum() - np.concatenate([[0], np.cumsum(inside)])
    if stays[0] >= allowed:
        return at
    # A young record begins to leave only when the window begins with it. The most there is at once is just before a bucket leaves.
    leaves_s = max(0.0, (series.since - since).total_seconds()) + (np.arange(len(inside)) + 1) * series.step_s
    over = stays[:-1] + rate * leaves_s >= allowed
    return at + timedelta(seconds=(allowed - float(stays[np.argmax(over)])) / rate) if over.any() else None
