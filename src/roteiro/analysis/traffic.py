"""Where requests went and why: shares by provider, outcomes, reasons, failovers, and what breakers did.

What must not live here: service levels (`sla`), money (`cost`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.column import counts, is_word, numbers, sum_of, words

__all__ = [
    "COLUMNS",
    "DECISION_COLUMNS",
    "Failovers",
    "ProviderShare",
    "ReasonCount",
    "TrafficReport",
    "Transition",
    "traffic",
    "transitions",
]

COLUMNS: Final = ("target", "first_target", "outcome", "reason", "attempts", "fallbacks", "stream", "degraded")
DECISION_COLUMNS: Final = ("run", "time", "seq", "request", "now_s", "step", "command", "reason", "target", "x", "y")
"""The columns of `events` and of `decisions` that are read."""

STATES: Final = {
    "breaker_opened": "open",
    "breaker_forced": "open",
    "breaker_reopened": "open",
    "breaker_half_open": "half_open",
    "breaker_closed": "closed",
}
QUIET: Final = "ok"


@dataclass(frozen=True, slots=True)
class ProviderShare:
    """One provider's part. `answered` and `requests` by the provider that gave the answer or was tried last; `share` is of the answered."""

    name: str
    requests: int
    answered: int
    share: float | None
    asked_first: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many decisions were taken for a reason, by what was commanded (`note` where a step had it as a consequence)."""

    command: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A breaker's new state, `at_s` after its run's epoch. `x` and `y` are the numbers compared, as the reason says."""

    run: str
    time: datetime
    at_s: float
    target: str | None
    state: str
    reason: str
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class Failovers:
    """Requests that went to another provider than the one asked first, and how many of them were answered there."""

    requests: int
    answered: int
    sends: int
    retried: int
    """Requests with more than one attempt."""


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """`unrouted` requests were refused before any provider was chosen. `by_provider` has the busiest first."""

    requests: int
    outcomes: dict[str, int]
    by_provider: tuple[ProviderShare, ...]
    unrouted: int
    failovers: Failovers
    degraded: int
    reasons: tuple[ReasonCount, ...]
    transitions: tuple[Transition, ...]


def traffic(events: pa.Table, decisions: pa.Table) -> TrafficReport:
    """The traffic of `events` (at least COLUMNS) with the decisions behind it (at least DECISION_COLUMNS)."""
    answered = is_word(events, "outcome", "success")
    fell_back = numbers(events, "fallbacks") > 0
    return TrafficReport(
        requests=len(events),
        outcomes=counts(events, "outcome"),
        by_provider=providers(events),
        unrouted=int(is_word(events, "target", None).sum()),
        failovers=Failovers(
            requests=int(fell_back.sum()),
            answered=int((fell_back & answered).sum()),
            sends=sum_of(events, "fallbacks"),
            retried=int((numbers(events, "attempts") > 1).sum()),
        ),
        degraded=sum_of(events, "degraded"),
        reasons=reasons(decisions),
        transitions=transitions(decisions),
    )


def providers(events: pa.Table) -> tuple[ProviderShare, ...]:
    served = counts(events.filter(pa.array(is_word(events, "outcome", "success"), pa.bool_())), "target")
    tried, first = counts(events, "target"), counts(events, "first_target")
    total = sum(served.values())
    rows = [
        ProviderShare(name, tried.get(name, 0), served.get(name, 0), served.get(name, 0) / total if total else None, first.get(name, 0))
        for name in {*tried, *first}
    ]
    return tuple(sorted(rows, key=lambda row: (-row.answered, -row.requests, row.name)))


def reasons(decisions: pa.Table) -> tuple[ReasonCount, ...]:
    """Counts by command and reason, the most frequent first; steps that decided nothing are left out."""
    plain = pa.table({"command": words(decisions, "command"), "reason": words(decisions, "reason"), "step": words(decisions, "step")})
    note = pc.equal(plain.column("step"), "note")
    named = plain.set_column(0, "command", pc.if_else(note, "note", plain.column("command")))
    kept = named.filter(pc.not_equal(named.column("reason"), QUIET))
    rows = kept.group_by(["command", "reason"]).aggregate([("reason", "count")]).to_pylist()
    found = [ReasonCount(row["command"], row["reason"], row["reason_count"]) for row in rows]
    return tuple(sorted(found, key=lambda row: (-row.count, row.command, row.reason)))


def transitions(decisions: pa.Table) -> tuple[Transition, ...]:
    """What breakers did, in the order of the decisions."""
    kept = decisions.filter(pa.array(is_word(decisions, "step", "note") & is_word(decisions, "reason", *STATES), pa.bool_()))
    rows: list[dict[str, Any]] = kept.sort_by([("run", "ascending"), ("seq", "ascending")]).to_pylist()
    return tuple(
        Transition(row["run"], row["time"], row["now_s"], row["target"], STATES[row["reason"]], row["reason"], row["x"], row["y"])
        for row in rows
    )
