"""What a plan can buy, and of whom: its providers and own servers as offers, its demand as needs by tier of quality, and the purchase.

What must not live here: choosing (`analysis.purchase`), and what the plan becomes (`capacity_overlay`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.machine import minute_peak
from roteiro.analysis.provisioned import tokens_carried
from roteiro.analysis.purchase import Purchase, purchase
from roteiro.analysis.purchase_case import Need, Offer, Promise
from roteiro.analysis.purchase_reasons import Reasons, reasons
from roteiro.plan.model import Plan
from roteiro.plan.servers import MOST_REPLICAS
from roteiro.tasks.capacity_demand import Expected
from roteiro.tasks.capacity_needs import MINUTE, Fleet, Running, mix_of, shares_of, unit_of, warning
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Where
from roteiro.terms.units import NUSD

__all__ = ["Buying", "Offered", "offers_of", "what_to_buy"]

Floats = npt.NDArray[np.float64]

HOUR_S: Final = 3600.0
JUST_BELOW: Final = 1e-6
MOST_PATHS: Final = 100
"""Paths that the purchase is over: of more, as many evenly among them by their sums."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer, and where in the plan it comes from. `variant`: of own servers, None of others."""

    offer: Offer
    provider: str
    variant: str | None


@dataclass(frozen=True, slots=True)
class Buying:
    """The purchase for all data that may go to the same places. `regions`: empty is everywhere. `reasons` None: nobody asked why."""

    regions: tuple[str, ...]
    offered: tuple[Offered, ...]
    promise: Promise
    purchase: Purchase
    reasons: Reasons | None
    hours: int

    def served(self) -> dict[str, float]:
        """Tokens over the horizon by provider, in expectation."""
        found: dict[str, float] = {}
        for one, bought in zip(self.offered, self.purchase.bought, strict=True):
            reserved = bought.used * bought.units * bought.offer.unit_load * self.hours
            found[one.provider] = found.get(one.provider, 0.0) + reserved + bought.usage + bought.batch
        return found


def offers_of(fleet: Fleet, expected: Expected, problems: list[Problem]) -> list[Offered]:
    """What each provider sells, in tokens an hour of the demand's own mix. Raises PlanError (E951) where nothing has a price."""
    plan, lengths = fleet.plan, expected.lengths
    peak = float(np.quantile(expected.total, 0.95))
    # Capacity by the hour must do for its fullest minutes.
    step = float(np.median(expected.total.max(axis=1)))
    hour = float(np.median(by_hour(expected.total, expected.step_s).max(axis=1)))
    minute = float(minute_peak(np.array([step * 60.0]), lengths.tokens, lengths.deviation, expected.variation, MINUTE)[0])
    fuller = max(minute / max(hour * 60.0 * lengths.tokens, 1e-12), 1.0)
    found = []
    for name in fleet.aims:
        one = plan.providers[name]
        if one.kind != "chat":
            continue
        own = cheapest(fleet, name, expected, peak, plan) if one.servers is not None else None
        quality = fast_enough(fleet, expected, name, 1.0 if one.quality is None else one.quality)
        if one.servers is not None:
            if own is None:
                continue
            running, load = own
            cost = running.servers.cost_nusd_per_h
            if cost is None:
                problems.append(warning("W955", f"providers.{name}.servers", "has no cost, and counts as free", "write cost: $2.50/h"))
            quality = fast_enough(fleet, expected, name, 1.0 if running.quality is None else running.quality)
            offer = Offer(
                one.name, label(name, running.variant), quality, load, (cost or 0) / NUSD,
                most=running.servers.most or MOST_REPLICAS,
            )  # fmt: skip
            found.append(Offered(offer, name, running.variant))
            continue
        if one.price is None:
            problems.append(warning("W955", f"providers.{name}", "has no price, and is left out of the purchase", "write price: {input: …, output: …}"))  # noqa: E501 # fmt: skip
            continue
        usage = one.price.input_nusd_per_mtok * lengths.inputs.mean() + one.price.output_nusd_per_mtok * lengths.outputs.mean()
        usage_price = float(usage / lengths.tokens) / NUSD
        sold = one.provisioned
        offer = Offer(
            one.name, name, quality,
            0.0 if sold is None else tokens_carried(unit_of(sold), 1, mix_of(lengths)) * 60.0 / fuller,
            0.0 if sold is None else sold.cost_nusd_per_h / NUSD,
            1 if sold is None else sold.least, 1 if sold is None else sold.increment,
            math.inf if sold is None or sold.most is None else sold.most,
            usage_price, quota_of(fleet, name, lengths.tokens) / fuller,
            None if one.batch_discount is None else usage_price * (1.0 - one.batch_discount),
        )  # fmt: skip
        found.append(Offered(offer, name, None))
    if not found:
        raise PlanError([Problem("E951", Where("plan"), "providers", "have no price and no servers that keep the promise, so nothing can be bought", "write a price, or servers with a cost")])  # noqa: E501 # fmt: skip
    return found


