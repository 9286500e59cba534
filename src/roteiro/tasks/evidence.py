"""Evidence: every statement that a report ran, numbered as its figures name it, and the files that it was run on.

Whoever has the files runs the statements again, from the data directory, by DuckDB alone, and gets the same figures. What must not live
here: which statements are asked, and how they are shown.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.customer import Files, LedgerFile, Statement
from roteiro.analysis.sli import Query
from roteiro.ledger import Ledger
from roteiro.ledger.place import TABLES, Table
from roteiro.ledger.schema import columns_of
from roteiro.tasks.objective_counts import Answer, answer

__all__ = ["Evidence", "files_of"]


@dataclass(slots=True)
class Evidence:
    """Runs statements and keeps them, one number each."""

    ledger: Ledger
    statements: list[Statement] = field(default_factory=list)

    def rows(self, title: str, text: str) -> tuple[int, list[dict[str, Any]]]:
        """(its number, its answer). Raises LedgerError."""
        found = self.ledger.sql(text).to_pylist()
        self.statements.append(Statement(len(self.statements) + 1, title, text))
        return len(self.statements), found

    def count(self, title: str, query: Query) -> tuple[int, Answer]:
        """The same of a statement that counts objectives."""
        found = answer(self.ledger, query)
        self.statements.append(Statement(len(self.statements) + 1, title, query.text))
        return len(self.statements), found

    def preamble(self) -> str:
        """What makes the tables that the statements read, of the Parquet files alone; one without a file has its columns, and no row."""
        asked = [table for table in TABLES if any(f"FROM {table}" in statement.text for statement in self.statements)]
        return "\n".join(["SET TimeZone = 'UTC';", *(self.table(name) for name in asked)])

    def table(self, name: Table) -> str:
        if self.ledger.sources(name).parquet:
            read = f"read_parquet('ledger/{name}/date=*/*.parquet', union_by_name = true, hive_partitioning = false)"
            return f"CREATE VIEW {name} AS SELECT * FROM {read};"  # noqa: S608 (a name of ours)
        return f"CREATE TABLE {name} ({', '.join(f'{column.name} {sql_type(column.type)}' for column in columns_of(name))});"


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of a column's type."""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    return "BIGINT" if pa.types.is_integer(kind) else "DOUBLE" if pa.types.is_floating(kind) else "VARCHAR"


def files_of(data: Path, ledger: Ledger, since: datetime, until: datetime) -> Files:
    """Of all tables, for since ≤ time < until."""
    days = (since.astimezone(UTC).date(), until.astimezone(UTC).date())
    found, unsettled = list[LedgerFile](), 0
    for table in TABLES:
        sources = ledger.sources(table, since=days[0], until=days[1])
        found += [file_of(path, data) for path in sources.parquet]
        unsettled += between(sources.arrow, since, until) if table == "events" else 0
    found.sort(key=lambda one: one.path)
    lines = "".join(f"{one.sha256}  {one.path}\n" for one in found)
    return Files(tuple(found), hashlib.sha256(lines.encode()).hexdigest(), unsettled)


def file_of(path: Path, data: Path) -> LedgerFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return LedgerFile(path.relative_to(data).as_posix(), path.stat().st_size, digest)


def between(tables: tuple[pa.Table, ...], since: datetime, until: datetime) -> int:
    """Rows of segments that arrived in the period."""
    low, high = (pa.scalar(at.astimezone(UTC), pa.timestamp("us", "UTC")) for at in (since, until))
    return sum(int(pc.sum(pc.and_(pc.greater_equal(one["time"], low), pc.less(one["time"], high))).as_py() or 0) for one in tables)
