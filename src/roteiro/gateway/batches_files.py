"""Files of batches: what was uploaded, in sealed slices, and the results of a batch as files that are read from its items.

A file is written slice by slice as it arrives, so that neither a worker's memory nor a temporary file ever holds it whole.
What must not live here: HTTP, and what is in the files.
"""

import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from roteiro.gateway.batches_store import BATCH_BYTES, KEEP_S, Batches, ItemState
from roteiro.gateway.vault import Vault
from roteiro.terms.error import RequestError

__all__ = ["ERRORS", "OUTPUT", "File", "Files", "which_states"]

OUTPUT: Final = "output"
ERRORS: Final = "errors"


def which_states(which: str) -> tuple[ItemState, ...]:
    """The items whose lines are in a batch's file of that name."""
    return (ItemState.SUCCEEDED,) if which == OUTPUT else (ItemState.ERRORED, ItemState.EXPIRED)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file. `batch` and `which` are set where it is the results of one."""

    id: str
    tenant: str
    name: str
    purpose: str
    created: float
    gone: float
    bytes: int
    whole: bool = True
    batch: str | None = None
    which: str | None = None


class Files:
    """The tables of files."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._batches = Batches(vault)  # makes the tables

    def create(self, tenant: str, name: str, purpose: str) -> str:
        """An empty file, which is not to be seen until it is whole → its id."""
        id, now = f"file-{secrets.token_hex(12)}", self._vault.clock()
        with self._vault.changing() as connection:
            self._batches.room(tenant, 0)
            connection.execute(
                "INSERT INTO files (id, tenant, purpose, created, gone, whole, bytes, name) VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
                (id, tenant, purpose, now, now + KEEP_S, self._vault.keyring.seal(name.encode(), f"files.name:{id}")),
            )
        return id

    def append(self, id: str, tenant: str, n: int, content: bytes) -> None:
        """One more slice. Raises RequestError (413)."""
        with self._vault.changing() as connection:
            (size,) = connection.execute("SELECT bytes FROM files WHERE id = ?", (id,)).fetchone()
            if size + len(content) > BATCH_BYTES:
                raise RequestError(413, "file_too_large", f"a file has at most {BATCH_BYTES // 2**20} MiB", "file")
            self._batches.room(tenant, len(content))
            sealed = self._vault.keyring.seal(content, f"file_parts.content:{id}:{n}")
            connection.execute("INSERT INTO file_parts (file, n, content) VALUES (?, ?, ?)", (id, n, sealed))
            connection.execute("UPDATE files SET bytes = bytes + ? WHERE id = ?", (len(content), id))

    def complete(self, id: str, name: str) -> File:
        """All of it is there."""
        with self._vault.changing() as connection:
            sealed = self._vault.keyring.seal(name.encode(), f"files.name:{id}")
            connection.execute("UPDATE files SET whole = 1, name = ? WHERE id = ?", (sealed, id))
        return self.find(id)

    def of_batch(self, batch: str, tenant: str, which: str) -> str | None:
        """The id of a batch's results as a file, made at the first asking; None where it has no such lines."""
        size = self._batches.line_bytes(batch, which_states(which))
        id = f"file-{batch.removeprefix('batch_')}-{which}"
        if not size:
            return None
        now, name = self._vault.clock(), f"{batch}_{which}.jsonl"
        with self._vault.changing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO files (id, tenant, purpose, created, gone, whole, bytes, batch, which, name)"
                " VALUES (?, ?, 'batch_output', ?, ?, 1, ?, ?, ?, ?)",
                (id, tenant, now, now + KEEP_S, size, batch, which, self._vault.keyring.seal(name.encode(), f"files.name:{id}")),
            )
        return id

    def find(self, id: str, tenant: str | None = None) -> File:
        """One file; of that tenant alone where one is given. Raises RequestError (404)."""
        with self._vault.reading() as connection:
            found = self._read(connection.execute("SELECT * FROM files WHERE id = ? AND whole = 1 AND gone > ?", (id, self._vault.clock())))
        if not found or (tenant is not None and found[0].tenant != tenant):
            raise RequestError(404, "not_found", f"there is no file {id[:80]!r}", "file_id")
        return found[0]

    def listed(self, tenant: str, purpose: str | None, most: int, after: str | None = None) -> tuple[list[File], bool]:
        """A tenant's files, newest first, those behind `after` → (files, whether there are more)."""
        edge = self.find(after, tenant) if after is not None else None
        with self._vault.reading() as connection:
            found = connection.execute(
                "SELECT * FROM files WHERE tenant = :tenant AND whole = 1 AND gone > :now AND purpose <> 'requests'"
                " AND (:purpose IS NULL OR purpose = :purpose)"
                " AND (:at IS NULL OR (created, id) < (:at, :id)) ORDER BY created DESC, id DESC LIMIT :most",
                {
                    "tenant": tenant, "purpose": purpose, "now": self._vault.clock(), "most": most + 1,
                    "at": edge.created if edge else None, "id": edge.id if edge else None,
                },
            )  # fmt: skip
            rows = self._read(found)
        return rows[:most], len(rows) > most

    def slice(self, file: File, n: int) -> tuple[bytes, int | None]:
        """A slice of a file's content → (bytes, the number of the next; None at the end). Numbers begin with 0."""
        if file.batch is not None:
            content, last = self._batches.lines(file.batch, which_states(file.which or OUTPUT), n - 1)
            return content, None if last is None else last + 1
        with self._vault.reading() as connection:
            row = connection.execute("SELECT content FROM file_parts WHERE file = ? AND n = ?", (file.id, n)).fetchone()
        if row is None:
            return b"", None
        return self._vault.keyring.open(row[0], f"file_parts.content:{file.id}:{n}"), n + 1

    def slices(self, file: File) -> Iterator[bytes]:
        """All of a file."""
        at: int | None = 0
        while at is not None:
            content, at = self.slice(file, at)
            yield content

    def delete(self, id: str) -> None:
        """A file goes, with what is in it."""
        file = self.find(id)
        with self._vault.changing():
            if file.batch is not None:
                self._batches.forget(file.batch, which_states(file.which or OUTPUT))
            self.drop(id)

    def drop(self, id: str) -> None:
        """What was written of a file goes, whole or not."""
        with self._vault.changing() as connection:
            connection.execute("DELETE FROM file_parts WHERE file = ?", (id,))
            connection.execute("DELETE FROM files WHERE id = ?", (id,))

    def _read(self, found: object) -> list[File]:
        names = [column[0] for column in found.description]  # type: ignore[attr-defined]
        files = []
        for row in found:  # type: ignore[attr-defined]
            fields = dict(zip(names, row, strict=True))
            fields["name"] = self._vault.keyring.open(fields["name"], f"files.name:{fields['id']}").decode()
            fields["whole"] = bool(fields["whole"])
            files.append(File(**fields))
        return files
