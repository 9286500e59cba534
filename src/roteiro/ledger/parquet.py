"""A run written straight to Parquet, beside whoever makes its rows: for simulated runs, which are made anew when they break.

Rows are copied into buffers, and a thread of its own turns full buffers into row groups; it has no lock of the interpreter while it encodes
and writes, and neither has the simulator while it runs. Until the run is sealed its files are unnamed and a marker stands for it, which
readers respect, so that a run is in the ledger whole or not at all, on however many days. Nothing is durable before that: a gateway's rows
go through segments (`segment`), which are durable a group at a time.

What must not live here: what columns there are (`schema`), and queries.
"""

import fcntl
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from roteiro.ledger.place import (
    SegmentFile,
    make_directory,
    marker,
    parquets,
    partition,
    segments,
    sync_directory,
    unnamed,
)
from roteiro.ledger.schema import SECONDS, Head, encode
from roteiro.ledger.segment import Point, nothing, translated
from roteiro.terms.error import LedgerError

__all__ = ["ParquetWriter"]

GROUP_ROWS: Final = 131_072
"""Rows of a row group, as of a compacted one."""
BUFFERS: Final = 3
"""Of so many rows: one is filled, one is written, one waits. 90 MB of events."""
DAY_S: Final = 86_400.0


class ParquetWriter:
    """The one writer of a run's rows of one table. As a context it seals at the end, and abandons the run where an exception passes.

    Raises `LedgerError` where the disk refuses; the run is then not in the ledger, not even in part, and takes no room.
    """

    def __init__(self, directory: Path, head: Head, *, group_rows: int = GROUP_ROWS, at: Callable[[Point], None] = nothing) -> None:
        """Begin a run that has no rows of this table yet. Raises `LedgerError` where it has some, or another writer."""
        self._directory, self._head, self._at = directory, head, at
        self._stem = SegmentFile.new(directory, head.table, head.run, 0).stem
        self._error: BaseException | None = None
        self._files: dict[date, _DayFile] = {}
        self.rows = 0
        with translated(f"cannot begin run {head.run} in {directory}"):
            runs = [segment.run for segment in segments(directory, head.table)] + [file.run for file in parquets(directory, head.table)]
            if head.run in runs:
                raise LedgerError(f"run {head.run} is in the ledger of {directory} already; a run's name is used once")
            self._marker = marker(directory, head.table, self._stem)
            make_directory(self._marker.parent)
            self._lock = os.open(self._marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise LedgerError(f"{self._marker} has another writer; one process at a time writes a run") from None
            sync_directory(self._marker.parent)
        self._free: queue.Queue[NDArray[np.void]] = queue.Queue()
        for _ in range(BUFFERS):
            self._free.put(np.empty(group_rows, head.dtype))
        self._full: queue.Queue[tuple[NDArray[np.void], int] | None] = queue.Queue()
        self._buffer, self._used = self._free.get(), 0
        self._thread = threading.Thread(target=self._write_all, name=f"parquet-{head.run}", daemon=True)
        self._thread.start()

    def append(self, rows: NDArray[np.void]) -> None:
        """Take rows, in order; they are copied. Raises `LedgerError` where earlier ones could not be written."""
        taken = 0
        while taken < len(rows):
            count = min(len(rows) - taken, len(self._buffer) - self._used)
            self._buffer[self._used : self._used + count] = rows[taken : taken + count]
            self._used, taken = self._used + count, taken + count
            if self._used == len(self._buffer):
                self._hand_on()
        self.rows += len(rows)

    def seal(self) -> None:
        """Finish: all rows are durable, and the run is in the ledger. Raises `LedgerError`, and then it is not."""
        try:
            self._hand_on()
            self._stop()
            with translated(f"cannot write run {self._head.run} to {self._directory}"):
                for file in self._files.values():
                    file.close(self.rows)
                    self._at("parquet-written")
                for file in self._files.values():
                    file.unnamed.rename(file.path)
                    self._at("parquet-named")
                    sync_directory(file.path.parent)
                self._marker.unlink()
                self._at("removed")
                sync_directory(self._marker.parent)
        except BaseException:
            self.abandon()
            raise
        os.close(self._lock)

    def abandon(self) -> None:
        """Leave nothing of the run."""
        self._full.put(None)
        self._thread.join()
        for file in self._files.values():
            file.remove()
        with suppress(OSError):
            self._marker.unlink(missing_ok=True)
            os.close(self._lock)

    def __enter__(self) -> "ParquetWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.seal()
        else:
            self.abandon()

    def _hand_on(self) -> None:
        if self._error is not None:
            raise self._failed()
        if self._used:
            self._full.put((self._buffer, self._used))
            self._buffer, self._used = self._free.get(), 0

    def _stop(self) -> None:
        self._full.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._failed()

    def _failed(self) -> Exception:
        error = self._error
        if isinstance(error, OSError):
            failure = LedgerError(f"cannot write run {self._head.run} to {self._directory}: {error.strerror or error}")
            failure.__cause__ = error
            return failure
        assert isinstance(error, Exception)
        return error

    def _write_all(self) -> None:
        """The thread: full buffers to row groups, until there are no more. After an error it only gives buffers back."""
        while (item := self._full.get()) is not None:
            buffer, used = item
            if self._error is None:
                try:
                    self._write(buffer[:used])
                except BaseException as error:
                    self._error = error
            self._free.put(buffer)

    def _write(self, rows: NDArray[np.void]) -> None:
        self._head = self._head.covering(rows)
        seconds = rows[SECONDS[self._head.table]]
        days = np.floor((seconds + self._head.epoch_s) / DAY_S).astype(np.int64)
        first, last = int(days.min()), int(days.max())
        if first == last:
            self._group(first, rows)
            return
        for day in np.unique(days).tolist():
            self._group(day, rows[days == day])

    def _group(self, day: int, rows: NDArray[np.void]) -> None:
        when = datetime.fromtimestamp(day * DAY_S, UTC).date()
        if when not in self._files:
            path = partition(self._directory, self._head.table, when) / f"{self._stem}.parquet"
            make_directory(path.parent)
            self._files[when] = _DayFile(path, self._head)
        self._files[when].write(encode(rows, self._head))


class _DayFile:
    """The run's rows of one UTC day."""

    def __init__(self, path: Path, head: Head) -> None:
        self.path, self.unnamed = path, unnamed(path)
        self._sink = pa.OSFile(str(self.unnamed), "wb")
        self._writer = pq.ParquetWriter(self._sink, head.schema, **settings(head.schema))

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch, row_group_size=len(batch))

    def close(self, rows: int) -> None:
        """Whole and durable, under no name yet. `rows`: of the run, all days together."""
        self._writer.add_key_value_metadata({"roteiro.end": str(rows)})
        self._writer.close()
        self._sink.close()
        descriptor = os.open(self.unnamed, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        self._writer.is_open = False  # else it would finish the file when it is forgotten
        with suppress(Exception):
            self._sink.close()  # first: what the writer would still say has nowhere to go
        with suppress(OSError):
            self.unnamed.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


def settings(schema: pa.Schema) -> dict[str, object]:
    """How columns are encoded: words by the dictionaries that they already have, numbers plainly, as looking for equal ones would cost more
    time than all the rest; a fast compression takes what repeats."""
    words = [column.name for column in schema if pa.types.is_dictionary(column.type)]
    return {"use_dictionary": words, "compression": "lz4"}
