"""Counts of objectives from a ledger, with the very statements that gave them.

What must not live here: the statements (`analysis.sli`), and judging.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pyarrow as pa

from roteiro.analysis.error_budget import Counts, CountSeries
from roteiro.analysis.objective import Objective, Scope
from roteiro.analysis.sli import LIVE, Absence, Grouping, Query, count_queries
from roteiro.ledger import Queries
from roteiro.plan.model import Plan

__all__ = ["Answer", "absences_of", "answer", "count_objectives", "rows_of"]


def rows_of(run: str | None) -> str:
    """The condition that chooses the rows of a run, or of all that were live."""
    return LIVE if run is None else "run = '" + run.replace("'", "''") + "'"


def absences_of(plan: Plan) -> tuple[Absence, ...]:
    """The maintenance that a plan announces."""
    return tuple(
        Absence(
            datetime.fromtimestamp(one.from_unix_s, UTC), datetime.fromtimestamp(one.to_unix_s, UTC),
            Scope(one.of.tier, one.of.tenant, one.of.workload, one.of.model, one.of.provider, one.of.region), one.reason,
        )
        for one in plan.maintenance
    )  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """A statement and what it gave."""

    query: Query
    table: pa.Table

    def counts(self, objective: str) -> Counts:
        """Over everything."""
        return reduce(add, self.by_group(objective).values(), Counts())

    def by_group(self, objective: str) -> dict[str | None, Counts]:
        """Value of the grouping → its counts; of a statement without one, all under None."""
        good, bad = (self.query.column(objective, what) for what in ("good", "bad"))
        found: dict[str | None, Counts] = {}
        for row in self.table.to_pylist():
            name = None if self.query.by is None else row[self.query.by]
            one = Counts(int(row[good]), int(row[bad]), int(row["excluded"]), int(row["maintenance"]))
            found[name] = found.get(name, Counts()) + one
        return found

    def series(self, objective: str) -> CountSeries:
        """By step, those without any event included. The statement must have steps, and no grouping."""
        step_s = self.query.step_s
        assert step_s is not None and self.query.by is None
        length = -int(-(self.query.until - self.query.since).total_seconds() // step_s)
        bucket = self.table.column("bucket").to_numpy()
        columns = []
        for what in ("good", "bad"):
            values = np.zeros(length, np.int64)
            values[bucket] = self.table.column(self.query.column(objective, what)).to_numpy()
            columns.append(values)
        return CountSeries(self.query.since, step_s, *columns)

    def sums(self, objective: str) -> tuple[int, float]:
        """Sum and sum of squares of a mean's values."""
        total, squares = (self.table.column(self.query.column(objective, what)).to_pylist() for what in ("sum", "squares"))
        return sum(map(int, total)), float(sum(squares))


def answer(ledger: Queries, query: Query) -> Answer:
    """Run one statement. Raises LedgerError."""
    return Answer(query, ledger.sql(query.text))


def count_objectives(
    ledger: Queries,
    objectives: Iterable[Objective],
    since: datetime,
    until: datetime,
    *,
    step_s: float | None = None,
    by: Grouping | None = None,
    run: str | None = None,
    absences: Sequence[Absence] = (),
) -> dict[str, Answer]:
    """Objective → the answer that has its counts; several may share one. Raises LedgerError."""
    options: dict[str, Any] = {"step_s": step_s, "by": by, "rows": rows_of(run), "absences": absences}
    found = [answer(ledger, query) for query in count_queries(objectives, since, until, **options)]
    return {name: one for one in found for name in one.query.objectives}
