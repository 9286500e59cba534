"""The report to a customer: what a tier promised for a month, what was kept, what went wrong, what is owed, and the proof of each figure.

What must not live here: judging (`analysis.sla`), incidents and credits (`analysis`), statements, and showing (`report.customer`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from roteiro.analysis import customer_sql as sql
from roteiro.analysis.customer import Charge, CustomerReport, Happening, PlanInForce, Promise, Stay, days_of
from roteiro.analysis.error_budget import Counts, CountSeries
from roteiro.analysis.incidents import Incident, incidents
from roteiro.analysis.objective import Measure, Objective, Scope, Sli
from roteiro.analysis.sla import judge, worst
from roteiro.analysis.sla_credit import Bracket, credit_due
from roteiro.analysis.sli import EXCLUDED, Absence, count_queries, count_query
from roteiro.plan.model import Plan
from roteiro.tasks.evidence import Evidence, files_of
from roteiro.tasks.kept_plan import currencies_of, kept_plan
from roteiro.tasks.objective_counts import Answer, absences_of, rows_of
from roteiro.tasks.objectives_of import objectives_of
from roteiro.tasks.report import Question
from roteiro.tasks.service_levels import month_of
from roteiro.terms.error import SettingsError

__all__ = ["report_customer"]

STEP_S: Final = 300.0
MOST_INCIDENTS: Final = 25
"""Those that spent most are told one by one."""


def report_customer(
    data: str | Path, tier: str, month: str | None = None, tenant: str | None = None, run: str | None = None, now: datetime | None = None
) -> CustomerReport:
    """The report on a tier, or on one tenant of it, for a calendar month (`2026-10`; without it the last that is over, of a run its last).

    Judged by the plan that was in force last in the month. Raises SettingsError and LedgerError.
    """
    question, plan, since, ends = asked(Path(data), month, run, now)
    objectives = promised(plan, tier, tenant)
    now = now or datetime.now(UTC)
    is_over = run is not None or ends <= now
    until = ends if is_over else now
    scope, rows = Scope(tier=tier, tenant=tenant), rows_of(run)
    away = tuple(one for one in absences_of(plan) if one.since < until and one.until > since)
    evidence = Evidence(question.ledger)

    counted = counts_of(evidence, objectives, since, until, rows, away)
    outcomes_number, outcomes = evidence.rows("customer.q.outcomes", sql.outcomes_query(scope, rows, since, until))
    times_number, (times,) = evidence.rows("customer.q.times", sql.times_query(scope, rows, since, until))
    seen = [one for one in objectives if one.has_budget and counted[one.name][0].counts(one.name).total]
    courses = series_of(evidence, seen, since, until, rows, away)
    promises = tuple(promise(one, counted[one.name], courses.get(one.name), plan.timezone) for one in objectives)
    happenings, unsaid = what_happened(evidence, promises, courses, rows, away)
    charges = charges_of(evidence, plan, objectives, scope, since, until, rows, away)
    stays = stays_of(evidence, scope, since, until, rows, away)
    plans_number, plans = evidence.rows("customer.q.plans", sql.plans_query(scope, rows, since, until))
    ledger_number, (extent,) = evidence.rows("customer.q.ledger", sql.extent_query(rows, since, until))
    verdict, sure = worst(one.dimension.attained for one in promises)
    by_outcome = {row["outcome"]: row["requests"] for row in outcomes}
    its = plan.sla_tiers[tier]
    return CustomerReport(
        plan=plan.name, tier=tier, tenant=tenant, support=its.support, window=str(its.window), timezone=plan.timezone, since=since,
        until=until, is_over=is_over, verdict=verdict, sure=sure, promises=promises, happenings=happenings, unsaid=unsaid,
        maintenance=stays, outcomes=by_outcome, excluded={name: by_outcome[name] for name in EXCLUDED if name in by_outcome},
        outcomes_query=outcomes_number, total_ms=tuple(times["total_ms"] or ()), ttft_ms=tuple(times["ttft_ms"] or ()),
        times_query=times_number, brackets=brackets_of(plan, tier), charges=charges, currencies=currencies_of(plan),
        plans=tuple(PlanInForce(**row) for row in plans if row["digest"] is not None), plans_query=plans_number,
        ledger=(extent["requests"], extent["runs"], extent["first"], extent["last"]), ledger_query=ledger_number,
        preamble=evidence.preamble(), statements=tuple(evidence.statements), files=files_of(question.data, question.ledger, since, until),
        data=str(data),
    )  # fmt: skip


def asked(data: Path, month: str | None, run: str | None, now: datetime | None) -> tuple[Question, Plan, datetime, datetime]:
    """The ledger, the plan in force last in the month, and the instants between which the month lies."""
    whole = Question(data, None, run)
    period = whole.period()
    if period.last is None:
        raise SettingsError(f"the ledger of {data} holds no {'such' if run else 'live'} request; a simulated run is named with --run")
    latest = plan_of(data, period.digests)
    if month is None:
        zone = ZoneInfo(latest.timezone)
        at = period.last if run is not None else (now or datetime.now(UTC)).astimezone(zone).replace(day=1) - timedelta(days=1)
        month = f"{at.astimezone(zone):%Y-%m}"
    since, until = month_of(month, latest.timezone)
    question = Question(data, since, run, until)
    inside = question.period()
    if inside.last is None:
        raise SettingsError(f"the ledger of {data} holds nothing of {month}; it has {period.first:%Y-%m-%d} to {period.last:%Y-%m-%d}")
    return question, plan_of(data, inside.digests), since, until


def plan_of(data: Path, digests: Sequence[str]) -> Plan:
    plan = kept_plan(data, digests[-1]) if digests else None
    if plan is None:
        raise SettingsError(f"the plan that was in force is not in {data}, so what was promised is not known; report where it was served")
    return plan


def promised(plan: Plan, tier: str, tenant: str | None) -> tuple[Objective, ...]:
    """The tier's promises, of one tenant where one is named. Raises SettingsError where there are none."""
    if tier not in plan.sla_tiers:
        raise SettingsError(f"the plan has no tier {tier!r}; it has {', '.join(plan.sla_tiers) or 'none'}")
    if tenant is not None and (tenant not in plan.tenants or plan.tenants[tenant].tier != tier):
        its = [name for name, one in plan.tenants.items() if one.tier == tier]
        raise SettingsError(f"{tenant!r} is no tenant of {tier}; it has {', '.join(its) or 'none'}")
    found = tuple(one for one in objectives_of(plan) if one.tier == tier)
    if not found:
        raise SettingsError(f"the tier {tier} promises nothing that can be measured")
    return found if tenant is None else tuple(replace(one, scope=replace(one.scope, tenant=tenant)) for one in found)


