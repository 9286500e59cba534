"""A plan for a demand of which only a share is simulated: every capacity shrinks by the same factor.

What scales: rates (limits and quotas), concurrency, queues, budgets, replicas, the fleet's bound on retries, thresholds of tokens waiting
and of cost. What does not: times, promises, prices, shares. What is counted whole is rounded, at least to 1, and the notes say where that
is off by more than a twentieth; small systems cannot be thinned well, because chance weighs more in them than in large ones.

What must not live here: the demand, and the error that thinning makes (`simulator.thinning`).
"""

from decimal import Decimal
from typing import Any, Final, TypeVar

from roteiro.plan.condition import Comparison
from roteiro.plan.model import Budget, Limits, Plan, Provider, Queue
from roteiro.plan.part import Part
from roteiro.terms.units import Rate

__all__ = ["thin_plan"]

PartT = TypeVar("PartT", bound=Part)
FAR_OFF: Final = 0.05
COUNTED: Final = ("in_flight", "queue_depth", "queue_depth_tokens", "cost_per_hour")
"""Metrics of conditions whose values shrink with the demand."""


class Scale:
    """Multiplies by `factor`, and notes what had to be rounded far off."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.notes: list[str] = []

    def count(self, where: str, value: int | None, least: int = 1) -> int | None:
        """A whole number, at least `least`; None stays None."""
        if value is None or value == 0:
            return value
        wanted = value * self.factor
        made = max(round(wanted), least)
        if abs(made - wanted) > FAR_OFF * wanted:
            self.notes.append(f"{where}: {value} × {self.factor:g} is {wanted:.3g}, taken as {made}")
        return made

    def rate(self, value: Rate | None) -> Rate | None:
        return None if value is None else Rate(value.amount * Decimal(repr(self.factor)), value.period_s)

    def limits(self, limits: Limits) -> Limits:
        return changed(limits, requests=self.rate(limits.requests), tokens=self.rate(limits.tokens))

    def budgets(self, budgets: dict[str, Budget]) -> dict[str, Budget]:
        return {name: changed(budget, amount_nusd=round(budget.amount_nusd * self.factor)) for name, budget in budgets.items()}

    def queue(self, where: str, queue: Queue | None) -> Queue | None:
        return None if queue is None else changed(queue, size=self.count(f"{where}.size", queue.size))


def changed(part: PartT, **updates: Any) -> PartT:
    return part.model_copy(update=updates)


def thin_plan(plan: Plan, factor: float) -> tuple[Plan, tuple[str, ...]]:
    """The plan whose capacities are `factor` of what they are, and what could not be scaled well, in words. `factor` is in (0, 1]."""
    if factor == 1.0:
        return plan, ()
    scale = Scale(factor)
    thin = changed(
        plan,
        providers={name: thin_provider(scale, f"providers.{name}", provider) for name, provider in plan.providers.items()},
        models={name: changed(model, limits=scale.limits(model.limits)) for name, model in plan.models.items()},
        tenants={
            name: changed(
                tenant, concurrency=scale.count(f"tenants.{name}.concurrency", tenant.concurrency), limits=scale.limits(tenant.limits),
                key_limits=scale.limits(tenant.key_limits), budgets=scale.budgets(tenant.budgets),
            )
            for name, tenant in plan.tenants.items()
        },
        teams={name: changed(team, budgets=scale.budgets(team.budgets)) for name, team in plan.teams.items()},
        workloads={
            name: changed(
                workload, concurrency=scale.count(f"workloads.{name}.concurrency", workload.concurrency),
                queue=scale.queue(f"workloads.{name}.queue", workload.queue), limits=scale.limits(workload.limits),
                budgets=scale.budgets(workload.budgets),
            )
            for name, workload in plan.workloads.items()
        },
        budgets=scale.budgets(plan.budgets),
        queue=scale.queue("queue", plan.queue),
        retry=changed(plan.retry, min_per_second=plan.retry.min_per_second * factor),
        scaling_policies=thin_scaling(scale, plan),
    )  # fmt: skip
    for index, rule in enumerate(plan.routing_logic):
        for leaf in rule.condition.leaves():
            if isinstance(leaf, Comparison) and leaf.metric.name in COUNTED:
                scale.notes.append(f"routing_logic[{index}].condition: {leaf.metric.name} is compared with what it is without thinning")
    return thin, tuple(scale.notes)


def thin_provider(scale: Scale, where: str, provider: Provider) -> Provider:
    limits, breaker, servers = provider.limits, provider.breaker, provider.servers
    if servers is not None:
        servers = changed(
            servers,
            replicas=scale.count(f"{where}.servers.replicas", servers.replicas),
            least=scale.count(f"{where}.servers.least", servers.least),
            most=scale.count(f"{where}.servers.most", servers.most),
            queue=scale.count(f"{where}.servers.queue", servers.queue),
        )
    return changed(
        provider,
        limits=changed(
            limits, requests=scale.rate(limits.requests), tokens=scale.rate(limits.tokens),
            concurrency=scale.count(f"{where}.limits.concurrency", limits.concurrency),
        ),
        breaker=changed(breaker, minimum_calls=scale.count(f"{where}.breaker.minimum_calls", breaker.minimum_calls)),
        servers=servers,
    )  # fmt: skip


def thin_scaling(scale: Scale, plan: Plan) -> Any:
    policies, by_tokens, by_cost = plan.scaling_policies, plan.scaling_policies.token_based, plan.scaling_policies.cost_based
    if by_tokens is not None:
        by_tokens = changed(
            by_tokens,
            scale_up_threshold=scale.count("scaling_policies.token_based.scale_up_threshold", by_tokens.scale_up_threshold),
            scale_down_threshold=scale.count("scaling_policies.token_based.scale_down_threshold", by_tokens.scale_down_threshold),
        )
    if by_cost is not None:
        by_cost = changed(by_cost, max_budget_nusd=round(by_cost.max_budget_nusd * scale.factor))
    floor = {
        name: changed(curve, replicas=tuple(scale.count(f"scaling_policies.floor.{name}", count) for count in curve.replicas))
        for name, curve in policies.floor.items()
    }
    return changed(policies, token_based=by_tokens, cost_based=by_cost, floor=floor)
