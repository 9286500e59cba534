"""What a plan promises and aims at, what its alerts take to fire at its demand, and what its vendors' promises carry.

What must not live here: what was measured (`service_levels`, `objective_status`).
"""

from dataclasses import dataclass

from roteiro.analysis.burn_alert import failures_to_fire
from roteiro.analysis.objective import BurnAlert, Objective
from roteiro.plan.check_objectives import COUNTED, requests_per_s
from roteiro.plan.composition import AUTO, Composed, compose, models_of_tier
from roteiro.plan.look import Look
from roteiro.plan.promised import promised
from roteiro.plan.read import Reading
from roteiro.tasks.objectives_of import objectives_of
from roteiro.terms.error import PlanError

__all__ = ["AlertTerms", "ObjectiveList", "PathOfTier", "listed", "paths"]


@dataclass(frozen=True, slots=True)
class AlertTerms:
    """One alert of one objective. `events`: how many its long window holds at the plan's demand, `failures`: how many of these make it
    fire; None where the plan does not tell its demand, or not even all would."""

    objective: str
    alert: BurnAlert
    budget_share: float
    events: int | None
    failures: int | None


@dataclass(frozen=True, slots=True)
class ObjectiveList:
    objectives: tuple[Objective, ...]
    alerts: tuple[AlertTerms, ...]


@dataclass(frozen=True, slots=True)
class PathOfTier:
    """A model's path, and what the tiers promise whose tenants may use it: (tier, availability, p95 latency in seconds)."""

    path: Composed
    tiers: tuple[tuple[str, float | None, float | None], ...]


def listed(reading: Reading) -> ObjectiveList:
    """Every objective of a plan that was read. Raises PlanError with its problems where it has errors."""
    plan = reading.plan
    if plan is None:
        raise PlanError(reading.problems)
    scopes = {one.name: one.scope for one in promised(plan)}
    objectives = objectives_of(plan)
    alerts = []
    for one in objectives:
        rate = requests_per_s(plan, scopes[one.name]) if one.sli in COUNTED else None
        for alert in one.alerts:
            share = alert.share(one.window.length_s)
            events = None if rate is None else round(rate * alert.long_s)
            failures = None
            if events is not None and rate is not None:
                failures = failures_to_fire(alert, events, rate * one.window.length_s, one.least, one.window.length_s)
            alerts.append(AlertTerms(one.name, alert, share, events, failures))
    return ObjectiveList(objectives, tuple(alerts))


def paths(reading: Reading) -> tuple[PathOfTier, ...]:
    """What each model of a plan can promise, beside the tiers; a model that the plan writes, else the one over all providers.

    Also of a plan that its cross-checks refuse: here one sees why. Raises PlanError where it cannot be read.
    """
    plan = reading.plan or reading.refused
    if plan is None:
        raise PlanError(reading.problems)
    look = Look(plan, reading.marks)
    written = [name for name in plan.models if look.written("models", name)] or [name for name in plan.models if name == AUTO]
    of_tier = {tier: models_of_tier(plan, tier, written) for tier in plan.sla_tiers}
    return tuple(
        PathOfTier(
            compose(plan, name),
            tuple((tier, promise.availability, promise.latency_p95_s) for tier, promise in plan.sla_tiers.items() if name in of_tier[tier]),
        )
        for name in written
    )
