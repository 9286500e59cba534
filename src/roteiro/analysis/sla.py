"""Service levels judged: what was promised in each dimension, what was counted, and one verdict on each tier.

**A percentile** "p95 within 2 s" is kept when at least 95 % of the answers came within 2 s; that share is what is judged, with its
interval. Percentiles are computed over all answers of the period at once, never as a mean of percentiles.

**What nothing measured** (quality, confidence, hallucination, leaks) is unverified, never good, and so is a tier that promises it.

What must not live here: counting (`sli`), the plan, and words for people.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import sqrt

from roteiro.analysis.error_budget import Budget, Counts
from roteiro.analysis.objective import Measure, Objective, Sli
from roteiro.analysis.spread import Z_95, Interval, Times, wilson

__all__ = [
    "Attainment",
    "Corrected",
    "Dimension",
    "Service",
    "SlaReport",
    "TierReport",
    "Verdict",
    "attain",
    "judge",
    "tier_report",
    "with_correction",
    "worst",
]

MEASURED = (Sli.QUALITY, Sli.CONFIDENCE, Sli.HALLUCINATION, Sli.LEAKS)
"""What must be looked for: without a signal nothing is known, however many answers were given."""


class Verdict(StrEnum):
    """Whether a promise was kept."""

    MET = "met"
    MISSED = "missed"
    NO_DATA = "no_data"
    """A promise, and nothing to judge it by."""
    NO_TARGET = "no_target"
    """Nothing was promised."""
    UNVERIFIED = "unverified"
    """Nothing measures it."""


@dataclass(frozen=True, slots=True)
class Attainment:
    """`good` of `total` against `target`, the share that must be good.

    `interval` holds the share behind the count with 95 % confidence; `sure` says that it lies wholly on the verdict's side of the target.
    """

    target: float | None
    good: int
    total: int
    share: float | None
    interval: Interval | None
    verdict: Verdict
    sure: bool


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of `count` values, in nano-dollars, with its 95 % interval (normal; None of fewer than two)."""

    value: float
    interval: Interval | None
    count: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """The share of good events without the errors of the judge who gave `judged` of the verdicts; None where that judge tells nothing."""

    share: float | None
    judged: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Dimension:
    """One objective, judged. `counts` are of slices where it is judged by them, `empty` those without any event.

    `groups`: the same by tenant, workload and so on, where that was asked for; what has none is under the empty name.
    """

    objective: Objective
    counts: Counts
    attained: Attainment
    budget: Budget | None = None
    mean: Mean | None = None
    empty: int | None = None
    groups: Mapping[str, Counts] = field(default_factory=dict)
    corrected: Corrected | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Requests of a tier by outcome, and the times of its answers; `first_token` of those that were streamed."""

    requests: int = 0
    answered: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    total: Times = field(default_factory=lambda: Times(0, None, None, None))
    first_token: Times = field(default_factory=lambda: Times(0, None, None, None))

    @property
    def availability(self) -> Attainment:
        """Against no promise."""
        return attain(self.answered, self.requests - sum(self.excluded.values()), None)


@dataclass(frozen=True, slots=True)
class TierReport:
    """One tier's service. `tier` is None for tenants of no tier. `verdict` is that of all its promises together."""

    tier: str | None
    service: Service
    dimensions: tuple[Dimension, ...]
    verdict: Verdict
    sure: bool
    support: str | None = None

    def attained(self, what: str) -> Attainment:
        """One dimension by its word (`availability`, `latency_p95`); without a promise, what there is to say all the same."""
        for dimension in self.dimensions:
            if dimension.objective.name == f"{self.tier}.{what}":
                return dimension.attained
        return self.service.availability if what == "availability" else attain(0, 0, None)

    def bound(self, what: str) -> float | None:
        """The bound of a dimension, in the unit of its indicator."""
        return next((one.objective.bound for one in self.dimensions if one.objective.name == f"{self.tier}.{what}"), None)


@dataclass(frozen=True, slots=True)
class SlaReport:
    """Every tier that promises or was used, those that promise first and in the order given; `own` are objectives of no tier's promise."""

    tiers: tuple[TierReport, ...]
    overall: Service
    own: tuple[Dimension, ...] = ()
    by: str | None = None

    @property
    def requests(self) -> int:
        return self.overall.requests


