"""Segments: append-only Arrow IPC streams, one writer each, durable a group at a time.

A segment begins with its schema, its dictionaries and an empty batch; every group of rows after it is one record batch, written
and fsynced in one piece. Each batch carries the ring positions of its rows (`first`, `end`) and a CRC-32 that runs over the
beginning and all batches so far, because neither a file's length nor Arrow's framing tells a torn group from a whole one: after
a power failure a file may have its full length and pages of zeros in it (see Pillai et al., OSDI 2014, "All File Systems Are
Not Created Equal"). What comes after the last batch that proves itself is cut off when the segment is mended.

New names (another plan version), another UTC day or a full segment begin a new one. What must not live here: queries, Parquet.
"""

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from roteiro.ledger.place import SegmentFile, Table, make_directory, parquets, segments, segments_directory, sync_directory
from roteiro.ledger.schema import Head, encode
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError

__all__ = ["GROUP_ROWS", "Contents", "Point", "SegmentWriter", "mend", "read_open", "read_sealed"]

GROUP_ROWS: Final = 65_536
"""Rows in one batch at most; about 8 MiB."""

SEGMENT_BYTES: Final = 64 * 1024 * 1024

_MOST_PARTS: Final = os.sysconf("SC_IOV_MAX")

Point = Literal[
    "created", "encoded", "written", "synced", "announced", "advanced", "renamed", "parquet-written", "parquet-named", "removed"
]
"""Places between two steps where a process may die; tests let it die there."""


def nothing(_: Point) -> None:
    """The hook of a process that is not under test."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of the operating system as `LedgerError`."""
    try:
        yield
    except OSError as error:
        raise LedgerError(f"{doing}: {error.strerror or error}") from error


class SegmentWriter:
    """The one writer of a run's rows of one table.

    Making it mends what an earlier writer of the run left behind. `append` may be called with any number of rows; it returns
    when they are durable. When it raises `LedgerError` the group it was at is not in the ledger, not even in part, and may be
    tried again; `position` tells how far it came.
    """

    def __init__(
        self, directory: Path, head: Head, *, position: int = 0, segment_bytes: int = SEGMENT_BYTES, at: Callable[[Point], None] = nothing
    ) -> None:
        """`position`: where the rows to come begin, if the ledger has none beyond it. Raises `LedgerError`."""
        self._directory, self._head, self._bytes, self._at = directory, head, segment_bytes, at
        self._file: _OpenFile | None = None
        with translated(f"cannot recover run {head.run} in {directory}"):
            for segment in segments(directory, head.table):
                if segment.run == head.run and segment.is_open and mend(segment, at) is None and segment.path.exists():
                    raise LedgerError(f"{segment.path} has another writer; one process at a time writes a run")
            self._number, end = _last(directory, head.table, head.run)
        self.position = max(position, end)

    @property
    def path(self) -> Path | None:
        """The segment being written, if there is one."""
        return self._file.segment.path if self._file else None

    def append(self, rows: NDArray[np.void]) -> None:
        """Make rows durable, in order."""
        for start in range(0, len(rows), GROUP_ROWS):
            self._commit(rows[start : start + GROUP_ROWS])

    def rename(self, names: Names) -> None:
        """From the next row on, codes mean these names (a new plan version)."""
        if names != self._head.names:
            self._head = replace(self._head, names=names, unknown={})

    def seal(self) -> None:
        """Close the segment for good, so that it may be compacted. The next row begins another."""
        if self._file is None:
            return
        file, segment = self._file, self._file.segment
        with translated(f"cannot seal {segment.path}"):
            if file.durable:
                segment.path.rename(segment.sealed_path)
            else:
                segment.path.unlink()
            self._at("renamed")
            self._file = None
            os.close(file.descriptor)
            sync_directory(segment.path.parent)

    def abandon(self) -> None:
        """Let the segment go as it is, unsealed, as a crash would; whoever writes or recovers next mends it."""
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    def _commit(self, rows: NDArray[np.void]) -> None:
        self._head = self._head.covering(rows)
        batch = encode(rows, self._head)
        day = batch.column("time")[len(batch) - 1].value // 86_400_000_000
        if self._file is not None and (self._file.head is not self._head or self._file.durable >= self._bytes or self._file.day < day):
            self.seal()
        if self._file is None:
            with translated(f"cannot begin a segment in {segments_directory(self._directory, self._head.table)}"):
                self._file = self._begin(day)
        file, end = self._file, self.position + len(batch)
        crc, parts = file.group(batch, self.position, end)
        self._at("encoded")
        try:
            length = _write(file.descriptor, parts, file.durable)
            self._at("written")
            os.fsync(file.descriptor)
            self._at("synced")
            if not file.durable:
                sync_directory(file.segment.path.parent)
            self._at("announced")
        except OSError as error:
            # Truncated and written again, not only synced again: after a failed fsync Linux marks the pages clean, so that a
            # second fsync would succeed without having written them (Rebello et al., ATC 2020, "Can Applications Recover
            # from fsync Failures?").
            with suppress(OSError):
                os.ftruncate(file.descriptor, file.durable)
            raise LedgerError(f"cannot write {file.segment.path}: {error.strerror or error}") from error
        file.durable, file.crc, self.position = file.durable + length, crc, end

    def _begin(self, day: int) -> "_OpenFile":
        """Create the next segment and hold its lock, which tells a living writer's segment from a dead one's."""
        number = self._number + 1
        segment = SegmentFile.new(self._directory, self._head.table, self._head.run, number)
        make_directory(segment.path.parent)
        try:
            descriptor = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError as error:
            raise LedgerError(f"{segment.path} has another writer; one process at a time writes a run") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink == 0:
                raise LedgerError(f"{segment.path} was removed as empty before it could be locked; try again")
        except BaseException:
            os.close(descriptor)
            raise
        self._at("created")
        self._number = number
        return _OpenFile(segment, descriptor, self._head, day)


