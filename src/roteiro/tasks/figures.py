"""The figures that simulations are told and compared by: what each is, in what unit, and which way is better.

What must not live here: how they are found (`simulator.result`), and what they are called in a language (`report`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from roteiro.plan.model import Plan, SlaTier
from roteiro.plan.near import did_you_mean
from roteiro.simulator.result import Measured, ProviderResult
from roteiro.terms.error import SettingsError

__all__ = ["BY_NAME", "Better", "Figure", "attainment", "figures_of", "found"]

Better = Literal["more", "less", ""]
Unit = Literal["share", "ms", "money", "count", "per_s"]
"""`money` is dollars."""

REFUSED: Final = ("limited", "budget", "cancelled", "invalid")
"""Outcomes that are the client's own affair, as service levels count."""
P95: Final = 0.95
"""A promised p95 is kept when this share is within it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `kind` with a `name` where there are several of a kind (a tier, a provider). `promised`: the least that keeps a promise
    of the plan, where it is one."""

    kind: str
    unit: Unit
    better: Better
    value: Callable[[Measured[float]], float]
    name: str = ""
    promised: float | None = None

    @property
    def key(self) -> str:
        """What people type, and the key in JSON."""
        return f"{self.kind}.{self.name}" if self.name else self.kind


def attainment(measured: Measured[float]) -> float:
    """Share of requests that got an answer within every promise of their tier, of all but those refused for the client's own sake; what is
    unfinished counts against it."""
    due = measured.requests * (1.0 - math.fsum(measured.outcomes.get(name, 0.0) for name in REFUSED)) + measured.unfinished
    return min(1.0, measured.goodput_per_s * measured.simulated_s / due) if due > 0.0 else math.nan


def of_outcome(name: str) -> Callable[[Measured[float]], float]:
    return lambda measured: measured.outcomes.get(name, 0.0)


FIXED: Final = (
    Figure("attainment", "share", "more", attainment),
    Figure("answered", "share", "more", of_outcome("success")),
    Figure("p50", "ms", "less", lambda measured: measured.total_ms.p50),
    Figure("p95", "ms", "less", lambda measured: measured.total_ms.p95),
    Figure("p99", "ms", "less", lambda measured: measured.total_ms.p99),
    Figure("ttft_p50", "ms", "less", lambda measured: measured.ttft_ms.p50),
    Figure("ttft_p95", "ms", "less", lambda measured: measured.ttft_ms.p95),
    Figure("goodput", "per_s", "more", lambda measured: measured.goodput_per_s),
    Figure("goodput_tokens", "per_s", "more", lambda measured: measured.goodput_tokens_per_s),
    Figure("cost", "money", "less", lambda measured: measured.cost_usd),
    Figure("lost", "money", "less", lambda measured: measured.lost_usd),
    Figure("saved", "money", "more", lambda measured: measured.saved_usd),
    Figure("failed", "share", "less", of_outcome("failed")),
    Figure("shed", "count", "less", lambda measured: measured.sheds),
    Figure("refused", "count", "less", lambda measured: measured.refused),
    Figure("fallbacks", "count", "less", lambda measured: measured.fallbacks),
    Figure("degraded", "count", "less", lambda measured: measured.degraded),
    Figure("attempts", "count", "less", lambda measured: measured.attempts_a_request),
    Figure("cached", "share", "more", lambda measured: measured.cached),
    Figure("rescues", "count", "", lambda measured: measured.rescues),
    Figure("hedged", "count", "", lambda measured: measured.hedged),
)
"""Those that every plan has."""
SERVERS: Final = Figure("servers", "money", "less", lambda measured: measured.servers_usd)
"""That of plans whose own servers have a price."""
BY_NAME: Final = {figure.key: figure for figure in FIXED}


def figures_of(plans: Sequence[Plan]) -> tuple[Figure, ...]:
    """The figures of these plans, in the order in which they are told: tiers and their promises, then the fixed ones, then providers,
    tenants and budgets. What only one plan has is among them; `value` tells NaN for the other."""
    told: list[Figure] = []
    for tier in names_of(plans, "sla_tiers"):
        told += of_tier(tier, [plan.sla_tiers[tier] for plan in plans if tier in plan.sla_tiers][-1])
    told += FIXED
    servers = [provider.servers for plan in plans for provider in plan.providers.values() if provider.servers is not None]
    if any(one.cost_nusd_per_h is not None for one in servers):
        told.append(SERVERS)
    for name in names_of(plans, "providers"):
        told += of_provider(name)
    told += [Figure("tenant_cost", "money", "", cost_of_tenant(name), name) for name in names_of(plans, "tenants")]
    return tuple(told)


def names_of(plans: Sequence[Plan], section: str) -> list[str]:
    return list(dict.fromkeys(name for plan in plans for name in getattr(plan, section)))


def of_tier(name: str, tier: SlaTier) -> list[Figure]:
    """The promises of a tier, as shares of its requests."""
    told = [Figure("tier_availability", "share", "more", in_tier(name, "availability"), name, tier.availability)]
    if tier.latency_p95_s is not None:
        told.append(Figure("tier_latency", "share", "more", in_tier(name, "latency"), name, P95))
    if tier.ttft_p95_s is not None:
        told.append(Figure("tier_ttft", "share", "more", in_tier(name, "ttft"), name, P95))
    return told


def in_tier(name: str, promise: str) -> Callable[[Measured[float]], float]:
    """The share for which a promise was kept: of latencies among answers, as service levels are reported."""

    def value(measured: Measured[float]) -> float:
        tier = measured.tiers.get(name)
        if tier is None or not tier.requests:
            return math.nan
        return {"availability": tier.availability, "latency": tier.within_latency, "ttft": tier.within_ttft}[promise]

    return value


def of_provider(name: str) -> list[Figure]:
    def part(read: Callable[[ProviderResult[float]], float]) -> Callable[[Measured[float]], float]:
        return lambda measured: read(measured.providers[name]) if name in measured.providers else math.nan

    return [
        Figure("provider_share", "share", "", part(lambda one: one.share), name),
        Figure("provider_cost", "money", "", part(lambda one: one.cost_usd), name),
        Figure("provider_open", "share", "less", part(lambda one: one.open_share), name),
    ]


def cost_of_tenant(name: str) -> Callable[[Measured[float]], float]:
    return lambda measured: measured.tenants[name].cost_usd if name in measured.tenants else math.nan


def found(key: str, figures: Sequence[Figure]) -> Figure:
    """The figure of a key. Raises SettingsError, which names those there are."""
    by_key = {figure.key: figure for figure in figures}
    if key not in by_key:
        near = did_you_mean(key, by_key, f"there are {', '.join(by_key)}")
        raise SettingsError(f"there is no figure {key[:60]!r}; {near}")
    return by_key[key]
