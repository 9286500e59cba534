"""`roteiro vendors`: all vendors at a glance: how much goes to each, how it has been, what it promises, and what may still be claimed.

What must not live here: scores (`vendor_score`), attainment (`vendor_sla`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roteiro.plan.check_vendors import declared, stale_facts
from roteiro.plan.vendors import Vendor
from roteiro.tasks.vendor_ledger import VendorLedger, in_words, seats_of
from roteiro.tasks.vendor_measured import LOAD, OURS
from roteiro.tasks.vendor_score import vendors_of
from roteiro.tasks.vendor_sla import PeriodKept, plan_of, sla_kept
from roteiro.terms.error import SettingsError

__all__ = ["VendorRow", "VendorsOverview", "vendors_overview"]


@dataclass(frozen=True, slots=True)
class VendorRow:
    """One vendor. `answered` of `attempts` (our own errors and refusals for load left out); `now`: its first promise in the latest period;
    `claims`: periods for which something is owed and may still be claimed. `facts` are declared, of which `stale` are."""

    vendor: str
    providers: tuple[str, ...]
    models: tuple[str, ...]
    attempts: int
    answered: int
    availability: float | None
    paid_nusd: int
    now: PeriodKept | None
    claims: tuple[PeriodKept, ...]
    facts: int
    stale: int


@dataclass(frozen=True, slots=True)
class VendorsOverview:
    """`since`: attempts are counted from then on, None for all there are."""

    plan: str
    digest: str
    data: str
    run: str | None
    since: datetime | None
    rows: tuple[VendorRow, ...]


def vendors_overview(
    plan_path: Path | str | None,
    data: Path,
    since: datetime | None = None,
    run: str | None = None,
    *,
    environment: str | None = None,
    now: datetime | None = None,
) -> VendorsOverview:
    """Every vendor of the plan, or of the one in force last. Raises as `plan_of` does."""
    at = now or datetime.now(UTC)
    plan, digest = plan_of(plan_path, data, run, environment)
    ledger = VendorLedger(data, seats_of(plan), since, None, run)
    left_out = in_words([*OURS, LOAD])
    tried = ledger.ask(
        ledger.with_attempts(
            f"""SELECT vendor, count(*) FILTER (failure NOT IN ({left_out})) AS attempts, count(*) FILTER (failure = 'none') AS answered
FROM attempts JOIN seats ON provider = target GROUP BY vendor"""  # noqa: S608
        )
    ).to_pylist()
    paid = ledger.ask(
        ledger.with_attempts(
            f"""SELECT vendor, sum(cost_nusd) AS paid FROM events JOIN seats ON provider = target
WHERE {ledger.condition("events")} GROUP BY vendor"""  # noqa: S608
        )
    ).to_pylist()
    counts: dict[str, dict[str, Any]] = {row["vendor"]: row for row in tried}
    money = {row["vendor"]: int(row["paid"] or 0) for row in paid}
    try:
        periods = sla_kept(plan_path, data, run=run, environment=environment, now=at).periods
    except SettingsError:  # the ledger has nothing yet
        periods = ()
    old = [found.path[2] for found in stale_facts(plan, at.date())]
    rows = []
    for name in vendors_of(plan):
        mine = counts.get(name, {"attempts": 0, "answered": 0})
        attempts, answered = int(mine["attempts"]), int(mine["answered"])
        providers = [(key, one.model) for key, one in plan.providers.items() if one.name == name]
        own = [one for one in periods if one.vendor == name]
        rows.append(
            VendorRow(
                vendor=name, providers=tuple(key for key, _ in providers), models=tuple(dict.fromkeys(model for _, model in providers)),
                attempts=attempts, answered=answered, availability=answered / attempts if attempts else None,
                paid_nusd=money.get(name, 0), now=own[0] if own else None,
                claims=tuple(one for one in own if one.over and one.due_nusd and (one.days_left is None or one.days_left >= 0)),
                facts=sum(1 for _ in declared(plan.vendors.by_name.get(name, Vendor()))), stale=old.count(name),
            )
        )  # fmt: skip
    return VendorsOverview(plan.name or "", digest, str(data), run, since, tuple(rows))
