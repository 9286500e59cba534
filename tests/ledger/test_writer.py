"""The writer: rows that the kernel has acknowledged are in the ledger once, whatever dies and whenever."""

import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roteiro.ledger import Ledger, Writer, WriterStatus, compact_segments, recover
from roteiro.ledger.place import TABLES, segments
from roteiro.ledger.segment import Point
from roteiro.ledger.writer import NamesFile
from roteiro.terms.error import InvariantError, LedgerError
from roteiro.terms.event import EVENT

from .build import EPOCH_S, RUN, Feed, feeds, names, read_spec, rings, rows, same, write_spec
from .conftest import SmallDisk

CHILD = Path(__file__).with_name("child.py")
BOUND_S = 30.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Poll a condition, bounded."""
    end = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < end, f"not within {BOUND_S} s: {what}"
        time.sleep(0.001)


def writer_of(path: Path) -> Writer:
    spec = read_spec(path)
    return Writer(rings(path), Path(spec.directory), spec.run, spec.epoch_s, NamesFile(Path(spec.names)))


def assert_all(directory: Path, ends: dict[str, Feed]) -> None:
    """Every acknowledged row is in the ledger once, of both tables, and says what it said."""
    ledger = Ledger(directory)
    for table in TABLES:
        count = ends[table].head
        assert same(ledger.rows(table, RUN), rows(table, 0, count))
        found = ledger.sql(f"SELECT count(*) AS n, count(DISTINCT seq) AS seqs FROM {table}").to_pylist()
        assert found == [{"n": count, "seqs": count}]
        assert ends[table].tail == count


class Process:
    """A child process and the JSON lines it says."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, bufsize=0)

    def said(self, word: str) -> dict[str, object]:
        """The next line that has this word in it."""
        assert self.popen.stdout is not None
        while select.select([self.popen.stdout], [], [], BOUND_S)[0] and (line := self.popen.stdout.readline()):
            message: dict[str, object] = json.loads(line)
            if word in message:
                return message
        raise AssertionError(f"{word!r} was not said; exit status {self.popen.poll()}")

    def end(self, signum: int) -> int:
        self.popen.send_signal(signum)
        return self.wait()

    def wait(self) -> int:
        code = self.popen.wait(BOUND_S)
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return code


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*arguments: object) -> Process:
        started.append(Process(*map(str, arguments)))
        return started[-1]

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
        process.wait()


def start_writer(start: Callable[..., Process], spec: Path, *more: str) -> Process:
    return start("-m", "roteiro.ledger.writer", "--spec", spec, *more)


# --- in process --------------------------------------------------------------------------------------------------------------


def test_draining(tmp_path: Path) -> None:
    path = write_spec(tmp_path, capacity=64)
    ends, writer = feeds(path), writer_of(path)
    assert (writer.drain_once(), writer.status) == (0, WriterStatus())
    for _ in range(10):
        for feed in ends.values():
            feed.put(50)
        assert writer.status.pending == 150
        assert writer.drain_once() == 150
    assert writer.status == WriterStatus(rows=1500)
    writer.close()
    assert_all(tmp_path, ends)
    assert [segment.is_open for table in TABLES for segment in segments(tmp_path, table)] == [False, False, False]


