"""The cache's file: what was put is there for all workers and for nobody else, the oldest leaves first, and nothing ever waits or raises."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway import cache_store
from roteiro.gateway.cache_store import KEY_BYTES, remove

from .cache_world import Turns, store_at

SECRET = b"the-text-of-a-client" * 5


def key(i: int) -> bytes:
    return i.to_bytes(32, "big")


def test_a_value_is_there_until_it_expires(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns)
    store.put(key(1), SECRET, 10.0)
    assert store.get(key(1)) is None
    turns.turn()
    assert store.get(key(1)) == SECRET
    turns.now += 9.9
    assert store.get(key(1)) == SECRET
    turns.now += 0.2
    assert store.get(key(1)) is None
    store.close()


def test_nothing_readable_is_on_disk_and_another_key_opens_nothing(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns)
    store.put(key(1), SECRET, 10.0)
    turns.turn()
    store.close()
    files = list(tmp_path.iterdir())
    assert files
    for file in files:
        assert SECRET[:20] not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    other = store_at(tmp_path, turns)
    assert other.get(key(1)) is None
    assert other.failures == 1
    other.close()
    remove(tmp_path)
    assert not tmp_path.exists()


def test_a_value_that_was_moved_to_another_key_does_not_open(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns)
    store.put(key(1), SECRET, 10.0)
    turns.turn()
    assert store._env is not None
    with store._env.begin(store._values, write=True) as txn:
        txn.put(key(2), txn.get(key(1)))
    assert store.get(key(2)) is None
    store.close()


READER = """
import sys, time
from pathlib import Path
from roteiro.gateway.cache_store import CacheStore
due = []
store = CacheStore(Path(sys.argv[1]), 8 << 20, bytes.fromhex(sys.argv[2]), lambda: 1.8e9, lambda seconds, work: due.append(work))
assert store.get((1).to_bytes(32, "big")) == b"one", "not shared"
store.put((2).to_bytes(32, "big"), b"two", 60.0)
while due:
    due.pop()()
print("done")
"""


def test_workers_share_it(tmp_path: Path) -> None:
    turns, seal = Turns(), os.urandom(KEY_BYTES)
    store = store_at(tmp_path, turns, key=seal)
    store.put(key(1), b"one", 60.0)
    turns.turn()
    told = subprocess.run([sys.executable, "-c", READER, str(tmp_path), seal.hex()], capture_output=True, text=True, timeout=60)
    assert told.stdout == "done\n", told.stderr
    assert store.get(key(2)) == b"two"
    store.close()


WRITER = """
import os, sys
from pathlib import Path
from roteiro.gateway.cache_store import CacheStore
due = []
store = CacheStore(Path(sys.argv[1]), 8 << 20, bytes.fromhex(sys.argv[2]), lambda: 1.8e9, lambda seconds, work: due.append(work))
i = 100
while True:
    i += 1
    store.put(i.to_bytes(32, "big"), os.urandom(2000), 60.0)
    store.get((i // 2).to_bytes(32, "big"))
    while due:
        due.pop()()
    if i == 200:
        print("going", flush=True)
"""


def test_a_worker_killed_while_it_writes_wedges_nobody(tmp_path: Path) -> None:
    turns, seal = Turns(), os.urandom(KEY_BYTES)
    store = store_at(tmp_path, turns, key=seal)
    for i in range(5):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), seal.hex()], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None and other.stdout.readline() == b"going\n"
            other.kill()
        store.put(key(i), SECRET, 60.0)
        turns.turn()
        assert store.get(key(i)) == SECRET
    assert store.failures == store.dropped == 0
    store.close()


def test_the_oldest_leave_and_the_file_keeps_its_bound(tmp_path: Path) -> None:
    turns, size = Turns(), 2 << 20
    store = store_at(tmp_path, turns, size)
    for i in range(1500):
        store.put(key(i), os.urandom(3000), 1e6)
        turns.turn()
    assert store.get(key(1499)) is not None
    assert store.get(key(0)) is None
    there = [i for i in range(1500) if store.get(key(i)) is not None]
    assert there == list(range(there[0], 1500))  # first in, first out
    assert len(there) * 3000 > size // 3
    assert (tmp_path / "data.mdb").stat().st_size <= size
    assert store.dropped == 0
    store.close()


def test_a_value_that_is_written_again_is_as_young_as_its_last_writing(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns, 2 << 20)
    for i in range(1, 900):
        store.put(key(0) if i % 100 == 0 else key(i), os.urandom(3000), 1e6)
        turns.turn()
    assert store.get(key(0)) is not None
    store.close()


def test_while_another_writes_nobody_waits(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns)
    with (tmp_path / "writing").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        store.put(key(1), b"one", 60.0)
        turns.due.pop()()
        assert len(turns.due) == 1  # it will try again
        assert store.get(key(1)) is None
        for i in range(2, 12):
            store.put(key(i), bytes(400_000), 60.0)
        store.put(key(0), bytes(500_000), 60.0)
        assert store.dropped == 0 and len(turns.due) == 1
    turns.turn()
    assert store.get(key(1)) == b"one"
    store.close()


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_store, "WAITING_BYTES", 1000)
    store = store_at(tmp_path, Turns())
    for i in range(5):
        store.put(key(i), bytes(400), 60.0)
    assert store.dropped == 3
    store.close()


def test_too_large_a_value_and_one_that_is_not_to_live_are_not_kept(tmp_path: Path) -> None:
    turns = Turns()
    store = store_at(tmp_path, turns, 1 << 20)
    store.put(key(1), bytes(1 << 18), 60.0)
    store.put(key(2), b"x", 0.0)
    assert not turns.due
    store.close()


def test_a_file_that_is_none_is_a_cache_that_holds_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "data.mdb").write_bytes(b"no database" * 1000)
    turns = Turns()
    store = store_at(tmp_path, turns)
    assert not store.works
    store.put(key(1), b"x", 60.0)
    assert store.get(key(1)) is None and store.keys(b"m", 5) == [] and not turns.due
    store.write()
    assert len(caplog.records) == 1
    store.close()


def test_values_that_do_not_fit_are_dropped_and_in_the_end_all_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_store, "FILLED", 100.0)  # nobody makes room
    turns = Turns()
    store = store_at(tmp_path, turns, 1 << 20)
    for i in range(600):
        store.put(key(i), os.urandom(4000), 1e6)
        turns.turn()
    assert store.dropped > 0
    assert store.get(key(599)) is not None or store.get(key(590)) is not None  # it was emptied, and goes on
    store.close()


@given(st.sets(st.tuples(st.sampled_from([b"ma", b"mb", b"n", b"l\xff"]), st.binary(max_size=3))), st.integers(1, 5))
def test_keys_of_a_prefix_are_the_last_ones_in_order(
    tmp_path_factory: pytest.TempPathFactory, names: set[tuple[bytes, bytes]], most: int
) -> None:
    turns = Turns()
    store = store_at(tmp_path_factory.mktemp("cache"), turns)
    for prefix, rest in names:
        store.put(prefix + rest, b"", 60.0)
    turns.turn()
    assert store.keys(b"ma", most) == sorted(a + b for a, b in names if a == b"ma")[-most:]
    store.close()
