"""Where cached values lie: one LMDB file that all workers of a machine map, every value sealed with a key that lives as long as the run.

A read is a walk in shared memory, without a lock. Writes are gathered and made by one worker at a time, and never waited for: whoever
finds another writing tries again a little later, and what does not fit by then is dropped. The oldest values leave first. Whatever goes
wrong, a cache that cannot be read or written is one that holds nothing.

What must not live here: what is kept, and for whom.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import lmdb

__all__ = ["KEY_BYTES", "CacheStore", "remove"]

log = logging.getLogger("roteiro.gateway")

KEY_BYTES: Final = 32
"""Of the key that seals values: made at random for a run, and never written down."""

LEAST_BYTES: Final = 1024 * 1024
"""Smaller a file cannot usefully be."""

FILLED: Final = 0.75
"""Share of the file that values may take up; the rest is what LMDB needs to write beside what is read."""

LARGEST_SHARE: Final = 16
"""A value may take a sixteenth of the room."""

WAITING_BYTES: Final = 8 * 1024 * 1024
"""Values that wait to be written, at most; more are dropped."""

WRITES: Final = 16
"""Values written in one turn of the loop: some 300 µs."""

EVICTIONS: Final = 64
"""Values removed in one turn, at most."""

AGAIN_S: Final = 0.003
"""When to try again after another worker was found writing."""

READERS: Final = 256
FULL_IN_A_ROW: Final = 8
"""After so many refusals for want of room, the file is emptied."""

_HEAD: Final = struct.Struct("<dQ12s")
"""Expiry (Unix seconds), number, nonce; what follows is the sealed value."""
_AGE: Final = struct.Struct(">Q")

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function once, so many seconds later."""


