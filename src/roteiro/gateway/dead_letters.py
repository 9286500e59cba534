"""Dead letters: requests that failed for good, kept sealed until they are sent again, thrown away or past their time.

A letter is on the disk before its client is told, and the refusal carries its id (`x-roteiro-dead-letter`): whoever got the error can count
on it, whatever is killed. What is shown without asking for the content says who, what and why; bodies and answers are sealed.

What must not live here: when a request has failed for good (`wanted` says what asks for it), and how it is sent again (`redrive`).
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec

from roteiro.gateway.idempotency import is_final
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_thread import VaultThread
from roteiro.terms.codes import Outcome
from roteiro.terms.error import RequestError

__all__ = ["HEADER", "Content", "DeadLetters", "Letter", "Letters", "wanted"]

log = logging.getLogger("roteiro.gateway")

HEADER: Final = b"x-roteiro-dead-letter"
"""Of a request: `keep` or `no`. Of a refusal: the letter's id."""
MOST_LETTERS: Final = 10_000
MOST_BYTES: Final = 256 * 1024 * 1024
"""Bounds of all letters; the oldest go first, and are counted."""
MOST_LISTED: Final = 1_000
DEAD: Final = frozenset({Outcome.FAILED, Outcome.UNAVAILABLE, Outcome.SHED})

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS dead_letters (
    id TEXT PRIMARY KEY, at REAL NOT NULL, expires REAL NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL, workload TEXT NOT NULL,
    model TEXT NOT NULL, path TEXT NOT NULL, reason TEXT NOT NULL, tried TEXT NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL,
    bytes INTEGER NOT NULL, content BLOB NOT NULL,
    redrives INTEGER NOT NULL DEFAULT 0, redriven REAL, redrive_status INTEGER, redrive_request TEXT, answer BLOB
)"""
_AGE: Final = "CREATE INDEX IF NOT EXISTS dead_letters_at ON dead_letters (at)"
_SHOWN: Final = """
CREATE VIEW IF NOT EXISTS dead_letters_shown AS SELECT
    id, at, expires, tenant, key, workload, model, path, reason, tried, status, request, bytes,
    redrives, redriven, redrive_status, redrive_request, answer IS NOT NULL AS answer_kept
FROM dead_letters"""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a letter without its content. Times in Unix seconds."""

    tenant: str
    key: str
    """The key's name."""
    workload: str
    model: str
    """As the client asked for it."""
    path: str
    reason: str
    tried: str
    """Categories of what went wrong at the providers, with commas."""
    status: int
    """What the client was told."""
    request: str
    """The request's id."""
    id: str = ""
    at: float = 0.0
    expires: float = 0.0
    bytes: int = 0
    redrives: int = 0
    redriven: float | None = None
    """When it was answered at last."""
    redrive_status: int | None = None
    redrive_request: str | None = None
    answer_kept: bool = False
    """Whether the answer can still be had, which is once."""


class Content(msgspec.Struct, array_like=True):
    """The sealed part. `headers` are those that say how the body is to be read, and lower-case."""

    body: bytes
    headers: dict[str, str] = {}


class Answered(msgspec.Struct, array_like=True):
    """What a redrive was answered."""

    status: int
    type: str
    body: bytes


def wanted(outcome: int, workload_keeps: bool, header: bytes | None) -> bool:
    """Whether a request that ended so is to be kept. `header` is its `x-roteiro-dead-letter`, which wins over the workload's."""
    if outcome not in DEAD:
        return False
    said = header.strip().lower() if header is not None else b""
    return said == b"keep" or (workload_keeps and said != b"no")


