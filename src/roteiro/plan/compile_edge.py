"""Plan → what the two ends of a request know of it, beside the tables: addresses, names, keys, limits and budgets in words.

What must not live here: the tables (`compile`), and the secrets themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roteiro.plan.levers import drain_s
from roteiro.plan.model import Budget, Plan, PriorityName, Workload
from roteiro.plan.own import own_names
from roteiro.policy.state import NONE
from roteiro.terms.codes import Signal
from roteiro.terms.edge import Edge, EdgeHours, EdgeObserve, EdgeRoute, EdgeTarget, EdgeTenant, Names
from roteiro.terms.own import PINNED
from roteiro.terms.units import Rate, format_money

__all__ = ["Grant", "budget_in_words", "edge_of", "limit_in_words"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key opens. `digest` is the SHA-256 of the key, hexadecimal."""

    name: str
    digest: str
    tenant: str
    workload: str | None = None


def limit_in_words(name: str, row: tuple[Rate, float] | None) -> str:
    """`300 requests a minute for tenant acme`."""
    scope, _, kind = name.rpartition("/")
    owner = scope.replace("/", " ", 1)
    return f"{kind} for {owner}" if row is None else f"{row[0].per_second * 60:,.12g} {kind} a minute for {owner}"


def budget_in_words(name: str, budget: Budget | None) -> str:
    """`$25 a day for tenant acme (daily)`."""
    scope, _, own = name.rpartition("/")
    owner = "everything" if scope == "all" else scope.replace("/", " ", 1)
    return f"money for {owner} ({own})" if budget is None else f"{format_money(budget.amount_nusd)} a {budget.period} for {owner} ({own})"


def edge_of(plan: Plan, names: Names, digest: str, grants: Sequence[Grant], limits: list[str], budgets: list[str]) -> Edge:
    """What workers know. A target without an address is left out of service by its empty `base_url`."""
    targets = []
    for name in names.targets:
        provider = plan.providers.get(name)
        if provider is None:
            targets.append(EdgeTarget(name=name, base_url="", model=""))
            continue
        times = provider.timeouts
        targets.append(
            EdgeTarget(
                name=name, base_url=provider.base_url or "", model=provider.model, dialect=provider.dialect, key_env=provider.key_env,
                connect_s=times.connect_s, first_token_s=times.first_token_s, idle_s=times.idle_s, attempt_s=times.attempt_s,
                connections=provider.limits.concurrency, key_envs=list(provider.key_envs), kind=provider.kind,
                assistant_prefix=provider.assistant_prefix, max_output_tokens=provider.max_output_tokens,
                context_tokens=provider.context_tokens,
            )
        )  # fmt: skip
    holders = {grant.name: grant for grant in grants}
    tenant_of = [
        holders[name].tenant if name in holders else name.removeprefix("tenant:") if name.startswith("tenant:") else ""
        for name in names.keys
    ]
    own = own_names(plan)
    return Edge(
        digest=digest,
        version=len(names.plans) - 1,
        targets=targets,
        models={name: names.routes.index(name) for name in plan.models if not name.startswith(PINNED)},
        pinned={name: names.routes.index(name) for name in plan.models if name.startswith(PINNED)},
        own=own,
        workloads={name: names.workloads.index(name) for name in plan.workloads if name not in own},
        keys={grant.digest: names.keys.index(grant.name) for grant in grants if grant.tenant in plan.tenants},
        tenants=[edge_tenant(plan, names, name) for name in names.tenants],
        key_names=names.keys,
        regions=names.regions,
        key_tenants=[names.tenants.index(tenant) if tenant in names.tenants else NONE for tenant in tenant_of],
        default_models=[default_route(plan, names, name) for name in names.workloads],
        limits=limits,
        retired=[name for name in names.targets if name not in plan.providers],
        body_bytes=plan.request.body_bytes,
        output_tokens=plan.request.output_tokens,
        routes=[edge_route(plan, name) for name in names.routes],
        dead_letters=[name in plan.workloads and plan.workloads[name].dead_letter for name in names.workloads],
        dead_letter_s=plan.dead_letters.keep_s,
        idempotency_s=plan.request.idempotency.keep_s,
        cache_bytes=plan.cache.size_bytes if any(model.cache.any for model in plan.models.values()) else 0,
        batch_workloads=[names.workloads.index(name) for name, row in plan.workloads.items() if row.priority == PriorityName.BATCH],
        batch_hours=[batch_hours(plan, plan.workloads.get(name)) for name in names.workloads],
        budgets=budgets,
        observe=edge_observe(plan, names),
        feedback_s=plan.quality.feedback.within_s if plan.quality.feedback is not None else 0.0,
    )