Counted = tuple[Answer, int]


def counts_of(
    evidence: Evidence, objectives: Sequence[Objective], since: datetime, until: datetime, rows: str, away: Sequence[Absence]
) -> dict[str, Counted]:
    """Objective → the answer with its counts over everything, and that statement's number."""
    found: dict[str, Counted] = {}
    for query in count_queries(objectives, since, until, rows=rows, absences=away):
        number, answer = evidence.count("customer.q.counts", query)
        found |= dict.fromkeys(query.objectives, (answer, number))
    return found


def series_of(
    evidence: Evidence, objectives: Sequence[Objective], since: datetime, until: datetime, rows: str, away: Sequence[Absence]
) -> dict[str, tuple[CountSeries, int]]:
    """The same by five minutes, of those that anything is known of."""
    found: dict[str, tuple[CountSeries, int]] = {}
    for query in count_queries(objectives, since, until, step_s=STEP_S, rows=rows, absences=away):
        number, answer = evidence.count("customer.q.course", query)
        found |= {name: (answer.series(name), number) for name in query.objectives}
    return found


def promise(objective: Objective, counted: Counted, course: tuple[CountSeries, int] | None, zone: str) -> Promise:
    answer, number = counted
    sums = answer.sums(objective.name) if objective.measure is Measure.MEAN else None
    dimension = judge(objective, answer.counts(objective.name), sums=sums)
    if course is None:
        return Promise(dimension, number)
    series, course_number = course
    return Promise(dimension, number, tuple(days_of(series, objective.least, zone)), course_number)


