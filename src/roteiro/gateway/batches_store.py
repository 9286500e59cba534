"""Batches and files at rest: rows in the vault, their texts sealed.

A batch is `reading` until all its items are there, then `open`, maybe `cancelling`, and `ended`. An item waits until its line of the
results is written; the line is what a client will read, and the request's body goes with it. Every change is one transaction, so that
whatever is killed leaves each item either waiting or done.

What must not live here: dialects, and when an item runs.
"""

import secrets
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, Final

import msgspec

from roteiro.gateway.vault import Vault
from roteiro.terms.error import RequestError

__all__ = ["BATCH_BYTES", "KEEP_S", "MOST_ITEMS", "WINDOW_S", "Batch", "Batches", "Counts", "Item", "ItemState", "Line"]

MOST_ITEMS: Final = 100_000
BATCH_BYTES: Final = 256 * 1024 * 1024
"""Bounds of a batch."""
TENANT_BYTES: Final = 2 * 1024 * 1024 * 1024
"""Bound of what the batches and files of a tenant take."""
WINDOW_S: Final = 86_400.0
"""A batch expires then."""
KEEP_S: Final = 29 * 86_400.0
"""Results and files are kept so long."""
SLICE_BYTES: Final = 1024 * 1024

_TABLES: Final = (
    """
CREATE TABLE IF NOT EXISTS batches (
    id TEXT PRIMARY KEY, dialect TEXT NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL, workload TEXT NOT NULL, endpoint TEXT NOT NULL,
    state TEXT NOT NULL, fate TEXT NOT NULL DEFAULT '', created REAL NOT NULL, expires REAL NOT NULL, gone REAL NOT NULL,
    opened REAL, ended REAL, cancelled REAL, total INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    input TEXT NOT NULL DEFAULT '', extra BLOB NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS batches_of ON batches (tenant, created)",
    """
CREATE TABLE IF NOT EXISTS batch_items (
    batch TEXT NOT NULL, n INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, content BLOB NOT NULL, PRIMARY KEY (batch, n)
)""",
    "CREATE INDEX IF NOT EXISTS batch_items_of ON batch_items (batch, state, due, n)",
    """
CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, purpose TEXT NOT NULL, created REAL NOT NULL, gone REAL NOT NULL, whole INTEGER NOT NULL,
    bytes INTEGER NOT NULL, batch TEXT, which TEXT, name BLOB NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS files_of ON files (tenant, created)",
    """
CREATE TABLE IF NOT EXISTS file_parts (file TEXT NOT NULL, n INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (file, n))""",
)


class ItemState(IntEnum):
    """What became of an item."""

    WAITING = 0
    SUCCEEDED = 1
    ERRORED = 2
    CANCELED = 3
    EXPIRED = 4


