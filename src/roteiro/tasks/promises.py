"""The promises of a plan's tiers beside what a simulation makes of them.

What must not live here: how they are shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from roteiro.plan.model import Plan
from roteiro.simulator.result import Estimate, Measured

__all__ = ["Promise", "all_kept", "promises_of"]

P95: Final = 0.95
What = Literal["availability", "latency_p95", "ttft_p95", "quality"]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of one tier. `share` of requests for which it was kept (of latencies: of answers), `least` the share that keeps it.

    `kept` on the mean, None without data; `sure`: the whole interval says so too.
    """

    tier: str
    what: What
    least: float
    bound_ms: float | None
    share: Estimate
    kept: bool | None
    sure: bool


def promises_of(plan: Plan, measured: Measured[Estimate]) -> tuple[Promise, ...]:
    """All of them, tier by tier; those of tiers that no request has are without data."""
    found: list[Promise] = []
    nothing = Estimate(math.nan, math.nan, math.nan)
    for name, tier in plan.sla_tiers.items():
        told = measured.tiers.get(name)
        shares = (nothing,) * 3 if told is None else (told.availability, told.within_latency, told.within_ttft)
        if tier.availability is not None:
            found.append(judged(name, "availability", tier.availability, None, shares[0]))
        if tier.latency_p95_s is not None:
            found.append(judged(name, "latency_p95", P95, tier.latency_p95_s * 1e3, shares[1]))
        if tier.ttft_p95_s is not None:
            found.append(judged(name, "ttft_p95", P95, tier.ttft_p95_s * 1e3, shares[2]))
        seen = measured.objectives.get(f"{name}.quality")
        if tier.quality_score is not None and seen is not None:  # else nothing tells how good the providers' answers are
            found.append(judged(name, "quality", tier.quality_score, None, seen.good))
    return tuple(found)


def judged(tier: str, what: What, least: float, bound_ms: float | None, share: Estimate) -> Promise:
    if math.isnan(share.mean):
        return Promise(tier, what, least, bound_ms, share, None, False)
    kept = share.mean >= least
    return Promise(tier, what, least, bound_ms, share, kept, share.low >= least if kept else share.high < least)


def all_kept(promises: Sequence[Promise]) -> bool:
    """Whether none is missed."""
    return all(one.kept is not False for one in promises)
