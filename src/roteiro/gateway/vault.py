"""The vault: one SQLite file of the data directory with what must outlive processes and must not be read by others.

Answers kept for an Idempotency-Key, dead letters, batches and their files. All processes of a server open the same file, in WAL mode, by
the standard library's `sqlite3`: a worker has no room for an ORM, and a value it promised to keep must be on the disk before it answers,
so it writes by itself and asks nobody. That is why the vault is a file of this machine even where keys live in another database.

What must not live here: the tables (a file for each subject), and threads (`vault_thread`).
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from roteiro.gateway.vault_keys import Keyring, VaultError

__all__ = ["FILE", "Vault"]

FILE: Final = "vault.sqlite"
"""Its name in the data directory."""
BUSY_S: Final = 20.0
"""How long to wait for another process's transaction; the longest of ours take some tens of milliseconds."""
CHECKPOINT_PAGES: Final = 1000

_COUNTERS: Final = "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"


class Vault:
    """One connection. To be used by one thread at a time; every method may wait for the disk and raises VaultError where it fails."""

    def __init__(self, path: Path, keyring: Keyring, clock: Callable[[], float] = time.time, *, durable: bool = True) -> None:
        """Opens the file, and makes it where it is not. `clock` gives Unix seconds.

        What is committed survives the process in any case. `durable`: the machine's failure too, for an fsync a commit (0.5 to 6 ms
        where a commit without takes 0.1); without, the last seconds before a power failure may be gone, never a part of a commit.
        """
        self.path, self.keyring, self.clock = path, keyring, clock
        self._made: set[str] = set()
        try:
            self.connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise VaultError(f"{path} cannot be opened: {error}") from None
        try:
            if path.stat().st_size == 0:
                path.chmod(0o600)
                self.connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # room of rows that went is given back
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self.make(_COUNTERS)
        except (sqlite3.Error, OSError) as error:
            self.connection.close()
            raise VaultError(f"{path} cannot be used as a vault: {error}") from None

    def make(self, *statements: str) -> None:
        """Makes a subject's tables, once a connection."""
        for statement in statements:
            if statement not in self._made:
                self.connection.execute(statement)
                self._made.add(statement)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept or, by an exception, nothing. Within another it is a part of that."""
        if self.connection.in_transaction:
            yield self.connection
            return
        with self._between("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK") as connection:
            yield connection

    @contextmanager
    def apart(self) -> Iterator[sqlite3.Connection]:
        """A part of a transaction that is undone alone, by an exception; the rest may go on."""
        with self._between("SAVEPOINT s", "RELEASE s", "ROLLBACK TO s") as connection:
            yield connection

    @contextmanager
    def _between(self, begin: str, keep: str, undo: str) -> Iterator[sqlite3.Connection]:
        connection = self.connection
        try:
            connection.execute(begin)
            try:
                yield connection
                connection.execute(keep)
            except BaseException:
                self._made.clear()  # tables that were made in it are gone with it
                if connection.in_transaction:  # a full disk has rolled back already
                    connection.execute(undo)
                    if undo.startswith("ROLLBACK TO"):
                        connection.execute(keep)
                raise
        except sqlite3.Error as error:
            raise VaultError(f"{self.path} cannot be written: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Reads need no transaction of their own; they see what is committed."""
        try:
            yield self.connection
        except sqlite3.Error as error:
            raise VaultError(f"{self.path} cannot be read: {error}") from error

    def count(self, name: str, by: int = 1) -> None:
        """Adds to a counter that outlives the run."""
        statement = "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
        with self.changing() as connection:
            connection.execute(statement, (name, by))

    def counters(self) -> dict[str, int]:
        with self.reading() as connection:
            return dict(connection.execute("SELECT name, value FROM counters"))

    def tidy(self) -> None:
        """Gives room back to the disk."""
        with self.reading() as connection:
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Lets go of the file."""
        self.connection.close()
