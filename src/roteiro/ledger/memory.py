"""A ledger in memory: the fake that passes the same contract as the one on disk, and the simulator's when nothing need stay.

What must not live here: files.
"""

from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from roteiro.ledger.place import TABLES, Table
from roteiro.ledger.query import Queries, Sources
from roteiro.ledger.schema import Head, encode
from roteiro.terms.edge import Names

__all__ = ["MemoryLedger", "MemoryWriter"]


class MemoryLedger(Queries):
    """Rows in memory, asked like those on disk."""

    def __init__(self) -> None:
        self._tables: dict[Table, list[pa.Table]] = {table: [] for table in TABLES}

    def writer(self, head: Head) -> "MemoryWriter":
        """A writer of rows of one run and table."""
        return MemoryWriter(self, head)

    def add(self, table: Table, rows: pa.Table) -> None:
        """Take encoded rows."""
        self._tables[table].append(rows)

    def sources(self, table: Table, *, run: str | None = None, since: date | None = None, until: date | None = None) -> Sources:
        """All rows of the table; a run's or a day's are chosen by the query."""
        del run, since, until
        return Sources(tuple(self._tables[table]))


class MemoryWriter:
    """Appends rows to a ledger in memory; `SegmentWriter`'s face."""

    def __init__(self, ledger: MemoryLedger, head: Head) -> None:
        self._ledger, self._head = ledger, head
        self.position = 0

    def append(self, rows: NDArray[np.void]) -> None:
        """Keep rows, in order."""
        if len(rows):
            self._head = self._head.covering(rows)
            self._ledger.add(self._head.table, pa.Table.from_batches([encode(rows, self._head)]))
            self.position += len(rows)

    def rename(self, names: Names) -> None:
        """From the next row on, codes mean these names."""
        if names != self._head.names:
            self._head = Head(self._head.table, self._head.run, self._head.epoch_s, names)

    def seal(self) -> None:
        """Nothing is open."""
