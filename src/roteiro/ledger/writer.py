"""The writer process: rings in shared memory → segments on disk, every 25 milliseconds, in a process of its own.

    python -m roteiro.ledger.writer --spec FILE [--once]

It prints one JSON object a line: `{"ready": …}` when it has recovered, `{"error": …, "pending": n}` whenever the disk begins to
refuse or accepts again, `{"stopped": …}` at the end. It stops after a last drain on SIGTERM or when its parent is gone; SIGINT is
for the parent. Exit status: 0 all rows are durable, 1 some are not (they wait in the block: start it again, or with `--once`),
2 the spec cannot be used.

What must not live here: a clock. Rows carry their times.
"""

import argparse
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from roteiro.ledger.place import TABLES, Table
from roteiro.ledger.ring import Ring
from roteiro.ledger.schema import Head
from roteiro.ledger.segment import GROUP_ROWS, Point, SegmentWriter, nothing
from roteiro.terms.edge import Names
from roteiro.terms.error import InvariantError, LedgerError, SettingsError

__all__ = ["NamesFile", "RingSpec", "Writer", "WriterSpec", "WriterStatus", "main"]

_SLOWEST_RETRY_S: Final = 1.0


class RingSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ring in the block: byte offsets of its first row and of its two int64 words, its capacity and the bytes of a row."""

    offset: int
    capacity: int
    itemsize: int
    head: int
    tail: int


class WriterSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the writer process is told. `directory` is the data directory, `epoch_s` the run's epoch in Unix seconds."""

    directory: str
    run: str
    epoch_s: float
    block: str
    names: str
    """A JSON file of `terms.edge.Names`. Replaced as a whole (rename) before the kernel uses a code that is new in it."""
    rings: dict[Table, RingSpec]
    group_s: float = 0.025


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """`rows` made durable by this writer, `pending` in the rings, `failures` in a row, and the last one's `error`."""

    rows: int = 0
    pending: int = 0
    failures: int = 0
    error: str | None = None


