"""What changed lately, for whoever is told that something burns: plans that were adopted, breakers that turned, models that became others.

Adoptions are kept on the disk where the plan has channels, so that a restart does not forget who changed what. Breakers are read along in
the ring of decisions; versions of models are asked of whoever watches them. What must not live here: judging what brought it about.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from roteiro.gateway.follower import Follower
from roteiro.gateway.notice import Adopted, BreakerTurn, Changed, ProviderNow, VersionTurn
from roteiro.gateway.recent import Recent
from roteiro.gateway.vault import Vault
from roteiro.policy.state import State
from roteiro.terms.codes import BreakerState, Reason, Step
from roteiro.terms.edge import Names

__all__ = ["LATELY_S", "AdoptionLog", "Changes", "providers_now"]

LATELY_S: Final = 86_400.0
MOST_TURNS: Final = 200
WINDOW_S: Final = 60
BATCH: Final = 16_384
KEEP_S: Final = 365 * 86_400.0
TURNS: Final = (Reason.BREAKER_OPENED, Reason.BREAKER_FORCED, Reason.BREAKER_REOPENED, Reason.BREAKER_CLOSED)
NOTE: Final = int(Step.NOTE)
_TABLE: Final = "CREATE TABLE IF NOT EXISTS adoptions (at REAL NOT NULL, adoption TEXT NOT NULL)"


class AdoptionLog:
    """The table of plans that were taken up, and against which freeze. Each method is one transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        vault.make(_TABLE)

    def note(self, adopted: Adopted) -> None:
        with self._vault.changing() as connection:
            connection.execute("INSERT INTO adoptions VALUES (?, ?)", (adopted.at_s, msgspec.json.encode(adopted).decode()))
            connection.execute("DELETE FROM adoptions WHERE at < ?", (adopted.at_s - KEEP_S,))

    def since(self, at_s: float) -> list[Adopted]:
        """The latest first."""
        with self._vault.reading() as connection:
            rows = connection.execute("SELECT adoption FROM adoptions WHERE at >= ? ORDER BY at DESC", (at_s,)).fetchall()
        return [msgspec.json.decode(row[0], type=Adopted) for row in rows]

    def last(self) -> Adopted | None:
        return next(iter(self.since(0.0)), None)


class Changes:
    """Of one run. `names` are those in force; `versions(since)` tells of models since a moment in Unix seconds."""

    def __init__(
        self,
        decisions: Follower,
        names: Callable[[], Names],
        epoch_unix_s: float,
        versions: Callable[[float], Sequence[VersionTurn]] = lambda _: (),
    ) -> None:
        self._decisions, self._names, self._epoch_unix_s, self._versions = decisions, names, epoch_unix_s, versions
        self._turns: deque[BreakerTurn] = deque(maxlen=MOST_TURNS)
        self.adopted: list[Adopted] = []
        """The latest first."""

    def read(self) -> None:
        """Read along: what breakers did since the last time."""
        while True:
            rows = self._decisions.take(BATCH)
            for reason in TURNS:
                for row in rows[(rows["step"] == NOTE) & (rows["reason"] == int(reason))]:
                    targets = self._names().targets
                    name = targets[row["target"]] if 0 <= row["target"] < len(targets) else "?"
                    self._turns.append(BreakerTurn(at_s=self._epoch_unix_s + float(row["now_s"]), target=name, what=reason.name.lower()))
            if not self._decisions.behind:
                return

    def lately(self, digest: str, version: int, providers: Sequence[ProviderNow], now_s: float) -> Changed:
        """The last 24 hours; the plan in force and the providers as they are now."""
        self.read()
        since_s = now_s - LATELY_S
        turns = sorted((one for one in self._turns if one.at_s >= since_s), key=lambda one: -one.at_s)
        return Changed(
            digest=digest, version=version, adopted=tuple(one for one in self.adopted if one.at_s >= since_s),
            breakers=tuple(turns), versions=tuple(self._versions(since_s)), providers=tuple(providers),
        )  # fmt: skip


def providers_now(names: Names, state: State, recent: Recent, now_s: float) -> tuple[ProviderNow, ...]:
    """Each provider in the last minute; `now_s` on the run's clock."""
    windows, found = recent.windows("target", WINDOW_S, now_s), []
    for index, name in enumerate(names.targets):
        if state.targets["retired"][index]:
            continue
        window = windows.get(index)
        breaker = BreakerState(int(state.breakers["state"][index])).name.lower()
        if window is None:
            found.append(ProviderNow(name=name, breaker=breaker, requests=0))
            continue
        p95_s = window.total_s[1]
        found.append(
            ProviderNow(
                name=name, breaker=breaker, requests=int(window.sums["requests"]),
                failed_share=window.sums["failed"] / window.sums["requests"], p95_ms=None if p95_s is None else round(1e3 * p95_s, 1),
            )
        )  # fmt: skip
    return tuple(found)
