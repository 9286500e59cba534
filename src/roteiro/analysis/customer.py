"""What a customer is told of a month: promises with their course by day, incidents, maintenance, credits, and the proof of each figure.

Values alone, and the course by day. What must not live here: asking the ledger (`tasks.customer`), and words for people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.error_budget import Counts, CountSeries
from roteiro.analysis.incidents import Incident
from roteiro.analysis.objective import Objective
from roteiro.analysis.sla import Dimension, Verdict
from roteiro.analysis.sla_credit import Bracket, Credit
from roteiro.analysis.sli import Absence

__all__ = [
    "Charge", "CustomerReport", "Day", "Files", "Happening", "LedgerFile", "PlanInForce", "Promise", "Statement", "Stay", "days_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """`title` is a key of the report's words."""

    number: int
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """`path` within the data directory."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Files:
    """The Parquet files of a period. `digest` is the SHA-256 of the lines that `sha256sum` prints of them, sorted by path; `unsettled`
    counts requests that are still in segments, which the printed statements do not see."""

    files: tuple[LedgerFile, ...]
    digest: str
    unsettled: int


@dataclass(frozen=True, slots=True)
class Day:
    """`left`: of the month's error budget, at the day's end; below 0 it is overspent."""

    day: date
    counts: Counts
    left: float | None


@dataclass(frozen=True, slots=True)
class Promise:
    """One dimension, judged, with its course by day. `query` and `course` number the statements that they are read from."""

    dimension: Dimension
    query: int
    days: tuple[Day, ...] = ()
    course: int | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """An incident of a promise: providers by bad events, breakers by how often they opened, and the statements that say so."""

    objective: Objective
    incident: Incident
    providers: tuple[tuple[str | None, int], ...]
    breakers: tuple[tuple[str, int], ...]
    queries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """Announced maintenance, and the customer's requests that arrived in it."""

    absence: Absence
    requests: int
    query: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What one tenant is owed; `queries`: of its attainment and of its charges."""

    credit: Credit
    queries: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlanInForce:
    digest: str
    requests: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class CustomerReport:
    """`until` is when the month ends, or `as_of` where it has not yet. `verdict` is on all promises together.

    `unsaid`: incidents that are left out of `happenings` for there being so many. Times: p50, p95 and p99 of answers, and of first tokens.
    """

    plan: str | None
    tier: str
    tenant: str | None
    support: str | None
    window: str
    timezone: str
    since: datetime
    until: datetime
    is_over: bool
    verdict: Verdict
    sure: bool
    promises: tuple[Promise, ...]
    happenings: tuple[Happening, ...]
    unsaid: int
    maintenance: tuple[Stay, ...]
    outcomes: dict[str, int]
    excluded: dict[str, int]
    outcomes_query: int
    total_ms: tuple[float, ...]
    ttft_ms: tuple[float, ...]
    times_query: int
    brackets: tuple[Bracket, ...]
    charges: tuple[Charge, ...]
    currencies: tuple[ExchangeRate, ...]
    plans: tuple[PlanInForce, ...]
    plans_query: int
    ledger: tuple[int, int, datetime, datetime]
    """Requests, runs, the first arrival and the last."""
    ledger_query: int
    preamble: str
    statements: tuple[Statement, ...]
    files: Files
    data: str

    @property
    def requests(self) -> int:
        return sum(self.outcomes.values())

    @property
    def due_nusd(self) -> int:
        return sum(one.credit.due_nusd for one in self.charges)


def days_of(series: CountSeries, least: float, zone: str) -> Iterator[Day]:
    """By the calendar of `zone`. What is left is reckoned on all events of the series, as they were in the end."""
    allowed, spent = (1.0 - least) * int((series.good + series.bad).sum()), 0
    place = ZoneInfo(zone)
    starts = [(series.since + timedelta(seconds=series.step_s * k)).astimezone(place).date() for k in range(len(series.good))]
    days, firsts = np.unique(np.array(starts, "datetime64[D]"), return_index=True)
    for day, first, last in zip(days.tolist(), firsts.tolist(), [*firsts.tolist()[1:], len(starts)], strict=True):
        counts = Counts(int(series.good[first:last].sum()), int(series.bad[first:last].sum()))
        spent += counts.bad
        yield Day(day, counts, 1.0 - spent / allowed if allowed > 0.0 else None)