def fast_enough(fleet: Fleet, expected: Expected, name: str, quality: float) -> float:
    """A provider's quality; below that of tiers whose promise of latency its answers alone break, so that it does not count for them."""
    tiers = {flow.tier for flow in expected.flows if not flow.patient and fleet.too_slow(name, flow.tier)}
    slow = [fleet.plan.sla_tiers[tier].quality_score or 0.0 for tier in tiers if tier is not None]
    return min(quality, min(slow) - JUST_BELOW) if slow else quality


def label(provider: str, variant: str) -> str:
    return f"{provider} {variant}" if variant else provider


def cheapest(fleet: Fleet, name: str, expected: Expected, peak: float, plan: Plan) -> tuple[Running, float] | None:
    """(the variant with the least cost for what it carries, tokens an hour of one replica), among those good enough for all who come here.

    Where quality is not measured a variant counts as good enough only if none of them is measured.
    """
    share = max(shares_of(plan, flow).get(name, 0.0) * float(part) for flow, part in zip(expected.flows, expected.shares, strict=True))
    wanted = quality_wanted(plan, expected, name)
    measured = any(one.quality is not None for one in fleet.running[name])
    best: tuple[float, Running, float] | None = None
    for one in fleet.running[name]:
        if one.pool is None or (measured and (one.quality or 0.0) < wanted):
            continue
        replicas = max(one.pool.replicas(peak * max(share, 0.05), fleet.aims[name], expected.variation), 1)
        load = one.pool.carries(replicas, fleet.aims[name], expected.variation) / replicas * expected.lengths.tokens * HOUR_S
        price = (one.servers.cost_nusd_per_h or 0) / NUSD / max(load, 1e-12)
        if load > 0.0 and (best is None or price < best[0]):
            best = (price, one, load)
    if best is None and measured:  # none is good enough for all: then what runs, for those whom it is good enough for
        running = fleet.chosen(name)
        if running is not None and running.pool is not None:
            return running, running.pool.carries(1, fleet.aims[name], expected.variation) * expected.lengths.tokens * HOUR_S
    return None if best is None else best[1:]


def quality_wanted(plan: Plan, expected: Expected, name: str) -> float:
    """The highest quality that is promised to anyone whose requests come to a provider."""
    tiers = {flow.tier for flow in expected.flows if flow.tier and name in (*shares_of(plan, flow), *plan.models[flow.model].fallbacks)}
    return max((plan.sla_tiers[tier].quality_score or 0.0 for tier in tiers if tier in plan.sla_tiers), default=0.0)


