"""Requests of the same meaning: the nearest among those that differ in nothing but the words of their last user turn.

Texts are compared within a partition alone: tenant, model, plan, system prompt, earlier turns and parameters are in its hash, and what
must be the same word for word (`semantic_guard`). What is known lies in the cache's file, for all workers; each keeps the vectors of the
partitions it used last. Embedding and search run on a thread of their own, and only where a partition has something to find.

What must not live here: answers (`cache`), and the model (`semantic_model`).
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import numpy as np
from msgspec import Raw, Struct
from numpy.typing import NDArray

from roteiro.gateway.cache_store import CacheStore
from roteiro.gateway.semantic_guard import readable, signature, stems, swapped
from roteiro.gateway.semantic_model import Embed
from roteiro.terms.codes import Operation
from roteiro.terms.edge import EdgeRoute
from roteiro.wire.cache_key import Meaning, meaning

__all__ = ["SemanticCache", "Sought"]

log = logging.getLogger("roteiro.gateway")

ENTRIES: Final = 2000
"""Texts of one partition that are searched, the newest."""

PARTITIONS_BYTES: Final = 24 * 1024 * 1024
"""Vectors that a worker keeps in memory."""

WAITING: Final = 8
"""Texts that may wait for the thread; beyond, a request is not looked for, and an answer is kept for the exact cache alone."""

NEAREST: Final = 4
"""Answers to try: the nearest may have left the cache."""

YIELD_EVERY: Final = 64
"""Rows read between two chances for the event loop."""

_PREFIX: Final = b"m"


class _Entry(Struct, array_like=True):
    key: bytes
    vector: bytes
    stems: list[str]
    until: float


_encode: Final = msgspec.msgpack.Encoder().encode
_ENTRY: Final = msgspec.msgpack.Decoder(_Entry)


class Sought:
    """One text that is, or was, looked for."""

    __slots__ = ("_done", "nearest", "partition", "pending", "stems", "text", "threshold", "ttl_s", "vector")

    def __init__(self, told: Meaning, guarded: str, route: EdgeRoute) -> None:
        self.text, self.stems = told.text, stems(told.text)
        self.partition = hashlib.sha256(told.partition + guarded.encode("utf-8", "surrogatepass")).digest()[:16]
        self.threshold, self.ttl_s = route.semantic_threshold, route.semantic_ttl_s
        self.vector: NDArray[np.float32] | None = None
        self.nearest: list[bytes] = []
        """Keys of answers, the nearest first."""
        self.pending = False
        self._done: Callable[[], None] | None = None

    def wait(self, done: Callable[[], None] | None) -> None:
        """Whom to tell; None for nobody."""
        self._done = done

    def found(self) -> None:
        """On the loop: the search is over."""
        self.pending = False
        done, self._done = self._done, None
        if done is not None:
            done()


class _Partition:
    """What a worker has in memory of a partition; touched by the thread alone."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.entries: list[_Entry] = []
        self.matrix = np.zeros((0, 0), np.float32)
        self.until = np.zeros(0)


class SemanticCache:
    """One worker's. `load` gives the model, on the thread at its first use; `call_soon` hands a call from the thread to the loop."""

    def __init__(
        self, store: CacheStore, load: Callable[[], Embed], call_soon: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        self._store, self._load, self._call_soon, self._clock = store, load, call_soon, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="semantic")
        self._waiting = 0
        self._embed: Embed | None = None
        self._partitions: OrderedDict[bytes, _Partition] = OrderedDict()
        self._closed = self._broken = False
        self.skipped = 0
        """Texts that were not looked for or not kept because too many waited; for metrics."""

    def seek(self, operation: Operation, fields: Mapping[str, Raw], scope: bytes, route: EdgeRoute, reads: bool) -> Sought | None:
        """Begins a search; None where the request has no text to compare. Pending where there is something to find."""
        told = meaning(scope, operation, fields)
        if told is None or not readable(told.text):
            return None
        sought = Sought(told, signature(told.text), route)
        if reads and self._store.keys(_PREFIX + sought.partition, 1):
            sought.pending = self._submit(self._search, sought, sought.found)
        return sought

    def keep(self, sought: Sought, key: bytes) -> None:
        """Remembers that the answer to a text lies under `key`."""
        name = b"%b%b%b%b" % (_PREFIX, sought.partition, int(self._clock() * 1e6).to_bytes(8, "big"), key[:8])

        def put() -> None:
            if sought.vector is not None and not self._closed:
                entry = _Entry(key, sought.vector.astype("<f2").tobytes(), sought.stems, self._clock() + sought.ttl_s)
                self._store.put(name, _encode(entry), sought.ttl_s)

        if sought.vector is not None:
            put()
        else:
            self._submit(self._embed_one, sought, put)

    def close(self) -> None:
        """Waits for the text in hand."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[[Sought], None], sought: Sought, then: Callable[[], None]) -> bool:
        """Runs `work` on the thread and `then` on the loop, whatever came of it."""
        if self._waiting >= WAITING or self._broken or self._closed:
            self.skipped += 1
            return False
        self._waiting += 1

        def over() -> None:
            self._waiting -= 1
            then()

        def run() -> None:
            try:
                work(sought)
            except Exception as error:  # a thread's exception would be heard by nobody
                self._broken = True
                log.warning("the semantic cache is off until the next start: %s", error)
            if not self._closed:
                self._call_soon(over)

        self._thread.submit(run)
        return True

    # on the thread

    def _embed_one(self, sought: Sought) -> None:
        if self._embed is None:
            self._embed = self._load()
        sought.vector = self._embed(sought.text)

    def _search(self, sought: Sought) -> None:
        self._embed_one(sought)
        partition = self._current(sought.partition)
        if not partition.entries or sought.vector is None:
            return
        likeness = np.where(partition.until > self._clock(), partition.matrix @ sought.vector, -1.0)
        for i in np.argsort(-likeness, kind="stable"):
            if likeness[i] < sought.threshold or len(sought.nearest) == NEAREST:
                break
            entry = partition.entries[i]
            if not swapped(sought.stems, entry.stems):
                sought.nearest.append(entry.key)

    def _current(self, name: bytes) -> _Partition:
        """The partition, with what the other workers added to it by now."""
        partition = self._partitions.pop(name, None) or _Partition()
        self._partitions[name] = partition
        names = self._store.keys(_PREFIX + name, ENTRIES)
        if names != partition.names:
            known = dict(zip(partition.names, partition.entries, strict=True))
            rows = []
            for i, one in enumerate(names):
                if i % YIELD_EVERY == YIELD_EVERY - 1:
                    time.sleep(0)
                entry = known.get(one) or self._read(one)
                if entry is not None:
                    rows.append((one, entry))
            partition.names, partition.entries = [one for one, _ in rows], [entry for _, entry in rows]
            if rows:
                partition.matrix = np.stack([np.frombuffer(entry.vector, "<f2") for entry in partition.entries]).astype(np.float32)
            partition.until = np.array([entry.until for entry in partition.entries])
            while len(self._partitions) > 1 and sum(kept.matrix.nbytes * 3 // 2 for kept in self._partitions.values()) > PARTITIONS_BYTES:
                self._partitions.popitem(last=False)
        return partition

    def _read(self, name: bytes) -> _Entry | None:
        value = self._store.get(name)
        return None if value is None else _ENTRY.decode(value)
