"""What a ledger tells of vendors, attempt by attempt: the SQL that follows each send to its end, and which vendor a provider belongs to.

A request that was answered elsewhere after a failure is one answer and one failure, so vendors are judged by attempts. The decisions tell
them all; where they have expired, an event still tells the last attempt, and that the first provider had failed before.
What must not live here: judging.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from roteiro.ledger import Ledger
from roteiro.plan.model import Plan
from roteiro.tasks.report import Question
from roteiro.terms.codes import ErrorClass

__all__ = ["Seat", "VendorLedger", "attempts_sql", "in_words", "literal", "seats_of"]

UNKNOWN: Final = "unknown"
"""The class of a failure that only an event tells of."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A provider of the plan and whose it is."""

    provider: str
    vendor: str
    model: str
    region: str


def seats_of(plan: Plan) -> tuple[Seat, ...]:
    """Providers in the plan's order."""
    return tuple(Seat(name, one.name, one.model, one.region) for name, one in plan.providers.items())


def literal(value: str | datetime) -> str:
    """A text or moment as SQL writes it."""
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    return "'" + value.replace("'", "''") + "'"


def in_words(names: Sequence[str]) -> str:
    """Words as the inside of SQL's IN (…)."""
    return ", ".join(map(literal, names))


FAILURE: Final = (
    "CASE step WHEN 'end' THEN 'none' ELSE CASE a "
    + " ".join(f"WHEN {int(one)} THEN '{one.name.lower()}'" for one in ErrorClass)
    + " END END"
)

ATTEMPTS: Final = """WITH steps AS (
  -- what happened to requests, and where each send went; lane 1 is a second attempt beside the first
  SELECT run, request, seq, time, now_s, step, a, c, target,
    CASE step WHEN 'first_byte' THEN a & 1 WHEN 'failed' THEN e & 1 WHEN 'end' THEN (e >> 1) & 1 END AS lane,
    CASE WHEN command IN ('send', 'rescue') THEN CASE WHEN reason = 'hedged' THEN 1 ELSE 0 END END AS sent
  FROM decisions WHERE request >= 0 AND step <> 'note' AND {decisions}
), followed AS (
  SELECT *,
    last_value(CASE WHEN sent = 0 THEN target END IGNORE NULLS) OVER before AS target_0,
    last_value(CASE WHEN sent = 1 THEN target END IGNORE NULLS) OVER before AS target_1,
    last_value(CASE WHEN sent = 0 THEN now_s END IGNORE NULLS) OVER before AS sent_0,
    last_value(CASE WHEN sent = 1 THEN now_s END IGNORE NULLS) OVER before AS sent_1,
    last_value(CASE WHEN step = 'first_byte' THEN now_s END IGNORE NULLS) OVER before AS byte_s
  FROM steps WINDOW before AS (PARTITION BY run, request ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), told AS (
  SELECT run, request, time AS ended, CASE lane WHEN 1 THEN target_1 ELSE target_0 END AS target,
    CASE lane WHEN 1 THEN sent_1 ELSE sent_0 END AS sent_s, byte_s, now_s AS ended_s, {failure} AS failure,
    CASE step WHEN 'end' THEN 200 ELSE c END AS status, CASE step WHEN 'end' THEN c END AS output_tokens, 'decisions' AS told_by
  FROM followed WHERE step IN ('end', 'failed')
), untold AS (
  SELECT * FROM events WHERE attempts > 0 AND {events}
    AND NOT EXISTS (SELECT 1 FROM steps WHERE steps.run = events.run AND steps.request = events.request)
), attempts AS (
  SELECT run, request, ended, target, sent_s, CASE WHEN byte_s > sent_s THEN byte_s END AS heard_s, ended_s, failure, status, output_tokens,
    told_by
  FROM told WHERE target IS NOT NULL
  UNION ALL
  SELECT run, request, time + to_microseconds(CAST(total_ms * 1000 AS BIGINT)), target, ended_s - attempt_ms / 1e3,
    CASE WHEN ttft_ms IS NOT NULL THEN greatest(arrival_s + ttft_ms / 1e3, ended_s - attempt_ms / 1e3) END, ended_s, error_class_or,
    CASE outcome WHEN 'success' THEN 200 END, output_tokens, 'events'
  FROM (SELECT *, CASE outcome WHEN 'success' THEN 'none' ELSE error_class END AS error_class_or FROM untold)
  WHERE target IS NOT NULL AND (outcome = 'success' OR (outcome = 'failed' AND error_class <> 'none'))
  UNION ALL
  SELECT run, request, time, first_target, arrival_s, NULL, NULL, 'unknown', NULL, NULL, 'events'
  FROM untold WHERE fallbacks > 0 AND first_target <> target
)"""


def attempts_sql(events: str, decisions: str) -> str:
    """The beginning of a SELECT that has `attempts`: a row each, of the rows that the two conditions choose.

    Columns: run, request, ended (when, UTC), target, sent_s, heard_s, ended_s (seconds of the run), failure (none, or an error class),
    status (HTTP), output_tokens, told_by.
    """
    return ATTEMPTS.format(events=events, decisions=decisions, failure=FAILURE)


class VendorLedger:
    """A ledger asked about vendors: all live rows, or those of a run; since a moment, up to another."""

    def __init__(self, data: Path, seats: Sequence[Seat], since: datetime | None, until: datetime | None, run: str | None) -> None:
        self.question = Question(data, since, run)
        self.ledger: Ledger = self.question.ledger
        self.seats, self.since, self.until, self.run = tuple(seats), since, until, run

    def condition(self, table: str) -> str:
        """The SQL condition on a table, with nothing left to fill in, so that it can be shown as it ran."""
        rows = [f"run = {literal(self.run)}"] if self.run is not None else (
            ["world = 'live'"] if table != "decisions" else ["run IN (SELECT DISTINCT run FROM events WHERE world = 'live')"]
        )  # fmt: skip
        rows += [f"time >= {literal(self.since)}"] if self.since is not None else []
        rows += [f"time < {literal(self.until)}"] if self.until is not None else []
        return " AND ".join(rows)

    def with_attempts(self, select: str) -> str:
        """A statement over `attempts` and `seats` (provider, vendor, vendor_model, vendor_region)."""
        rows = ", ".join(
            f"({literal(one.provider)}, {literal(one.vendor)}, {literal(one.model)}, {literal(one.region)})" for one in self.seats
        )
        seats = f"seats(provider, vendor, vendor_model, vendor_region) AS (VALUES {rows})"
        return f"{attempts_sql(self.condition('events'), self.condition('decisions'))}, {seats}\n{select}"

    def ask(self, sql: str, parameters: dict[str, Any] | None = None) -> pa.Table:
        return self.ledger.sql(sql, parameters or {})
