"""Idempotency-Key: a request is served once, and whoever asks again gets the answer that was given.

A claim on (tenant, endpoint, key) is taken before the journey begins and holds the digest of the body. The answer is kept under it, sealed;
a failure that may not last lets go of it. Who asks while it is held, or with another body, is refused. Two workers that race for a key meet
in the vault's transaction: one gets it. A claim says who holds it (run, worker, process), so that the supervisor frees what the dead held.

What must not live here: HTTP, the shape of refusals, and when a request is claimed.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import VaultError
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.error import RequestError

__all__ = [
    "ANSWER_BYTES",
    "HEADER",
    "REPLAYED",
    "TOO_LARGE",
    "Claim",
    "Claiming",
    "Claims",
    "Fresh",
    "Idempotency",
    "Refused",
    "Replay",
    "is_final",
    "key_in",
]

HEADER: Final = b"idempotency-key"
REPLAYED: Final = b"idempotency-replayed: true\r\n"
TOO_LARGE: Final = b"x-roteiro-idempotency: answer-too-large-to-keep\r\n"
TOO_LARGE_FRAME: Final = b": answer too large to keep for its Idempotency-Key\n\n"
"""A comment of an event stream, which clients pass over."""
KEY_CHARACTERS: Final = 255
ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Largest answer that is kept."""
KEPT_BYTES: Final = 1024 * 1024 * 1024
"""Bound of all kept answers; the oldest go first, and are counted."""
FINAL: Final = frozenset({400, 413, 415, 422, 451})
"""Refusals that the same request would get again."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS claims (
    id TEXT PRIMARY KEY, finished INTEGER NOT NULL, run TEXT NOT NULL, worker INTEGER NOT NULL, pid INTEGER NOT NULL, owner TEXT NOT NULL,
    at REAL NOT NULL, expires REAL NOT NULL, body BLOB NOT NULL, bytes INTEGER NOT NULL DEFAULT 0, answer BLOB
)"""
_EXPIRY: Final = "CREATE INDEX IF NOT EXISTS claims_expires ON claims (expires)"


def key_in(value: bytes) -> bytes:
    """The key in a header. Raises RequestError (400)."""
    key = value.strip()
    if not 0 < len(key) <= KEY_CHARACTERS or any(not 0x20 <= byte <= 0x7E for byte in key):
        raise RequestError(
            400, "invalid_idempotency_key", f"an Idempotency-Key has 1 to {KEY_CHARACTERS} printable ASCII characters", "Idempotency-Key"
        )
    return key


def is_final(status: int) -> bool:
    """Whether the same request would get the same again, so that its answer may be kept."""
    return 200 <= status < 300 or status in FINAL


class Answer(msgspec.Struct, array_like=True):
    """What is kept. `headers` are whole lines, with the x-request-id of the request that was served."""

    status: int
    headers: bytes
    body: bytes
    stream: bool


class Fresh(NamedTuple):
    """Nobody asked this before: serve it, and tell the claim how it ended."""

    claim: "Claim"


class Replay(NamedTuple):
    """It was answered before. `headers` are whole lines and say that it is a replay; a stream's body are its frames."""

    status: int
    headers: bytes
    body: bytes
    stream: bool


class Refused(NamedTuple):
    """It is not served. `headers` are whole lines for the refusal."""

    error: RequestError
    headers: bytes


Verdict = Fresh | Replay | Refused

_IN_PROGRESS: Final = Refused(
    RequestError(409, "idempotency_in_progress", "a request with this Idempotency-Key is being served; ask again", "Idempotency-Key"),
    b"retry-after: 1\r\nx-should-retry: true\r\n",
)
_MISMATCH: Final = Refused(
    RequestError(409, "idempotency_mismatch", "this Idempotency-Key was used with another body; use a new key", "Idempotency-Key"),
    b"x-should-retry: false\r\n",
)
_UNAVAILABLE: Final = Refused(
    RequestError(
        503, "idempotency_unavailable", "the promise of an Idempotency-Key cannot be kept now; ask later, or without it", "Idempotency-Key"
    ),
    b"retry-after: 5\r\nx-should-retry: true\r\n",
)


