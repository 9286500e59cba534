"""The ledger on disk, read: every row once, whatever writes beside."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roteiro.ledger import Head, Ledger, SegmentWriter, compact_segments, expire, query
from roteiro.ledger.place import SegmentFile, segments
from roteiro.terms.error import LedgerError

from .build import EPOCH_S, RUN, names, rows, same
from .contract import LedgerContract, Put


def putting(directory: Path, after: Callable[[SegmentWriter, Head], object]) -> Put:
    writers = []

    def put(head: Head, *batches: NDArray[Any]) -> None:
        writer = SegmentWriter(directory, head)
        for batch in batches:
            writer.append(batch)
        after(writer, head)
        writers.append(writer)

    return put


class TestSealedSegments(LedgerContract):
    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Ledger:
        return Ledger(tmp_path)

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        return putting(tmp_path, lambda writer, head: writer.seal())


class TestParquet(TestSealedSegments):
    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        def finish(writer: SegmentWriter, head: Head) -> None:
            writer.seal()
            compact_segments(tmp_path, head.table)

        return putting(tmp_path, finish)


def test_a_stream_is_the_same_rows_a_segment_at_a_time(tmp_path: Path) -> None:
    """Also where a segment spans midnight: its events went to two files by arrival, and end in another order."""
    head = Head("events", RUN, EPOCH_S, names())
    wanted = rows("events", 0, 600)
    wanted["arrival_s"] = np.arange(600) * 200.0 + np.arange(600) % 7 * 5000.0
    writer = SegmentWriter(tmp_path, head, segment_bytes=10_000)
    for start in range(0, 600, 50):
        writer.append(wanted[start : start + 50])
        if start == 300:
            compact_segments(tmp_path, "events")
    ledger = Ledger(tmp_path)
    pieces = list(ledger.stream("events", RUN))
    assert len(pieces) > 3 and same(np.concatenate(pieces), ledger.rows("events", RUN))
    assert ledger.count("events", RUN) == 600 and ledger.count("decisions", RUN) == 0
    assert list(ledger.stream("events", "another")) == []


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.rglob("*") if path.is_file()}


def test_reading_changes_nothing(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
    writer.append(rows("events", 0, 100))
    writer.seal()
    writer.append(rows("events", 100, 100))
    assert writer.path is not None
    with writer.path.open("ab") as file:
        file.write(b"a torn tail")
    before = snapshot(tmp_path)
    ledger = Ledger(tmp_path)
    assert len(ledger.events()) == len(ledger.rows("events", RUN)) == 200
    assert snapshot(tmp_path) == before


def test_a_missing_directory_is_an_empty_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "nowhere")
    assert ledger.runs() == []
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_sealed_segment_is_said(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
    writer.append(rows("events", 0, 100))
    writer.seal()
    (path,) = tmp_path.rglob("*.arrow")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(LedgerError, match=r"run-1-events-000000.arrow is damaged after byte \d+ of \d+"):
        Ledger(tmp_path).sql("SELECT 1 FROM events")


def test_a_file_of_another_kind_is_not_the_ledgers(tmp_path: Path) -> None:
    folder = tmp_path / "ledger" / "events" / "segments"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("hello")
    (folder / "run-1-decisions-000000.arrow").write_text("the other table's")
    assert Ledger(tmp_path).runs() == []


def test_the_partition_of_a_day_is_all_that_is_read_for_it(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
    writer.append(rows("events", 0, 96, step_s=3600.0))
    writer.seal()
    compact_segments(tmp_path, "events")
    ledger = Ledger(tmp_path)
    days = [path.parent.name for path in ledger.sources("events", since=date(2026, 2, 1), until=date(2026, 2, 2)).parquet]
    assert days == ["date=2026-02-01", "date=2026-02-02"]
    found = ledger.events(since=datetime(2026, 2, 1, tzinfo=UTC), until=datetime(2026, 2, 2, tzinfo=UTC))
    assert len(found) == 24


def test_a_segment_missed_while_it_is_renamed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing a folder while a name in it changes may show neither the old nor the new one (readdir(3) leaves it open)."""
    writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
    for start in (0, 50):
        writer.append(rows("events", start, 50))
        writer.seal()
    listings = iter([segments(tmp_path, "events")[:1], segments(tmp_path, "events")])
    monkeypatch.setattr(query, "segments", lambda *where: next(listings, None) or segments(*where))
    assert same(Ledger(tmp_path).rows("events", RUN), rows("events", 0, 100))


def test_a_ledger_that_never_stands_still_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()
    monkeypatch.setattr(query, "segments", lambda *_: [SegmentFile.new(tmp_path, "events", RUN, next(numbers))])
    with pytest.raises(LedgerError, match="changed 50 times while they were read"):
        Ledger(tmp_path).rows("events", RUN)


def test_readers_see_whole_prefixes_while_others_write_compact_and_expire(tmp_path: Path) -> None:
    """A reader beside a writer, a sealing writer and a compactor: rows 0 … n-1, each once, and n never falls."""
    total, group = 3_000, 25
    stop = threading.Event()
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                stop.set()

        return threading.Thread(target=run)

    def write() -> None:
        writer = SegmentWriter(tmp_path, Head("events", RUN, EPOCH_S, names()))
        for start in range(0, total, group):
            writer.append(rows("events", start, group, step_s=60.0))
            if start % (group * 4) == 0:
                writer.seal()
                compact_segments(tmp_path, "events")
                expire(tmp_path, "events", date(2000, 1, 1))
        writer.seal()

    thread = guarded(write)
    thread.start()
    ledger, seen = Ledger(tmp_path), 0
    try:
        for _ in range(10_000):
            seq = np.sort(ledger.sql("SELECT seq FROM events")["seq"].to_numpy())
            assert np.array_equal(seq, np.arange(len(seq)))
            assert len(seq) >= seen
            seen = len(seq)
            if stop.is_set():
                break
    finally:
        thread.join(60)
    assert not failures
    assert same(ledger.rows("events", RUN), rows("events", 0, total, step_s=60.0))