class _Sink:
    """Collects what Arrow's stream writer emits, uncopied, so that it reaches the file in one write, or again."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes | pa.Buffer] = []
        self._length = 0

    def write(self, data: bytes | pa.Buffer) -> int:
        length = memoryview(data).nbytes
        self._parts.append(data)
        self._length += length
        return length

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Nothing to close."""

    def take(self) -> list[bytes | pa.Buffer]:
        parts, self._parts = self._parts, []
        return parts


@dataclass
class _OpenFile:
    """A segment being written: how many of its bytes are durable, and the CRC-32 up to there."""

    segment: SegmentFile
    descriptor: int
    head: Head
    day: int
    durable: int = 0
    crc: int = 0
    _sink: _Sink = field(default_factory=_Sink)

    def __post_init__(self) -> None:
        self._stream = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), self.head.schema)
        self._stream.write_batch(encode(np.zeros(0, self.head.dtype), self.head))
        self._beginning = b"".join(self._sink.take())
        self.crc = zlib.crc32(self._beginning)

    def group(self, batch: pa.RecordBatch, first: int, end: int) -> tuple[int, list[bytes | pa.Buffer]]:
        """The CRC-32 and the bytes of a batch as they follow what is durable."""
        crc = _proof(batch, first, end, self.crc)
        self._stream.write_batch(batch, custom_metadata={"first": str(first), "end": str(end), "crc": str(crc)})
        parts = self._sink.take()
        return crc, parts if self.durable else [self._beginning, *parts]


def _write(descriptor: int, parts: list[bytes | pa.Buffer], offset: int) -> int:
    """Write all parts at an offset; returns their length. The system may write less than it is given (pwritev(2))."""
    length = sum(memoryview(part).nbytes for part in parts)
    done = os.pwritev(descriptor, parts, offset) if len(parts) <= _MOST_PARTS else 0
    if done < length:
        rest = memoryview(b"".join(parts))
        while done < length:
            done += os.pwrite(descriptor, rest[done:], offset + done)
    return length