class CacheStore:
    """One worker's door to the file. `clock` tells Unix seconds."""

    def __init__(self, path: Path, size_bytes: int, key: bytes, clock: Callable[[], float], later: Later) -> None:
        """`path` is a folder, made where it is not. A file that cannot be opened is a cache that holds nothing; the log says why."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.clock, self._later = clock, later
        self._cipher, self._spoilt = AESGCM(key), InvalidTag
        self._waiting: deque[tuple[bytes, bytes, float]] = deque()
        self._waiting_bytes = 0
        self._scheduled = False
        self._full = 0
        self.dropped = self.failures = 0
        """Values that were not written, and reads or writes that failed; for metrics."""
        self.size_bytes = max(LEAST_BYTES, size_bytes)
        self._env: lmdb.Environment | None = None
        self._lock = -1
        try:
            self._open(path)
        except Exception as error:  # lmdb's own, and the system's
            self._fail("opened", error)
            self.close()

    @property
    def works(self) -> bool:
        """Whether the file is open."""
        return self._env is not None

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none that is still good."""
        env = self._env
        if env is None:
            return None
        try:
            with env.begin(self._values) as txn:
                found = txn.get(key)
        except Exception as error:
            self._fail("read", error)
            return None
        return None if found is None else self._unsealed(key, found)

    def put(self, key: bytes, value: bytes, ttl_s: float) -> None:
        """Keeps a value, soon and maybe: see the module."""
        size = len(value)
        if self._env is None or ttl_s <= 0.0 or size > self.size_bytes // LARGEST_SHARE:
            return
        if self._waiting_bytes + size > WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting.append((key, value, self.clock() + ttl_s))
        self._waiting_bytes += size
        if not self._scheduled:
            self._scheduled = True
            self._later(0.0, self.write)

    def keys(self, prefix: bytes, most: int) -> list[bytes]:
        """Keys that begin with `prefix`, the last `most` of them in their order, expired ones too. `prefix` does not end in 255."""
        env = self._env
        found: list[bytes] = []
        if env is None:
            return found
        try:
            with env.begin(self._values) as txn, txn.cursor() as cursor:
                behind = prefix[:-1] + bytes((prefix[-1] + 1,))
                there = cursor.prev() if cursor.set_range(behind) else cursor.last()
                while there and len(found) < most and (key := cursor.key()).startswith(prefix):
                    found.append(key)
                    there = cursor.prev()
        except Exception as error:
            self._fail("read", error)
            return []
        return found[::-1]

    def write(self) -> None:
        """Writes what waits, as much as one turn allows. Called by itself after a `put`."""
        self._scheduled = False
        env = self._env
        if env is None or not self._waiting:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # LMDB's own lock would wait, even for a process that is stopped
        except BlockingIOError:
            self._again(AGAIN_S)
            return
        try:
            self._write(env)
        except Exception as error:
            self._refused(env, error)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        if self._waiting:
            self._again(0.0)

    def close(self) -> None:
        """Values that wait are dropped."""
        env, self._env = self._env, None
        self._waiting.clear()
        if env is not None:
            env.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _open(self, path: Path) -> None:
        import lmdb

        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path / "writing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Not `writemap`: a write to a full disk is then an error, and no signal that ends the process.
        # meminit: what the process had in memory before must not come along in the unused part of a page.
        env = lmdb.open(
            str(path), map_size=self.size_bytes, max_dbs=2, max_readers=READERS, sync=False, metasync=False, meminit=True, mode=0o600
        )
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # held for microseconds, by those that start beside us
        try:
            self._values = env.open_db(b"values")
            self._ages = env.open_db(b"ages")
            env.reader_check()
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
        self._env = env
        self._full_error: type[Exception] = lmdb.MapFullError

    def _write(self, env: "lmdb.Environment") -> None:
        now = self.clock()
        batch = [self._waiting[i] for i in range(min(WRITES, len(self._waiting)))]
        with env.begin(write=True) as txn:
            self._make_room(txn)
            with txn.cursor(self._ages) as ages:
                number = _AGE.unpack(ages.key())[0] + 1 if ages.last() else 0
            for key, value, expiry in batch:
                if expiry <= now:
                    continue
                nonce = os.urandom(12)
                head = _HEAD.pack(expiry, number, nonce)
                sealed = self._cipher.encrypt(nonce, value, key + head)
                txn.put(key, head + sealed, db=self._values)
                txn.put(_AGE.pack(number), key, db=self._ages, append=True)
                number += 1
        for _, value, _ in batch:
            self._waiting.popleft()
            self._waiting_bytes -= len(value)
        self._full = 0

    def _make_room(self, txn: "lmdb.Transaction") -> None:
        """Removes the oldest, as long as there is too much, and as long as it takes little time."""
        room = self.size_bytes * FILLED
        if self._taken(txn) <= room:
            return
        with txn.cursor(self._ages) as ages:
            for _ in range(EVICTIONS):
                if not ages.first():
                    return
                number, key = ages.item()
                found = txn.get(key, db=self._values)
                if found is not None and _HEAD.unpack_from(found)[1] == _AGE.unpack(number)[0]:  # else it was written anew since
                    txn.delete(key, db=self._values)
                ages.delete()
                if self._taken(txn) <= room:
                    return

    def _taken(self, txn: "lmdb.Transaction") -> int:
        stats = (txn.stat(self._values), txn.stat(self._ages))
        return sum(stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]) for stat in stats)

    def _refused(self, env: "lmdb.Environment", error: Exception) -> None:
        """A write failed: it is dropped. No room though the oldest leave is where someone's read holds pages, or where holes are small."""
        for _ in range(min(WRITES, len(self._waiting))):
            self._waiting_bytes -= len(self._waiting.popleft()[1])
            self.dropped += 1
        if not isinstance(error, self._full_error):
            self._fail("written", error)
            return
        with contextlib.suppress(Exception):
            env.reader_check()  # readers that died hold pages
        self._full += 1
        if self._full < FULL_IN_A_ROW:
            return
        self._full = 0
        try:
            with env.begin(write=True) as txn:
                txn.drop(self._values, delete=False)
                txn.drop(self._ages, delete=False)
        except Exception as worse:
            self._fail("emptied", worse)

    def _unsealed(self, key: bytes, found: bytes) -> bytes | None:
        try:
            expiry, _, nonce = _HEAD.unpack_from(found)
            if expiry <= self.clock():
                return None
            return self._cipher.decrypt(nonce, found[_HEAD.size :], key + found[: _HEAD.size])
        except (self._spoilt, struct.error, ValueError) as error:
            self._fail("read", error)
            return None

    def _again(self, seconds: float) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._later(seconds, self.write)

    def _fail(self, what: str, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:  # once is enough: a full disk would fill the log too
            log.warning("the cache could not be %s, and goes on as if it held nothing: %s", what, type(error).__name__)


def remove(path: Path) -> None:
    """Removes a cache's folder, of a run that ended."""
    shutil.rmtree(path, ignore_errors=True)
