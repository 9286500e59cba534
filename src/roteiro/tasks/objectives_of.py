"""A plan's objectives: every promise of every tier, and its `slos`.

What must not live here: what an objective means (`analysis.objective`), and the list of what is promised (`plan.promised`).
"""

from typing import Final

from roteiro.analysis.objective import BurnAlert, BurnStep, Measure, Objective, Scope, Severity, Sli, Slices, Window, usual_alerts
from roteiro.plan.model import Plan
from roteiro.plan.objectives import Alerts, Slo
from roteiro.plan.promised import Promised, promised

__all__ = ["objectives_of", "window_of"]

GOOD: Final = 0.5
"""A verdict at least this good is a good one: judges and canaries say 0 or 1, users anything between."""
VERDICTS: Final = (Sli.QUALITY, Sli.HALLUCINATION)


def objectives_of(plan: Plan) -> tuple[Objective, ...]:
    """The promises of the tiers, the strictest tier first and each named `tier.what`; then the plan's `slos` under their own names."""
    return tuple(objective(plan, one) for one in promised(plan))


def objective(plan: Plan, one: Promised) -> Objective:
    """With its window, alerts and steps. Where nothing may be bad, or means are judged, there is no budget that could burn."""
    sli, of, window = Sli(one.sli), one.scope, window_of(one.of.window, plan.timezone)
    slices = one.of.slices if isinstance(one.of, Slo) else None
    return Objective(
        one.name,
        sli,
        one.least,
        GOOD if sli in VERDICTS else one.bound,
        Scope(of.tier, of.tenant, of.workload, of.model, of.provider, of.region),
        window,
        None if slices is None else Slices(slices.length_s, slices.objective),
        one.tier,
        alerts_of(one.of.alerts, window, one.least) if one.least < 1.0 else (),
        tuple(BurnStep(step.spent, step.do, step.to, step.below) for step in one.of.steps),
        Measure.MEAN if one.mean else Measure.SHARE,
        one.of.alerts.page,
        one.of.alerts.ticket,
        plan.quality.score if sli is Sli.QUALITY else (),
    )


def window_of(window: str | float, timezone: str) -> Window:
    """A window as the plan writes it: a calendar's word, or seconds."""
    return Window.calendar(window, timezone) if isinstance(window, str) else Window.rolling(window)  # type: ignore[arg-type]


def alerts_of(alerts: Alerts, window: Window, least: float) -> tuple[BurnAlert, ...]:
    if alerts.burn == "none":
        return ()
    if alerts.burn == "auto":
        return usual_alerts(window, least)
    return tuple(BurnAlert(rule.burn, rule.long_s, rule.short_s, Severity(rule.severity)) for rule in alerts.burn)
