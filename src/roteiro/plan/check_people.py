"""Cross-checks of tenants, teams, workloads, tiers, limits and budgets: whose names fit, and whose numbers.

What must not live here: providers (`check_fleet`).
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from roteiro.plan.logical import Limits
from roteiro.plan.look import Found, Look, checks
from roteiro.plan.near import did_you_mean
from roteiro.plan.objectives import ObjectiveScope
from roteiro.plan.people import Queue
from roteiro.plan.resolve import Path
from roteiro.terms.units import Rate, format_duration, format_money, format_rate, format_share

SINGULAR: Final = {
    "providers": "provider", "models": "model", "tenants": "tenant", "teams": "team", "workloads": "workload", "sla_tiers": "tier",
}  # fmt: skip


def references(look: Look) -> Iterator[tuple[Path, str | None, str]]:
    """Every name that must be in another section: its place, the name, the section."""
    plan = look.plan
    for name, model in plan.models.items():
        if look.written("models", name):
            for target in model.targets:
                yield ("models", name, "targets", target), target, "providers"
            for index, target in enumerate(model.fallbacks):
                yield ("models", name, "fallbacks", index), target, "providers"
            yield ("models", name, "degrade_to"), model.degrade_to, "models"
            yield ("models", name, "larger_context"), model.larger_context, "models"
            for key, tier in zip(("simple", "medium", "complex"), model.complexity.models if model.complexity else (), strict=False):
                yield ("models", name, "complexity", key), tier, "models"
    for name, tenant in plan.tenants.items():
        yield ("tenants", name, "tier"), tenant.tier, "sla_tiers"
        yield ("tenants", name, "team"), tenant.team, "teams"
        for index, workload in enumerate(tenant.workloads):
            yield ("tenants", name, "workloads", index), workload, "workloads"
        for index, asked in enumerate(tenant.models):
            yield ("tenants", name, "models", index), asked, "models"
    for name, kind in plan.workloads.items():
        yield ("workloads", name, "model"), kind.model, "models"
    scopes: list[tuple[Path, ObjectiveScope]] = [(("slos", name, "of"), slo.of) for name, slo in plan.slos.items()]
    scopes += [(("maintenance", index, "of"), one.of) for index, one in enumerate(plan.maintenance)]
    for at, scope in scopes:
        for key, section in (("tier", "sla_tiers"), ("tenant", "tenants"), ("workload", "workloads"), ("provider", "providers")):
            yield (*at, key), getattr(scope, key), section
        yield (*at, "model"), scope.model, "models"
    for index, target in enumerate(plan.quality.canaries.targets if plan.quality.canaries else ()):
        yield ("quality", "canaries", "targets", index), target, "providers"
    yield ("quality", "judge", "model"), plan.quality.judge.model if plan.quality.judge else None, "models"
    for at, part in look.mix_parts():
        yield (*at, "tenant"), part.tenant, "tenants"
        yield (*at, "workload"), part.workload, "workloads"
        yield (*at, "model"), part.model, "models"


@checks("E201", "a name is not in the plan", "What refers to nothing cannot work.")
def unknown_names(look: Look) -> Iterator[Found]:
    for path, name, section in references(look):
        if name is not None and name not in look.names(section):
            known = sorted(look.names(section))
            remedy = did_you_mean(name, known) if known else f"add it under {section}"
            yield Found(path, f"names the unknown {SINGULAR[section]} {name!r}", remedy)


@checks("W220", "a limit is above what can be had", "The providers' quotas refuse first, so the limit never does.")
def above_quota(look: Look) -> Iterator[Found]:
    plan = look.plan

    def quota(targets: set[str], key: str) -> float | None:
        rates: list[Rate | None] = [getattr(plan.providers[target].limits, key) for target in targets if target in plan.providers]
        return None if not rates or None in rates else sum(rate.per_second for rate in rates if rate is not None)

    everyone = set(plan.providers)
    limited: list[tuple[Path, Limits, set[str]]] = []
    for name, model in plan.models.items():
        limited.append((("models", name, "limits"), model.limits, set(model.targets) | set(model.fallbacks)))
    for name, tenant in plan.tenants.items():
        limited += [(("tenants", name, "limits"), tenant.limits, everyone), (("tenants", name, "key_limits"), tenant.key_limits, everyone)]
    for name, workload in plan.workloads.items():
        limited.append((("workloads", name, "limits"), workload.limits, everyone))
    for path, limits, targets in limited:
        for key in ("requests", "tokens"):
            rate, most = getattr(limits, key), quota(targets, key)
            if rate is not None and most is not None and rate.per_second > most * (1 + 1e-9):
                message = f"is {format_rate(rate)}; the providers' quotas together are {most * 60:g}/min"
                yield Found((*path, key), message, "lower it, or have the quotas raised")
    slots = sum(provider.limits.concurrency for provider in plan.providers.values())
    for section in ("tenants", "workloads"):
        for name, part in getattr(plan, section).items():
            if slots and part.concurrency is not None and part.concurrency > slots:
                message = f"is {part.concurrency}; the providers take {slots} at once together"
                yield Found((section, name, "concurrency"), message, "lower it, or raise the providers' limits.concurrency")


@checks("E221", "a budget's thresholds are out of order", "First warn, then degrade, then stop.")
def thresholds(look: Look) -> Iterator[Found]:
    for path, budget in look.budgets():
        steps = [("warn_at", budget.warn_at), ("degrade_at", budget.degrade_at), ("stop_at", budget.stop_at)]
        given = [(key, share) for key, share in steps if share is not None]
        for (key, share), (later, bound) in pairwise(given):
            if share > bound:
                yield Found(
                    (*path, key), f"is {format_share(share)}; at most {later}, {format_share(bound)}", "warn, then degrade, then stop"
                )


@checks("W222", "nothing degrades", "A threshold or rule says degrade, and no model says what to.")
def nothing_degrades(look: Look) -> Iterator[Found]:
    if any(model.degrade_to is not None for model in look.plan.models.values()):
        return
    for path, budget in look.budgets():
        if budget.degrade_at is not None:
            yield Found(
                (*path, "degrade_at"), f"is {format_share(budget.degrade_at)}, and no model has degrade_to", "give a model degrade_to"
            )
    for index, rule in enumerate(look.plan.routing_logic):
        if rule.action.kind == "degrade":
            yield Found(("routing_logic", index, "action"), "degrades, and no model has degrade_to", "give a model degrade_to")


@checks("W223", "two budgets of one owner for one period", "The larger can never stop anything.")
def twin_budgets(look: Look) -> Iterator[Found]:
    first: dict[tuple[Path, str], Path] = {}
    for path, budget in look.budgets():
        other = first.setdefault((path[:-1], budget.period), path)
        if other != path:
            yield Found(path, f"is a second budget for the {budget.period} beside {other[-1]}", "keep the smaller", at_key=True)


@checks("W224", "a budget is above the one around it", "The team's or the whole plan's budget stops first.")
def inner_budgets(look: Look) -> Iterator[Found]:
    plan = look.plan
    for name, tenant in plan.tenants.items():
        around = [(f"budgets.{key}", budget) for key, budget in plan.budgets.items()]
        if tenant.team in plan.teams:
            around += [(f"teams.{tenant.team}.budgets.{key}", budget) for key, budget in plan.teams[tenant.team].budgets.items()]
        for key, budget in tenant.budgets.items():
            for outer, other in around:
                if budget.period == other.period and budget.amount_nusd > other.amount_nusd and other.stop_at is not None:
                    message = f"is {format_money(budget.amount_nusd)} a {budget.period}; {outer} is {format_money(other.amount_nusd)}"
                    yield Found(("tenants", name, "budgets", key), message, f"lower it, or raise {outer}")


@checks("W225", "a budget is empty", "Every request that costs anything is refused.")
def empty_budgets(look: Look) -> Iterator[Found]:
    for path, budget in look.budgets():
        if budget.amount_nusd == 0 and budget.stop_at is not None:
            yield Found(path, "is $0, so that nothing may be spent", "write an amount, or leave the budget out")


@checks("W240", "a tenant may not ask for its workload's model", "Its requests that name no model would be refused.")
def forbidden_default(look: Look) -> Iterator[Found]:
    for name, tenant in look.plan.tenants.items():
        for index, workload in enumerate(tenant.workloads):
            default = look.plan.workloads[workload].model if workload in look.plan.workloads else None
            if tenant.models and default is not None and default not in tenant.models:
                message = f"{workload} asks for {default} by default, which is not among the tenant's models"
                yield Found(("tenants", name, "workloads", index), message, f"add {default} to tenants.{name}.models")


@checks("W245", "waiting outlasts the deadline", "A request that waits so long is past its deadline before it is sent.")
def waiting(look: Look) -> Iterator[Found]:
    deadline = max((model.timeouts.total_s for model in look.own_models().values()), default=None)
    queues: list[tuple[Path, Queue]] = [(("queue", "max_wait"), look.plan.queue)]
    queues += [(("workloads", name, "queue", "max_wait"), one.queue) for name, one in look.plan.workloads.items() if one.queue]
    for path, queue in queues:
        if deadline is not None and queue.max_wait_s >= deadline:
            message = f"is {format_duration(queue.max_wait_s)}; the longest deadline of a model is {format_duration(deadline)}"
            yield Found(path, message, "wait less, or raise the models' timeouts.total")


@checks("E246", "a tier's first token comes after its whole answer", "The time to the first token is part of the whole.")
def ttft_after_latency(look: Look) -> Iterator[Found]:
    for name, tier in look.plan.sla_tiers.items():
        if tier.ttft_p95_s is not None and tier.latency_p95_s is not None and tier.ttft_p95_s > tier.latency_p95_s:
            message = f"is {format_duration(tier.ttft_p95_s)}; latency_p95 is {format_duration(tier.latency_p95_s)}"
            yield Found(("sla_tiers", name, "ttft_p95"), message, "lower it")