def what_happened(
    evidence: Evidence, promises: Sequence[Promise], courses: dict[str, tuple[CountSeries, int]], rows: str, away: Sequence[Absence]
) -> tuple[tuple[Happening, ...], int]:
    """The incidents of every promise with who was involved, by time, and how many smaller ones are left out."""
    found: list[tuple[Objective, Incident]] = []
    for one in promises:
        objective = one.dimension.objective
        if objective.name in courses:
            series = courses[objective.name][0]
            found += [(objective, each) for each in incidents(series, objective.least, float((series.good + series.bad).sum()))]
    kept = sorted(found, key=lambda each: -each[1].spent)[:MOST_INCIDENTS]
    kept.sort(key=lambda each: (each[1].since, each[0].name))
    if not kept:
        return (), 0
    stretches = [(each.since, each.until) for _, each in kept]
    number, opened = evidence.rows("customer.q.breakers", sql.breakers_query(rows, stretches))
    breakers = [[(row["target"], row["opened"]) for row in opened if row["incident"] == n] for n in range(1, len(kept) + 1)]
    told: dict[int, Happening] = {}
    for objective in dict.fromkeys(each for each, _ in kept):
        places = [n for n, (each, _) in enumerate(kept) if each is objective]
        text = sql.causes_query(objective, rows, [stretches[n] for n in places], away)
        causes_number, causes = evidence.rows("customer.q.causes", text)
        for incident, n in enumerate(places, start=1):
            its = [(row["target"], row["bad"]) for row in causes if row["incident"] == incident]
            its.sort(key=lambda each: (-each[1], each[0] or ""))
            numbers = (courses[objective.name][1], causes_number, number)
            told[n] = Happening(objective, kept[n][1], tuple(its), tuple(breakers[n]), numbers)
    return tuple(told[n] for n in range(len(kept))), len(found) - len(kept)


def brackets_of(plan: Plan, tier: str) -> tuple[Bracket, ...]:
    return tuple(Bracket(one.below, one.credit) for one in plan.sla_tiers[tier].credits)


def charges_of(
    evidence: Evidence, plan: Plan, objectives: Sequence[Objective], scope: Scope, since: datetime, until: datetime, rows: str,
    away: Sequence[Absence],
) -> tuple[Charge, ...]:  # fmt: skip
    """What is owed to each tenant, by its own availability and its own charges; nothing where the tier has no brackets."""
    availability = next((one for one in objectives if one.sli is Sli.AVAILABILITY), None)
    brackets = brackets_of(plan, scope.tier or "")
    if availability is None or not brackets:
        return ()
    query = count_query(availability, since, until, by="tenant", rows=rows, absences=away)
    number, answer = evidence.count("customer.q.by_tenant", query)
    attained = answer.by_group(availability.name)
    charged_number, charged = evidence.rows("customer.q.charges", sql.charges_query(scope, rows, since, until))
    return tuple(
        Charge(credit_due(row["tenant"], counts.good, counts.total, int(row["charged_nusd"]), brackets), (number, charged_number))
        for row in charged
        for counts in [attained.get(row["tenant"], Counts())]
    )


def stays_of(evidence: Evidence, scope: Scope, since: datetime, until: datetime, rows: str, away: Sequence[Absence]) -> tuple[Stay, ...]:
    """The month's maintenance with the requests in it."""
    if not away:
        return ()
    number, (row,) = evidence.rows("customer.q.maintenance", sql.maintenance_query(scope, rows, since, until, away))
    return tuple(Stay(one, row[f"maintenance_{n}"], number) for n, one in enumerate(away, start=1))
