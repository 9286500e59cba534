"""Where the ledger's files lie in a data directory, and what their names say.

    DIR/ledger/<table>/segments/<run>-<table>-<n>.arrow.open   one writer is appending to it
    DIR/ledger/<table>/segments/<run>-<table>-<n>.arrow        sealed: it never changes again
    DIR/ledger/<table>/segments/<run>-<table>-<n>.writing      a run is being written straight to Parquet: its files do not count yet
    DIR/ledger/<table>/date=YYYY-MM-DD/<run>-<table>-<n>.parquet

What must not live here: pyarrow, and what is inside the files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal

import numpy as np

from roteiro.terms.error import LedgerError
from roteiro.terms.event import DECISION, EVENT, SIGNAL

__all__ = [
    "TABLES",
    "ParquetFile",
    "SegmentFile",
    "Table",
    "make_directory",
    "marker",
    "markers",
    "parquets",
    "partition",
    "segments",
    "segments_directory",
    "sync_directory",
    "unnamed",
]

Table = Literal["events", "decisions", "signals"]

TABLES: Final[dict[Table, np.dtype[np.void]]] = {"events": EVENT, "decisions": DECISION, "signals": SIGNAL}
"""The ledger's tables and the packed rows they are made of."""

_STEM: Final = re.compile(r"(?P<run>[A-Za-z0-9][A-Za-z0-9._-]*)-(?P<table>events|decisions|signals)-(?P<number>\d{6,})")
_SEALED: Final = ".arrow"
_OPEN: Final = ".arrow.open"
_WRITING: Final = ".writing"


@dataclass(frozen=True, slots=True, order=True)
class SegmentFile:
    """One segment on disk. `stem` is shared with the Parquet files made of it."""

    run: str
    number: int
    is_open: bool
    path: Path

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(_OPEN).removesuffix(_SEALED)

    @property
    def sealed_path(self) -> Path:
        """Its path once it is sealed."""
        return self.path.with_name(self.stem + _SEALED)

    @classmethod
    def new(cls, directory: Path, table: Table, run: str, number: int) -> "SegmentFile":
        """The open segment `number` of a run. Raises `LedgerError` when the run's name cannot be part of a file name."""
        stem = f"{run}-{table}-{number:06d}"
        if not _STEM.fullmatch(stem):
            raise LedgerError(f"run {run!r} cannot name a file; use letters, digits, '.', '_' and '-', beginning with a letter or digit")
        return cls(run, number, True, segments_directory(directory, table) / (stem + _OPEN))


@dataclass(frozen=True, slots=True, order=True)
class ParquetFile:
    """The rows of one segment that arrived on one UTC day."""

    day: date
    run: str
    number: int
    path: Path

    @property
    def stem(self) -> str:
        return self.path.stem


def segments_directory(directory: Path, table: Table) -> Path:
    """Where a table's segments lie."""
    return directory / "ledger" / table / "segments"


def partition(directory: Path, table: Table, day: date) -> Path:
    """Where a table's Parquet files of one UTC day lie (Hive's naming, which DuckDB, Spark and Trino read)."""
    return directory / "ledger" / table / f"date={day.isoformat()}"


def unnamed(path: Path) -> Path:
    """Where a Parquet file lies until it is whole."""
    return path.with_suffix(".tmp")


def marker(directory: Path, table: Table, stem: str) -> Path:
    """What stands for a run while it is written straight to Parquet."""
    return segments_directory(directory, table) / (stem + _WRITING)


def markers(directory: Path, table: Table) -> set[str]:
    """Stems of the runs that are being written so, or were when their writer died."""
    return {path.name.removesuffix(_WRITING) for path in _children(segments_directory(directory, table)) if path.name.endswith(_WRITING)}


def segments(directory: Path, table: Table) -> list[SegmentFile]:
    """A table's segments, by run and number; a segment seen while it is being renamed is taken once, as sealed."""
    found: dict[str, SegmentFile] = {}
    for path in _children(segments_directory(directory, table)):
        is_open = path.name.endswith(_OPEN)
        match = _STEM.fullmatch(path.name.removesuffix(_OPEN).removesuffix(_SEALED))
        if match is None or match["table"] != table or not (is_open or path.name.endswith(_SEALED)):
            continue
        segment = SegmentFile(match["run"], int(match["number"]), is_open, path)
        if segment.stem not in found or found[segment.stem].is_open:
            found[segment.stem] = segment
    return sorted(found.values())


def parquets(directory: Path, table: Table, since: date | None = None, until: date | None = None) -> list[ParquetFile]:
    """A table's Parquet files of the UTC days `since` ≤ day ≤ `until`, by day, run and number."""
    found = []
    for folder in _children(directory / "ledger" / table):
        try:
            day = date.fromisoformat(folder.name.removeprefix("date=")) if folder.name.startswith("date=") else None
        except ValueError:
            day = None
        if day is None or (since is not None and day < since) or (until is not None and day > until):
            continue
        for path in _children(folder):
            match = _STEM.fullmatch(path.stem)
            if match is not None and match["table"] == table and path.suffix == ".parquet":
                found.append(ParquetFile(day, match["run"], int(match["number"]), path))
    return sorted(found)


def make_directory(path: Path) -> None:
    """Create a directory and what is missing above it, durably."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a created, renamed or removed name in a directory durable: fsync of the file alone does not (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _children(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except (FileNotFoundError, NotADirectoryError):
        return
