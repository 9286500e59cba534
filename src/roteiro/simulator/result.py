"""What came of simulated runs: each number as its mean over seeds with a 95 % interval.

What must not live here: the running of them, and how a result is shown.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np

from roteiro.plan.compile import Compiled
from roteiro.simulator.tally import Tally
from roteiro.terms.codes import BreakerState, Outcome, Reason

__all__ = ["Estimate", "Measured", "ProviderResult", "Spread", "TenantResult", "TierResult", "measure", "over_seeds"]

T = TypeVar("T")

STUDENT: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for a two-sided interval of 95 %, by degrees of freedom from 1."""
NUSD: Final = 1e9
ALL: Final = 0
TOTAL, TTFT = 0, 1
REFUSED: Final = (Outcome.LIMITED, Outcome.BUDGET, Outcome.CANCELLED, Outcome.INVALID)
"""Outcomes that are the client's own affair: no part of availability."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds and its 95 % interval (Student). All three are the same where one seed tells it; NaN where none does."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread(Generic[T]):
    """Of times, in milliseconds."""

    p50: T
    p95: T
    p99: T
    mean: T


@dataclass(frozen=True, slots=True)
class TierResult(Generic[T]):
    """One SLA tier. `availability`: answers among requests that were not refused for the client's own sake (limits, budgets, cancelled,
    invalid). `within_latency`, `within_ttft`: share of answers within the promised p95; NaN where nothing is promised."""

    requests: T
    availability: T
    within_latency: T
    within_ttft: T
    total_ms: Spread[T]
    ttft_ms: Spread[T]


@dataclass(frozen=True, slots=True)
class ProviderResult(Generic[T]):
    """`share` of all answers. Requests, tokens and cost are of requests whose last attempt was here. `opened`, `half_opened`, `closed`
    count its breaker's transitions."""

    share: T
    requests: T
    failed: T
    input_tokens: T
    output_tokens: T
    cost_usd: T
    opened: T
    half_opened: T
    closed: T


@dataclass(frozen=True, slots=True)
class TenantResult(Generic[T]):
    requests: T
    answered: T
    cost_usd: T


@dataclass(frozen=True, slots=True)
class Measured(Generic[T]):
    """All that is told of simulated runs: of one seed with T float, over seeds with T Estimate.

    `cached` is the share of requests that a cache answered; `rescues` and `hedged` count. `lost_usd` is what attempts that were given up
    cost beside `cost_usd`, `saved_usd` what caches saved, both estimates.
    """

    requests: T
    simulated_s: T
    outcomes: dict[str, T]
    total_ms: Spread[T]
    ttft_ms: Spread[T]
    tiers: dict[str, TierResult[T]]
    providers: dict[str, ProviderResult[T]]
    tenants: dict[str, TenantResult[T]]
    cost_usd: T
    reasons: dict[str, T]
    attempts_a_request: T
    fallbacks: T
    degraded: T
    cached: T
    rescues: T
    hedged: T
    lost_usd: T
    saved_usd: T


def measure(compiled: Compiled, tally: Tally, simulated_s: float) -> Measured[float]:
    """The numbers of one run. `outcomes` and `reasons` are shares of requests; reasons of those that got no answer."""
    requests = tally.requests
    names = compiled.names
    answers = int(tally.providers[:, 0].sum())
    breakers = tally.breakers
    return Measured(
        requests=float(requests),
        simulated_s=simulated_s,
        outcomes={outcome.name.lower(): ratio(tally.outcomes[ALL, outcome], requests) for outcome in Outcome},
        total_ms=spread(tally, ALL, TOTAL),
        ttft_ms=spread(tally, ALL, TTFT),
        tiers={name: tier(tally, i + 1) for i, name in enumerate(names.tiers)},
        providers={
            name: ProviderResult(
                ratio(row[0], answers), float(row[1]), float(row[5]), float(row[2]), float(row[3]), row[4] / NUSD,
                float(breakers[t, BreakerState.OPEN]), float(breakers[t, BreakerState.HALF_OPEN]), float(breakers[t, BreakerState.CLOSED]),
            )
            for t, (name, row) in enumerate(zip(names.targets, tally.providers, strict=True))
        },
        tenants={
            name: TenantResult(float(row[0]), float(row[1]), row[2] / NUSD) for name, row in zip(names.tenants, tally.tenants, strict=True)
        },
        cost_usd=float(tally.tenants[:, 2].sum()) / NUSD,
        reasons={reason.name.lower(): ratio(tally.reasons[reason], requests) for reason in Reason if reason and tally.reasons[reason]},
        attempts_a_request=ratio(tally.extra[0], requests),
        fallbacks=float(tally.extra[1]),
        degraded=float(tally.extra[2]),
        cached=ratio(tally.extra[3], requests),
        rescues=float(tally.extra[4]),
        hedged=float(tally.extra[5]),
        lost_usd=tally.extra[6] / NUSD,
        saved_usd=tally.extra[7] / NUSD,
    )  # fmt: skip


def ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan


def spread(tally: Tally, row: int, time: int) -> Spread[float]:
    p50, p95, p99 = (tally.quantile(row, time, share) for share in (0.5, 0.95, 0.99))
    return Spread(p50, p95, p99, tally.mean(row, time))


def tier(tally: Tally, row: int) -> TierResult[float]:
    outcomes = tally.outcomes[row]
    due = outcomes.sum() - sum(outcomes[outcome] for outcome in REFUSED)

    def within(time: int) -> float:
        promised = not math.isnan(tally.promised_ms[row, time])
        return ratio(tally.within[row, time], tally.measured(row, time)) if promised else math.nan

    return TierResult(
        float(outcomes.sum()), ratio(outcomes[Outcome.SUCCESS], due), within(TOTAL), within(TTFT),
        spread(tally, row, TOTAL), spread(tally, row, TTFT),
    )  # fmt: skip


def over_seeds(runs: Sequence[Measured[float]]) -> Measured[Estimate]:
    """The same tree with an Estimate at each leaf. A name that some seeds lack (a reason) counts as 0 there."""
    combined: Measured[Estimate] = combine(runs)
    return combined


def combine(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, dict):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: combine([value.get(key, 0.0) for value in values]) for key in keys}
    if dataclasses.is_dataclass(first):
        return type(first)(**{f.name: combine([getattr(value, f.name) for value in values]) for f in dataclasses.fields(first)})  # type: ignore[misc]
    return estimate(values)


def estimate(values: Sequence[float]) -> Estimate:
    told = np.array([value for value in values if not math.isnan(value)])
    n = len(told)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan)
    mean = float(told.mean())
    if n == 1:
        return Estimate(mean, mean, mean)
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else 1.96 + 2.4 / (n - 1)
    half = t * float(told.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half)
