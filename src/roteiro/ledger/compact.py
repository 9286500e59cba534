"""Sealed segments → Hive-partitioned Parquet, and retention by age.

A segment becomes one Parquet file for each UTC day its rows arrived on, named after it. Removing the segment is the commit:
as long as it exists, its Parquet files do not count (`query` ignores them, and compacting again replaces them), so a crash at
any step leaves every row there once, also when a segment spans two days.

What must not live here: a clock. The caller says what is too old.
"""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roteiro.ledger.place import (
    TABLES,
    SegmentFile,
    Table,
    make_directory,
    marker,
    markers,
    parquets,
    partition,
    segments,
    segments_directory,
    sync_directory,
    unnamed,
)
from roteiro.ledger.segment import Point, mend, nothing, read_sealed, translated

__all__ = ["Compaction", "compact_segments", "expire", "recover"]

_ROW_GROUP: Final = 131_072
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Compaction:
    """One segment made into Parquet files."""

    segment: Path
    parquets: tuple[Path, ...]
    rows: int


def recover(directory: Path) -> tuple[Path, ...]:
    """Seal the open segments of dead writers, of every run, without their torn tails; returns the sealed ones.

    What a dead writer left of a run that it wrote straight to Parquet is removed. Safe beside living writers: theirs are locked. Raises
    `LedgerError`.
    """
    mended = []
    with translated(f"cannot recover the ledger in {directory}"):
        for table in TABLES:
            mended += [mend(segment) for segment in segments(directory, table) if segment.is_open]
            for stem in markers(directory, table):
                _clear(directory, table, stem)
    return tuple(path for path in mended if path is not None and path.exists())


def _clear(directory: Path, table: Table, stem: str) -> None:
    """Remove a run that its writer did not finish, unless it lives."""
    path = marker(directory, table, stem)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for file in (directory / "ledger" / table).glob(f"date=*/{stem}.*"):
            file.unlink(missing_ok=True)
            sync_directory(file.parent)
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def compact_segments(directory: Path, table: Table, *, at: Callable[[Point], None] = nothing) -> tuple[Compaction, ...]:
    """Make every sealed segment of a table into Parquet. Raises `LedgerError`, and then the segment at fault is still there."""
    done = []
    for segment in segments(directory, table):
        if not segment.is_open:
            with translated(f"cannot compact {segment.path}"):
                result = _compact(directory, table, segment, at)
            if result is not None:
                done.append(result)
    return tuple(done)


def _compact(directory: Path, table: Table, segment: SegmentFile, at: Callable[[Point], None]) -> Compaction | None:
    try:
        descriptor = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # another process was faster
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if os.fstat(descriptor).st_nlink == 0:
            return None
        contents = read_sealed(segment.path)
        assert contents.table is not None  # a segment without rows is never sealed
        rows = contents.table.replace_schema_metadata({**contents.table.schema.metadata, b"roteiro.end": str(contents.end).encode()})
        written = [_write(part, partition(directory, table, day) / f"{segment.stem}.parquet", at) for day, part in _by_day(rows)]
        segment.path.unlink()
        at("removed")
        sync_directory(segment.path.parent)
        return Compaction(segment.path, tuple(written), len(rows))
    finally:
        os.close(descriptor)


def _by_day(rows: pa.Table) -> list[tuple[date, pa.Table]]:
    days = pc.floor_temporal(rows["time"], unit="day")
    return [(day.as_py().date(), rows.filter(pc.equal(days, day))) for day in pc.unique(days).sort()]


def _write(rows: pa.Table, path: Path, at: Callable[[Point], None]) -> Path:
    """Write a Parquet file so that it has its name only when it is whole and durable."""
    make_directory(path.parent)
    nameless = unnamed(path)
    with nameless.open("wb") as file:
        pq.write_table(rows, file, compression="zstd", row_group_size=_ROW_GROUP)
        at("parquet-written")
        file.flush()
        os.fsync(file.fileno())
    nameless.replace(path)
    at("parquet-named")
    sync_directory(path.parent)
    return path


def expire(directory: Path, table: Table, before: date) -> tuple[Path, ...]:
    """Remove whole files whose rows are all of UTC days before `before`; returns what was removed.

    Parquet by partition; sealed segments that wholly precede the day; open segments never. Compact first, so that a segment
    that spans the day is not kept for its younger rows. Raises `LedgerError`.
    """
    removed: list[Path] = []
    with translated(f"cannot expire {table} in {directory}"):
        for segment in segments(directory, table):
            if not segment.is_open and _last_day(segment) < before:
                segment.path.unlink(missing_ok=True)
                removed.append(segment.path)
        if removed:
            sync_directory(segments_directory(directory, table))
        kept = {segment.stem for segment in segments(directory, table)} | markers(directory, table)
        folders = set()
        for file in parquets(directory, table, until=before - timedelta(days=1)):
            if file.stem not in kept:  # else it is a compaction in progress, and not counted yet
                file.path.unlink(missing_ok=True)
                removed.append(file.path)
                folders.add(file.path.parent)
        for folder in folders:
            if not any(folder.iterdir()):
                folder.rmdir()
            sync_directory(folder.parent)
    return tuple(removed)


def _last_day(segment: SegmentFile) -> date:
    contents = read_sealed(segment.path)
    assert contents.table is not None
    latest = pc.max(contents.table["time"]).cast(pa.int64()).as_py()
    return datetime.fromtimestamp(latest // 1_000_000, UTC).date()