def test_new_names_are_read_before_they_are_needed(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    spec, ends, writer = read_spec(path), feeds(path), writer_of(path)
    ends["events"].put(4)
    writer.drain_once()
    newer = Path(spec.names).with_suffix(".new")
    newer.write_bytes(msgspec.json.encode(names(targets=["alpha", "beta", "gamma"], plans=["digest-a", "digest-b"])))
    newer.replace(spec.names)
    ends["events"].put(4)
    writer.drain_once()
    words = Ledger(tmp_path).sql("SELECT target FROM events ORDER BY seq")["target"].to_pylist()
    assert words == [None, "primary", "secondary", "fallback", None, "alpha", "beta", "gamma"]
    assert_all(tmp_path, ends)


def test_bad_names_leave_the_last_good_ones(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    ends, writer = feeds(path), writer_of(path)
    Path(read_spec(path).names).write_text("{")
    ends["events"].put(4)
    assert writer.drain_once() == 4
    Path(read_spec(path).names).unlink()
    ends["events"].put(4)
    assert writer.drain_once() == 4
    assert_all(tmp_path, ends)
    with pytest.raises(LedgerError, match="cannot read the names"):
        writer_of(path)


def test_a_full_disk_is_a_status(small_disk: SmallDisk, tmp_path: Path) -> None:
    path = write_spec(tmp_path, data=small_disk.path)
    ends, writer = feeds(path), writer_of(path)
    ends["decisions"].put(10)
    writer.drain_once()
    small_disk.fill()
    for feed in ends.values():
        feed.put(900)
    for failures in (1, 2, 3):
        assert not writer.drain()
        status = writer.status
        assert (status.rows, status.pending, status.failures) == (10, 2700, failures)
        assert status.error is not None
        assert "No space left on device" in status.error
    small_disk.free()
    assert writer.drain()
    assert writer.status == WriterStatus(rows=2710)
    assert_all(small_disk.path, ends)


def test_a_run_is_used_once(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    ends, writer = feeds(path), writer_of(path)
    ends["events"].put(5)
    writer.drain_once()
    writer.close()
    again = write_spec(tmp_path)  # a new block, and so a new beginning, under the old name
    with pytest.raises(InvariantError, match="the ledger has 5 events of run run-1, its ring 0"):
        writer_of(again)


def test_rows_that_were_durable_before_the_tail_moved_are_not_written_twice(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    ends, writer = feeds(path), writer_of(path)
    ends["events"].put(30)
    writer.drain_once()
    writer.close()
    spec = read_spec(path)
    for ring in rings(path).values():
        ring._tail[0] = 0  # as it was before
    assert ends["events"].tail == 0
    ends["events"].put(10)
    restarted = writer_of(path)
    assert ends["events"].tail == 30
    assert restarted.drain_once() == 10
    assert_all(Path(spec.directory), ends)


# --- dying at every step -----------------------------------------------------------------------------------------------------

DEATHS: list[tuple[Point, int]] = [
    ("created", 1),
    ("created", 2),
    ("encoded", 1),
    ("encoded", 2),
    ("written", 1),
    ("written", 2),
    ("synced", 1),
    ("synced", 2),
    ("announced", 1),
    ("announced", 2),
    ("advanced", 1),
    ("renamed", 1),
    ("renamed", 2),
]


@pytest.mark.parametrize(("point", "number"), DEATHS)
def test_a_writer_that_dies_between_two_steps(tmp_path: Path, start: Callable[..., Process], point: Point, number: int) -> None:
    path = write_spec(tmp_path)
    ends = feeds(path)
    for feed in ends.values():
        feed.put(300)
    assert start(CHILD, "drain", path, point, number).wait() == 9
    if number == 2:
        recover(tmp_path)  # another process may recover first, or not
    for feed in ends.values():
        feed.put(200)
    restarted = writer_of(path)
    assert restarted.drain()
    restarted.close()
    assert_all(tmp_path, ends)


def test_a_recovery_that_dies(tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path)
    ends = feeds(path)
    for feed in ends.values():
        feed.put(300)
    assert start(CHILD, "drain", path, "advanced", 2).wait() == 9
    (segment,) = segments(tmp_path, "events")
    with segment.path.open("ab") as file:
        file.write(b"\xff\xff\xff\xff torn")
    assert start(CHILD, "drain", path, "synced", 1).wait() == 9  # cut off, and not sealed
    assert start(CHILD, "drain", path, "renamed", 1).wait() == 9  # sealed, and its folder not synced
    restarted = writer_of(path)
    assert restarted.drain()
    assert_all(tmp_path, ends)


def test_killed_at_random_points_every_acknowledged_row_is_there_once(tmp_path: Path, start: Callable[..., Process]) -> None:
    """Producer and writer are processes; the writer is killed twelve times, its file's tail torn every third time."""
    path, count, rounds, draw = write_spec(tmp_path, capacity=512), 40_000, 12, random.Random(20260131)
    ends = feeds(path)
    producer = start(CHILD, "produce", path, 7, count)
    for round_ in range(rounds):
        writer = start_writer(start, path)
        until_events = min(count - 1, ends["events"].tail + draw.randrange(1, 2 * count // (3 * rounds)))
        until(lambda goal=until_events: ends["events"].tail >= goal, f"round {round_}: {until_events} events durable")
        time.sleep(draw.random() * 0.003)
        assert writer.end(signal.SIGKILL) == -signal.SIGKILL
        if round_ % 3 == 0:
            for table in TABLES:
                for segment in segments(tmp_path, table):
                    if segment.is_open:
                        with segment.path.open("ab") as file:
                            file.write(draw.randbytes(draw.randrange(1, 5_000)))
        elif round_ % 3 == 1:
            compact_segments(tmp_path, "events")
    assert ends["events"].tail < count, "the rows ran out before the killing did"
    writer = start_writer(start, path)
    assert producer.wait() == 0
    assert writer.end(signal.SIGTERM) == 0
    assert [feed.head for feed in ends.values()] == [count] * len(ends)
    assert_all(tmp_path, ends)
    recover(tmp_path)
    compact_segments(tmp_path, "events")
    compact_segments(tmp_path, "decisions")
    assert_all(tmp_path, ends)


# --- the process -------------------------------------------------------------------------------------------------------------


def test_sigterm_drains_seals_and_ends(tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path, group_s=30.0)  # so that only the last drain can write
    ends = feeds(path)
    process = start_writer(start, path)
    ready = process.said("ready")
    assert (ready["run"], ready["pid"], ready["pending"]) == (RUN, process.popen.pid, 0)
    process.popen.send_signal(signal.SIGINT)  # is for the parent
    for feed in ends.values():
        feed.put(700)
    process.popen.send_signal(signal.SIGTERM)
    assert process.said("stopped") == {"stopped": True, "rows": 2100, "pending": 0, "error": None}
    assert process.wait() == 0
    assert_all(tmp_path, ends)
    assert not any(segment.is_open for table in TABLES for segment in segments(tmp_path, table))


def test_once_drains_what_a_dead_run_left(tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path)
    ends = feeds(path)
    for feed in ends.values():
        feed.put(1024)
    assert start_writer(start, path, "--once").wait() == 0
    assert_all(tmp_path, ends)


def test_an_orphan_drains_and_ends(tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path)
    ends = feeds(path)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'roteiro.ledger.writer', '--spec', sys.argv[1]])"
    parent = start("-c", code, path)
    pid = parent.said("ready")["pid"]
    assert isinstance(pid, int)
    for feed in ends.values():  # before the kill: an orphan may be gone a moment after it
        feed.put(900)
    parent.popen.send_signal(signal.SIGKILL)
    assert parent.said("stopped")["pending"] == 0  # the orphan holds the same pipe
    until(lambda: not Path(f"/proc/{pid}").exists(), "the orphan ends")
    assert_all(tmp_path, ends)


def test_a_full_disk_is_said_and_nothing_is_lost(small_disk: SmallDisk, tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path, data=small_disk.path)
    ends = feeds(path)
    process = start_writer(start, path)
    process.said("ready")
    small_disk.fill()
    ends["events"].put(1024)
    said = process.said("error")
    assert "No space left on device" in str(said["error"])
    assert said["pending"] == 1024
    assert ends["events"].tail == 0
    small_disk.free()
    assert process.said("error") == {"error": None, "pending": 0}
    assert process.end(signal.SIGTERM) == 0
    assert_all(small_disk.path, ends)


def test_stopped_on_a_full_disk_the_rows_wait_in_the_block(small_disk: SmallDisk, tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path, data=small_disk.path)
    ends = feeds(path)
    small_disk.fill()
    process = start_writer(start, path)
    process.said("ready")
    ends["events"].put(600)
    process.popen.send_signal(signal.SIGTERM)
    assert process.said("stopped")["pending"] == 600
    assert process.wait() == 1
    small_disk.free()
    assert start_writer(start, path, "--once").wait() == 0
    assert_all(small_disk.path, ends)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"block": "nowhere"}, "cannot map the block"),
        ({"run": 7}, "Expected `str`"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"rings": {"metrics": {}}}, "Invalid enum value"),
        ({"rings": {"events": {"offset": 0, "capacity": 8, "itemsize": 1, "head": 0, "tail": 8}}}, "rows of events .* have 1 bytes"),
        ({"rings": {"events": {"offset": 0, "capacity": 2**30, "itemsize": EVENT.itemsize, "head": 0, "tail": 8}}}, "outside a block"),
    ],
)
def test_a_spec_that_cannot_be_used(tmp_path: Path, start: Callable[..., Process], change: dict[str, object], complaint: str) -> None:
    path = write_spec(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    process = start_writer(start, path)
    message = str(process.said("error")["error"])
    assert process.wait() == 2
    assert re.search(complaint, message), message


def test_two_writers_of_one_run(tmp_path: Path, start: Callable[..., Process]) -> None:
    path = write_spec(tmp_path)
    ends, first = feeds(path), writer_of(path)
    ends["events"].put(3)
    first.drain_once()
    process = start_writer(start, path)
    assert "another writer" in str(process.said("error")["error"])
    assert process.wait() == 1
    ends["events"].put(3)
    assert first.drain()
    assert_all(tmp_path, ends)


def test_the_room_is_entered_without_pyarrow() -> None:
    """A gateway worker imports the ring and must stay small."""
    code = "import sys; from roteiro.ledger import Ring; print(sorted({'pyarrow', 'duckdb'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert found.stdout.strip() == "[]"


def test_the_epoch_reaches_the_ledger(tmp_path: Path) -> None:
    path = write_spec(tmp_path)
    ends, writer = feeds(path), writer_of(path)
    ends["decisions"].put(1)
    writer.drain_once()
    assert Ledger(tmp_path).head(RUN).epoch_s == EPOCH_S
