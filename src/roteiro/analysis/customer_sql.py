"""Statements of a customer's report beside those that count objectives: outcomes, charges, times, causes of incidents, plans in force.

Each stands by itself, as those of `sli` do: names and times are written into it. What must not live here: running them, and judging.
"""

from collections.abc import Sequence
from datetime import datetime

from roteiro.analysis.objective import Objective, Scope
from roteiro.analysis.sli import LIVE, OF_SIGNALS, Absence, absent, events_of, matching, moment, spell_period

__all__ = [
    "breakers_query",
    "causes_query",
    "charges_query",
    "extent_query",
    "maintenance_query",
    "outcomes_query",
    "plans_query",
    "times_query",
]

Stretch = tuple[datetime, datetime]
SHARES = "[0.5, 0.95, 0.99]"


def chosen(scope: Scope, rows: str, since: datetime, until: datetime) -> str:
    """WHERE …: the rows of a scope in a period."""
    return "WHERE " + "\n  AND ".join(part for part in (rows, spell_period(since, until), matching(scope)) if part)


def outcomes_query(scope: Scope, rows: str, since: datetime, until: datetime) -> str:
    """Requests by outcome."""
    return f"SELECT outcome, count(*) AS requests\nFROM events\n{chosen(scope, rows, since, until)}\nGROUP BY outcome ORDER BY outcome"


def charges_query(scope: Scope, rows: str, since: datetime, until: datetime) -> str:
    """Requests and charges by tenant."""
    return (
        "SELECT tenant, count(*) AS requests, CAST(sum(cost_nusd) AS BIGINT) AS charged_nusd\n"
        f"FROM events\n{chosen(scope, rows, since, until)}\nGROUP BY tenant ORDER BY tenant"
    )


def times_query(scope: Scope, rows: str, since: datetime, until: datetime) -> str:
    """p50, p95 and p99 of answers, and of the first token of streamed ones; values that were measured."""
    streamed = "outcome = 'success' AND stream = 1 AND ttft_ms IS NOT NULL"
    return (
        f"SELECT count(*) FILTER (WHERE outcome = 'success') AS answered, count(*) FILTER (WHERE {streamed}) AS streamed,\n"
        f"       quantile_disc(total_ms, {SHARES}) FILTER (WHERE outcome = 'success') AS total_ms,\n"
        f"       quantile_disc(ttft_ms, {SHARES}) FILTER (WHERE {streamed}) AS ttft_ms\n"
        f"FROM events\n{chosen(scope, rows, since, until)}"
    )


def plans_query(scope: Scope, rows: str, since: datetime, until: datetime) -> str:
    """The plans under which the requests were served, by their digests."""
    return (
        "SELECT digest, count(*) AS requests, min(time) AS first, max(time) AS last\n"
        f"FROM events\n{chosen(scope, rows, since, until)}\nGROUP BY digest ORDER BY first"
    )


def extent_query(rows: str, since: datetime, until: datetime) -> str:
    """What the ledger holds of the period, whoever's it is."""
    return (
        "SELECT count(*) AS requests, count(DISTINCT run) AS runs, min(time) AS first, max(time) AS last\n"
        f"FROM events\n{chosen(Scope(), rows, since, until)}"
    )


def causes_query(one: Objective, rows: str, stretches: Sequence[Stretch], absences: Sequence[Absence] = ()) -> str:
    """Bad events of an objective by incident and the provider that was tried last."""
    valid, good = events_of(one)
    away = " OR ".join(f"({absent(absence)})" for absence in absences)
    parts = (rows, matching(one.scope), valid, f"NOT ({good})", f"NOT ({away})" if away else "")
    return (
        f"{with_stretches(stretches)}SELECT incident, target, count(*) AS bad\n"
        f"FROM {'signals' if one.sli in OF_SIGNALS else 'events'} JOIN stretches ON time >= begins AND time < ends\n"
        "WHERE " + "\n  AND ".join(part for part in parts if part) + "\nGROUP BY ALL ORDER BY ALL"
    )


def breakers_query(rows: str, stretches: Sequence[Stretch]) -> str:
    """Circuit breakers that opened, by incident and provider. Decisions have no world: theirs is their run's."""
    whose = "run IN (SELECT DISTINCT run FROM events WHERE world = 'live')" if rows == LIVE else rows
    return (
        f"{with_stretches(stretches)}SELECT incident, target, count(*) AS opened\n"
        f"FROM decisions JOIN stretches ON time >= begins AND time < ends\n"
        f"WHERE {whose}\n  AND reason IN ('breaker_opened', 'breaker_forced', 'breaker_reopened')\nGROUP BY ALL ORDER BY ALL"
    )


def maintenance_query(scope: Scope, rows: str, since: datetime, until: datetime, absences: Sequence[Absence]) -> str:
    """Requests that arrived in each announced maintenance, in its own scope."""
    columns = ",\n       ".join(f"count(*) FILTER (WHERE {absent(one)}) AS maintenance_{n}" for n, one in enumerate(absences, start=1))
    return f"SELECT {columns}\nFROM events\n{chosen(scope, rows, since, until)}"


def with_stretches(stretches: Sequence[Stretch]) -> str:
    values = ",\n    ".join(f"({n}, {moment(begins)}, {moment(ends)})" for n, (begins, ends) in enumerate(stretches, start=1))
    return f"WITH stretches(incident, begins, ends) AS (VALUES\n    {values})\n"
