"""A plan's objectives: every promise of every tier, and its `slos`.

What must not live here: what an objective means (`analysis.objective`), and the plan's checks.
"""

from collections.abc import Iterator
from typing import Any, Final

from roteiro.analysis.objective import BurnAlert, BurnStep, Measure, Objective, Scope, Severity, Sli, Slices, Window, usual_alerts
from roteiro.plan.model import Plan
from roteiro.plan.objectives import Alerts, SlaTier, Slo
from roteiro.plan.objectives import BurnStep as PlannedStep

__all__ = ["objectives_of", "window_of"]

PERCENTILES: Final = (50, 90, 95, 99)
REACHED: Final = 0.95
"""Share of streamed answers that a promised throughput means."""
GOOD: Final = 0.5
"""A verdict at least this good is a good one: judges and canaries say 0 or 1, users anything between."""


def objectives_of(plan: Plan) -> tuple[Objective, ...]:
    """The promises of the tiers, the strictest tier first and each named `tier.what`; then the plan's `slos` under their own names."""
    tiers = sorted(plan.sla_tiers.items(), key=lambda item: (-(item[1].availability or 0.0), item[1].latency_p95_s or float("inf")))
    found = [objective for name, tier in tiers for objective in promises(plan, name, tier)]
    return (*found, *(own(plan, name, slo) for name, slo in plan.slos.items()))


def promises(plan: Plan, name: str, tier: SlaTier) -> Iterator[Objective]:
    """What a tier promises, one dimension after the other."""
    for what, sli, least, bound in dimensions(tier):
        yield made(
            plan, f"{name}.{what}", sli, least, bound, tier,
            scope=Scope(tier=name), tier=name, measure=Measure.MEAN if sli is Sli.COST else Measure.SHARE,
        )  # fmt: skip


def dimensions(tier: SlaTier) -> Iterator[tuple[str, Sli, float, float | None]]:
    """The word, the SLI, the least share and the bound of each promise."""
    if tier.availability is not None:
        yield "availability", Sli.AVAILABILITY, tier.availability, None
    for sli in (Sli.LATENCY, Sli.TTFT):
        for percent in PERCENTILES:
            bound_s: float | None = getattr(tier, f"{sli}_p{percent}_s")
            if bound_s is not None:
                yield f"{sli}_p{percent}", sli, percent / 100, bound_s
    if tier.throughput is not None:
        yield "throughput", Sli.THROUGHPUT, REACHED, tier.throughput
    if tier.quality_score is not None:
        yield "quality", Sli.QUALITY, tier.quality_score, GOOD
    if tier.confidence is not None:
        yield "confidence", Sli.CONFIDENCE, tier.confidence.of, tier.confidence.above
    if tier.hallucination_rate is not None:
        yield "hallucination", Sli.HALLUCINATION, 1.0 - tier.hallucination_rate, GOOD
    if tier.pii_leaks is not None:
        yield "leaks", Sli.LEAKS, 1.0, None
    if tier.auditable is not None:
        yield "auditable", Sli.AUDITABLE, tier.auditable, None
    if tier.cost_per_request_nusd is not None:
        yield "cost", Sli.COST, 1.0, float(tier.cost_per_request_nusd)


def own(plan: Plan, name: str, slo: Slo) -> Objective:
    sli, of = Sli(slo.sli), slo.of
    bound = GOOD if sli in (Sli.QUALITY, Sli.HALLUCINATION) else slo.bound
    scope = Scope(of.tier, of.tenant, of.workload, of.model, of.provider, of.region)
    slices = None if slo.slices is None else Slices(slo.slices.length_s, slo.slices.objective)
    return made(plan, name, sli, slo.objective, bound, slo, scope=scope, slices=slices)


def made(plan: Plan, name: str, sli: Sli, least: float, bound: float | None, of: SlaTier | Slo, **more: Any) -> Objective:
    """With its window, alerts and steps. Where nothing may be bad, or means are judged, there is no budget that could burn."""
    window = window_of(of.window, plan.timezone)
    return Objective(
        name, sli, least, bound, window=window, steps=tuple(map(step, of.steps)), page=of.alerts.page, ticket=of.alerts.ticket,
        alerts=alerts_of(of.alerts, window, least) if least < 1.0 else (),
        kinds=plan.quality.score if sli is Sli.QUALITY else (), **more,
    )  # fmt: skip


def window_of(window: str | float, timezone: str) -> Window:
    """A window as the plan writes it: a calendar's word, or seconds."""
    return Window.calendar(window, timezone) if isinstance(window, str) else Window.rolling(window)  # type: ignore[arg-type]


def alerts_of(alerts: Alerts, window: Window, least: float) -> tuple[BurnAlert, ...]:
    if alerts.burn == "none":
        return ()
    if alerts.burn == "auto":
        return usual_alerts(window, least)
    return tuple(BurnAlert(rule.burn, rule.long_s, rule.short_s, Severity(rule.severity)) for rule in alerts.burn)


def step(planned: PlannedStep) -> BurnStep:
    return BurnStep(planned.spent, planned.do, planned.to, planned.below)
