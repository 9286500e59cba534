"""Objectives: what share of which events is to be good, over which window, and what happens as the budget of the others is spent.

A promise on the p95 is an objective of 95 % within a bound: shares can be counted, added and split, percentiles cannot. What must not live
here: the plan (`tasks.objectives_of` reads it), counting (`analysis.sli`), and the arithmetic of budgets (`analysis.error_budget`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from roteiro.analysis.purse import period_end, period_start
from roteiro.policy.burn import scaled_rules

__all__ = ["BurnAlert", "BurnStep", "Measure", "Objective", "Period", "Scope", "Severity", "Sli", "Slices", "Window", "usual_alerts"]

Period = Literal["day", "week", "month", "quarter"]

LENGTHS_S: Final[dict[Period, float]] = {"day": 86_400.0, "week": 7 * 86_400.0, "month": 30 * 86_400.0, "quarter": 91 * 86_400.0}
"""Nominal lengths, by which alerts are scaled; a calendar's own are taken where something is counted."""


class Sli(StrEnum):
    """What is measured of each event."""

    AVAILABILITY = "availability"
    """A request got its answer."""
    LATENCY = "latency"
    """An answer was whole within the bound (seconds)."""
    TTFT = "ttft"
    """A streamed answer's first byte came within the bound (seconds)."""
    THROUGHPUT = "throughput"
    """A streamed answer flowed at the bound at least (output tokens a second after the first)."""
    QUALITY = "quality"
    """A verdict on an answer's quality was the bound at least (0..1)."""
    CONFIDENCE = "confidence"
    """An answer's confidence was the bound at least (0..1)."""
    HALLUCINATION = "hallucination"
    """An answer to a factual question was not made up."""
    LEAKS = "leaks"
    """An answer that was looked through held no personal data."""
    AUDITABLE = "auditable"
    """All decisions on a request, from its arrival to its end, are in the ledger."""
    COST = "cost"
    """An answer cost the bound at most (nano-dollars)."""


class Measure(StrEnum):
    """What of the events is held against the objective."""

    SHARE = "share"
    """The share of good ones, at least `least`."""
    MEAN = "mean"
    """The mean of their values, at most `bound`; there is no error budget."""


class Severity(StrEnum):
    """How soon somebody has to look."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose events; None is all. `target` is the provider that answered, or was tried last, and `region` its region."""

    tier: str | None = None
    tenant: str | None = None
    workload: str | None = None
    model: str | None = None
    target: str | None = None
    region: str | None = None

    def named(self) -> dict[str, str]:
        """Column of the ledger → the word wanted there."""
        pairs = {
            "tier": self.tier, "tenant": self.tenant, "workload": self.workload, "model": self.model, "target": self.target,
            "region": self.region,
        }  # fmt: skip
        return {column: word for column, word in pairs.items() if word is not None}


@dataclass(frozen=True, slots=True)
class Window:
    """Over what an objective is judged: the last `length_s` seconds, or the day, week, month or quarter by the clocks of `timezone`."""

    kind: Literal["rolling", "calendar"] = "calendar"
    length_s: float = LENGTHS_S["month"]
    period: Period | None = "month"
    timezone: str = "UTC"

    @classmethod
    def rolling(cls, length_s: float) -> "Window":
        return cls("rolling", length_s, None)

    @classmethod
    def calendar(cls, period: Period, timezone: str = "UTC") -> "Window":
        return cls("calendar", LENGTHS_S[period], period, timezone)

    def bounds(self, at: datetime) -> tuple[datetime, datetime]:
        """From when (included) to when (not included) the window that holds `at` reaches; a rolling one ends at it."""
        if self.period is None:
            return at - timedelta(seconds=self.length_s), at
        if self.period != "quarter":
            start = period_start(self.period, at, self.timezone)
            return start, period_end(self.period, start)
        month = period_start("month", at, self.timezone)
        start = month.replace(month=(month.month - 1) // 3 * 3 + 1)
        last = start.replace(month=start.month + 2)
        return start, period_end("month", last)

    def seconds(self, at: datetime) -> float:
        """How long that window is; a day on which clocks change has 23 hours, or 25."""
        since, until = self.bounds(at)
        return (until.astimezone(UTC) - since.astimezone(UTC)).total_seconds()


@dataclass(frozen=True, slots=True)
class Slices:
    """The time-slice method: slices of `length_s` are good where the share of good events is `objective` at least, and slices count."""

    length_s: float
    objective: float


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Fires where the budget burns `burn` times too fast over both windows (seconds); see `policy.burn`."""

    burn: float
    long_s: float
    short_s: float
    severity: Severity

    def share(self, period_s: float) -> float:
        """The share of the period's budget that it takes to fire."""
        return self.burn * self.long_s / period_s


@dataclass(frozen=True, slots=True)
class BurnStep:
    """What is done once `spent` (a share) of the period's budget is gone. `below`: the least important priority that is still served."""

    spent: float
    do: Literal["notify", "degrade", "freeze", "shed"]
    to: tuple[str, ...] = ()
    below: str | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """At least `least` (0..1) of the events in `scope` are to be good, over `window`.

    `bound` is what makes an event good, in the unit of its `Sli`; of a MEAN what it may not pass. `tier` is set where the objective is a
    promise of that tier. `page` and `ticket` name who is told by alerts; `kinds` the signals that a quality is read from.
    """

    name: str
    sli: Sli
    least: float
    bound: float | None = None
    scope: Scope = Scope()
    window: Window = Window()
    slices: Slices | None = None
    tier: str | None = None
    alerts: tuple[BurnAlert, ...] = ()
    steps: tuple[BurnStep, ...] = ()
    measure: Measure = Measure.SHARE
    page: tuple[str, ...] = ()
    ticket: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def has_budget(self) -> bool:
        """Whether some events may be bad, so that there is a budget of them to spend."""
        return self.measure is Measure.SHARE and self.least < 1.0


def usual_alerts(window: Window, least: float) -> tuple[BurnAlert, ...]:
    """14.4, 6, 3 and 1 times too fast, over windows in proportion to the period, but for those that can never fire here."""
    return tuple(
        BurnAlert(burn, long_s, short_s, Severity.PAGE if pages else Severity.TICKET)
        for burn, long_s, short_s, pages in scaled_rules(window.length_s, least)
    )
