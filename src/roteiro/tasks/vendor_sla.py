"""`roteiro vendors sla`: whether vendors kept their SLAs, period by period, and what they owe where they did not.

What must not live here: counting (`analysis.vendor_sla`), the claim (`vendor_claim`), and how it is shown.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from roteiro.analysis.column import integers
from roteiro.analysis.objective import Window
from roteiro.analysis.vendor_sla import Attained, Bracket, Buckets, SlaTerms, attain_vendor
from roteiro.plan.check_vendors import is_stale
from roteiro.plan.model import Plan
from roteiro.plan.moment import format_moment
from roteiro.plan.near import did_you_mean
from roteiro.plan.vendors import Vendor, VendorSla
from roteiro.tasks.check import checked
from roteiro.tasks.report import Question
from roteiro.tasks.vendor_ledger import Seat, VendorLedger, in_words, literal, seats_of
from roteiro.terms.error import SettingsError

__all__ = ["Covered", "PeriodKept", "SlaKept", "cover", "kept", "period_named", "plan_of", "sla_kept"]

MOST_PERIODS: Final = 6
"""Looked back, where no month is asked for."""
EDGE: Final = timedelta(hours=2)
"""Attempts of a period may have been sent, and decided on, so long before it."""
PROMISED: Final = "promised_sla"
NAMED: Final = re.compile(r"(\d{4})-(?:(\d{2})|Q([1-4]))")


@dataclass(frozen=True, slots=True)
class Covered:
    """An SLA and the providers that it covers. `index`: its place in the vendor's list, -1 of a provider's `promised_sla`."""

    vendor: str
    index: int
    sla: VendorSla
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class PeriodKept:
    """One SLA in one period. `since`, `until` in UTC; `over`: whether the period has ended. `excluded`: by class of failure, with
    `maintenance` and `unknown`; `paid_nusd` for the answers of the period, `due_nusd` of it owed. `claim_until`: the last moment to claim,
    None where the SLA does not say; `days_left` from now on, below 0 where it is too late."""

    vendor: str
    index: int
    target: float
    measured: str
    name: str
    since: datetime
    until: datetime
    over: bool
    attained: Attained
    excluded: dict[str, int]
    paid_nusd: int
    due_nusd: int
    claim_until: datetime | None
    days_left: int | None
    source: str
    as_of: date
    stale: bool
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlaKept:
    """`without`: vendors of the plan that promise nothing."""

    plan: str
    digest: str
    data: str
    run: str | None
    at: datetime
    periods: tuple[PeriodKept, ...]
    without: tuple[str, ...]


def plan_of(plan_path: Path | str | None, data: Path, run: str | None, environment: str | None) -> tuple[Plan, str]:
    """(plan, digest): of its file, else the one that was in force last in the data directory. Raises SettingsError where there is none."""
    if plan_path is not None:
        reading = checked(plan_path, environment)
        assert reading.plan is not None
        return reading.plan, reading.digest
    question = Question(data, None, run)
    period = question.period()
    plan = question.plan(period)
    if plan is None or period.digest is None:
        raise SettingsError(f"the plan in force is not in {data}; name its file")
    return plan, period.digest


def cover(plan: Plan, vendor: str | None = None) -> list[Covered]:
    """Every SLA of the plan's vendors; of a vendor without one, what its providers' `promised_sla` says. Raises SettingsError."""
    seats = seats_of(plan)
    names = list(dict.fromkeys(seat.vendor for seat in seats))
    if vendor is not None and vendor not in names:
        raise SettingsError(f"no provider of the plan is of the vendor {vendor[:60]!r}; {did_you_mean(vendor, names)}")
    found = []
    for name in names if vendor is None else [vendor]:
        mine = [seat for seat in seats if seat.vendor == name]
        slas = plan.vendors.by_name.get(name, Vendor()).sla
        for index, sla in enumerate(slas):
            covered = tuple(seat for seat in mine if not sla.models or seat.model in sla.models)
            if covered:
                found.append(Covered(name, index, sla, covered))
        if not slas:
            found += [one for seat in mine if (one := promised(plan, seat)) is not None]
    return found


def promised(plan: Plan, seat: Seat) -> Covered | None:
    """What a provider's `promised_sla` says, as an SLA by requests that owes nothing."""
    promise = plan.providers[seat.provider].promised_sla
    if promise is None or promise.availability is None:
        return None
    sla = VendorSla(target=promise.availability, source=f"providers.{seat.provider}.{PROMISED}", as_of=date.min)
    return Covered(seat.vendor, -1, sla, (seat,))


