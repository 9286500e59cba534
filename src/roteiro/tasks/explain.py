"""Explain a plan (every value and where it comes from), or a request (every decision about it and why).

What must not live here: printing.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roteiro.analysis.explain import DECISION_COLUMNS, Story, tell
from roteiro.ledger import Ledger
from roteiro.plan.explain import Explained, explain
from roteiro.plan.read import Reading
from roteiro.tasks.check import checked
from roteiro.terms.error import LedgerError, SettingsError

__all__ = ["ExplainedPlan", "explain_plan", "explain_request"]


@dataclass(frozen=True, slots=True)
class ExplainedPlan:
    """A good plan and its values, in the plan's order."""

    reading: Reading
    rows: tuple[Explained, ...]


def explain_plan(plan_path: str | Path, environment: str | None = None) -> ExplainedPlan:
    """Every value of a plan with its origin. Raises PlanError with every problem."""
    reading = checked(plan_path, environment)
    return ExplainedPlan(reading, explain(reading))


def explain_request(data: str | Path, request_id: str, run: str | None = None) -> Story:
    """The story of a request by its `x-request-id` (`RUN-NUMBER`), or by its number alone where `run` is given or there is one run.

    Raises SettingsError where the ledger does not know it.
    """
    ledger = Ledger(data)
    run, number = whom(ledger, request_id, run)
    events = ledger.sql("SELECT * FROM events WHERE run = ? AND request = ?", [run, number])
    columns = ", ".join(f'"{column}"' for column in DECISION_COLUMNS)
    decisions = ledger.sql(f"SELECT {columns} FROM decisions WHERE run = ? AND request = ? ORDER BY seq", [run, number])  # noqa: S608
    if not len(events) and not len(decisions):
        raise SettingsError(f"run {run} has no request {number} in the ledger of {data}; rows are there a moment after the answer")
    first = decisions.column("seq")[0].as_py() if len(decisions) else 0
    notes = ledger.sql(
        f"""SELECT {columns} FROM decisions WHERE run = ? AND seq < ? AND step = 'note'
            AND (reason LIKE 'breaker_%' OR reason IN ('rule_on', 'rule_off')) ORDER BY seq""",  # noqa: S608 (names of ours)
        [run, first],
    )
    return tell(run, number, events, decisions, notes, ledger.head(run).names)


REFUSED_AT_THE_DOOR: Final = re.compile(r"-w\d+-\d+-\d+\s*$")
"""Ends the ids of requests that no journey saw (see `Dispatch.refusal_identity`)."""


def whom(ledger: Ledger, request_id: str, run: str | None) -> tuple[str, int]:
    """(run, number) of a request's id."""
    if REFUSED_AT_THE_DOOR.search(request_id):
        told = "was refused before it entered the journey, so the ledger has no row of it; its answer said why"
        raise SettingsError(f"{request_id.strip()[:80]} {told}")
    before, _, last = request_id.strip().rpartition("-")
    if not last.isdigit() or len(last) > 18:
        raise SettingsError(f"{request_id[:80]!r} is no request's id; take the x-request-id of an answer, as RUN-123")
    try:
        runs = [known.run for known in ledger.runs()]
    except LedgerError as error:
        raise SettingsError(str(error)) from error
    if run is None and not before and len(runs) == 1:
        run = runs[0]
    run = run or before
    if run not in runs:
        known = f"its runs are {', '.join(runs[-5:])}" if runs else "it has no rows yet"
        raise SettingsError(f"the ledger of {ledger.directory} has no run {run or '(none given)'!r}; {known}")
    return run, int(last)
