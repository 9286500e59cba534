"""Report on what did happen: cost and traffic, read from a ledger. Service levels have a room of their own (`service_levels`).

What must not live here: judging and summing (`analysis`), and showing (`report`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from roteiro.analysis.cost import COLUMNS as COST_COLUMNS
from roteiro.analysis.cost import CostReport, cost
from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.purse import COLUMNS as PURSE_COLUMNS
from roteiro.analysis.purse import PurseUse, period_start, purse_use
from roteiro.analysis.traffic import COLUMNS as TRAFFIC_COLUMNS
from roteiro.analysis.traffic import DECISION_COLUMNS, TrafficReport, traffic
from roteiro.ledger import Ledger
from roteiro.plan.model import Plan
from roteiro.tasks.kept_plan import currencies_of, kept_plan, purses_of
from roteiro.terms.error import SettingsError
from roteiro.terms.units import QuantityError, parse_duration

__all__ = ["CostAnswer", "Period", "Question", "TrafficAnswer", "parse_since", "report_cost", "report_traffic"]


@dataclass(frozen=True, slots=True)
class Period:
    """What a report is about. `first` and `last` are the arrivals it found, None where it found nothing; `digests` the plans in force."""

    data: str
    run: str | None
    since: datetime | None
    world: str | None
    requests: int
    first: datetime | None
    last: datetime | None
    runs: int
    digests: tuple[str, ...]

    @property
    def digest(self) -> str | None:
        """The plan in force last."""
        return self.digests[-1] if self.digests else None


@dataclass(frozen=True, slots=True)
class CostAnswer:
    period: Period
    budgets_known: bool
    cost: CostReport
    budgets: tuple[PurseUse, ...]
    currencies: tuple[ExchangeRate, ...] = ()


@dataclass(frozen=True, slots=True)
class TrafficAnswer:
    period: Period
    traffic: TrafficReport


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """A moment from `24h`, `7d` (before `now`), or from a date or time as ISO 8601 writes it (UTC where it names no zone)."""
    try:
        return (now or datetime.now(UTC)) - timedelta(seconds=float(parse_duration(text)))
    except (QuantityError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(f"{text[:60]!r} is no period and no time; write for example 24h, 7d or 2026-01-31T12:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def report_cost(data: str | Path, since: datetime | None = None, run: str | None = None) -> CostAnswer:
    """Cost of the same, and what is left of the budgets of the plan in force last.

    Budgets look at all live requests of their own periods, whatever the report is about; of a simulated run, at that run's alone.
    """
    question = Question(Path(data), since, run)
    period = question.period()
    plan = question.plan(period)
    report = cost(question.ask("events", COST_COLUMNS))
    uses = question.purses(plan, period) if plan is not None else ()
    return CostAnswer(period, plan is not None, report, uses, currencies_of(plan))


def report_traffic(data: str | Path, since: datetime | None = None, run: str | None = None) -> TrafficAnswer:
    """Outcomes, providers, failovers, breakers and reasons of the same."""
    question = Question(Path(data), since, run)
    period = question.period()
    found = traffic(question.ask("events", TRAFFIC_COLUMNS), question.ask("decisions", DECISION_COLUMNS))
    return TrafficAnswer(period, found)


class Question:
    """Which rows of which ledger a report is about: those of a run, or all that are live; since a moment, and until one."""

    def __init__(self, data: Path, since: datetime | None, run: str | None, until: datetime | None = None) -> None:
        if not data.is_dir():
            raise SettingsError(f"there is no data directory {data}; name one with --data")
        self.data, self.since, self.run, self.until = data, since, run, until
        self.ledger = Ledger(data)
        self.world: str | None = None if run is not None else "live"
        if run is not None and run not in (runs := [known.run for known in self.ledger.runs()]):
            known = f"its runs are {', '.join(runs[-5:])}" if runs else "it has no rows yet"
            raise SettingsError(f"the ledger of {data} has no run {run!r}; {known}")

    def condition(self, table: str) -> tuple[str, dict[str, Any]]:
        """The SQL condition that chooses the rows, with its parameters. Decisions have no world: theirs is their run's."""
        parts, values = ["true"], dict[str, Any]()
        if self.run is not None:
            parts.append("run = $run")
            values["run"] = self.run
        elif table == "decisions":
            parts.append("run IN (SELECT DISTINCT run FROM events WHERE world = 'live')")
        else:
            parts.append("world = 'live'")
        if self.since is not None:
            parts.append("time >= $since")
            values["since"] = self.since
        if self.until is not None:
            parts.append("time < $until")
            values["until"] = self.until
        return " AND ".join(parts), values

    def ask(self, table: str, columns: Iterable[str]) -> pa.Table:
        condition, values = self.condition(table)
        named = ", ".join(f'"{column}"' for column in columns)
        return self.ledger.sql(f"SELECT {named} FROM {table} WHERE {condition}", values)  # noqa: S608 (names and words of ours)

    def period(self) -> Period:
        condition, values = self.condition("events")
        rows = self.ledger.sql(
            f"""SELECT run, digest, count(*) AS requests, min(time) AS first, max(time) AS last, min(world) AS world
                FROM events WHERE {condition} GROUP BY run, digest ORDER BY max(time)""",  # noqa: S608
            values,
        ).to_pylist()
        return Period(
            data=str(self.data),
            run=self.run,
            since=self.since,
            world=min((row["world"] for row in rows if row["world"]), default=self.world),
            requests=sum(row["requests"] for row in rows),
            first=min((row["first"] for row in rows), default=None),
            last=max((row["last"] for row in rows), default=None),
            runs=len({row["run"] for row in rows}),
            digests=tuple(dict.fromkeys(row["digest"] for row in reversed(rows) if row["digest"] is not None))[::-1],
        )

    def plan(self, period: Period) -> Plan | None:
        return kept_plan(self.data, period.digest) if period.digest is not None else None

    def purses(self, plan: Plan, period: Period) -> tuple[PurseUse, ...]:
        """Budgets as of now; of a run that was asked for, as of its last request's end."""
        at = datetime.now(UTC) if self.run is None else self.ended()
        purses = purses_of(plan)
        start = min((period_start(one.period, at, one.timezone) for one in purses), default=at)
        named = ", ".join(f'"{column}"' for column in PURSE_COLUMNS)
        simulated = period.world != "live"
        mine = "run = $run" if simulated else "world = 'live'"
        # What ended in the period may have arrived before it, but by no more than a day: no deadline is that long.
        values: dict[str, Any] = {"start": start - timedelta(days=1)} | ({"run": self.run} if simulated else {})
        rows = self.ledger.sql(f"SELECT {named} FROM events WHERE {mine} AND time >= $start", values)  # noqa: S608
        return purse_use(rows, purses, at)

    def ended(self) -> datetime:
        """When the last request of the run ended; now where there is none."""
        last = self.ledger.sql("SELECT max(epoch_us(time) + CAST(total_ms * 1000 AS BIGINT)) AS last FROM events WHERE run = ?", [self.run])
        micros = last.column("last")[0].as_py()
        return datetime.now(UTC) if micros is None else datetime.fromtimestamp(micros / 1e6 + 1e-3, UTC)
