"""Objectives as of a moment: what is left of each budget, how fast it burns, when it will be spent, and when alerts fired.

What must not live here: the arithmetic (`analysis.error_budget`, `analysis.burn_alert`), and a period's report (`service_levels`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from roteiro.analysis.burn_alert import Firing, firings, usual_rule
from roteiro.analysis.error_budget import Budget, Counts, CountSeries, Exhaustion, exhaustion, expected_events, sliced
from roteiro.analysis.objective import BurnAlert, BurnStep, Measure, Objective
from roteiro.plan.model import Plan
from roteiro.tasks.objective_counts import absences_of, count_objectives
from roteiro.tasks.objectives_of import objectives_of
from roteiro.tasks.report import Period, Question
from roteiro.terms.error import SettingsError

__all__ = ["AlertHistory", "AlertsAnswer", "Burn", "ObjectiveStatus", "StatusAnswer", "alerts", "status"]

STEP_S = 60.0
"""Counts are by the minute, which the shortest window of an alert is."""


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast the budget burns over an alert's two windows; None where they hold no event. `firing`: whether the alert does."""

    alert: BurnAlert
    long: float | None
    short: float | None
    firing: bool


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """One objective in its own window, `since` ≤ arrival < `until`, so far. `budget` is that of the events which the whole window is
    expected to have; None where nothing may be bad. `steps`: those that hold. `exhaustion`: None where nothing is known."""

    objective: Objective
    since: datetime
    until: datetime
    counts: Counts
    budget: Budget | None
    burns: tuple[Burn, ...] = ()
    steps: tuple[BurnStep, ...] = ()
    exhaustion: Exhaustion | None = None


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """All objectives of the plan in force last, as of `at`. `targets_known`: whether that plan is still at hand."""

    period: Period
    at: datetime
    targets_known: bool
    objectives: tuple[ObjectiveStatus, ...]
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """Every time that one alert fired; `usual` is how often the usual rule would have, which asks for no budget spent and no evidence."""

    objective: str
    alert: BurnAlert
    firings: tuple[Firing, ...]
    usual: int


@dataclass(frozen=True, slots=True)
class AlertsAnswer:
    """All alerts over the recorded period."""

    period: Period
    targets_known: bool
    alerts: tuple[AlertHistory, ...]
    queries: tuple[str, ...] = ()

    def fired(self, severity: str) -> int:
        return sum(len(one.firings) for one in self.alerts if one.alert.severity == severity)


def status(data: str | Path, run: str | None = None, at: datetime | None = None, objective: str | None = None) -> StatusAnswer:
    """Budgets now, or that of one objective alone; of a run that was asked for, as of its last request.

    Raises SettingsError and LedgerError.
    """
    question = Question(Path(data), None, run)
    period = question.period()
    plan = question.plan(period)
    when = at or (datetime.now(UTC) if run is None else ended(period))
    if plan is None or period.first is None:
        return StatusAnswer(period, when, plan is not None, ())
    watched = [one for one in chosen(plan, objective) if one.measure is Measure.SHARE]
    found: dict[str, ObjectiveStatus] = {}
    queries: list[str] = []
    # Objectives of one window are counted together. A record that begins within it is counted from its beginning.
    begins = {one.name: max(one.window.bounds(when)[0].astimezone(UTC), to_minute(period.first)) for one in watched}
    for since, group in groupby(sorted(watched, key=lambda one: begins[one.name]), key=lambda one: begins[one.name]):
        these = list(group)
        series, asked = counted(question, plan, these, since, when, run)
        queries += asked
        found |= {one.name: of_objective(one, series[one.name], when) for one in these}
    return StatusAnswer(period, when, True, tuple(found[one.name] for one in watched), tuple(queries))


def alerts(data: str | Path, run: str | None = None, since: datetime | None = None, objective: str | None = None) -> AlertsAnswer:
    """When each alert, or those of one objective, would have fired and cleared. Raises SettingsError and LedgerError."""
    question = Question(Path(data), since, run)
    period = question.period()
    plan = question.plan(period)
    if plan is None or period.first is None:
        return AlertsAnswer(period, plan is not None, ())
    watched = [one for one in chosen(plan, objective) if one.alerts]
    series, queries = counted(question, plan, watched, to_minute(period.first), ended(period), run)
    found = [history for one in watched for history in histories(one, series[one.name])]
    return AlertsAnswer(period, True, tuple(found), queries)


def chosen(plan: Plan, name: str | None) -> tuple[Objective, ...]:
    """All of a plan's objectives, or the one of that name. Raises SettingsError."""
    known = objectives_of(plan)
    found = tuple(one for one in known if name in (None, one.name))
    if not found and name is not None:
        raise SettingsError(f"the plan has no objective {name[:80]!r}; it has {', '.join(one.name for one in known) or 'none'}")
    return found


def counted(
    question: Question, plan: Plan, these: Sequence[Objective], since: datetime, until: datetime, run: str | None
) -> tuple[dict[str, CountSeries], tuple[str, ...]]:
    """Counts of events by the minute, and the statements."""
    if until <= since:
        raise SettingsError(f"{until:%Y-%m-%d %H:%M} UTC is before the first request, {since:%Y-%m-%d %H:%M}")
    answers = count_objectives(question.ledger, these, since, until, step_s=STEP_S, run=run, absences=absences_of(plan))
    series = {one.name: answers[one.name].series(one.name) for one in these}
    return series, tuple(dict.fromkeys(answer.query.text for answer in answers.values()))


def of_objective(one: Objective, events: CountSeries, at: datetime) -> ObjectiveStatus:
    """Its budget by slices where it is judged by them. Alerts look at events, which tell sooner, as the live ones do."""
    since, until = one.window.bounds(at)
    series = events if one.slices is None else sliced(events, one.slices.length_s, one.slices.objective)
    counts = series.between(since, at)
    if not one.has_budget:
        return ObjectiveStatus(one, since, until, counts, None)
    budget = Budget.of(counts, one.least, expected_events(series, one.window, at))
    fired = firings(events, one.alerts, one.least, one.window.length_s)
    firing = {each.alert for each in fired if each.until is None}
    burns = tuple(
        Burn(alert, burn_of(events, alert.long_s, one.least, at), burn_of(events, alert.short_s, one.least, at), alert in firing)
        for alert in one.alerts
    )
    spent = budget.spent or 0.0
    held = tuple(step for step in one.steps if spent >= step.spent)
    return ObjectiveStatus(one, since, until, counts, budget, burns, held, exhaustion(series, one.window, one.least, at))


def burn_of(series: CountSeries, length_s: float, least: float, at: datetime) -> float | None:
    return Budget.of(series.last(at, length_s), least).burn


def histories(one: Objective, series: CountSeries) -> Iterator[AlertHistory]:
    for alert in one.alerts:
        fired = firings(series, [alert], one.least, one.window.length_s)
        usual = firings(series, [alert], one.least, one.window.length_s, decide=usual_rule)
        yield AlertHistory(one.name, alert, fired, len(usual))


def to_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def ended(period: Period) -> datetime:
    """The minute's end after the last arrival."""
    last = period.last or datetime.now(UTC)
    return to_minute(last) + timedelta(minutes=1)
