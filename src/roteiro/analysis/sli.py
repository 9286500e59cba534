"""Service level indicators as SQL over the ledger: each objective's good and bad events, counted in one place and printed as they were run.

A statement stands by itself: names, bounds and times are written into it, so that anyone with the ledger's files can run it again and get
the same counts. Objectives on requests of one scope share a statement, and so one walk through the files.

**What is left out**, and counted: requests that say nothing about the service, being cancelled by the client, refused as the client's
mistake (`invalid`), over a limit that the caller agreed to (`limited`) or past a budget of the caller (`budget`); and what arrived in
maintenance that the plan announced. **Time** is that of the arrival; of a signal, its own. A canary's verdict is about a provider, and
counts for whoever is served by it.

What must not live here: running statements (`tasks.objective_counts`), and judging (`sla`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from roteiro.analysis.objective import Measure, Objective, Scope, Sli
from roteiro.terms.own import OWN_TENANTS

__all__ = ["CUSTOMERS", "EXCLUDED", "LIVE", "Absence", "Grouping", "Query", "count_queries", "count_query", "literal", "spell_period"]

EXCLUDED: Final = ("cancelled", "invalid", "limited", "budget")
"""Outcomes that leave the denominator."""

LIVE: Final = "world = 'live'"

Grouping = Literal["tier", "tenant", "workload", "model", "target", "region"]

OF_SIGNALS: Final = (Sli.QUALITY, Sli.CONFIDENCE, Sli.HALLUCINATION, Sli.LEAKS)
CUSTOMERS: Final = f"(tenant IS NULL OR tenant NOT IN ({', '.join(repr(name) for name in sorted(OWN_TENANTS))}))"
"""The operator's own probes are nobody's service."""
ANSWERED: Final = "outcome = 'success'"
STREAMED: Final = f"{ANSWERED} AND stream = 1 AND ttft_ms IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Absence:
    """Announced maintenance, since ≤ arrival < until: what of `scope` arrived then counts for no objective."""

    since: datetime
    until: datetime
    scope: Scope = field(default_factory=Scope)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, and whose counts it gives.

    Its columns: `bucket` (the number of its step since the beginning; where there are steps), the grouping, `excluded`, `maintenance`, and
    of each objective `<name> good` and `<name> bad`, of a mean also `<name> sum` and `<name> squares` (nano-dollars). Where it counts one
    objective alone they are `good` and `bad`.
    """

    text: str
    objectives: tuple[str, ...]
    since: datetime
    until: datetime
    step_s: float | None = None
    by: Grouping | None = None
    alone: bool = False

    def column(self, objective: str, what: str) -> str:
        return what if self.alone else f"{objective} {what}"


def count_queries(
    objectives: Iterable[Objective],
    since: datetime,
    until: datetime,
    *,
    step_s: float | None = None,
    by: Grouping | None = None,
    rows: str = LIVE,
    absences: Sequence[Absence] = (),
) -> tuple[Query, ...]:
    """The statements that count all of `objectives` over since ≤ time < until; `rows` is the condition that chooses the run, or runs."""
    together: dict[tuple[object, ...], list[Objective]] = {}
    for objective in objectives:
        apart = objective.name if objective.sli in OF_SIGNALS or objective.sli is Sli.AUDITABLE else None
        together.setdefault((objective.scope, apart), []).append(objective)
    return tuple(statement(group, since, until, step_s, by, rows, absences, alone=False) for group in together.values())


def count_query(
    objective: Objective,
    since: datetime,
    until: datetime,
    *,
    step_s: float | None = None,
    by: Grouping | None = None,
    rows: str = LIVE,
    absences: Sequence[Absence] = (),
) -> Query:
    """The statement of one objective, with the columns `good` and `bad`."""
    return statement([objective], since, until, step_s, by, rows, absences, alone=True)


def statement(
    group: Sequence[Objective], since: datetime, until: datetime, step_s: float | None, by: Grouping | None, rows: str,
    absences: Sequence[Absence], *, alone: bool,
) -> Query:  # fmt: skip
    """All of `group` are counted from the same rows of the same scope."""
    first = group[0]
    signals = first.sli in OF_SIGNALS
    query = Query("", tuple(one.name for one in group), since, until, step_s, by, alone)
    away = " OR ".join(f"({absent(absence)})" for absence in absences if absence.until > since and absence.since < until)
    counted = f"NOT ({away})" if away else ""
    left_out = "" if signals or first.sli is Sli.AUDITABLE else f"outcome IN ({', '.join(map(literal, EXCLUDED))})"
    columns = []
    if step_s is not None:
        columns.append(f"(epoch_us(time) - {round(since.timestamp() * 1e6)}) // {round(step_s * 1e6)} AS bucket")
    columns += [by] if by is not None else []
    for one in group:
        columns += [f"{sql} AS {quoted(query.column(one.name, what))}" for what, sql in measures(one, counted)]
    columns.append(f"{count(left_out, counted) if left_out else '0'} AS excluded")
    columns.append(f"{count(f'({away})', '' if signals else f'NOT ({left_out})' if left_out else '') if away else '0'} AS maintenance")
    lines = ["SELECT " + ",\n       ".join(columns), f"FROM {'signals' if signals else 'events'}"]
    if first.sli is Sli.AUDITABLE:
        lines.append(audited(since, until))
    lines.append("WHERE " + "\n  AND ".join(conditions(first, since, until, rows)))
    if step_s is not None or by is not None:
        lines.append("GROUP BY ALL ORDER BY ALL")
    return Query("\n".join(lines), query.objectives, since, until, step_s, by, alone)


