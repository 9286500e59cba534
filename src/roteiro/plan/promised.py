"""Everything that a plan promises or aims at as one list: tiers' promises, one a dimension, and the objectives of `slos`.

What must not live here: counting, and what an objective is to a report.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from roteiro.plan.model import Plan
from roteiro.plan.objectives import ObjectiveScope, SlaTier, SliName, Slo

__all__ = ["Promised", "promised"]

PERCENTILES: Final = (50, 90, 95, 99)
REACHED: Final = 0.95
"""Share of streamed answers that a promised throughput means."""


@dataclass(frozen=True, slots=True)
class Promised:
    """At least `least` of the events of `scope` are good. `name` is `tier.what`, or that of the objective.

    `bound`: seconds (latency, ttft), output tokens a second (throughput), a share (confidence), nano-dollars (cost), None for the others.
    `mean`: the mean is held against the bound, and no single event is good or bad.
    """

    name: str
    sli: SliName
    least: float
    bound: float | None
    scope: ObjectiveScope
    of: SlaTier | Slo
    tier: str | None = None
    mean: bool = False


def promised(plan: Plan) -> tuple[Promised, ...]:
    """The tiers', the strictest tier first; then the plan's own, in its order."""
    tiers = sorted(plan.sla_tiers.items(), key=lambda item: (-(item[1].availability or 0.0), item[1].latency_p95_s or float("inf")))
    found = [
        Promised(f"{name}.{what}", sli, least, bound, ObjectiveScope(tier=name), tier, name, mean=what == "cost")
        for name, tier in tiers
        for what, sli, least, bound in dimensions(tier)
    ]
    return (*found, *(Promised(name, slo.sli, slo.objective, slo.bound, slo.of, slo) for name, slo in plan.slos.items()))


def dimensions(tier: SlaTier) -> Iterator[tuple[str, SliName, float, float | None]]:
    """The word, the SLI, the least share and the bound of each promise of a tier."""
    if tier.availability is not None:
        yield "availability", "availability", tier.availability, None
    timed: tuple[tuple[SliName, str], ...] = (("latency", "latency"), ("ttft", "ttft"))
    for sli, word in timed:
        for percent in PERCENTILES:
            bound_s: float | None = getattr(tier, f"{word}_p{percent}_s")
            if bound_s is not None:
                yield f"{word}_p{percent}", sli, percent / 100, bound_s
    if tier.throughput is not None:
        yield "throughput", "throughput", REACHED, tier.throughput
    if tier.quality_score is not None:
        yield "quality", "quality", tier.quality_score, None
    if tier.confidence is not None:
        yield "confidence", "confidence", tier.confidence.of, tier.confidence.above
    if tier.hallucination_rate is not None:
        yield "hallucination", "hallucination", 1.0 - tier.hallucination_rate, None
    if tier.pii_leaks is not None:
        yield "leaks", "leaks", 1.0, None
    if tier.auditable is not None:
        yield "auditable", "auditable", tier.auditable, None
    if tier.cost_per_request_nusd is not None:
        yield "cost", "cost", 1.0, float(tier.cost_per_request_nusd)