@dataclass(frozen=True)
class Contents:
    """What a segment holds: its rows, their ring positions `first` ≤ k < `end`, and how many bytes of the file prove themselves."""

    table: pa.Table | None
    first: int
    end: int
    length: int


def read_open(path: Path) -> Contents:
    """The whole batches of a segment that may be growing, or torn. Raises `FileNotFoundError` when it is renamed meanwhile."""
    # Copied, not mapped: its writer may cut a failed group off, and to touch a page beyond the end of a mapped file is fatal.
    return _walk(pa.py_buffer(path.read_bytes()), proving=True)


def read_sealed(path: Path) -> Contents:
    """A sealed segment, mapped and not copied. Raises `LedgerError` when it is damaged, `FileNotFoundError` when it is gone."""
    with pa.memory_map(str(path)) as source:
        data = source.read_buffer()
    contents = _walk(data, proving=False)
    if contents.length != data.size:
        raise LedgerError(f"{path} is damaged after byte {contents.length} of {data.size}; its rows up to {contents.end} are whole")
    return contents


def _proof(batch: pa.RecordBatch, first: int, end: int, before: int) -> int:
    """CRC-32 over what came before and over a batch: its structure, its body, its place. As read it must be as it was meant."""
    return zlib.crc32(batch.serialize(), zlib.crc32(b"%d %d" % (first, end), before))


def _walk(data: pa.Buffer, *, proving: bool) -> Contents:
    """Batch by batch as far as the bytes are whole and, when `proving`, as their CRC-32 agrees."""
    source = pa.BufferReader(data)
    batches: list[pa.RecordBatch] = []
    start = end = length = 0
    try:
        reader = pa.ipc.open_stream(source)
        reader.read_next_batch()
        crc = zlib.crc32(memoryview(data)[: source.tell()]) if proving else 0
        while True:
            batch, metadata = reader.read_next_batch_with_custom_metadata()
            first, after = int(metadata[b"first"]), int(metadata[b"end"])
            if proving:
                batch.validate()  # before anything looks into it: a torn structure may point anywhere
                crc = _proof(batch, first, after, crc)
                if crc != int(metadata[b"crc"]):
                    break
            if not batches:
                start = first
            batches.append(batch)
            end, length = after, source.tell()
    except (StopIteration, pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        pass  # the end, or as far as it is whole
    return Contents(pa.Table.from_batches(batches) if batches else None, start, end, length)


def mend(segment: SegmentFile, at: Callable[[Point], None] = nothing) -> Path | None:
    """Seal an open segment whose writer is dead, without its torn tail; remove it when no group is whole.

    Returns the path it was sealed under, or would have been; None when its writer lives or another process mends it.
    Raises `OSError`.
    """
    try:
        descriptor = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(descriptor), segment.path.stat()):
                return None
        except (BlockingIOError, FileNotFoundError):
            return None
        contents = read_open(segment.path)
        if contents.length < os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, contents.length)
        os.fsync(descriptor)  # whole batches that the dead writer had not synced are kept, and so must be durable
        at("synced")
        if contents.length:
            segment.path.rename(segment.sealed_path)
        else:
            segment.path.unlink()
        at("renamed")
        sync_directory(segment.path.parent)
        return segment.sealed_path
    finally:
        os.close(descriptor)


def _last(directory: Path, table: Table, run: str) -> tuple[int, int]:
    """The highest segment number a run has used (-1 for none) and the ring position after its last durable row."""
    number, end = -1, 0
    for segment in segments(directory, table):
        if segment.run == run:
            number, end = max(number, segment.number), max(end, read_sealed(segment.path).end)
    files = [file for file in parquets(directory, table) if file.run == run]
    if files:
        newest = max(files, key=lambda file: file.number)
        number, end = max(number, newest.number), max(end, int(pq.read_schema(newest.path).metadata[b"roteiro.end"]))
    return number, end
