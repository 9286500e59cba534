"""One round of the ledger's upkeep: sealed segments to Parquet, and what is past its retention removed.

    python -m roteiro.gateway.compactor --directory DIR --events-before DAY --decisions-before DAY

What must not live here: how files are compacted or expired (`ledger.compact`), and which days are kept.
"""

import argparse
import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from roteiro.terms.error import LedgerError

if TYPE_CHECKING:
    from roteiro.ledger.place import Table

__all__ = ["main"]

_NICENESS: Final = 10


def main(arguments: list[str] | None = None) -> int:
    """One round. Exit code 1, and one line on what is wrong, where it could not be finished."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.compactor", description="Compact and expire the ledger once.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--events-before", type=date.fromisoformat, required=True, help="first UTC day that is kept")
    parser.add_argument("--decisions-before", type=date.fromisoformat, required=True)
    options: Any = parser.parse_args(arguments)
    os.nice(_NICENESS)
    from roteiro.ledger import compact_segments, expire, recover

    before: dict[Table, date] = {
        "events": options.events_before, "decisions": options.decisions_before, "signals": options.events_before,
    }  # fmt: skip
    try:
        recover(options.directory)
        for table, first in before.items():
            compact_segments(options.directory, table)
            expire(options.directory, table, first)
    except LedgerError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
