"""The ledger read: `events`, `decisions` and `signals` as DuckDB views over whole batches, sealed segments and Parquet, every row once.

Reading is safe beside a writer, a compaction and an expiry, takes no lock and changes nothing on disk. What must not live here:
analysis (which queries are asked, and what they mean), and anything that writes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from roteiro.ledger.place import TABLES, Table, markers, parquets, segments
from roteiro.ledger.schema import Head, columns_of, decode
from roteiro.ledger.segment import read_open, read_sealed
from roteiro.terms.error import LedgerError

__all__ = ["Ledger", "Queries", "Run", "Sources"]

_TRIES: Final = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One run in the ledger. `first` and `last` are the earliest and latest times of its rows (UTC)."""

    run: str
    epoch_s: float
    first: datetime
    last: datetime
    events: int
    decisions: int
    worlds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a table's rows are: Arrow tables, each with its head in the metadata, in the order of writing, and Parquet files."""

    arrow: tuple[pa.Table, ...]
    parquet: tuple[Path, ...] = ()

    def as_one(self, table: Table) -> pa.Table:
        """The Arrow part as one table. A dictionary is unified, as two runs may use one code for two words."""
        schema = pa.schema(columns_of(table))
        parts = [part.replace_schema_metadata(None) for part in self.arrow]
        return pa.concat_tables([schema.empty_table(), *parts], promote_options="permissive").unify_dictionaries()


