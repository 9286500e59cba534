"""What a period's service was, tier by tier: requests, outcomes that are left out, and percentiles of times, by one statement.

What must not live here: promises.
"""

from datetime import datetime
from typing import Any

from roteiro.analysis.sla import Service
from roteiro.analysis.sli import CUSTOMERS, EXCLUDED, LIVE, literal, spell_period
from roteiro.analysis.spread import Times

__all__ = ["services_of", "times_query"]

SHARES = "[0.5, 0.95, 0.99]"


def times_query(since: datetime, until: datetime, rows: str = LIVE) -> str:
    """The statement: a row a tier, and one over all of them (`everything` is 1)."""
    answered = "FILTER (WHERE outcome = 'success')"
    streamed = "FILTER (WHERE outcome = 'success' AND stream = 1 AND ttft_ms IS NOT NULL)"
    outcomes = ",\n       ".join(f"count(*) FILTER (WHERE outcome = {literal(outcome)}) AS {outcome}" for outcome in EXCLUDED)
    return f"""SELECT tier, grouping(tier) AS everything, count(*) AS requests, count(*) {answered} AS answered,
       {outcomes},
       quantile_disc(total_ms, {SHARES}) {answered} AS total_ms,
       count(*) {streamed} AS streamed,
       quantile_disc(ttft_ms, {SHARES}) {streamed} AS ttft_ms
FROM events
WHERE {rows}
  AND {spell_period(since, until)}
  AND {CUSTOMERS}
GROUP BY GROUPING SETS ((tier), ())
ORDER BY everything, tier"""  # noqa: S608 (words and times of ours)


def services_of(rows: list[dict[str, Any]]) -> tuple[dict[str | None, Service], Service]:
    """Tier → its service, and that of all together, from the statement's rows."""
    found: dict[str | None, Service] = {}
    overall = Service()
    for row in rows:
        service = Service(
            row["requests"], row["answered"], {outcome: row[outcome] for outcome in EXCLUDED if row[outcome]},
            times_of(row["answered"], row["total_ms"]), times_of(row["streamed"], row["ttft_ms"]),
        )  # fmt: skip
        if row["everything"]:
            overall = service
        else:
            found[row["tier"]] = service
    return found, overall


def times_of(count: int, values: list[float] | None) -> Times:
    return Times(count, *(values or (None, None, None)))
