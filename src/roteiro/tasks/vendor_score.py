"""`roteiro vendors score`: vendors by the plan's criteria, measured where the ledger tells and declared where it cannot.

What must not live here: measuring (`vendor_measured`), scoring (`analysis.vendor_score`), and how it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from roteiro.analysis.chance import Chance
from roteiro.analysis.vendor_score import Fact, Judging, Scorecard, scorecard
from roteiro.catalog.criteria import CRITERIA, MEASURES
from roteiro.plan.check_vendors import stale_facts
from roteiro.plan.model import Plan
from roteiro.tasks.check import checked
from roteiro.tasks.vendor_facts import PriceRows, declared_facts, listed_price, price_rise, read_prices
from roteiro.tasks.vendor_ledger import VendorLedger, seats_of
from roteiro.tasks.vendor_measured import Compared, Found, measure_vendors

__all__ = ["ScoreAnswer", "score_vendors", "vendors_of"]

USUAL_INPUT_SHARE = 0.75
"""Of tokens, where neither a ledger nor the plan's demand tells it."""


@dataclass(frozen=True, slots=True)
class ScoreAnswer:
    """`since_unix_s` and `until_unix_s`: the attempts that were found, None where there are none. `stale`: facts that were left out."""

    plan: str
    digest: str
    data: str | None
    run: str | None
    on: date
    since_unix_s: float | None
    until_unix_s: float | None
    card: Scorecard
    compared: Mapping[str, Compared]
    strata: int
    of_strata: int
    matched: bool
    block_s: float
    least_coverage: float
    stale: tuple[str, ...]
    seed: int


def vendors_of(plan: Plan) -> tuple[str, ...]:
    """Who provides, and who is only known of, in the plan's order."""
    return tuple(dict.fromkeys([*(one.name for one in plan.providers.values()), *plan.vendors.by_name]))


def score_vendors(
    plan_path: Path | str,
    data: Path | None = None,
    since: datetime | None = None,
    run: str | None = None,
    *,
    prices: Path | None = None,
    environment: str | None = None,
    seed: int = 1,
    on: date | None = None,
) -> ScoreAnswer:
    """Score the plan's vendors. Without `data` only what is declared counts. `prices`: a history of prices in CSV. `on`: the day at which
    facts are old or not; today. Raises PlanError, SettingsError and LedgerError."""
    reading = checked(plan_path, environment)
    plan, day = reading.plan, on or datetime.now(UTC).date()
    assert plan is not None
    chance, vendors = np.random.default_rng(seed), vendors_of(plan)
    found = None if data is None else measured(plan, data, since, run, vendors, chance)
    rows = {} if prices is None else read_prices(prices)
    share = found.input_share if found is not None else None
    facts = {name: facts_of(plan, name, day, found, rows, demanded(plan) if share is None else share) for name in vendors}
    judging = Judging(
        {one: plan.vendors.weight(one) for one in CRITERIA}, {name: plan.vendors.measure_weight(name) for name in MEASURES},
        {name: plan.vendors.scale(name) for name in MEASURES}, plan.vendors.least_coverage,
    )  # fmt: skip
    return ScoreAnswer(
        plan=plan.name or "", digest=reading.digest, data=None if data is None else str(data), run=run, on=day,
        since_unix_s=None if found is None else found.first_s, until_unix_s=None if found is None else found.last_s,
        card=scorecard(facts, judging, chance), compared={} if found is None else found.compared,
        strata=0 if found is None else found.strata, of_strata=0 if found is None else found.of_strata,
        matched=found is not None and found.matched, block_s=0.0 if found is None else found.block_s,
        least_coverage=plan.vendors.least_coverage,
        stale=tuple(f"{reading.marks.dotted(one.path)} {one.message}" for one in stale_facts(plan, day)), seed=seed,
    )  # fmt: skip


def measured(plan: Plan, data: Path, since: datetime | None, run: str | None, vendors: tuple[str, ...], chance: Chance) -> Found:
    own = frozenset(name for name in vendors if all(one.on_premises for one in plan.providers.values() if one.name == name))
    return measure_vendors(VendorLedger(data, seats_of(plan), since, None, run), vendors, own, chance)


def demanded(plan: Plan) -> float:
    """The share of input among the tokens that the plan's demand expects."""
    given = plan.demand.input_tokens, plan.demand.output_tokens
    if given[0] is None or given[1] is None:
        return USUAL_INPUT_SHARE
    return given[0].median / (given[0].median + given[1].median)


def facts_of(plan: Plan, name: str, on: date, found: Found | None, rows: PriceRows, input_share: float) -> list[Fact]:
    """What is known of one vendor: measured, else declared, else listed."""
    facts = {one.measure: one for one in declared_facts(plan, name, on)}
    # The provider of the vendor that is asked most speaks for its list price.
    providers = sorted((one for one in plan.providers.values() if one.name == name), key=lambda one: -one.weight)
    for provider in providers[:1]:
        for fact in (listed_price(provider, input_share, on), price_rise(provider, input_share, on, rows)):
            if fact is not None:
                facts[fact.measure] = fact
    facts.update({one.measure: one for one in (found.facts.get(name, ()) if found is not None else ())})
    return list(facts.values())
