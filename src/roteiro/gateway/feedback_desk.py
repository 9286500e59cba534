"""Whether what a user says of an answer may be taken, and taking it: the request is the caller's own, was answered, nobody spoke before.

The request is looked for in the block's ring of the latest events, then in the ledger, so that feedback may come long after its run.
Workers ask through a socket in Linux's abstract namespace, which has no file; processes of another user are not heard. What is kept is
that feedback was given, for which request and when: its value is a signal of the ledger, its words are kept nowhere. What must not live
here: HTTP, and keys.
"""

import contextlib
import os
import socket
import sqlite3
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from roteiro.gateway.examination import EdgeFile
from roteiro.gateway.feedback_question import FeedbackQuestion, address_of
from roteiro.gateway.observing import Observes
from roteiro.policy.state import State
from roteiro.terms.codes import Outcome, Signal
from roteiro.terms.error import LedgerError
from roteiro.terms.observation import Observation

if TYPE_CHECKING:
    from roteiro.ledger.query import Queries

__all__ = ["FeedbackDesk", "Given"]

PATIENCE_S: Final = 2.0
"""For a question to arrive."""
WAITING: Final = 64
"""Questions in line; beyond, a worker is refused at once."""
LINE: Final = 4096
_PEER: Final = struct.Struct("iII")

_QUESTION: Final = msgspec.json.Decoder(FeedbackQuestion)


class Given:
    """Which requests had their feedback: one row each, on the disk before it counts."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS given (run TEXT, request INTEGER, at REAL, PRIMARY KEY (run, request)) WITHOUT ROWID"
        )

    def add(self, run: str, request: int, at: float) -> bool:
        """Whether it is the first. `at` in Unix seconds."""
        return self._database.execute("INSERT OR IGNORE INTO given VALUES (?, ?, ?)", (run, request, at)).rowcount == 1

    def forget(self, before: float) -> None:
        """Rows of requests for which no more feedback is taken."""
        self._database.execute("DELETE FROM given WHERE at < ?", (before,))

    def close(self) -> None:
        self._database.close()


class _Request(msgspec.Struct):
    """What is known of the request that is spoken of. Indices of this run's plan; -1 where it has none."""

    is_theirs: bool
    answered: bool
    at: float
    number: int
    key: int
    target: int
    route: int
    workload: int


class FeedbackDesk:
    """One run's. `ledger` opens it, `clock` tells Unix seconds."""

    def __init__(
        self,
        run: str,
        state: State,
        edge: EdgeFile,
        ledger: "Callable[[], Queries]",
        given: Given,
        observes: Observes,
        clock: Callable[[], float],
    ) -> None:
        self._run, self._state, self._edge, self._ledger = run, state, edge, ledger
        self._given, self._observes, self._clock = given, observes, clock
        self._epoch = float(state.header["epoch_unix_s"][0])
        self._listener: socket.socket | None = None

    def open(self) -> None:
        """Answers questions in a thread of its own from now on. Raises OSError where another examiner of the run does."""
        self._given.forget(self._clock() - 2 * max(self._edge.edge.feedback_s, 86400.0))
        listener = self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address_of(self._run))
        listener.listen(WAITING)
        threading.Thread(target=self._serve, args=(listener,), name="feedback", daemon=True).start()

    def close(self) -> None:
        """No more questions."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def take(self, asked: FeedbackQuestion) -> str:
        """Takes what may be taken → the answer's word. Raises LedgerError where it cannot be known."""
        found = self._in_ring(asked) if asked.run == self._run else None
        if found is None:
            found = self._in_ledger(asked)
        if found is None or not found.is_theirs:
            return "unknown"
        if not found.answered:
            return "unanswered"
        now = self._clock()
        if now - found.at > self._edge.edge.feedback_s:
            return "late"
        if not self._given.add(asked.run, asked.request, now):
            return "given"
        self._observes.observe(
            [Observation(Signal.FEEDBACK, asked.value, found.number, found.key, found.target, found.route, found.workload)]
        )
        return "taken"

    def _in_ring(self, asked: FeedbackQuestion) -> _Request | None:
        """Of the latest requests, also before they are on the disk."""
        events = self._state.events
        for at in np.flatnonzero(events["request"] == asked.request):
            row: Any = events[at].copy()
            edge = self._edge.edge
            if row["request"] == asked.request and 0 <= row["tenant"] < len(edge.tenants) and row["ended_s"] > 0:
                return _Request(
                    is_theirs=edge.tenants[row["tenant"]].name == asked.tenant,
                    answered=int(row["outcome"]) == Outcome.SUCCESS,
                    at=self._epoch + float(row["ended_s"]),
                    number=asked.request,
                    key=int(row["key"]),
                    target=int(row["target"]),
                    route=int(row["model"]),
                    workload=int(row["workload"]),
                )
        return None

    def _in_ledger(self, asked: FeedbackQuestion) -> _Request | None:
        rows = self._ledger().events(run=asked.run, where=f"request = {int(asked.request)} AND world = 'live'").to_pylist()
        if not rows:
            return None
        row, edge = rows[0], self._edge.edge
        return _Request(
            is_theirs=row["tenant"] == asked.tenant,
            answered=row["outcome"] == "success",
            at=row["time"].timestamp() + (row["total_ms"] or 0.0) / 1e3,
            number=asked.request if asked.run == self._run else -1,  # a signal's row joins the events of its own run
            key=_index(edge.key_names, row["key"]),
            target=self._edge.targets.get(row["target"], -1),
            route=_index([route.name for route in edge.routes], row["model"]),
            workload=edge.workloads.get(row["workload"], -1),
        )

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(PATIENCE_S)
                _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
                if uid == os.getuid():
                    connection.sendall(self._answer(connection.recv(LINE)).encode())

    def _answer(self, line: bytes) -> str:
        try:
            return self.take(_QUESTION.decode(line))
        except (msgspec.MsgspecError, LedgerError, sqlite3.Error, OSError):
            return "unavailable"


def _index(names: list[str], name: str | None) -> int:
    return names.index(name) if name in names else -1