def measures(one: Objective, counted: str) -> Iterator[tuple[str, str]]:
    """The columns of one objective, each with its SQL."""
    valid, good = events_of(one)
    yield "good", count(valid, good, counted)
    yield "bad", count(valid, f"NOT ({good})", counted)
    if one.measure is Measure.MEAN:
        yield "sum", f"CAST(coalesce(sum(cost_nusd){within(valid, counted)}, 0) AS BIGINT)"
        yield "squares", f"coalesce(sum(cost_nusd::DOUBLE * cost_nusd){within(valid, counted)}, 0.0)"


def events_of(one: Objective) -> tuple[str, str]:
    """Which rows of the scope are events of the objective, and which of these are good."""
    bound = 0.0 if one.bound is None else one.bound
    match one.sli:
        case Sli.AVAILABILITY:
            return f"NOT (outcome IN ({', '.join(map(literal, EXCLUDED))}))", ANSWERED
        case Sli.LATENCY:
            return ANSWERED, f"total_ms <= {number(bound * 1e3)}"
        case Sli.TTFT:
            return STREAMED, f"ttft_ms <= {number(bound * 1e3)}"
        case Sli.THROUGHPUT:
            return f"{STREAMED} AND output_tokens > 1", f"(output_tokens - 1) * 1000.0::DOUBLE >= {number(bound)} * (total_ms - ttft_ms)"
        case Sli.COST:
            return ANSWERED, f"cost_nusd <= {round(bound)}"
        case Sli.AUDITABLE:
            return "", "audit_request IS NOT NULL"
        case Sli.LEAKS:
            return "kind = 'leaks'", "value = 0"
        case Sli.CONFIDENCE:
            return "kind = 'confidence'", f"value >= {number(bound)}"
        case Sli.HALLUCINATION:
            return "kind = 'factual'", f"value >= {number(bound)}"
        case Sli.QUALITY:
            return f"kind IN ({', '.join(map(literal, one.kinds))})", f"value >= {number(bound)}"


def conditions(one: Objective, since: datetime, until: datetime, rows: str) -> Iterator[str]:
    yield rows
    yield spell_period(since, until)
    scope = matching(one.scope)
    if one.sli is Sli.QUALITY and "canary" in one.kinds:
        served = matching(Scope(target=one.scope.target, region=one.scope.region)) or "true"
        yield f"(kind = 'canary' AND {served} OR kind <> 'canary' AND {scope or 'true'} AND {CUSTOMERS})"
        return
    if scope:
        yield scope
    if one.scope.tier is None:  # they are of no tier
        yield CUSTOMERS


def spell_period(since: datetime, until: datetime) -> str:
    """The condition that a row is of a period."""
    return f"time >= {moment(since)} AND time < {moment(until)}"


def audited(since: datetime, until: datetime) -> str:
    """The requests whose first and last decisions are both there. No request lasts longer than a day."""
    return f"""LEFT JOIN (SELECT run AS audit_run, request AS audit_request FROM decisions
           WHERE request >= 0 AND time >= {moment(since)} AND time < {moment(until)} + INTERVAL 1 DAY
           GROUP BY run, request
           HAVING bool_or(step = 'begin') AND bool_or(command IN ('done', 'reject')))
       ON run = audit_run AND request = audit_request"""  # noqa: S608 (times of ours)


def absent(absence: Absence) -> str:
    scope = matching(absence.scope)
    return f"time >= {moment(absence.since)} AND time < {moment(absence.until)}" + (f" AND {scope}" if scope else "")


def matching(scope: Scope) -> str:
    """The condition that a row is of the scope; empty where any is."""
    return " AND ".join(f"{column} = {literal(word)}" for column, word in scope.named().items())


def count(*conditions: str) -> str:
    return f"count(*){within(*conditions)}"


def within(*conditions: str) -> str:
    told = " AND ".join(condition for condition in conditions if condition)
    return f" FILTER (WHERE {told})" if told else ""


def moment(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00'"


def literal(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def number(value: float) -> str:
    """As the double it is: a bare 0.85 would be a decimal."""
    return f"{value!r}::DOUBLE"