def attain(good: int, total: int, target: float | None) -> Attainment:
    """`good` of `total` judged against `target`."""
    interval = wilson(good, total)
    if total == 0 or interval is None:
        return Attainment(target, good, total, None, None, Verdict.NO_TARGET if target is None else Verdict.NO_DATA, False)
    share = good / total
    if target is None:
        return Attainment(None, good, total, share, interval, Verdict.NO_TARGET, False)
    if share >= target:
        return Attainment(target, good, total, share, interval, Verdict.MET, interval.low >= target)
    return Attainment(target, good, total, share, interval, Verdict.MISSED, interval.high < target)


def judge(
    objective: Objective,
    counts: Counts,
    *,
    sums: tuple[int, float] | None = None,
    empty: int | None = None,
    groups: Mapping[str, Counts] | None = None,
) -> Dimension:
    """One objective by its counts; `sums` (the sum and that of squares) where it is of a mean."""
    by = groups or {}
    if objective.measure is Measure.MEAN and sums is not None:
        attained, mean = of_mean(objective, counts.total, *sums)
        return Dimension(objective, counts, attained, None, mean, groups=by)
    attained = attain(counts.good, counts.total, objective.least)
    if counts.total == 0 and objective.sli in MEASURED:
        attained = Attainment(objective.least, 0, 0, None, None, Verdict.UNVERIFIED, False)
    elif objective.sli is Sli.AUDITABLE and counts.total:
        # Every request was looked up: it is no sample of others.
        attained = Attainment(objective.least, counts.good, counts.total, attained.share, attained.interval, attained.verdict, True)
    budget = Budget.of(counts, objective.least) if objective.has_budget else None
    return Dimension(objective, counts, attained, budget, empty=empty, groups=by)


def with_correction(dimension: Dimension, told: Corrected) -> Dimension:
    """The verdict by the corrected share; unverified by a judge who tells nothing. The counts stay those of the verdicts."""
    it, least = dimension.attained, dimension.objective.least
    if told.share is None or told.interval is None:
        return replace(dimension, corrected=told, attained=replace(it, share=None, interval=None, verdict=Verdict.UNVERIFIED, sure=False))
    met = told.share >= least
    sure = told.interval.low >= least if met else told.interval.high < least
    verdict = Verdict.MET if met else Verdict.MISSED
    return replace(dimension, corrected=told, attained=replace(it, share=told.share, interval=told.interval, verdict=verdict, sure=sure))


def of_mean(objective: Objective, count: int, total: int, squares: float) -> tuple[Attainment, Mean | None]:
    """A mean against the most it may be."""
    bound = objective.bound
    if not count or bound is None:
        return Attainment(None, 0, count, None, None, Verdict.NO_DATA, False), None
    value = total / count
    half = Z_95 * sqrt(max(squares / count - value * value, 0.0) / (count - 1)) if count > 1 else None
    interval = None if half is None else Interval(max(0.0, value - half), value + half)
    met = value <= bound
    sure = interval is not None and (interval.high <= bound if met else interval.low > bound)
    return Attainment(None, 0, count, None, None, Verdict.MET if met else Verdict.MISSED, sure), Mean(value, interval, count)


def worst(attained: Iterable[Attainment]) -> tuple[Verdict, bool]:
    """One verdict on several promises, and whether it is sure: missed where one is, unverified or without data where one is, else met."""
    found = list(attained)
    for verdict in (Verdict.MISSED, Verdict.UNVERIFIED, Verdict.NO_DATA):
        its = [one for one in found if one.verdict is verdict]
        if its:
            return verdict, verdict is not Verdict.MISSED or any(one.sure for one in its)
    if not any(one.verdict is Verdict.MET for one in found):
        return Verdict.NO_TARGET, False
    return Verdict.MET, all(one.sure for one in found)


def tier_report(tier: str | None, service: Service, dimensions: Iterable[Dimension], support: str | None = None) -> TierReport:
    """A tier with the verdict on all its promises."""
    its = tuple(dimensions)
    verdict, sure = worst(one.attained for one in its)
    return TierReport(tier, service, its, verdict, sure, support)