def quota_of(fleet: Fleet, name: str, tokens: float) -> float:
    """Tokens an hour that a provider's limits let through: of tokens, of requests, and of requests in flight (Little's law)."""
    limits = fleet.plan.providers[name].limits
    found = [limits.concurrency / max(fleet.service_s[name], 1e-6) * tokens * HOUR_S]
    if limits.tokens is not None:
        found.append(limits.tokens.per_second * HOUR_S)
    if limits.requests is not None:
        found.append(limits.requests.per_second * tokens * HOUR_S)
    return min(found)


# -- the purchase -----------------------------------------------------------------------------------------------------------------------


def what_to_buy(
    fleet: Fleet, expected: Expected, offered: Sequence[Offered], promise: Promise, problems: list[Problem], *, why: bool = True
) -> tuple[Buying, ...]:
    """The purchase, once for each set of regions that data is bound to. Raises PlanError where a tier has no offer at all (E952)."""
    plan = fleet.plan
    bounds = sorted({flow.allowed for flow in expected.flows}, key=sorted)
    if len(bounds) > 1:
        problems.append(warning("W957", "providers", "are asked by data bound to several regions, and what is bought is reckoned for each apart", "quotas that they share count in each"))  # noqa: E501 # fmt: skip
    found = []
    for bound in bounds:
        mine = [one for one in offered if not bound or plan.providers[one.provider].region in bound]
        if not mine:
            raise PlanError([Problem("E951", Where("plan"), "providers", f"in {', '.join(sorted(bound))} have no price and no servers, so nothing can be bought there", "write a price, or servers with a cost")])  # noqa: E501 # fmt: skip
        needs = tiers_of(plan, expected, bound)
        offers = [one.offer for one in mine]
        answer = purchase(needs, offers, promise)
        told = reasons(needs, offers, promise, answer) if why else None
        found.append(Buying(tuple(sorted(bound)), tuple(mine), promise, answer, told, needs[0].paths.shape[1]))
    return tuple(found)


def tiers_of(plan: Plan, expected: Expected, bound: frozenset[str]) -> list[Need]:
    """Tokens an hour by the quality that tiers are promised, of those whose data is bound to these regions."""
    chosen = spread_paths(expected.total)
    hourly = by_hour(expected.paths[:, chosen], expected.step_s) * expected.lengths.tokens * HOUR_S
    found: dict[float, list[tuple[Floats, bool]]] = {}
    for flow, paths in zip(expected.flows, hourly, strict=True):
        if flow.allowed == bound:
            tier = plan.sla_tiers.get(flow.tier or "")
            quality = tier.quality_score if tier is not None and tier.quality_score is not None else 0.0
            found.setdefault(quality, []).append((paths, flow.patient))
    needs = []
    for quality, parts in sorted(found.items()):
        whole: Floats = np.sum([paths for paths, _ in parts], axis=0)
        waiting = sum(float(paths.sum()) for paths, patient in parts if patient)
        needs.append(Need(quality, whole, waiting / max(float(whole.sum()), 1e-12)))
    return needs


def spread_paths(total: Floats) -> npt.NDArray[np.int64]:
    """Which paths: all, or MOST_PATHS of them at even ranks of what comes in all."""
    if len(total) <= MOST_PATHS:
        return np.arange(len(total))
    ranks = ((np.arange(MOST_PATHS) + 0.5) / MOST_PATHS * len(total)).astype(np.int64)
    return np.sort(np.argsort(total.sum(axis=1), kind="stable")[ranks])


def by_hour(paths: Floats, step_s: float) -> Floats:
    """Rates by hour, (…, hours): of shorter steps the mean, of longer ones the same throughout."""
    if step_s >= HOUR_S:
        return np.repeat(paths, max(1, round(step_s / HOUR_S)), axis=-1)
    by = max(1, round(HOUR_S / step_s))
    pad = -paths.shape[-1] % by
    padded = np.concatenate([paths, np.repeat(paths[..., -1:], pad, axis=-1)], axis=-1) if pad else paths
    folded: Floats = padded.reshape(*paths.shape[:-1], -1, by).mean(axis=-1)
    return folded
