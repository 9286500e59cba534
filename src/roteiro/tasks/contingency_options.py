"""What can be done before a vendor is lost: raise another's quota, shift weights, add a vendor of the catalogue, have more servers of one's
own. Each is a change of the plan, written as a person would write it.

What must not live here: trying them (`contingency`).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roteiro.catalog.prices import find_price
from roteiro.catalog.vendors import find_vendor
from roteiro.plan.model import LogicalModel, Plan
from roteiro.plan.provider import Provider
from roteiro.plan.read import Reading, read
from roteiro.plan.vary import Setting
from roteiro.terms.units import NUSD, Rate, format_rate

__all__ = ["Option", "options_of", "remedied", "written_models"]

CANDIDATES: Final = ("openai/gpt-4.1-mini", "anthropic/claude-haiku-4-5", "google/gemini-2.5-flash", "mistral/mistral-small-latest")
"""Who is tried where nobody is named: one model of several vendors, none of a vendor that the plan has."""
FACTORS: Final = (2, 4)
ADDED: Final = "added"


@dataclass(frozen=True, slots=True)
class Option:
    """`kind`: quota, weights, vendor, servers. `what`: which provider, vendor/model; `factor` of a quota or of servers. `changes`: what is
    written into the plan. `standing_usd_per_h`: what it costs unused, None where that is not known. `assumed`: what is taken for granted.
    """

    kind: str
    what: str
    factor: float
    changes: tuple[Setting, ...]
    standing_usd_per_h: float | None
    assumed: str = ""


def remedied(path: Path, environment: str | None, option: Option) -> Reading:
    """The plan with an option in it."""
    return read(path, environment, settings=option.changes)


def options_of(plan: Plan, reading: Reading, lost: Sequence[str], candidates: Sequence[str] = ()) -> list[Option]:
    """What can be tried against the loss of these providers."""
    left = {name: one for name, one in plan.providers.items() if name not in lost}
    found: list[Option] = []
    for name, provider in left.items():
        found += [more_of(name, provider, factor) for factor in FACTORS]
    clouds = [name for name, one in left.items() if not one.on_premises]
    if len(clouds) > 1:
        found.append(Option("quota", ", ".join(clouds), 2.0, tuple(set_ for name in clouds for set_ in quota(name, left[name], 2)), 0.0))
    if left and (shifted := weights(plan, reading, lost)):
        found.append(Option("weights", ", ".join(left), 1.0, shifted, 0.0))
    mine = {(find_vendor(one.name) or one).name for one in plan.providers.values()}
    for candidate in candidates or CANDIDATES:
        vendor, _, model = candidate.partition("/")
        if vendor not in mine and (price := find_price(vendor, model)) is not None:
            changes = tuple(vendor_added(plan, reading, lost, vendor, model))
            told = f"${price.input_nusd_per_mtok / NUSD:g} / ${price.output_nusd_per_mtok / NUSD:g}"
            found.append(Option("vendor", candidate, 1.0, changes, 0.0, told))
    return found


def more_of(name: str, provider: Provider, factor: int) -> Option:
    """More of what a provider gives: its quota, or one's own servers behind it."""
    changes = tuple(quota(name, provider, factor))
    if provider.servers is not None:
        servers = provider.servers
        cost = servers.cost_nusd_per_h
        more = (Setting(f"providers.{name}.servers.replicas", str(servers.replicas * factor)),)
        most = (Setting(f"providers.{name}.servers.most", str(servers.most * factor)),) if servers.most is not None else ()
        standing = None if cost is None else servers.replicas * (factor - 1) * cost / NUSD
        return Option("servers", name, factor, (*changes, *more, *most), standing)
    if provider.local is not None:
        slots = (Setting(f"providers.{name}.local.slots", str(provider.local.slots * factor)),)
        return Option("servers", name, factor, (*changes, *slots), None)
    return Option("quota", name, factor, changes, None if provider.on_premises else 0.0)


def quota(name: str, provider: Provider, factor: int) -> Iterator[Setting]:
    """A provider's limits, so many times as large. What it really lets in follows, as far as it is written."""
    limits = provider.limits
    for key, rate in (("requests", limits.requests), ("tokens", limits.tokens)):
        if rate is not None:
            yield Setting(f"providers.{name}.limits.{key}", format_rate(Rate(rate.amount * factor, rate.period_s)))
    yield Setting(f"providers.{name}.limits.concurrency", str(limits.concurrency * factor))


def written_models(plan: Plan, reading: Reading) -> Iterator[tuple[str, LogicalModel]]:
    """The models that a person wrote."""
    for name, model in plan.models.items():
        if ("models", name) in reading.marks.rows:
            yield name, model


def weights(plan: Plan, reading: Reading, lost: Sequence[str]) -> tuple[Setting, ...]:
    """All weight away from the lost, beforehand, so that nothing has to fail over; fallbacks take what has no other target."""
    found = []
    for name, model in written_models(plan, reading):
        kept = {target: weight for target, weight in model.targets.items() if target not in lost and weight != 0}
        if kept and len(kept) < len(model.targets):
            found.append(Setting(f"models.{name}.targets", json.dumps({**kept, **{one: 0 for one in model.targets if one in lost}})))
    return tuple(found)


def vendor_added(plan: Plan, reading: Reading, lost: Sequence[str], vendor: str, model: str) -> Iterator[Setting]:
    """A vendor of the catalogue beside the lost: at its own price, with quotas and times as the lost one's."""
    first = plan.providers[max(lost, key=lambda name: plan.providers[name].weight)]
    like = first.model_dump(mode="json", by_alias=True, exclude_none=True, include={"limits", "timeouts", "breaker", "service"})
    like.get("service", {}).pop("outages", None)
    yield Setting(f"providers.{ADDED}", json.dumps({"name": vendor, "model": model, "weight": first.weight, **like}, ensure_ascii=False))
    for name, logical in written_models(plan, reading):
        weight = max((logical.targets.get(one) or 0.0 for one in lost), default=0.0)
        if weight:
            yield Setting(f"models.{name}.targets", json.dumps({**logical.targets, ADDED: weight}))
        elif any(one in logical.fallbacks for one in lost):
            yield Setting(f"models.{name}.fallbacks", json.dumps([*logical.fallbacks, ADDED]))