class Queries(ABC):
    """What can be asked of a ledger, wherever its rows are."""

    @abstractmethod
    def sources(self, table: Table, *, run: str | None = None, since: date | None = None, until: date | None = None) -> Sources:
        """Where a table's rows are: all of `run` between the UTC days, perhaps with others."""

    def sql(self, text: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        """The answer to one SELECT (or EXPLAIN) in DuckDB's SQL over `events`, `decisions` and `signals`; `?` or `$name` take parameters.

        Times are UTC. Raises `LedgerError` when it is not such a statement or DuckDB refuses it.
        """
        return self._ask(text, parameters)

    def events(
        self, *, since: datetime | None = None, until: datetime | None = None, run: str | None = None, where: str = "true"
    ) -> pa.Table:
        """Events that arrived at `since` ≤ time < `until`, by time; `where` is a condition in SQL over them."""
        return self._between("events", since, until, run, where)

    def decisions(
        self, run: str | None = None, *, since: datetime | None = None, until: datetime | None = None, where: str = "true"
    ) -> pa.Table:
        """Decisions taken at `since` ≤ time < `until`, by run and `seq`; `where` is a condition in SQL over them."""
        return self._between("decisions", since, until, run, where)

    def rows(self, table: Table, run: str) -> NDArray[np.void]:
        """A run's packed rows as the kernel wrote them, by `seq`: numbers and codes to the bit, any NaN as NumPy's."""
        sources = self.sources(table, run=run)
        parts = [part for part in (*sources.arrow, *map(_read_parquet, sources.parquet)) if Head.of(part.schema).run == run]
        dtype = TABLES[table]
        # As opaque bytes, because NumPy joins and sorts structured rows field by field, which is ten times slower.
        opaque = np.dtype((np.void, dtype.itemsize))
        packed = np.concatenate([np.zeros(0, opaque), *(decode(part, Head.of(part.schema)).view(opaque) for part in parts)])
        order = np.argsort(packed.view(dtype)["seq"], kind="stable")
        return packed[order].view(dtype)

    def stream(self, table: Table, run: str) -> Iterator[NDArray[np.void]]:
        """The same rows as `rows`, by `seq`, a segment's at a time: whoever lets them go needs memory for one, however long the run is.

        Raises `LedgerError` when a file of it is gone before its turn came, because its time was over.
        """
        sources, dtype = self.sources(table, run=run), TABLES[table]
        of_run = [part for part in sources.arrow if len(part) and Head.of(part.schema).run == run]
        units: list[tuple[int, tuple[pa.Table | Path, ...]]] = [(pc.min(part["seq"]).as_py(), (part,)) for part in of_run]
        by_stem: dict[str, list[Path]] = {}
        for path in sources.parquet:  # a segment that spans two days became two files, whose rows are mixed
            if Head.of(pq.read_schema(path)).run == run:
                by_stem.setdefault(path.stem, []).append(path)
        units += [(min(map(_first_seq, paths)), tuple(paths)) for paths in by_stem.values()]
        for _, parts in sorted(units, key=lambda unit: unit[0]):
            try:
                tables = [_read_parquet(part) if isinstance(part, Path) else part for part in parts]
            except FileNotFoundError as error:
                raise LedgerError(f"the ledger's file {error.filename} is gone while run {run} was read: was it old enough?") from error
            rows = np.concatenate([decode(part, Head.of(part.schema)) for part in tables])
            yield rows if bool((np.diff(rows["seq"]) > 0).all()) else rows[np.argsort(rows["seq"], kind="stable")].view(dtype)

    def count(self, table: Table, run: str) -> int:
        """How many rows a run has, by the files' footers."""
        sources = self.sources(table, run=run)
        in_arrow = sum(len(part) for part in sources.arrow if Head.of(part.schema).run == run)
        paths = [path for path in sources.parquet if Head.of(pq.read_schema(path)).run == run]
        return in_arrow + sum(int(pq.read_metadata(path).num_rows) for path in paths)

    def head(self, run: str) -> Head:
        """The newest head of a run: its epoch and its names. Raises `LedgerError` when the ledger has no such run."""
        heads = self._heads(run)
        if run not in heads:
            raise LedgerError(f"the ledger has no run {run!r}; it has {[known.run for known in self.runs()]}")
        return heads[run]

    def _heads(self, run: str | None = None) -> dict[str, Head]:
        """Run → its newest head. What is in Parquet is older than what is in segments; names only ever grow within a run."""
        newest: dict[str, Head] = {}
        for table in TABLES:
            sources = self.sources(table, run=run)
            for schema in [*map(pq.read_schema, sources.parquet), *(part.schema for part in sources.arrow)]:
                head = Head.of(schema)
                if head.run not in newest or len(head.names.plans) >= len(newest[head.run].names.plans):
                    newest[head.run] = head
        return newest

    def runs(self) -> list[Run]:
        """All runs, the earliest first."""
        found = self._ask(
            """SELECT run, min(time) AS first, max(time) AS last, count(world) AS events, count(step) AS decisions,
                      coalesce(list(DISTINCT world ORDER BY world) FILTER (world IS NOT NULL), []) AS worlds
               FROM (SELECT run, time, world, NULL AS step FROM events UNION ALL SELECT run, time, NULL, step FROM decisions)
               GROUP BY run ORDER BY first, run""",
            (),
        )
        heads = self._heads()
        return [Run(**row | {"worlds": tuple(row["worlds"]), "epoch_s": heads[row["run"]].epoch_s}) for row in found.to_pylist()]

    def _between(self, table: Table, since: datetime | None, until: datetime | None, run: str | None, where: str) -> pa.Table:
        for bound in (since, until):
            if bound is not None and bound.tzinfo is None:
                raise LedgerError(f"{bound} has no time zone; give one, such as UTC")
        order = "time, run, seq" if table == "events" else "run, seq"
        return self._ask(
            f"""SELECT * FROM {table} WHERE ($since IS NULL OR time >= $since) AND ($until IS NULL OR time < $until)
                AND ($run IS NULL OR run = $run) AND ({where}\n) ORDER BY {order}""",  # noqa: S608 (`table` is ours, `where` the caller's SQL)
            {"since": since, "until": until, "run": run},
            run=run,
            since=since.astimezone(UTC).date() if since else None,
            until=until.astimezone(UTC).date() if until else None,
        )

    def _ask(self, text: str, parameters: Sequence[object] | Mapping[str, object], **only: Any) -> pa.Table:
        for _ in range(_TRIES):
            sources = {table: self.sources(table, **only) for table in TABLES}
            try:
                return _select(text, parameters, sources)
            except duckdb.IOException as error:
                if all(path.exists() for source in sources.values() for path in source.parquet):
                    raise LedgerError(f"cannot read the ledger: {error}") from error
            except duckdb.Error as error:
                raise LedgerError(f"DuckDB refuses the query: {error}") from error
        raise LedgerError(f"the ledger's files changed {_TRIES} times while they were read; is something removing them?")


class Ledger(Queries):
    """The ledger in a data directory."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)

    def sources(self, table: Table, *, run: str | None = None, since: date | None = None, until: date | None = None) -> Sources:
        """One moment of the table's files. A Parquet file whose segment is still there is a compaction in progress: not counted."""
        for _ in range(_TRIES):
            before, writing = segments(self.directory, table), markers(self.directory, table)
            files = parquets(self.directory, table, since, until)
            chosen = [segment for segment in before if run is None or segment.run == run]
            try:
                contents = [read_open(segment.path) if segment.is_open else read_sealed(segment.path) for segment in chosen]
            except FileNotFoundError:
                continue  # sealed or compacted meanwhile
            except OSError as error:
                raise LedgerError(f"cannot read the ledger in {self.directory}: {error.strerror or error}") from error
            # So `files` were listed while exactly these segments existed, and no run was named file by file meanwhile.
            if segments(self.directory, table) == before and markers(self.directory, table) == writing:
                stems = {segment.stem for segment in before} | writing
                arrow = tuple(content.table for content in contents if content.table is not None)
                return Sources(arrow, tuple(file.path for file in files if file.stem not in stems and (run is None or file.run == run)))
        raise LedgerError(f"segments in {self.directory} changed {_TRIES} times while they were read")


def _select(text: str, parameters: Sequence[object] | Mapping[str, object], sources: Mapping[Table, Sources]) -> pa.Table:
    statements = duckdb.extract_statements(text)
    if len(statements) != 1 or str(statements[0].type).rpartition(".")[2] not in ("SELECT", "EXPLAIN"):
        raise LedgerError("the ledger answers one SELECT at a time")
    with closing(duckdb.connect(":memory:")) as connection:
        files = [str(path) for source in sources.values() for path in source.parquet]
        for setting, value in (
            ("TimeZone", "UTC"),
            ("temp_directory", ""),
            ("autoinstall_known_extensions", False),
            ("allowed_paths", files),
        ):
            connection.execute(f"SET {setting} = {_literal(value)}")
        for table, source in sources.items():
            columns = ", ".join(f'"{column.name}"' for column in columns_of(table))
            connection.register(f"{table}_arrow", source.as_one(table))
            view = f"SELECT {columns} FROM {table}_arrow"  # noqa: S608 (names of ours)
            if source.parquet:
                paths = _literal([str(path) for path in source.parquet])
                view += f" UNION ALL BY NAME SELECT {columns} FROM read_parquet({paths}, union_by_name=true, hive_partitioning=false)"  # noqa: S608
            connection.execute(f"CREATE VIEW {table} AS {view}")
        # Nothing but the ledger's own Parquet files may be opened from here on.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection.sql(text, params=parameters or None).to_arrow_table()


def _literal(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "'" + str(value).replace("'", "''") + "'"


def _first_seq(path: Path) -> int:
    """The least `seq` of a file, by its footer alone."""
    data = pq.ParquetFile(path)
    column = data.schema_arrow.get_field_index("seq")
    return min(int(data.metadata.row_group(k).column(column).statistics.min) for k in range(data.metadata.num_row_groups))


def _read_parquet(path: Path) -> pa.Table:
    # One file as it stands: the folder's `date=` is not a column of the packed row.
    return pq.read_table(path, partitioning=None)
