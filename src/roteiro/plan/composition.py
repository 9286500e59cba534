"""What a path can promise: vendors' promises, composed over targets, fallbacks and the cache of a model.

**Availability.** Breakers turn away from what is down, and an attempt that fails is followed by one elsewhere: a request fails where all
targets do, or its own where its attempts reach no other. If they fail independently, that is the product of what each may fail. Targets
that share fate (one cloud, or one vendor in one region) count as one, the better of them. What is not promised counts as nothing. A hit of
the cache needs no vendor.

**The caveat.** Nobody promises independence. Status pages of two large vendors from 2021 to 2024 show outages on the same day about as
often as chance would have it (`catalog.outages`), but a shared cloud, network or identity provider is down for both: where all fail
together, the path is only as good as its best part. Both numbers are told, and a check is made against the first.

**Latency.** Each vendor's p95 says that 95 % of its answers come within it; of the rest nothing is known. A path's p95 is within a bound
where the targets that promise as much, and the cache, answer 95 % of the requests. Answers after a failed attempt take longer, which no
vendor's promise covers.

What must not live here: what was measured (`analysis`), and verdicts on a plan (`check_composition`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from roteiro.plan.logical import LogicalModel
from roteiro.plan.model import Plan

__all__ = ["AUTO", "Composed", "Part", "compose", "models_of_tier", "promised_by"]

P95: Final = 0.95
AUTO: Final = "auto"
"""The model over all providers that is there unasked."""


@dataclass(frozen=True, slots=True)
class Part:
    """One target of a path. `share` of first attempts; `fate` is what goes down with it; None where nothing is promised."""

    target: str
    share: float
    fate: str
    availability: float | None
    latency_p95_s: float | None


@dataclass(frozen=True, slots=True)
class Composed:
    """What a model's path can promise. `reach`: how many targets the attempts of one request reach; `cached`: share that the cache answers.

    `independent`: availability if fates are independent, `together`: if all fail at once; None where no target promises any.
    `latency_p95_s`: the least p95 that the promises carry; None where they carry none.
    """

    model: str
    parts: tuple[Part, ...]
    reach: int
    cached: float
    independent: float | None
    together: float | None
    latency_p95_s: float | None


def compose(plan: Plan, name: str) -> Composed:
    """The path of one of the plan's models."""
    model = plan.models[name]
    parts = tuple(parts_of(plan, model))
    reach = min(len(parts), ceil(model.retry.attempts / (1 + model.retry.same_target)))
    cached = model.cache.expected_hits if model.cache.any else 0.0
    independent = together = None
    if any(part.availability is not None for part in parts):
        failing = sum(part.share * fails(tried(part, parts, reach)) for part in parts)
        best = sum(part.share * max(one.availability or 0.0 for one in tried(part, parts, reach)) for part in parts)
        independent, together = cached + (1.0 - cached) * (1.0 - failing), cached + (1.0 - cached) * best
    return Composed(name, parts, reach, cached, independent, together, fastest(parts, cached))


def parts_of(plan: Plan, model: LogicalModel) -> Iterator[Part]:
    """Targets with their share of first attempts, the largest first, then fallbacks, which have none."""
    weights = {
        target: plan.providers[target].weight if weight is None else weight
        for target, weight in model.targets.items()
        if target in plan.providers
    }
    whole = sum(weights.values())
    ordered = sorted(weights, key=lambda target: -weights[target])
    for target in (*ordered, *(one for one in model.fallbacks if one in plan.providers and one not in weights)):
        share = weights.get(target, 0.0) / whole if whole > 0.0 else 1.0 / len(weights) if target in weights else 0.0
        availability, latency_s = promised_by(plan, target)
        yield Part(target, share, fate_of(plan, target), availability, latency_s)


def promised_by(plan: Plan, target: str) -> tuple[float | None, float | None]:
    """Availability and p95 latency (seconds) that a provider's contract promises: the provider's own word, else its vendor's SLA."""
    provider = plan.providers[target]
    promise = provider.promised_sla
    availability = None if promise is None else promise.availability
    vendor = plan.vendors.by_name.get(provider.name)
    if availability is None and vendor is not None:
        availability = max((sla.target for sla in vendor.sla if not sla.models or provider.model in sla.models), default=None)
    return availability, None if promise is None else promise.latency_p95_s


def fate_of(plan: Plan, target: str) -> str:
    """What goes down with a target: its vendor's cloud where the plan names it, else the vendor in that region; one's own is by itself."""
    provider = plan.providers[target]
    if provider.local is not None or provider.on_premises:
        return target
    vendor = plan.vendors.by_name.get(provider.name)
    cloud = None if vendor is None else vendor.cloud
    return f"{cloud or provider.name}/{provider.region}"


def tried(first: Part, parts: tuple[Part, ...], reach: int) -> tuple[Part, ...]:
    """The targets that stand behind a request which begins at `first`: all of them, as breakers turn away from what is down, unless its
    attempts let it ask one alone."""
    return parts if reach > 1 else (first,)


def fails(parts: tuple[Part, ...]) -> float:
    """The share that all of them fail, fates being independent."""
    best: dict[str, float] = {}
    for part in parts:
        best[part.fate] = max(best.get(part.fate, 0.0), part.availability or 0.0)
    return prod(1.0 - availability for availability in best.values())


def fastest(parts: tuple[Part, ...], cached: float) -> float | None:
    """The least bound within which 95 % of the requests are answered, by what is promised."""
    for bound_s in sorted({part.latency_p95_s for part in parts if part.latency_p95_s is not None}):
        share = sum(part.share for part in parts if part.latency_p95_s is not None and part.latency_p95_s <= bound_s)
        if cached + (1.0 - cached) * share * P95 >= P95 - 1e-12:
            return bound_s
    return None


def models_of_tier(plan: Plan, tier: str, written: Collection[str]) -> tuple[str, ...]:
    """The models that a tier's promises are about: those its tenants are given by name, or by their workloads; else those `written` in the
    plan, else `auto`."""
    members = [tenant for tenant in plan.tenants.values() if tenant.tier == tier]
    wanted = {name for tenant in members for name in tenant.models}
    for tenant in (one for one in members if not one.models):
        wanted |= {plan.workloads[name].model or "" for name in tenant.workloads or plan.workloads if name in plan.workloads}
    return tuple(name for name in plan.models if name in wanted) or tuple(written) or (AUTO,) * (AUTO in plan.models)
