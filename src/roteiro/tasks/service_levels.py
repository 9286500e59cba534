"""Report on service levels: every promise of the plan that was in force, judged by what a ledger holds, with the statements that counted.

What must not live here: judging (`analysis.sla`), the statements (`analysis.sli`), and budgets as of now (`objective_status`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from roteiro.analysis.error_budget import Counts, sliced
from roteiro.analysis.objective import Measure, Objective, Window
from roteiro.analysis.service_times import services_of, times_query
from roteiro.analysis.sla import Dimension, Service, SlaReport, judge, tier_report
from roteiro.analysis.sli import Absence, Grouping
from roteiro.ledger import Queries
from roteiro.plan.model import Plan
from roteiro.tasks.judged_levels import corrected
from roteiro.tasks.objective_counts import Answer, absences_of, count_objectives, rows_of
from roteiro.tasks.objectives_of import objectives_of
from roteiro.tasks.report import Period, Question
from roteiro.terms.error import SettingsError

__all__ = ["SlaAnswer", "assembled", "judged", "month_of", "report_sla"]

ALMOST_NOTHING = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SlaAnswer:
    """`targets_known`: whether the plan in force last is still at hand. `queries`: the statements that the numbers are from."""

    period: Period
    targets_known: bool
    sla: SlaReport
    queries: tuple[str, ...] = ()


def report_sla(
    data: str | Path,
    since: datetime | None = None,
    run: str | None = None,
    *,
    month: str | None = None,
    zone: str | None = None,
    by: Grouping | None = None,
) -> SlaAnswer:
    """Service levels of the live traffic, or of one run in whatever world; since a moment, or of a calendar month (`2026-10`) by the clocks
    of `zone`, without one the plan's. `by` also tells each objective's counts apart. Raises SettingsError and LedgerError.
    """
    until = None
    if month is not None:
        if since is not None:
            raise SettingsError("a month has its own beginning; leave out --since or --month")
        since, until = month_of(month, zone or zone_of_plan(Path(data), run))
    question = Question(Path(data), since, run, until)
    period = question.period()
    plan = question.plan(period)
    if period.first is None or period.last is None:
        return SlaAnswer(period, plan is not None, nothing(plan))
    begins, ends = since or period.first, until or period.last + ALMOST_NOTHING
    times = times_query(begins, ends, rows_of(run))
    services, overall = services_of(question.ledger.sql(times).to_pylist())
    objectives = objectives_of(plan) if plan is not None else ()
    absences = absences_of(plan) if plan is not None else ()
    dimensions, queries = judged(question.ledger, objectives, begins, ends, by=by, run=run, absences=absences)
    dimensions = corrected(dimensions, question.ledger, Path(data), begins, ends, run, absences)
    return SlaAnswer(period, plan is not None, assembled(plan, services, overall, dimensions, by), (times, *queries))


def month_of(text: str, zone: str) -> tuple[datetime, datetime]:
    """The instants between which a calendar month lies. Raises SettingsError."""
    try:
        place, first = ZoneInfo(zone), datetime.strptime(text, "%Y-%m")  # noqa: DTZ007 (its zone comes next)
    except (ZoneInfoNotFoundError, OSError):
        raise SettingsError(f"there is no time zone {zone[:60]!r}; write for example America/Sao_Paulo") from None
    except ValueError:
        raise SettingsError(f"{text[:60]!r} is no month; write for example 2026-10") from None
    return Window.calendar("month", zone).bounds(first.replace(tzinfo=place))


def zone_of_plan(data: Path, run: str | None) -> str:
    question = Question(data, None, run)
    plan = question.plan(question.period())
    return plan.timezone if plan is not None else "UTC"


def judged(
    ledger: Queries,
    objectives: Iterable[Objective],
    since: datetime,
    until: datetime,
    *,
    by: Grouping | None = None,
    run: str | None = None,
    absences: Sequence[Absence] = (),
) -> tuple[tuple[Dimension, ...], tuple[str, ...]]:
    """Each objective over since ≤ arrival < until, in order, and the statements. Raises LedgerError."""
    all_of_them = tuple(objectives)
    found: dict[str, Dimension] = {}
    queries: list[str] = []

    def ask(these: Iterable[Objective], by: Grouping | None = None, step_s: float | None = None) -> dict[str, Answer]:
        answers = count_objectives(ledger, these, since, until, by=by, step_s=step_s, run=run, absences=absences)
        queries.extend(dict.fromkeys(answer.query.text for answer in answers.values()))
        return answers

    by_request = [one for one in all_of_them if one.slices is None]
    for name, answer in ask(by_request, by).items():
        objective = next(one for one in by_request if one.name == name)
        sums = answer.sums(name) if objective.measure is Measure.MEAN else None
        groups = {group or "": counts for group, counts in answer.by_group(name).items()} if by is not None else None
        found[name] = judge(objective, answer.counts(name), sums=sums, groups=groups)
    in_slices = sorted((one for one in all_of_them if one.slices is not None), key=slice_s)
    for step_s, group in groupby(in_slices, key=slice_s):
        these = list(group)
        answers = ask(these, step_s=step_s)
        found |= {one.name: by_slices(one, answers[one.name]) for one in these}
    return tuple(found[one.name] for one in all_of_them), tuple(queries)


def slice_s(objective: Objective) -> float:
    return objective.slices.length_s if objective.slices is not None else 0.0


def by_slices(objective: Objective, answer: Answer) -> Dimension:
    """Judged by stretches of time: each is one good or one bad event."""
    assert objective.slices is not None
    slices = sliced(answer.series(objective.name), objective.slices.length_s, objective.slices.objective)
    good, bad, counts = int(slices.good.sum()), int(slices.bad.sum()), answer.counts(objective.name)
    return judge(objective, Counts(good, bad, counts.excluded, counts.maintenance), empty=len(slices.good) - good - bad)


def assembled(
    plan: Plan | None, services: dict[str | None, Service], overall: Service, dimensions: Sequence[Dimension], by: str | None
) -> SlaReport:
    """Tier by tier: those that promise first, in their order, then others that were used, then tenants of no tier."""
    promised = list(dict.fromkeys(one.objective.tier for one in dimensions if one.objective.tier is not None))
    tiers = plan.sla_tiers if plan is not None else {}
    names = dict.fromkeys([*promised, *tiers, *sorted(name for name in services if name is not None)])
    told = [
        tier_report(
            name, services.get(name, Service()), [one for one in dimensions if one.objective.tier == name],
            tiers[name].support if name in tiers else None,
        )
        for name in names
    ]  # fmt: skip
    if None in services:
        told.append(tier_report(None, services[None], ()))
    return SlaReport(tuple(told), overall, tuple(one for one in dimensions if one.objective.tier is None), by)


def nothing(plan: Plan | None) -> SlaReport:
    """What there is to say of a period without a request."""
    dimensions = [judge(one, Counts(), sums=(0, 0.0)) for one in (objectives_of(plan) if plan is not None else ())]
    return assembled(plan, {}, Service(), dimensions, None)