class Letters:
    """The table. Each method is one transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.make(_TABLE, _AGE, _SHOWN)

    def keep(self, letter: Letter, content: Content, keep_s: float) -> None:
        """Writes a letter, and throws the oldest away where there are too many."""
        vault, now = self._vault, self._vault.clock()
        sealed = vault.keyring.seal(msgspec.msgpack.encode(content), f"dead_letters.content:{letter.id}")
        row = (letter.id, now, now + keep_s, letter.tenant, letter.key, letter.workload, letter.model, letter.path, letter.reason)
        more = (letter.tried, letter.status, letter.request, len(sealed), sealed)
        with vault.changing() as connection:
            connection.execute(
                "INSERT INTO dead_letters"
                " (id, at, expires, tenant, key, workload, model, path, reason, tried, status, request, bytes, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, *more),
            )
            vault.count("dead_letters_kept")
            self._bound()

    def listed(self, tenant: str | None = None, older_than_s: float | None = None, most: int = MOST_LISTED) -> list[Letter]:
        """Letters without their content, the oldest first."""
        with self._vault.reading() as connection:
            found = connection.execute(
                "SELECT * FROM dead_letters_shown WHERE expires > :now AND (:tenant IS NULL OR tenant = :tenant)"
                " AND (:before IS NULL OR at <= :before) ORDER BY at, id LIMIT :most",
                {**self._which(tenant, older_than_s), "most": most},
            )
            return letters_of(found)

    def show(self, id: str) -> Letter:
        """One letter without its content. Raises RequestError (404)."""
        with self._vault.reading() as connection:
            found = connection.execute("SELECT * FROM dead_letters_shown WHERE id = ? AND expires > ?", (id, self._vault.clock()))
            letters = letters_of(found)
        if not letters:
            raise RequestError(404, "unknown_dead_letter", f"there is no dead letter {id[:80]!r}; it may be past its time")
        return letters[0]

    def content(self, id: str) -> Content:
        """Raises RequestError (404)."""
        self.show(id)
        with self._vault.reading() as connection:
            (sealed,) = connection.execute("SELECT content FROM dead_letters WHERE id = ?", (id,)).fetchone()
        return msgspec.msgpack.decode(self._vault.keyring.open(sealed, f"dead_letters.content:{id}"), type=Content)

    def redriven(self, id: str, status: int, request: str, answer: Answered) -> Letter:
        """Keeps how a redrive ended: a final answer closes the letter, any other leaves it open."""
        vault = self._vault
        final = is_final(status)
        sealed = vault.keyring.seal(msgspec.msgpack.encode(answer), f"dead_letters.answer:{id}") if final else None
        with vault.changing() as connection:
            connection.execute(
                "UPDATE dead_letters SET redrives = redrives + 1, redrive_status = ?, redrive_request = ?, redriven = ?, answer = ?"
                " WHERE id = ? AND redriven IS NULL",
                (status, request, vault.clock() if final else None, sealed, id),
            )
        return self.show(id)

    def answer(self, id: str) -> Answered:
        """The answer of a redrive, once: it is thrown away with this. Raises RequestError (404, 410)."""
        letter = self.show(id)
        with self._vault.changing() as connection:
            (sealed,) = connection.execute("SELECT answer FROM dead_letters WHERE id = ?", (id,)).fetchone()
            connection.execute("UPDATE dead_letters SET answer = NULL WHERE id = ?", (id,))
        if sealed is None:
            code, said = ("answer_taken", "was taken already") if letter.redriven else ("not_redriven", "is not there: redrive it first")
            raise RequestError(410 if letter.redriven else 404, code, f"the answer of dead letter {id} {said}")
        return msgspec.msgpack.decode(self._vault.keyring.open(sealed, f"dead_letters.answer:{id}"), type=Answered)

    def purge(self, ids: list[str] | None = None, tenant: str | None = None, older_than_s: float | None = None) -> int:
        """Throws letters away: those named, else those of a tenant and an age → how many."""
        with self._vault.changing() as connection:
            if ids is not None:
                return sum(connection.execute("DELETE FROM dead_letters WHERE id = ?", (id,)).rowcount for id in ids)
            return connection.execute(
                "DELETE FROM dead_letters WHERE expires > :now AND (:tenant IS NULL OR tenant = :tenant)"
                " AND (:before IS NULL OR at <= :before)",
                self._which(tenant, older_than_s),
            ).rowcount

    def sweep(self) -> None:
        """Removes what is past its time."""
        with self._vault.changing() as connection:
            gone = connection.execute("DELETE FROM dead_letters WHERE expires <= ?", (self._vault.clock(),)).rowcount
            if gone:
                self._vault.count("dead_letters_expired", gone)

    def look(self) -> dict[str, int]:
        """How many there are and what became of others, for the administration."""
        with self._vault.reading() as connection:
            letters, size, open_ = connection.execute(
                "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(redriven IS NULL), 0) FROM dead_letters"
            ).fetchone()
        counters = self._vault.counters()
        kept, dropped, expired = (counters.get(f"dead_letters_{word}", 0) for word in ("kept", "dropped", "expired"))
        return {"letters": letters, "bytes": size, "open": open_, "kept": kept, "dropped": dropped, "expired": expired}

    def _which(self, tenant: str | None, older_than_s: float | None) -> dict[str, Any]:
        now = self._vault.clock()
        return {"now": now, "tenant": tenant, "before": None if older_than_s is None else now - older_than_s}

    def _bound(self) -> None:
        connection = self._vault.connection
        letters, size = connection.execute("SELECT count(*), sum(bytes) FROM dead_letters").fetchone()
        dropped = 0
        while letters > MOST_LETTERS or (size > MOST_BYTES and letters > 1):
            id, least = connection.execute("SELECT id, bytes FROM dead_letters ORDER BY at, rowid LIMIT 1").fetchone()
            connection.execute("DELETE FROM dead_letters WHERE id = ?", (id,))
            letters, size, dropped = letters - 1, size - least, dropped + 1
        if dropped:
            self._vault.count("dead_letters_dropped", dropped)


class DeadLetters:
    """One worker's. `keep` waits for nothing and tells when the letter is on the disk."""

    def __init__(self, thread: VaultThread) -> None:
        self._thread = thread

    def keep(self, letter: Letter, content: Content, keep_s: float, then: Callable[[bytes], None]) -> None:
        """Keeps a letter, then tells the header lines for the refusal: its id, or none where the disk refused (the log says so).

        `then` is called on the loop, never within this call, and is always called.
        """
        id = f"dl-{os.urandom(9).hex()}"
        named = msgspec.structs.replace(letter, id=id)

        def told(said: Exception | None) -> None:
            if said is not None:
                log.error("the dead letter of request %s could not be kept: %s", letter.request, said)
            then(b"" if said is not None else b"%b: %b\r\n" % (HEADER, id.encode()))

        self._thread.ask(lambda vault: Letters(vault).keep(named, content, keep_s), told)


def letters_of(found: sqlite3.Cursor) -> list[Letter]:
    names = [column[0] for column in found.description]
    return [msgspec.convert(dict(zip(names, row, strict=True)), Letter, strict=False) for row in found]
