"""The outbox: notices on the disk from the moment that there is one until its receiver has taken it, or its time is over.

One row a message and channel. A message that waits for its turn takes in what comes after it, so that an outage of ten objectives is one
mail; a message of what is over is never sent before that of its beginning. Rows whose fate is known stay for a week, to be looked at.

What must not live here: when there is something to tell, and sending.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from roteiro.gateway.episodes import Episode
from roteiro.gateway.notice import Notice
from roteiro.gateway.vault import Vault

__all__ = ["EXPIRE_S", "GROUP_S", "MOST_WAITING", "Delivery", "Outbox"]

GROUP_S: Final = 30.0
"""After a message to a channel, so long the next one waits and takes in what comes."""
EXPIRE_S: Final = 86_400.0
MOST_WAITING: Final = 500
"""Messages of one channel; past that the oldest are dropped, and counted."""
MOST_TOGETHER: Final = 20
"""Notices of one message."""
KEEP_S: Final = 7 * 86_400.0
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL, channel TEXT NOT NULL, stage TEXT NOT NULL, created REAL NOT NULL,
    turn REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT 'waiting', said TEXT NOT NULL DEFAULT '',
    ended REAL, notices TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (channel, id) WHERE outcome = 'waiting'",
    "CREATE TABLE IF NOT EXISTS episodes (key TEXT PRIMARY KEY, episode TEXT NOT NULL)",
)


class Delivery(NamedTuple):
    """A message that waits. `ref` is the same in every attempt, so that a receiver can tell a repeat."""

    id: int
    ref: str
    channel: str
    created_s: float
    due_s: float
    attempts: int
    notices: list[Notice]


class Outbox:
    """The tables. Each method is one transaction; the caller's, where there is one."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.make(*_TABLES)

    def put(self, channel: str, notices: Sequence[Notice], *, apart: bool = False) -> None:
        """Has notices of one stage delivered. `apart`: each in a message of its own, and at once."""
        now = self._vault.clock()
        with self._vault.changing() as connection:
            for notice in notices:
                if not (apart or notice.kind == "test") and self._joined(connection, channel, notice, now):
                    continue
                turn = now if apart else self._turn(connection, channel, now)
                row = (secrets.token_hex(16), channel, notice.stage, now, turn, turn, encoded([notice]))
                connection.execute(
                    "INSERT INTO deliveries (ref, channel, stage, created, turn, due, notices) VALUES (?, ?, ?, ?, ?, ?, ?)", row
                )
            self._bound(connection, channel, now)

    def due(self) -> list[Delivery]:
        """Messages that may be sent now, the oldest first; none whose episode has an older one that waits."""
        now, found = self._vault.clock(), []
        held: set[tuple[str, str]] = set()
        for one in self.waiting():
            keys = {(one.channel, notice.key) for notice in one.notices}
            if one.due_s <= now and not keys & held:
                found.append(one)
            held |= keys
        return found

    def waiting(self) -> list[Delivery]:
        """All messages that wait, the oldest first."""
        with self._vault.reading() as connection:
            rows = connection.execute(
                "SELECT id, ref, channel, created, due, attempts, notices FROM deliveries WHERE outcome = 'waiting' ORDER BY id"
            ).fetchall()
        return [Delivery._make((*row, msgspec.json.decode(notices, type=list[Notice]))) for *row, notices in rows]

    def next_due(self) -> float | None:
        """When the next message is to be tried, in Unix seconds; None where none waits."""
        with self._vault.reading() as connection:
            (at,) = connection.execute("SELECT min(due) FROM deliveries WHERE outcome = 'waiting'").fetchone()
        return None if at is None else float(at)

    def end(self, delivery: Delivery, outcome: str, said: str) -> None:
        """Keeps what became of a message: `sent`, `refused` or `expired`."""
        with self._vault.changing() as connection:
            done = connection.execute(
                "UPDATE deliveries SET outcome = ?, said = ?, attempts = attempts + 1, ended = ? WHERE id = ? AND outcome = 'waiting'",
                (outcome, said, self._vault.clock(), delivery.id),
            )
            if done.rowcount:
                self._count(delivery.channel, outcome, len(delivery.notices))

    def again(self, delivery: Delivery, said: str, after_s: float) -> None:
        """It failed, and is tried again; not before the messages of its episode that came before it."""
        with self._vault.changing() as connection:
            connection.execute(
                "UPDATE deliveries SET due = ?, said = ?, attempts = attempts + 1 WHERE id = ? AND outcome = 'waiting'",
                (self._vault.clock() + after_s, said, delivery.id),
            )
            self._count(delivery.channel, "failed", len(delivery.notices))

    def keep_episodes(self, episodes: Iterable[Episode]) -> None:
        """Those that are open, in place of those that were."""
        with self._vault.changing() as connection:
            connection.execute("DELETE FROM episodes")
            rows = [(one.key, msgspec.json.encode(one).decode()) for one in episodes]
            connection.executemany("INSERT INTO episodes VALUES (?, ?)", rows)

    def episodes(self) -> list[Episode]:
        with self._vault.reading() as connection:
            rows = connection.execute("SELECT episode FROM episodes ORDER BY key").fetchall()
        return [msgspec.json.decode(row[0], type=Episode) for row in rows]

    def sweep(self) -> None:
        """Forgets what ended a week ago."""
        with self._vault.changing() as connection:
            connection.execute("DELETE FROM deliveries WHERE ended <= ?", (self._vault.clock() - KEEP_S,))

    def look(self) -> dict[str, dict[str, Any]]:
        """Channel → messages that wait and since when, counts of notices by what became of them, what its last message was told."""
        with self._vault.reading() as connection:
            waiting = connection.execute(
                "SELECT channel, count(*), min(created), max(attempts) FROM deliveries WHERE outcome = 'waiting' GROUP BY channel"
            ).fetchall()
            said = connection.execute(
                "SELECT channel, outcome, said FROM deliveries WHERE id IN"
                " (SELECT max(id) FROM deliveries WHERE attempts > 0 GROUP BY channel)"
            ).fetchall()
        found: dict[str, dict[str, Any]] = {}
        for name, count in self._vault.counters().items():
            if name.startswith("notices/"):
                _, channel, outcome = name.split("/")
                found.setdefault(channel, blank())["outcomes"][outcome] = count
        for channel, count, since, attempts in waiting:
            found.setdefault(channel, blank()).update(waiting=count, since_unix_s=since, attempts=attempts)
        for channel, outcome, words in said:
            found.setdefault(channel, blank()).update(last=outcome, said=words)
        return found

    def _joined(self, connection: sqlite3.Connection, channel: str, notice: Notice, now: float) -> bool:
        """Whether a message that waits for its turn took the notice in."""
        row = connection.execute(
            "SELECT id, notices FROM deliveries WHERE outcome = 'waiting' AND channel = ? AND stage = ? AND attempts = 0"
            " AND (turn > ? OR created = ?) ORDER BY id DESC LIMIT 1",
            (channel, notice.stage, now, now),
        ).fetchone()
        if row is None:
            return False
        together = [*msgspec.json.decode(row[1], type=list[Notice]), notice]
        if len(together) > MOST_TOGETHER or together[0].kind == "test":
            return False
        connection.execute("UPDATE deliveries SET notices = ? WHERE id = ?", (encoded(together), row[0]))
        return True

    def _turn(self, connection: sqlite3.Connection, channel: str, now: float) -> float:
        """When a message that is made now may go: at once where the channel was quiet."""
        (latest,) = connection.execute("SELECT max(turn) FROM deliveries WHERE channel = ?", (channel,)).fetchone()
        return now if latest is None else max(now, float(latest) + GROUP_S)

    def _bound(self, connection: sqlite3.Connection, channel: str, now: float) -> None:
        """Drops the oldest of too many."""
        rows = connection.execute(
            "SELECT id, notices FROM deliveries WHERE outcome = 'waiting' AND channel = ? ORDER BY id DESC LIMIT -1 OFFSET ?",
            (channel, MOST_WAITING),
        ).fetchall()
        for id, notices in rows:
            connection.execute("UPDATE deliveries SET outcome = 'dropped', ended = ? WHERE id = ?", (now, id))
            self._count(channel, "dropped", len(msgspec.json.decode(notices, type=list[Any])))

    def _count(self, channel: str, outcome: str, notices: int) -> None:
        self._vault.count(f"notices/{channel}/{outcome}", notices)


def encoded(notices: Sequence[Notice]) -> str:
    return msgspec.json.encode(notices).decode()


def blank() -> dict[str, Any]:
    return {"waiting": 0, "since_unix_s": None, "attempts": 0, "outcomes": {}, "last": None, "said": ""}