class Claims:
    """The table. Each method is one transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.make(_TABLE, _EXPIRY)

    def take(self, id: str, digest: bytes, holder: tuple[str, int, int, str], keep_s: float) -> Answer | Refused | None:
        """The answer that is kept, why it cannot be had, or None: it is ours. `holder` is (run, worker, process, owner)."""
        vault, now = self._vault, self._vault.clock()
        with vault.changing() as connection:
            row = connection.execute("SELECT finished, body, answer FROM claims WHERE id = ? AND expires > ?", (id, now)).fetchone()
            if row is None:
                sealed = vault.keyring.seal(digest, f"claims.body:{id}")
                connection.execute(
                    "INSERT OR REPLACE INTO claims (id, finished, run, worker, pid, owner, at, expires, body)"
                    " VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?)",
                    (id, *holder, now, now + keep_s, sealed),
                )
                return None
        finished, body, answer = row
        if vault.keyring.open(body, f"claims.body:{id}") != digest:
            return _MISMATCH
        if not finished:
            return _IN_PROGRESS
        return msgspec.msgpack.decode(vault.keyring.open(answer, f"claims.answer:{id}"), type=Answer)

    def finish(self, id: str, owner: str, answer: Answer, keep_s: float) -> None:
        """Keeps an answer under a claim, unless the claim is no longer its owner's."""
        sealed = self._vault.keyring.seal(msgspec.msgpack.encode(answer), f"claims.answer:{id}")
        with self._vault.changing() as connection:
            connection.execute(
                "UPDATE claims SET finished = 1, answer = ?, bytes = ?, expires = ? WHERE id = ? AND owner = ?",
                (sealed, len(sealed), self._vault.clock() + keep_s, id, owner),
            )

    def release(self, id: str, owner: str) -> None:
        with self._vault.changing() as connection:
            connection.execute("DELETE FROM claims WHERE id = ? AND owner = ? AND finished = 0", (id, owner))

    def free_dead(self, run: str, worker: int, pid: int) -> int:
        """Frees what a process held that is gone → how many."""
        with self._vault.changing() as connection:
            statement = "DELETE FROM claims WHERE finished = 0 AND run = ? AND worker = ? AND pid = ?"
            return connection.execute(statement, (run, worker, pid)).rowcount

    def free_earlier(self, run: str) -> int:
        """Frees what is held since earlier runs → how many."""
        with self._vault.changing() as connection:
            return connection.execute("DELETE FROM claims WHERE finished = 0 AND run <> ?", (run,)).rowcount

    def sweep(self, most_bytes: int = KEPT_BYTES) -> None:
        """Removes what is past its time, and the oldest answers where all are too large."""
        vault = self._vault
        with vault.changing() as connection:
            connection.execute("DELETE FROM claims WHERE expires <= ?", (vault.clock(),))
            (kept,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM claims").fetchone()
            dropped = 0
            if kept > most_bytes:
                for id, size in connection.execute("SELECT id, bytes FROM claims WHERE finished = 1 ORDER BY at").fetchall():
                    connection.execute("DELETE FROM claims WHERE id = ?", (id,))
                    kept, dropped = kept - size, dropped + 1
                    if kept <= most_bytes:
                        break
            if dropped:
                vault.count("idempotency_dropped", dropped)


class Claim:
    """One request's hold on its key. It ends once, by `finish` or `release`; what is said after that changes nothing."""

    __slots__ = ("_book", "_bytes", "_frames", "_headers", "_id", "_keep_s", "_owner", "over", "too_large")

    def __init__(self, book: "Idempotency", id: str, owner: str, keep_s: float) -> None:
        self._book, self._id, self._owner, self._keep_s = book, id, owner, keep_s
        self._frames: list[bytes] = []
        self._headers, self._bytes = b"", 0
        self.over = self.too_large = False

    def finish(self, status: int, headers: bytes, body: bytes) -> None:
        """The whole answer as it is sent; kept where `is_final(status)`, else let go. `headers` are whole lines.

        Where it is too large to keep it is let go, and `too_large` tells.
        """
        if is_final(status) and len(body) <= ANSWER_BYTES:
            self._keep(Answer(status, headers, body, stream=False))
        else:
            self.too_large = len(body) > ANSWER_BYTES
            self.release()

    def open(self, headers: bytes, frames: bytes) -> None:
        """The head of a stream and its first frames."""
        self._headers = headers
        self.add(frames)

    def add(self, frames: bytes) -> None:
        """More frames of a stream, as they are sent. Past the bound all are let go, and `too_large` tells."""
        self._bytes += len(frames)
        if self._bytes <= ANSWER_BYTES:
            self._frames.append(frames)
        elif not self.over:
            self.too_large = True
            self.release()

    def close(self) -> None:
        """The stream is whole. One that broke is to be released."""
        self._keep(Answer(200, self._headers, b"".join(self._frames), stream=True))

    def release(self) -> None:
        """The request has no answer that could be kept; it may be asked again."""
        self._frames.clear()
        if not self.over:
            self.over = True
            self._book._release(self._id, self._owner)

    def _keep(self, answer: Answer) -> None:
        if not self.over:
            self.over = True
            self._frames.clear()
            self._book._finish(self._id, self._owner, answer, self._keep_s)


class Claiming:
    """A claim that was asked for. Where the client leaves before the verdict, `abandon` it: what it gets is let go."""

    __slots__ = ("_then",)

    def __init__(self, then: Callable[[Verdict], None]) -> None:
        self._then: Callable[[Verdict], None] | None = then

    def abandon(self) -> None:
        self._then = None

    def _told(self, verdict: Verdict) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(verdict)
        elif isinstance(verdict, Fresh):
            verdict.claim.release()


class Idempotency:
    """One worker's claims. Everything is asked of the vault's thread; nothing waits."""

    def __init__(self, thread: VaultThread, run: str, worker: int) -> None:
        self._thread, self._run, self._worker = thread, run, worker

    def claim(self, tenant: str, endpoint: str, key: bytes, body: bytes, keep_s: float, then: Callable[[Verdict], None]) -> Claiming:
        """Asks for a claim; `then` is told on the loop, never within this call. `key` as `key_in` gives it; `endpoint` is the path."""
        claiming = Claiming(then)
        owner = os.urandom(12).hex()
        holder = (self._run, self._worker, os.getpid(), owner)
        id = hashlib.sha256(b"\0".join((tenant.encode(), endpoint.encode(), key))).hexdigest()

        def take(vault: Vault) -> Answer | Refused | None:
            return Claims(vault).take(id, hashlib.sha256(body).digest(), holder, keep_s)

        def told(found: Answer | Refused | Exception | None) -> None:
            if found is None:
                claiming._told(Fresh(Claim(self, id, owner, keep_s)))
            elif isinstance(found, Answer):
                claiming._told(Replay(found.status, found.headers + REPLAYED, found.body, found.stream))
            else:
                claiming._told(found if isinstance(found, Refused) else _UNAVAILABLE)

        self._thread.ask(take, told)
        return claiming

    async def claimed(self, tenant: str, endpoint: str, key: bytes, body: bytes, keep_s: float) -> Verdict:
        """The same for a coroutine."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        claiming = self.claim(tenant, endpoint, key, body, keep_s, future.set_result)
        try:
            return await future
        except asyncio.CancelledError:
            claiming.abandon()
            raise

    def _finish(self, id: str, owner: str, answer: Answer, keep_s: float) -> None:
        self._thread.ask(lambda vault: Claims(vault).finish(id, owner, answer, keep_s), lambda said: self._ended(said, id, owner))

    def _release(self, id: str, owner: str) -> None:
        self._thread.ask(lambda vault: Claims(vault).release(id, owner), lambda said: None)

    def _ended(self, said: Exception | None, id: str, owner: str) -> None:
        if isinstance(said, VaultError):  # the answer was given and cannot be kept: whoever asks again may be served again
            self._release(id, owner)
