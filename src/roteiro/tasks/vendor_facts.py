"""What a plan and a price list declare of vendors, as facts for their scores. A stale fact gives no score.

What must not live here: what is measured (`vendor_measured`).
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np

from roteiro.analysis.price_history import price_move
from roteiro.analysis.vendor_measures import DRAWS, Known
from roteiro.analysis.vendor_score import Fact
from roteiro.catalog.prices import find_price, price_days
from roteiro.plan.check_vendors import is_stale
from roteiro.plan.model import Plan
from roteiro.plan.provider import Provider
from roteiro.plan.vendors import Declared, Vendor
from roteiro.terms.error import SettingsError
from roteiro.terms.units import NUSD

__all__ = ["PriceRows", "certain", "declared_facts", "listed_price", "price_rise", "read_prices"]

TRAINING: Final = {"never": 1.0, "opt_in": 0.75, "opt_out": 0.25, "always": 0.0}
"""What a vendor's training on the data is worth, 0 to 1."""
PriceRows = Mapping[tuple[str, str], Sequence[tuple[date, float, float]]]
"""(vendor, model) → (day, dollars for a million tokens of input, of output), in any order."""


def certain(value: float, n: int = 0) -> Known:
    """A value without an interval."""
    return Known(value, value, value, n, np.full(DRAWS, value))


def declared_facts(plan: Plan, name: str, on: date) -> Iterator[Fact]:
    """What the plan declares of a vendor, each with its source and day; stale ones say so and are not known."""
    vendor, wants = plan.vendors.by_name.get(name, Vendor()), plan.vendors.wants

    def fact(measure: str, value: float, source: Declared) -> Fact:
        stale = is_stale(source, on, plan.vendors.stale_after_s)
        known = None if stale else certain(value)
        return Fact(measure, known, "stale" if stale else "declared", source.source, source.as_of.isoformat())

    def held(measure: str, has: Sequence[str] | None, wanted: Sequence[str], source: Declared) -> Iterator[Fact]:
        if has is not None and wanted:
            yield fact(measure, len(set(has) & set(wanted)) / len(set(wanted)), source)

    if vendor.benchmarks:
        yield several("benchmarks", vendor.benchmarks, [one.grade for one in vendor.benchmarks.values()], plan, on)
    if vendor.certifications and wants.certifications:
        yield certifications(vendor, wants.certifications, plan, on)
    if (privacy := vendor.privacy) is not None:
        yield from held("agreements", privacy.agreements, wants.agreements, privacy)
        yield from held("residency", privacy.residency, wants.residency, privacy)
        if privacy.retention_s is not None:
            yield fact("data_retention", privacy.retention_s, privacy)
        if privacy.training is not None:
            yield fact("no_training", TRAINING[privacy.training], privacy)
    if (support := vendor.support) is not None and support.first_response_s is not None:
        yield fact("first_response", support.first_response_s, support)
    if (around := vendor.ecosystem) is not None:
        yield from held("sdks", around.sdks, wants.sdks, around)
        yield from held("integrations", around.integrations, wants.integrations, around)
        if around.fine_tuning is not None:
            yield fact("fine_tuning", float(around.fine_tuning), around)
    for measure, graded in (("documentation", vendor.documentation), ("community", vendor.community)):
        if graded is not None:
            yield fact(measure, graded.grade, graded)


def several(measure: str, facts: Mapping[str, Declared], values: Sequence[float], plan: Plan, on: date) -> Fact:
    """One measure of several facts: the mean of those that are not stale, as old as the oldest of them."""
    fresh = [not is_stale(one, on, plan.vendors.stale_after_s) for one in facts.values()]
    told = [one for one, is_fresh in zip(facts.values(), fresh, strict=True) if is_fresh] or list(facts.values())
    known = certain(fmean(value for value, is_fresh in zip(values, fresh, strict=True) if is_fresh)) if any(fresh) else None
    sources = "; ".join(dict.fromkeys(one.source for one in told))
    return Fact(measure, known, "declared" if any(fresh) else "stale", sources, min(one.as_of for one in told).isoformat())


def certifications(vendor: Vendor, wanted: Sequence[str], plan: Plan, on: date) -> Fact:
    """The share of wanted certifications that are held now; a lapsed one is not held."""
    held = [name for name in wanted if name in vendor.certifications]
    fresh = [name for name in held if not is_stale(vendor.certifications[name], on, plan.vendors.stale_after_s)]
    told = several("certifications", vendor.certifications, [0.0] * len(vendor.certifications), plan, on)
    if told.known is None:
        return told
    missing = ", ".join(name for name in wanted if name not in fresh)
    return Fact("certifications", certain(len(fresh) / len(set(wanted))), "declared", told.source, told.as_of, missing)


def listed_price(provider: Provider, input_share: float, on: date) -> Fact | None:
    """What the price list asks for a million tokens, so many of which are input; None without a price, or where machines are one's own."""
    price = provider.price
    if price is None or provider.on_premises:
        return None
    changes = [one for one in price.changes if one.since[:10] <= on.isoformat()]
    paid = (price.input_nusd_per_mtok, price.output_nusd_per_mtok)
    if changes:
        paid = (changes[-1].input_nusd_per_mtok, changes[-1].output_nusd_per_mtok)
    blended = (paid[0] * input_share + paid[1] * (1.0 - input_share)) / NUSD
    return Fact("price", certain(blended), "listed", price.source or "the plan", "", f"{input_share:.0%}")


def read_prices(file: Path) -> PriceRows:
    """A history of prices from CSV: columns provider, model, input_mtok, output_mtok, and commit_date or date. Raises SettingsError."""
    found: dict[tuple[str, str], list[tuple[date, float, float]]] = defaultdict(list)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["input_mtok"] and row["output_mtok"]:
                    day = date.fromisoformat(row.get("date") or row["commit_date"])
                    found[row["provider"], row["model"]].append((day, float(row["input_mtok"]), float(row["output_mtok"])))
    except (OSError, KeyError, ValueError) as error:
        raise SettingsError(
            f"{file} is no history of prices: {error}; its columns are date, provider, model, input_mtok, output_mtok"
        ) from None
    return found


def price_rise(provider: Provider, input_share: float, on: date, rows: PriceRows) -> Fact | None:
    """How far the price has risen in a year: by a history that was given, else by the catalogue's dates and the plan's own changes."""

    def blend(paid: float, earned: float) -> float:
        return paid * input_share + earned * (1.0 - input_share)

    source = "price history"
    history = [(day, blend(paid, earned)) for day, paid, earned in rows.get((provider.name, provider.model), ())]
    if not history:
        source = "catalogue"
        listed = [(day, find_price(provider.name, provider.model, day)) for day in price_days(provider.name, provider.model)]
        history = [(day, blend(one.input_nusd_per_mtok, one.output_nusd_per_mtok)) for day, one in listed if one is not None]
    if not history and provider.price is not None and provider.price.changes:
        source, own = provider.price.source or "the plan", provider.price
        first = min(date.fromisoformat(one.since[:10]) for one in own.changes)
        history = [(date.fromordinal(first.toordinal() - 1), blend(own.input_nusd_per_mtok, own.output_nusd_per_mtok))]
        history += [(date.fromisoformat(one.since[:10]), blend(one.input_nusd_per_mtok, one.output_nusd_per_mtok)) for one in own.changes]
    move = price_move(history, on)
    if move is None:
        return None
    return Fact("price_rise", certain(move.rise, move.changes), "listed", source, move.since.isoformat(), f"{move.change:+.1%}")
