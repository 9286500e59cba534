"""Plans as a data directory keeps them: by digest, and by the versions of each run. Reports judge by the plan that was in force.

What must not live here: keeping those that a server adopts, which it does itself.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.purse import Purse
from roteiro.analysis.savings import OffPeakHours, TargetPrice
from roteiro.analysis.savings_units import UnitOffer
from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.plan.model import Budget, Plan
from roteiro.plan.provisioned import Provisioned

__all__ = ["currencies_of", "keep_plan", "kept_plan", "prices_of", "purses_of"]


def keep_plan(data: Path, digest: str, plan: Plan) -> None:
    """Keep the plan of a simulated run in the data directory, so that reports know its promises and budgets."""
    path = data / "plans" / f"{digest}.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        half.write_text(canonical_json(plan), encoding="utf-8")
        half.replace(path)


def kept_plan(data: Path, digest: str) -> Plan | None:
    """The plan with that digest, or None where the directory has it no more, or never had it."""
    for text in kept_texts(data, digest):
        with contextlib.suppress(ValueError):  # of another version of the plan's language
            return load_canonical(text)
    return None


def kept_texts(data: Path, digest: str) -> Iterator[str]:
    by_digest = data / "plans" / f"{digest}.json"
    if digest.isalnum() and by_digest.is_file():
        yield by_digest.read_text(encoding="utf-8")
    for path in sorted((data / "run").glob("*/versions/*.json"), reverse=True):
        try:
            version = msgspec.json.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
        if isinstance(version, dict) and version.get("digest") == digest and isinstance(version.get("plan"), str):
            yield version["plan"]


def purses_of(plan: Plan) -> tuple[Purse, ...]:
    """Every budget with whose requests it pays for: the fleet's, the teams', the tenants', the workloads'."""

    def purse(name: str, budget: Budget, tenants: frozenset[str] | None = None, workloads: frozenset[str] | None = None) -> Purse:
        return Purse(name, budget.amount_nusd, budget.period, plan.timezone, tenants, workloads)

    found = [purse(f"all/{name}", budget) for name, budget in plan.budgets.items()]
    for team, its in plan.teams.items():
        members = frozenset(name for name, tenant in plan.tenants.items() if tenant.team == team)
        found += [purse(f"team/{team}/{name}", budget, members) for name, budget in its.budgets.items()]
    for tenant, one in plan.tenants.items():
        found += [purse(f"tenant/{tenant}/{name}", budget, frozenset([tenant])) for name, budget in one.budgets.items()]
    for workload, kind in plan.workloads.items():
        found += [purse(f"workload/{workload}/{name}", budget, None, frozenset([workload])) for name, budget in kind.budgets.items()]
    return tuple(found)


def currencies_of(plan: Plan | None) -> tuple[ExchangeRate, ...]:
    """The currencies that the plan wants told beside dollars."""
    return () if plan is None else tuple(ExchangeRate(code, one.rate, one.as_of) for code, one in plan.currencies.items())


def prices_of(plan: Plan) -> dict[str, TargetPrice]:
    """What each provider with a price asks by day, and when it asks less."""
    found = {}
    for name, provider in plan.providers.items():
        if (price := provider.price) is None:
            continue
        cached, reasoning, low = price.cached_input_nusd_per_mtok, price.reasoning_nusd_per_mtok, price.off_peak
        found[name] = TargetPrice(
            input=price.input_nusd_per_mtok,
            cached=price.input_nusd_per_mtok if cached is None else cached,
            output=price.output_nusd_per_mtok,
            reasoning=price.output_nusd_per_mtok if reasoning is None else reasoning,
            off_peak=None if low is None else OffPeakHours(low.from_s, low.to_s, low.discount, low.timezone or plan.timezone),
            fixed=not price.changes,
            batch_discount=provider.batch_discount,
            units=None if (sold := provider.provisioned) is None else offer_of(sold),
        )
    return found


def offer_of(sold: Provisioned) -> UnitOffer:
    """Units as a vendor sells them."""
    return UnitOffer(
        60.0 * float(sold.tokens.per_second), sold.output_ratio, sold.cached_ratio, sold.least, sold.increment, sold.most,
        sold.cost_nusd_per_h, sold.units,
    )  # fmt: skip
