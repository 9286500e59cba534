"""What requests cost since some moment, asked of the ledger in a process of its own: `python -m roteiro.gateway.spent`.

DuckDB and Arrow would treble the supervisor's memory for one question. This process imports no more than the ledger.
What must not live here: budgets and their periods.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from roteiro.terms.error import LedgerError

if TYPE_CHECKING:
    from roteiro.ledger.query import Queries

__all__ = ["Cut", "Spent", "main", "read_ledger"]


class Spent(msgspec.Struct, frozen=True):
    """Cost of the requests of one tenant and workload that ended at `since_s` (Unix seconds) or later."""

    since_s: float
    tenant: str
    workload: str
    cost_nusd: int


class Cut(msgspec.Struct, frozen=True):
    """Up to which event of a run the ledger is asked; later ones are counted in the ring."""

    run: str
    seq: int


def read_ledger(ledger: "Queries", since_s: Iterable[float], cut: Cut | None) -> list[Spent]:
    """The question itself."""
    found = []
    for moment in since_s:
        rows = ledger.sql(
            """SELECT tenant, workload, sum(cost_nusd + coalesce(lost_nusd, 0))::BIGINT AS cost_nusd FROM events
               WHERE world = 'live' AND cost_nusd + coalesce(lost_nusd, 0) > 0 AND epoch_us(time) / 1e6 + (ended_s - arrival_s) >= $since
                 AND NOT (run = $run AND seq >= $below)
               GROUP BY tenant, workload ORDER BY tenant, workload""",
            {"since": moment, "run": cut.run if cut else "", "below": cut.seq if cut else 0},
        )
        found += [Spent(moment, row["tenant"] or "", row["workload"] or "", row["cost_nusd"]) for row in rows.to_pylist()]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Answers on standard output: JSON rows, or one line on what is wrong and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.spent", description="What was spent since some moments.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--since", type=float, action="append", default=[], help="Unix seconds")
    parser.add_argument("--run")
    parser.add_argument("--below", type=int, default=0)
    options: Any = parser.parse_args(arguments)
    from roteiro.ledger import Ledger

    cut = Cut(options.run, options.below) if options.run else None
    try:
        answer = msgspec.json.encode(read_ledger(Ledger(options.directory), options.since, cut)).decode()
    except LedgerError as error:
        answer = str(error)
    sys.stdout.write(answer + "\n")
    return 0 if answer.startswith("[") else 1


if __name__ == "__main__":
    sys.exit(main())