def period_named(text: str, sla: VendorSla) -> tuple[datetime, datetime]:
    """The bounds of 2026-09 or 2026-Q3 where the SLA counts. Raises SettingsError for what is neither, or not the SLA's period."""
    said = NAMED.fullmatch(text.strip())
    month = None if said is None else int(said[2]) if said[2] else 3 * int(said[3]) - 2
    if said is None or month is None or not 1 <= month <= 12:
        raise SettingsError(f"{text[:40]!r} is no month; write for example 2026-09, or 2026-Q3 of an SLA by the quarter")
    if said[3] and sla.period == "month":
        raise SettingsError(f"the SLA is judged by the month; write for example {said[1]}-{month:02d}")
    at = datetime(int(said[1]), month, 1, 12, tzinfo=ZoneInfo(sla.timezone))
    return utc(Window.calendar(sla.period, sla.timezone).bounds(at))


def utc(bounds: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    return bounds[0].astimezone(UTC), bounds[1].astimezone(UTC)


def sla_kept(
    plan_path: Path | str | None,
    data: Path,
    *,
    vendor: str | None = None,
    month: str | None = None,
    run: str | None = None,
    environment: str | None = None,
    now: datetime | None = None,
) -> SlaKept:
    """Each SLA in each period that the ledger knows of, the latest first (at most six), or in one. Raises as `plan_of` and `cover` do."""
    plan, digest = plan_of(plan_path, data, run, environment)
    at = now or datetime.now(UTC)
    covered = cover(plan, vendor)
    told = Question(data, None, run).period()
    periods = []
    for one in covered:
        wanted = [period_named(month, one.sla)] if month is not None else known_periods(one.sla, told.first, told.last)
        periods += [kept(plan, data, run, one, bounds, at) for bounds in wanted]
    names = dict.fromkeys(seat.vendor for seat in seats_of(plan) if vendor in (None, seat.vendor))
    promising = {one.vendor for one in covered}
    return SlaKept(plan.name or "", digest, str(data), run, at, tuple(periods), tuple(name for name in names if name not in promising))


def known_periods(sla: VendorSla, first: datetime | None, last: datetime | None) -> list[tuple[datetime, datetime]]:
    """Periods with rows, the latest first."""
    window, found = Window.calendar(sla.period, sla.timezone), list[tuple[datetime, datetime]]()
    while first is not None and last is not None and last >= first and len(found) < MOST_PERIODS:
        since, until = utc(window.bounds(last))
        found.append((since, until))
        last = since - timedelta(seconds=1)
    return found


def in_period(covered: Covered, data: Path, run: str | None, since: datetime, until: datetime) -> VendorLedger:
    return VendorLedger(data, covered.seats, since - EDGE, until + EDGE, run)


def kept(plan: Plan, data: Path, run: str | None, covered: Covered, bounds: tuple[datetime, datetime], now: datetime) -> PeriodKept:
    """One SLA in one period."""
    since, until = bounds
    ledger, sla = in_period(covered, data, run, since, until), covered.sla
    counts = ledger.ask(counting(ledger, sla, since, until))
    excluded = {name: int(integers(counts, f"not_{name}").sum()) for name in (*sla.excluded, "unknown", "maintenance")}
    buckets = Buckets(integers(counts, "slice"), integers(counts, "requests"), integers(counts, "failures"))
    attained = attain_vendor(buckets, slices_of(sla, since, min(until, now)), terms_of(sla))
    paid = int(ledger.ask(paying(ledger, since, until)).column("paid")[0].as_py() or 0)
    due = math.floor(paid * attained.credit)
    claim_until = None if sla.claim_within_s is None else until + timedelta(seconds=sla.claim_within_s)
    return PeriodKept(
        vendor=covered.vendor, index=covered.index, target=sla.target, measured=sla.measured, name=name_of(sla, since), since=since,
        until=until, over=now >= until, attained=attained, excluded={name: count for name, count in excluded.items() if count},
        paid_nusd=paid, due_nusd=due, claim_until=claim_until,
        days_left=None if claim_until is None else math.floor((claim_until - now).total_seconds() / 86_400.0), source=sla.source,
        as_of=sla.as_of, stale=covered.index >= 0 and is_stale(sla, now.date(), plan.vendors.stale_after_s),
        providers=tuple(seat.provider for seat in covered.seats),
    )  # fmt: skip


def terms_of(sla: VendorSla) -> SlaTerms:
    brackets = tuple(Bracket(one.below, one.credit) for one in sla.credits)
    return SlaTerms(sla.target, sla.measured, sla.slices.length_s, sla.slices.failures_above, sla.slices.least_requests, brackets)


def name_of(sla: VendorSla, since: datetime) -> str:
    """2026-09, or 2026-Q3."""
    local = since.astimezone(ZoneInfo(sla.timezone))
    return local.strftime("%Y-%m") if sla.period == "month" else f"{local.year}-Q{(local.month + 2) // 3}"


def slices_of(sla: VendorSla, since: datetime, until: datetime) -> int:
    """Slices of a stretch of time, without those that begin under announced maintenance."""
    count = max(0, math.ceil((until - since).total_seconds() / sla.slices.length_s))
    starts = since.timestamp() + np.arange(count) * sla.slices.length_s
    out = np.zeros(count, np.bool_)
    for one in sla.maintenance:
        out |= (starts >= one.from_unix_s) & (starts < one.to_unix_s)
    return count - int(out.sum())


def during_maintenance(sla: VendorSla) -> str:
    """The SQL condition that an attempt ended under announced maintenance."""
    edges = [(format_moment(one.from_unix_s), format_moment(one.to_unix_s)) for one in sla.maintenance]
    spans = [f"(ended >= TIMESTAMPTZ {literal(first)} AND ended < TIMESTAMPTZ {literal(last)})" for first, last in edges]
    return f"({' OR '.join(spans)})" if spans else "false"


def within(since: datetime, until: datetime) -> str:
    return f"ended >= {literal(since)} AND ended < {literal(until)}"


def counting(ledger: VendorLedger, sla: VendorSla, since: datetime, until: datetime) -> str:
    """The statement that counts a period, slice by slice."""
    ours = [*sla.excluded, "unknown"]
    apart = ",\n  ".join(f"count(*) FILTER (failure = {literal(name)} AND NOT out) AS not_{name}" for name in ours)
    return ledger.with_attempts(
        f"""SELECT CAST(floor((epoch(ended) - epoch({literal(since)})) / {sla.slices.length_s!r}) AS BIGINT) AS slice,
  count(*) FILTER (failure NOT IN ({in_words(ours)}) AND NOT out) AS requests,
  count(*) FILTER (failure IN ({in_words(sla.failures)}) AND NOT out) AS failures,
  {apart},
  count(*) FILTER (out) AS not_maintenance
FROM (SELECT *, {during_maintenance(sla)} AS out FROM attempts JOIN seats ON provider = target WHERE {within(since, until)})
GROUP BY slice ORDER BY slice"""  # noqa: S608
    )


def paying(ledger: VendorLedger, since: datetime, until: datetime) -> str:
    """The statement that sums what the period's answers cost."""
    return ledger.with_attempts(
        f"""SELECT sum(cost_nusd) AS paid FROM events JOIN seats ON provider = target
WHERE {ledger.condition("events")} AND time >= {literal(since)} AND time < {literal(until)}"""  # noqa: S608
    )
