"""Segments: durable a group at a time, whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from roteiro.ledger import Head, Ledger, SegmentWriter, recover
from roteiro.ledger.place import segments
from roteiro.ledger.schema import decode
from roteiro.ledger.segment import read_open, read_sealed
from roteiro.terms.error import LedgerError

from .build import EPOCH_S, RUN, names, rows, same
from .conftest import SmallDisk

GROUPS = (7, 1, 64, 30)
HEAD = Head("events", RUN, EPOCH_S, names())


def open_segment(directory: Path) -> SegmentWriter:
    """A segment with GROUPS in it, still open. Keep what is returned: while it lives it holds the lock."""
    writer, start = SegmentWriter(directory, HEAD), 0
    for count in GROUPS:
        writer.append(rows("events", start, count))
        start += count
    return writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """The bytes of such a segment, and where its groups end."""
    writer, ends, start = SegmentWriter(tmp_path_factory.mktemp("whole"), HEAD), [], 0
    for count in GROUPS:
        writer.append(rows("events", start, count))
        start += count
        assert writer.path is not None
        ends.append(writer.path.stat().st_size)
    return writer.path.read_bytes(), ends


def proved(path: Path) -> int:
    """How many rows a segment proves; they must be the first ones, as they were written."""
    contents = read_open(path)
    count = contents.end
    if contents.table is None:
        assert (contents.first, count, contents.length) == (0, 0, 0)
        return 0
    assert same(decode(contents.table, HEAD), rows("events", 0, count))
    assert count in WHOLE_COUNTS
    return count


WHOLE_COUNTS = [0, *np.cumsum(GROUPS).tolist()]


def test_a_tail_torn_anywhere_leaves_the_whole_groups(whole: tuple[bytes, list[int]], tmp_path: Path) -> None:
    data, ends = whole
    cuts = {cut for end in (0, *ends) for cut in range(end - 9, end + 9)} | set(range(0, len(data), 97)) | {len(data)}
    path = tmp_path / "torn"
    for cut in sorted(cut for cut in cuts if 0 <= cut <= len(data)):
        path.write_bytes(data[:cut])
        assert proved(path) == WHOLE_COUNTS[sum(end <= cut for end in ends)]


@given(
    place=st.floats(0, 1, exclude_max=True), length=st.sampled_from([1, 8, 512, 4096]), filler=st.sampled_from([b"\0", b"\xff", b"\x01"])
)
def test_a_damaged_page_is_never_taken_for_rows(
    whole: tuple[bytes, list[int]], tmp_path_factory: pytest.TempPathFactory, place: float, length: int, filler: bytes
) -> None:
    """Law: what is proved are the first rows as they were written, and at least the groups before the damage."""
    data, ends = whole
    start = int(place * len(data))
    path = tmp_path_factory.mktemp("damaged") / "segment"
    path.write_bytes(data[:start] + filler * min(length, len(data) - start) + data[start + length :])
    assert WHOLE_COUNTS[sum(end <= start for end in ends)] <= proved(path) <= sum(GROUPS)


def test_an_open_segment_of_a_dead_writer_is_mended(whole: tuple[bytes, list[int]], tmp_path: Path) -> None:
    data, ends = whole
    folder = tmp_path / "ledger" / "events" / "segments"
    folder.mkdir(parents=True)
    (folder / f"{RUN}-events-000004.arrow.open").write_bytes(data[: ends[2] + 11])
    (folder / "dead-events-000000.arrow.open").write_bytes(data[:50])
    writer = SegmentWriter(tmp_path, HEAD)
    assert writer.position == sum(GROUPS[:3])
    assert (folder / f"{RUN}-events-000004.arrow").stat().st_size == ends[2]
    writer.append(rows("events", writer.position, 5))
    assert writer.path == folder / f"{RUN}-events-000005.arrow.open"
    assert same(Ledger(tmp_path).rows("events", RUN), rows("events", 0, sum(GROUPS[:3]) + 5))

    assert recover(tmp_path) == ()  # the other run's held no whole group
    assert [(found.run, found.number, found.is_open) for found in segments(tmp_path, "events")] == [(RUN, 4, False), (RUN, 5, True)]


def test_recovery_leaves_a_living_writer_alone(tmp_path: Path) -> None:
    writer = open_segment(tmp_path)
    assert recover(tmp_path) == ()
    with pytest.raises(LedgerError, match="another writer"):
        SegmentWriter(tmp_path, HEAD)
    writer.append(rows("events", sum(GROUPS), 3))
    assert same(Ledger(tmp_path).rows("events", RUN), rows("events", 0, sum(GROUPS) + 3))


def test_a_segment_that_another_made_first_is_not_shared(tmp_path: Path) -> None:
    first, second = SegmentWriter(tmp_path, HEAD), SegmentWriter(tmp_path, HEAD)
    first.append(rows("events", 0, 1))
    with pytest.raises(LedgerError, match="another writer"):
        second.append(rows("events", 0, 1))


def test_new_names_a_new_day_and_a_full_segment_begin_a_new_one(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, HEAD, segment_bytes=30_000)
    writer.append(rows("events", 0, 10))
    writer.rename(names())  # the same: nothing happens
    writer.append(rows("events", 10, 10))
    writer.rename(names(plans=["digest-a", "digest-b"]))
    writer.append(rows("events", 20, 10))
    late = rows("events", 30, 10)
    late["arrival_s"] += 86_400
    writer.append(late)
    writer.append(rows("events", 40, 200))  # of the day before: a late row does not begin a segment
    writer.append(rows("events", 240, 10))
    assert [read_open(segment.path).end for segment in segments(tmp_path, "events")] == [20, 30, 240, 250]
    assert [segment.is_open for segment in segments(tmp_path, "events")] == [False, False, False, True]


def test_appending_more_than_a_group(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, HEAD)
    meant = rows("events", 0, 70_000)
    writer.append(meant)
    assert writer.position == 70_000
    writer.seal()
    assert same(Ledger(tmp_path).rows("events", RUN), meant)


def test_nothing_to_seal_is_nothing(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, HEAD)
    writer.seal()
    writer.append(rows("events", 0, 0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run", ["", "a/b", "../x", "-x", "a b"])
def test_a_run_that_cannot_name_a_file_is_refused(tmp_path: Path, run: str) -> None:
    with pytest.raises(LedgerError, match="cannot name a file"):
        SegmentWriter(tmp_path, Head("events", run, EPOCH_S, names())).append(rows("events", 0, 1))


# --- disks that refuse -------------------------------------------------------------------------------------------------------


def refuse(kind: int) -> Callable[..., Any]:
    def refusing(*_: object) -> Any:
        raise OSError(kind, os.strerror(kind))

    return refusing


@pytest.mark.parametrize("first", [True, False], ids=["first group", "later group"])
@pytest.mark.parametrize(("call", "kind"), [("pwritev", errno.ENOSPC), ("fsync", errno.EIO), ("pwritev", errno.EROFS)])
def test_a_refused_group_is_not_there_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, kind: int, first: bool
) -> None:
    writer = SegmentWriter(tmp_path, HEAD)
    if not first:
        writer.append(rows("events", 0, 10))
    position = writer.position
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse(kind))
        for _ in range(3):
            with pytest.raises(LedgerError, match=os.strerror(kind)):
                writer.append(rows("events", position, 20))
            assert writer.position == position == len(Ledger(tmp_path).rows("events", RUN))
    writer.append(rows("events", position, 25))
    writer.seal()
    assert same(Ledger(tmp_path).rows("events", RUN), rows("events", 0, position + 25))


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_write, some_write = os.pwritev, os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda file, parts, at: whole_write(file, [memoryview(b"".join(parts))[:100]], at))
    monkeypatch.setattr(os, "pwrite", lambda file, part, at: some_write(file, part[:1000], at))
    writer = open_segment(tmp_path)
    writer.seal()
    assert same(Ledger(tmp_path).rows("events", RUN), rows("events", 0, sum(GROUPS)))


def test_a_half_written_group_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes a part, then is full: the file ends after its last whole group."""
    writer = open_segment(tmp_path)
    assert writer.path is not None
    size, whole_write = writer.path.stat().st_size, os.pwritev
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda file, parts, at: whole_write(file, [memoryview(b"".join(parts))[:999]], at))
        patch.setattr(os, "pwrite", refuse(errno.ENOSPC))
        with pytest.raises(LedgerError, match="No space left"):
            writer.append(rows("events", sum(GROUPS), 50))
    assert writer.path.stat().st_size == size