class NamesFile:
    """The names of a run in a file that may be replaced while we run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._names: Names | None = None

    def __call__(self) -> Names:
        """The names as they are now. Raises `LedgerError` when they never could be read; else keeps the last good ones."""
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if seen != self._seen:
                self._names, self._seen = msgspec.json.decode(self._path.read_bytes(), type=Names), seen
        except (OSError, msgspec.MsgspecError) as error:
            if self._names is None:
                raise LedgerError(f"cannot read the names in {self._path}: {error}") from error
        assert self._names is not None
        return self._names


class Writer:
    """Drains rings into segments.

    Making one recovers: torn tails are cut off, and each ring's tail moves past the rows that an earlier writer made durable
    and had no time to say so. Raises `LedgerError`, or `InvariantError` when a ring and the ledger contradict each other.
    """

    def __init__(
        self,
        rings: Mapping[Table, Ring],
        directory: Path,
        run: str,
        epoch_s: float,
        names: Callable[[], Names],
        *,
        at: Callable[[Point], None] = nothing,
    ) -> None:
        self._rings, self._names, self._at = rings, names, at
        self._rows = self._failures = 0
        self._error: str | None = None
        self._writers: dict[Table, SegmentWriter] = {}
        for table, ring in rings.items():
            writer = SegmentWriter(directory, Head(table, run, epoch_s, names()), position=ring.tail, at=at)
            if writer.position > ring.head:
                raise InvariantError(
                    f"the ledger has {writer.position} {table} of run {run}, its ring {ring.head}; a run's name is used once"
                )
            ring.advance(writer.position - ring.tail)
            self._writers[table] = writer

    @property
    def status(self) -> WriterStatus:
        return WriterStatus(self._rows, sum(ring.pending() for ring in self._rings.values()), self._failures, self._error)

    def drain_once(self) -> int:
        """Make one group of each ring durable; returns its rows. A full disk is a status, not an exception: rows wait and are retried."""
        drained = 0
        error: str | None = None
        for table, ring in self._rings.items():
            rows, writer = ring.peek(GROUP_ROWS), self._writers[table]
            if not len(rows):
                continue
            try:
                writer.rename(self._names())
                writer.append(rows)
            except LedgerError as failure:
                error = str(failure)
                continue
            ring.advance(len(rows))
            self._at("advanced")
            drained += len(rows)
        self._rows += drained
        if error is not None:
            self._failures, self._error = self._failures + 1, error
        elif drained or not self.status.pending:
            self._failures, self._error = 0, None
        return drained

    def drain(self) -> bool:
        """Make durable all rows that are in the rings now. False when the ledger refused some."""
        goals = {table: ring.head for table, ring in self._rings.items()}
        while any(self._rings[table].tail < goal for table, goal in goals.items()):
            if not self.drain_once() or self._failures:
                return False
        return True

    def close(self) -> None:
        """Seal the segments. What is in the rings stays there."""
        for writer in self._writers.values():
            writer.seal()


def _open(spec: WriterSpec) -> Writer:
    try:
        block = np.memmap(spec.block, np.uint8, mode="r+")
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot map the block {spec.block}: {error}") from error
    rings: dict[Table, Ring] = {}
    for table, ring in spec.rings.items():
        dtype = TABLES[table]
        if ring.itemsize != dtype.itemsize:
            raise SettingsError(f"rows of {table} in {spec.block} have {ring.itemsize} bytes, this release's {dtype.itemsize}")
        try:
            rings[table] = Ring.over(block, dtype, ring.offset, ring.capacity, ring.head, ring.tail)
        except InvariantError as error:
            raise SettingsError(f"{table} in {spec.block}: {error}") from error
    return Writer(rings, Path(spec.directory), spec.run, spec.epoch_s, NamesFile(Path(spec.names)))


def _say(**words: object) -> None:
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass  # nobody listens; the ledger matters more


def _stop_signal() -> int:
    """A descriptor that becomes readable on SIGTERM.

    Blocking the signal and waiting for it would not do: Arrow's threads exist before this runs and do not block it, and so the
    system could give it to one of them, whose default is to end the process in the middle of a group.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return readable


def _serve(writer: Writer, group_s: float, parent: int, stop: int) -> None:
    """Drain until told to stop or orphaned."""
    said: str | None = None
    wait_s = group_s
    while not select.select([stop], [], [], wait_s)[0] and os.getppid() == parent:
        drained = writer.drain_once()
        status = writer.status
        if status.error != said:
            said = status.error
            _say(error=said, pending=status.pending)
        # Full groups leave no time to wait for more; a refusing disk is asked less and less often.
        wait_s = 0.0 if drained >= GROUP_ROWS else min(group_s * 2 ** min(status.failures, 10), max(group_s, _SLOWEST_RETRY_S))


def main(arguments: list[str] | None = None) -> int:
    """Run the writer process; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.ledger.writer", description="Make a run's rings durable in the ledger.")
    parser.add_argument("--spec", type=Path, required=True, help="JSON file (WriterSpec)")
    parser.add_argument("--once", action="store_true", help="drain what is there, seal and stop")
    options = parser.parse_args(arguments)
    parent = os.getppid()
    stop = _stop_signal()
    try:
        spec = msgspec.json.decode(options.spec.read_bytes(), type=WriterSpec)
        writer = _open(spec)
    except (OSError, msgspec.MsgspecError, SettingsError) as error:
        _say(error=f"cannot use {options.spec}: {error}", pending=None)
        return 2
    except (LedgerError, InvariantError) as error:
        _say(error=str(error), pending=None)
        return 1
    _say(ready=True, run=spec.run, pid=os.getpid(), pending=writer.status.pending)
    try:
        if not options.once:
            _serve(writer, spec.group_s, parent, stop)
        clean = writer.drain()
        writer.close()
    except (LedgerError, InvariantError) as error:
        _say(error=str(error), pending=None)
        return 1
    _say(stopped=True, rows=writer.status.rows, pending=writer.status.pending, error=writer.status.error)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