class Counts(msgspec.Struct, frozen=True):
    """Items by what became of them."""

    waiting: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class Extra(msgspec.Struct, array_like=True):
    """The sealed part of a batch."""

    metadata: dict[str, str] | None = None
    errors: list[dict[str, Any]] = []


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. Times in Unix seconds."""

    id: str
    dialect: str
    """`anthropic` or `openai`."""
    tenant: str
    key: str
    """Name of the key that its items are run on behalf of."""
    workload: str
    endpoint: str
    state: str
    """`reading`, `open`, `cancelling` or `ended`."""
    fate: str = ""
    """Of one that ended: `completed`, `failed` (its input cannot be read), `expired` or `cancelled`."""
    created: float = 0.0
    expires: float = 0.0
    gone: float = 0.0
    """When it is thrown away."""
    opened: float | None = None
    ended: float | None = None
    cancelled: float | None = None
    """When that was asked for."""
    total: int = 0
    bytes: int = 0
    input: str = ""
    """The file it was made from."""
    metadata: dict[str, str] | None = None
    errors: list[dict[str, Any]] = []


class Item(msgspec.Struct, array_like=True):
    """The sealed part of an item that waits."""

    custom_id: str
    body: bytes


class Line(msgspec.Struct, frozen=True):
    """How an item ended: its line of the results."""

    state: ItemState
    line: bytes


class Batches:
    """The tables of batches. Files are in `batches_files`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.make(*_TABLES)

    def create(self, batch: Batch) -> Batch:
        """A new batch, in state `reading` → with its id. Raises RequestError (413) where the tenant keeps too much already."""
        vault, now = self._vault, self._vault.clock()
        prefix = "msgbatch_" if batch.dialect == "anthropic" else "batch_"
        made = msgspec.structs.replace(
            batch, id=prefix + secrets.token_hex(12), state="reading", created=now, expires=now + WINDOW_S, gone=now + KEEP_S
        )
        with vault.changing() as connection:
            self.room(batch.tenant, 0)
            connection.execute(
                "INSERT INTO batches (id, dialect, tenant, key, workload, endpoint, state, created, expires, gone, input, extra)"
                " VALUES (?, ?, ?, ?, ?, ?, 'reading', ?, ?, ?, ?, ?)",
                (
                    made.id, made.dialect, made.tenant, made.key, made.workload, made.endpoint, now, made.expires, made.gone, made.input,
                    self._extra(made),
                ),
            )  # fmt: skip
        return made

    def room(self, tenant: str, more: int) -> None:
        """Raises RequestError (413) where a tenant would keep more than it may."""
        with self._vault.reading() as connection:
            (files,) = connection.execute(
                "SELECT coalesce(sum(bytes), 0) FROM files WHERE tenant = ? AND batch IS NULL", (tenant,)
            ).fetchone()
            (batches,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM batches WHERE tenant = ?", (tenant,)).fetchone()
        if files + batches + more > TENANT_BYTES:
            raise RequestError(
                413, "storage_full", f"batches and files of a tenant take at most {TENANT_BYTES // 2**20} MiB; delete some of yours"
            )

    def add(self, id: str, first: int, items: Sequence[Item]) -> None:
        """More items of a batch that is being read. Numbers begin with `first`."""
        seal, rows, size = self._vault.keyring.seal, [], 0
        for n, item in enumerate(items, first):
            sealed = seal(msgspec.msgpack.encode(item), f"batch_items.content:{id}:{n}")
            size += len(sealed)
            rows.append((id, n, len(sealed), sealed))
        with self._vault.changing() as connection:
            connection.executemany("INSERT INTO batch_items (batch, n, bytes, content) VALUES (?, ?, ?, ?)", rows)
            connection.execute("UPDATE batches SET bytes = bytes + ?, total = total + ? WHERE id = ?", (size, len(rows), id))

    def open(self, id: str) -> None:
        """All items are there."""
        with self._vault.changing() as connection:
            connection.execute(
                "UPDATE batches SET state = 'open', opened = ? WHERE id = ? AND state = 'reading'", (self._vault.clock(), id)
            )

    def fail(self, id: str, errors: list[dict[str, Any]]) -> None:
        """Its input cannot be read: it ends without items."""
        with self._vault.changing() as connection:
            batch = self.find(id)
            connection.execute("DELETE FROM batch_items WHERE batch = ?", (id,))
            connection.execute(
                "UPDATE batches SET state = 'ended', fate = 'failed', ended = ?, total = 0, bytes = 0, extra = ? WHERE id = ?",
                (self._vault.clock(), self._extra(msgspec.structs.replace(batch, errors=errors)), id),
            )

    def find(self, id: str, tenant: str | None = None, dialect: str | None = None) -> Batch:
        """One batch; of that tenant alone where one is given. Raises RequestError (404)."""
        with self._vault.reading() as connection:
            found = self._read(connection.execute("SELECT * FROM batches WHERE id = ? AND gone > ?", (id, self._vault.clock())))
        if not found or (tenant is not None and found[0].tenant != tenant) or (dialect is not None and found[0].dialect != dialect):
            raise RequestError(404, "not_found", f"there is no batch {id[:80]!r}", "batch_id")
        return found[0]

    def listed(self, tenant: str, dialect: str, most: int, after: str | None = None, before: str | None = None) -> tuple[list[Batch], bool]:
        """A tenant's batches, newest first, those behind `after` or before `before` → (batches, whether there are more)."""
        where = {"tenant": tenant, "dialect": dialect, "now": self._vault.clock(), "most": most + 1}
        with self._vault.reading() as connection:
            if before is not None:
                first = self.find(before, tenant, dialect)
                found = connection.execute(
                    "SELECT * FROM batches WHERE tenant = :tenant AND dialect = :dialect AND gone > :now AND state <> 'reading'"
                    " AND (created, id) > (:at, :id) ORDER BY created, id LIMIT :most",
                    {**where, "at": first.created, "id": first.id},
                )
                rows = self._read(found)
                return rows[:most][::-1], len(rows) > most
            edge = self.find(after, tenant, dialect) if after is not None else None
            found = connection.execute(
                "SELECT * FROM batches WHERE tenant = :tenant AND dialect = :dialect AND gone > :now AND state <> 'reading'"
                " AND (:at IS NULL OR (created, id) < (:at, :id)) ORDER BY created DESC, id DESC LIMIT :most",
                {**where, "at": edge.created if edge else None, "id": edge.id if edge else None},
            )
            rows = self._read(found)
        return rows[:most], len(rows) > most

    def active(self) -> list[Batch]:
        """Batches with items to run or to end, the oldest first."""
        with self._vault.reading() as connection:
            return self._read(connection.execute("SELECT * FROM batches WHERE state IN ('open', 'cancelling') ORDER BY created, id"))

    def any_active(self) -> bool:
        with self._vault.reading() as connection:
            return connection.execute("SELECT 1 FROM batches WHERE state IN ('open', 'cancelling') LIMIT 1").fetchone() is not None

    def counts(self, id: str) -> Counts:
        with self._vault.reading() as connection:
            found = dict(connection.execute("SELECT state, count(*) FROM batch_items WHERE batch = ? GROUP BY state", (id,)))
        return Counts(*(found.get(state, 0) for state in ItemState))

    def cancel(self, id: str) -> None:
        """What waits will not be sent."""
        with self._vault.changing() as connection:
            connection.execute(
                "UPDATE batches SET state = 'cancelling', cancelled = ? WHERE id = ? AND state = 'open'", (self._vault.clock(), id)
            )

    def delete(self, id: str) -> None:
        """A batch that ended goes with its items. Raises RequestError (400) where it has not."""
        with self._vault.changing() as connection:
            if self.find(id).state != "ended":
                raise RequestError(400, "batch_in_progress", "a batch that has not ended cannot be deleted; cancel it first")
            for table in (
                "DELETE FROM batch_items WHERE batch = ?",
                "DELETE FROM batches WHERE id = ?",
                "DELETE FROM files WHERE batch = ?",
            ):
                connection.execute(table, (id,))

    def due(self, id: str, most: int, without: Sequence[int] = ()) -> list[tuple[int, Item, int]]:
        """Items that may run now, in their order, but none of `without` → (number, item, attempts so far)."""
        taken = set(without)
        with self._vault.reading() as connection:
            rows = connection.execute(
                "SELECT n, content, attempts FROM batch_items WHERE batch = ? AND state = 0 AND due <= ? ORDER BY due, n LIMIT ?",
                (id, self._vault.clock(), most + len(taken)),
            ).fetchall()
        return [(n, self._item(id, n, content), attempts) for n, content, attempts in rows if n not in taken][:most]

    def requeue(self, id: str, n: int, pause_s: float, attempts: int) -> None:
        """An item waits again."""
        with self._vault.changing() as connection:
            connection.execute(
                "UPDATE batch_items SET due = ?, attempts = ? WHERE batch = ? AND n = ? AND state = 0",
                (self._vault.clock() + pause_s, attempts, id, n),
            )

    def finish(self, id: str, lines: Sequence[tuple[int, Line]]) -> None:
        """Items that ended; their requests' bodies go. One that has ended already stays as it is."""
        seal = self._vault.keyring.seal
        with self._vault.changing() as connection:
            for n, (state, line) in ((n, (line.state, line.line)) for n, line in lines):
                connection.execute(
                    "UPDATE batch_items SET state = ?, bytes = ?, content = ? WHERE batch = ? AND n = ? AND state = 0",
                    (int(state), len(line), seal(line, f"batch_items.line:{id}:{n}"), id, n),
                )

    def waiting(self, id: str, most: int, without: Sequence[int] = ()) -> list[tuple[int, Item]]:
        """Items that were never sent, or not yet answered; due or not."""
        taken = set(without)
        with self._vault.reading() as connection:
            rows = connection.execute(
                "SELECT n, content FROM batch_items WHERE batch = ? AND state = 0 ORDER BY n LIMIT ?", (id, most + len(taken))
            ).fetchall()
        return [(n, self._item(id, n, content)) for n, content in rows if n not in taken][:most]

    def end(self, id: str, fate: str) -> None:
        """All items have ended."""
        with self._vault.changing() as connection:
            (size,) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM batch_items WHERE batch = ?", (id,)).fetchone()
            connection.execute(
                "UPDATE batches SET state = 'ended', fate = ?, ended = ?, bytes = ? WHERE id = ? AND state <> 'ended'",
                (fate, self._vault.clock(), size, id),
            )

    def lines(self, id: str, states: Sequence[ItemState], after: int = -1) -> tuple[bytes, int | None]:
        """A slice of the results, lines in the order of the requests → (lines, the number to go on after; None at the end)."""
        wanted, parts, size = set(states), [], 0
        with self._vault.reading() as connection:
            rows = connection.execute(
                "SELECT n, state, content FROM batch_items WHERE batch = ? AND n > ? AND state > 0 ORDER BY n", (id, after)
            )
            for n, state, content in rows:
                if state in wanted and content:
                    parts.append(self._vault.keyring.open(content, f"batch_items.line:{id}:{n}"))
                    size += len(parts[-1])
                if size >= SLICE_BYTES:
                    return b"".join(parts), n
        return b"".join(parts), None

    def forget(self, id: str, states: Sequence[ItemState]) -> None:
        """The lines of these items go; what became of them is still counted."""
        with self._vault.changing() as connection:
            for state in states:
                connection.execute("UPDATE batch_items SET content = x'', bytes = 0 WHERE batch = ? AND state = ?", (id, int(state)))

    def discard(self, id: str) -> None:
        """A batch that could not be read goes as if it had never been."""
        with self._vault.changing() as connection:
            connection.execute("DELETE FROM batch_items WHERE batch = ?", (id,))
            connection.execute("DELETE FROM batches WHERE id = ?", (id,))

    def line_bytes(self, id: str, states: Sequence[ItemState]) -> int:
        """Bytes of those lines."""
        with self._vault.reading() as connection:
            found = dict(connection.execute("SELECT state, sum(bytes) FROM batch_items WHERE batch = ? GROUP BY state", (id,)))
        return sum(found.get(int(state), 0) for state in states)

    def sweep(self) -> None:
        """Removes what is past its time, and what a reader that was killed left."""
        now = self._vault.clock()
        with self._vault.changing() as connection:
            gone = connection.execute(
                "SELECT id FROM batches WHERE gone <= ? OR (state = 'reading' AND created <= ?) LIMIT 20", (now, now - 3600.0)
            ).fetchall()
            for (id,) in gone:
                self.discard(id)
            files = connection.execute("SELECT id FROM files WHERE gone <= ? OR (whole = 0 AND created <= ?) LIMIT 20", (now, now - 3600.0))
            for (id,) in files.fetchall():
                connection.execute("DELETE FROM file_parts WHERE file = ?", (id,))
                connection.execute("DELETE FROM files WHERE id = ?", (id,))

    def _item(self, id: str, n: int, content: bytes) -> Item:
        return msgspec.msgpack.decode(self._vault.keyring.open(content, f"batch_items.content:{id}:{n}"), type=Item)

    def _extra(self, batch: Batch) -> bytes:
        return self._vault.keyring.seal(msgspec.msgpack.encode(Extra(batch.metadata, batch.errors)), f"batches.extra:{batch.id}")

    def _read(self, found: Any) -> list[Batch]:
        names = [column[0] for column in found.description]
        return list(self._rows(names, found))

    def _rows(self, names: list[str], found: Any) -> Iterator[Batch]:
        for row in found:
            fields = dict(zip(names, row, strict=True))
            sealed = self._vault.keyring.open(fields.pop("extra"), f"batches.extra:{fields['id']}")
            extra = msgspec.msgpack.decode(sealed, type=Extra)
            yield Batch(**fields, metadata=extra.metadata, errors=extra.errors)