def test_a_seal_that_is_refused_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_segment(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse(errno.EROFS))
        with pytest.raises(LedgerError, match=r"cannot seal .*Read-only"):
            writer.seal()
    writer.append(rows("events", sum(GROUPS), 4))
    writer.seal()
    (segment,) = segments(tmp_path, "events")
    assert (segment.is_open, read_sealed(segment.path).end) == (False, sum(GROUPS) + 4)


def test_a_full_disk(small_disk: SmallDisk) -> None:
    writer = SegmentWriter(small_disk.path, HEAD)
    writer.append(rows("events", 0, 100))
    small_disk.fill()
    for _ in range(3):
        with pytest.raises(LedgerError, match="No space left"):
            writer.append(rows("events", 100, 2_000))
    assert same(Ledger(small_disk.path).rows("events", RUN), rows("events", 0, 100))
    small_disk.free()
    writer.append(rows("events", 100, 2_000))
    writer.seal()
    assert same(Ledger(small_disk.path).rows("events", RUN), rows("events", 0, 2_100))


def test_a_disk_that_is_full_from_the_start(small_disk: SmallDisk) -> None:
    small_disk.fill()
    writer = SegmentWriter(small_disk.path, HEAD)
    for _ in range(3):
        with pytest.raises(LedgerError, match="No space left"):
            writer.append(rows("events", 0, 100))
    small_disk.free()
    writer.append(rows("events", 0, 100))
    assert same(Ledger(small_disk.path).rows("events", RUN), rows("events", 0, 100))


