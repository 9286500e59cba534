"""Compaction and retention: every row once, wherever it stops."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from roteiro.ledger import Head, Ledger, SegmentWriter, compact_segments, expire, recover
from roteiro.ledger.place import parquets, segments
from roteiro.ledger.segment import Point
from roteiro.terms.error import LedgerError

from .build import EPOCH_S, RUN, names, rows, same
from .conftest import SmallDisk

HEAD = Head("events", RUN, EPOCH_S, names())
HOUR_S = 3600.0


class Crash(BaseException):
    """The process dies here."""


def sealed(directory: Path, *counts: int) -> int:
    """Sealed segments of hourly rows, so that each spans days; returns how many rows."""
    writer = SegmentWriter(directory, HEAD)
    for count in counts:
        writer.append(rows("events", writer.position, count, step_s=HOUR_S))
        writer.seal()
    return writer.position


def holds(directory: Path, count: int) -> bool:
    """Every row once, in the packed rows and in the query."""
    ledger = Ledger(directory)
    seq = ledger.sql("SELECT seq FROM events ORDER BY seq")["seq"].to_pylist()
    return seq == list(range(count)) and same(ledger.rows("events", RUN), rows("events", 0, count, step_s=HOUR_S))


def test_a_segment_becomes_a_file_a_day(tmp_path: Path) -> None:
    count = sealed(tmp_path, 60, 30)
    first, second = compact_segments(tmp_path, "events")
    assert (first.rows, second.rows) == (60, 30)
    begin = datetime.fromtimestamp(EPOCH_S, UTC)
    days = {(begin + timedelta(hours=hour)).date().isoformat() for hour in range(60)}
    assert {path.parent.name for path in first.parquets} == {f"date={day}" for day in days}
    assert {path.name for path in first.parquets} == {f"{RUN}-events-000000.parquet"}
    assert segments(tmp_path, "events") == []
    assert holds(tmp_path, count)
    assert compact_segments(tmp_path, "events") == ()


def test_the_parquet_is_anyones_to_read(tmp_path: Path) -> None:
    """Hive partitions that DuckDB reads without us."""
    count = sealed(tmp_path, 60)
    compact_segments(tmp_path, "events")
    found = duckdb.connect(":memory:").sql(
        "SELECT count(*), count(DISTINCT date), min(outcome) "
        f"FROM read_parquet('{tmp_path}/ledger/events/*/*.parquet', hive_partitioning=true)"
    )
    assert found.fetchall() == [(count, len(parquets(tmp_path, "events")), "abandoned")]
    codec = pq.read_metadata(parquets(tmp_path, "events")[0].path).row_group(0).column(0).compression
    assert codec == "ZSTD"


def test_an_open_segment_is_left_alone(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, HEAD)
    writer.append(rows("events", 0, 10, step_s=HOUR_S))
    assert compact_segments(tmp_path, "events") == ()
    assert holds(tmp_path, 10)


@pytest.mark.parametrize("point", ["parquet-written", "parquet-named", "removed"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_compaction_that_dies(tmp_path: Path, point: Point, number: int) -> None:
    count, left = sealed(tmp_path, 60, 30, 30), number

    def at(here: Point) -> None:
        nonlocal left
        left -= here == point
        if left == 0:
            raise Crash

    with pytest.raises(Crash):
        compact_segments(tmp_path, "events", at=at)
    assert holds(tmp_path, count)
    recover(tmp_path)
    assert holds(tmp_path, count)
    compact_segments(tmp_path, "events")
    assert holds(tmp_path, count)
    assert segments(tmp_path, "events") == []
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_writer_continues_after_what_was_compacted(tmp_path: Path) -> None:
    count = sealed(tmp_path, 20, 20)
    compact_segments(tmp_path, "events")
    writer = SegmentWriter(tmp_path, HEAD)
    assert writer.position == count
    writer.append(rows("events", count, 5, step_s=HOUR_S))
    assert writer.path is not None
    assert writer.path.name == f"{RUN}-events-000002.arrow.open"
    assert holds(tmp_path, count + 5)


def test_a_full_disk_keeps_the_segment(small_disk: SmallDisk) -> None:
    count = sealed(small_disk.path, 60)
    small_disk.fill()
    with pytest.raises(LedgerError, match=r"cannot compact .*No space left"):
        compact_segments(small_disk.path, "events")
    assert holds(small_disk.path, count)
    small_disk.free()
    compact_segments(small_disk.path, "events")
    assert holds(small_disk.path, count)


def test_expiry_removes_whole_days(tmp_path: Path) -> None:
    sealed(tmp_path, 100)
    compact_segments(tmp_path, "events")
    before = date(2026, 2, 3)
    gone = expire(tmp_path, "events", before)
    assert gone
    assert {path.parent.name for path in gone} == {"date=2026-01-31", "date=2026-02-01", "date=2026-02-02"}
    left = Ledger(tmp_path).sql("SELECT min(time) AS first, count(*) AS n FROM events").to_pylist()[0]
    assert left["first"].date() == before
    assert left["n"] == 100 - (datetime(2026, 2, 3, tzinfo=UTC).timestamp() - EPOCH_S) // HOUR_S - 1
    assert not any(path.exists() or path.parent.exists() for path in gone)
    assert expire(tmp_path, "events", before) == ()


def test_expiry_of_segments(tmp_path: Path) -> None:
    """A sealed segment goes when all of it is old; one that spans the day stays whole; an open one stays."""
    sealed(tmp_path, 20, 200)
    writer = SegmentWriter(tmp_path, Head("events", "living", EPOCH_S, names()))
    writer.append(rows("events", 0, 3))
    (gone,) = expire(tmp_path, "events", date(2026, 2, 3))
    assert gone.name == f"{RUN}-events-000000.arrow"
    found = Ledger(tmp_path).sql("SELECT run, count(*) AS n, min(seq) AS first FROM events GROUP BY run ORDER BY run").to_pylist()
    assert found == [{"run": "living", "n": 3, "first": 0}, {"run": RUN, "n": 200, "first": 20}]


def test_expiry_leaves_a_compaction_in_progress_alone(tmp_path: Path) -> None:
    count = sealed(tmp_path, 60)

    def at(here: Point) -> None:
        if here == "parquet-named":
            raise Crash

    with pytest.raises(Crash):
        compact_segments(tmp_path, "events", at=at)
    assert expire(tmp_path, "events", date(2026, 2, 1)) == ()
    assert holds(tmp_path, count)


def test_expiring_nothing_is_nothing(tmp_path: Path) -> None:
    assert expire(tmp_path / "nowhere", "decisions", date(2026, 2, 3)) == ()