def edge_observe(plan: Plan, names: Names) -> EdgeObserve:
    """Which answers are looked at."""
    given = plan.quality.observe
    return EdgeObserve(
        share=given.share,
        judge=plan.quality.judge.share if plan.quality.judge is not None else 0.0,
        routes={names.routes.index(name): share for name, share in given.models.items() if name in plan.models},
        workloads={names.workloads.index(name): share for name, share in given.workloads.items() if name in plan.workloads},
        most_bytes=given.most_bytes,
        signals=[int(Signal[name.upper()]) for name in given.signals],
        least_claims=plan.quality.grounding.least_claims,
    )


def edge_route(plan: Plan, name: str) -> EdgeRoute:
    model = plan.models.get(name)
    if model is None:
        return EdgeRoute(name=name)
    kind, disconnect, cache = plan.kind_of(model), model.on_disconnect or plan.request.on_disconnect, model.cache
    chat = kind == "chat"
    return EdgeRoute(
        name=name, kind=kind, rescue=model.rescue and chat, hedge=model.hedge is not None and model.hedge.at_most > 0,
        on_disconnect=disconnect if disconnect in ("cancel", "drain") else "drain_until", drain_s=drain_s(disconnect) or 0.0,
        tiers=model.complexity is not None and any(tier not in (None, name) for tier in model.complexity.models),
        cache=cache.exact is not None and chat, cache_ttl_s=cache.exact.ttl_s if cache.exact else 0.0,
        semantic=cache.semantic is not None and chat, semantic_ttl_s=cache.semantic.ttl_s if cache.semantic else 0.0,
        semantic_threshold=cache.semantic.threshold if cache.semantic else 0.0,
        coalesce_s=model.batching.wait_s if model.batching and not chat else 0.0,
        coalesce_most=model.batching.most if model.batching and not chat else 1,
        embedding_ttl_s=cache.embeddings.ttl_s if cache.embeddings and not chat else 0.0,
    )  # fmt: skip


def batch_hours(plan: Plan, workload: Workload | None) -> list[EdgeHours]:
    """When a workload's queued items run. Off-peak hours are those of the providers of its model; of all, where it names none."""
    if workload is None or workload.batch.run == "always":
        return []
    if workload.batch.hours is not None:
        return [EdgeHours(from_s=workload.batch.hours[0], to_s=workload.batch.hours[1], timezone=plan.timezone)]
    model = plan.models.get(workload.model or "auto")
    names = plan.providers if model is None else [*model.targets, *model.fallbacks]
    prices = [plan.providers[name].price for name in names if name in plan.providers]
    windows = dict.fromkeys((p.off_peak.from_s, p.off_peak.to_s, p.off_peak.timezone or plan.timezone) for p in prices if p and p.off_peak)
    return [EdgeHours(from_s=begin, to_s=end, timezone=zone) for begin, end, zone in windows]


def edge_tenant(plan: Plan, names: Names, name: str) -> EdgeTenant:
    tenant = plan.tenants.get(name)
    if tenant is None:
        return EdgeTenant(name=name, models=[], workloads=[])
    indices: Mapping[str, list[int] | None] = {
        "models": [names.routes.index(m) for m in tenant.models] or None,
        "workloads": [names.workloads.index(w) for w in tenant.workloads] or None,
    }
    return EdgeTenant(name=name, models=indices["models"], workloads=indices["workloads"])


def default_route(plan: Plan, names: Names, workload: str) -> int | None:
    own = plan.workloads[workload].model if workload in plan.workloads else None
    return names.routes.index(own) if own is not None else names.routes.index("auto") if "auto" in plan.models else None