def test_a_read_only_disk(small_disk: SmallDisk) -> None:
    small_disk.remount("ro")
    writer = SegmentWriter(small_disk.path, HEAD)
    with pytest.raises(LedgerError, match="Read-only"):
        writer.append(rows("events", 0, 10))
    assert Ledger(small_disk.path).runs() == []
    small_disk.remount("rw")
    writer.append(rows("events", 0, 10))
    writer.seal()
    small_disk.remount("ro")
    assert same(Ledger(small_disk.path).rows("events", RUN), rows("events", 0, 10))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(LedgerError, match="Permission denied"):
            SegmentWriter(tmp_path, HEAD).append(rows("events", 0, 10))
    finally:
        tmp_path.chmod(0o755)


class Lifetimes(RuleBasedStateMachine):
    """Law: whatever is appended, refused, sealed and reopened, the ledger holds the accepted rows once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory, self.names = Path(self.folder.name), names()
        self.writer, self.accepted = SegmentWriter(self.directory, HEAD), 0

    @rule(count=st.integers(0, 50))
    def append(self, count: int) -> None:
        self.writer.append(rows("events", self.accepted, count))
        self.accepted += count

    @rule(count=st.integers(1, 50), call=st.sampled_from(["pwritev", "fsync"]))
    def refused(self, count: int, call: str) -> None:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(LedgerError):
            patch.setattr(os, call, refuse(errno.ENOSPC))
            self.writer.append(rows("events", self.accepted, count))

    @rule(number=st.integers(0, 3))
    def rename(self, number: int) -> None:
        self.writer.rename(names(plans=[f"digest-{number}"]))

    @rule()
    def seal(self) -> None:
        self.writer.seal()

    @rule(torn=st.binary(max_size=300))
    def reopen(self, torn: bytes) -> None:
        path = self.writer.path
        self.writer.abandon()
        if path is not None:
            with path.open("ab") as file:
                file.write(torn)
        self.writer = SegmentWriter(self.directory, HEAD)
        assert self.writer.position == self.accepted

    @invariant()
    def once(self) -> None:
        assert same(Ledger(self.directory).rows("events", RUN), rows("events", 0, self.accepted))

    def teardown(self) -> None:
        self.writer.abandon()
        self.folder.cleanup()


TestLifetimes = Lifetimes.TestCase
TestLifetimes.settings = settings(max_examples=max(10, settings.default.max_examples // 10), stateful_step_count=20)
