"""One server of a target: its address, its connections, and how many calls are with it.

Most targets have one. A provider with servers of one's own has as many as run at the moment, and a call goes to the one with the least to
do (`least_busy`). What must not live here: how many there should be, and who starts and stops them.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

from roteiro.providers.address import Address
from roteiro.providers.pool import Pool, Timer
from roteiro.terms.codes import Operation

__all__ = ["Calls", "OwnCalls", "Replica", "least_busy"]

REST_S: Final = 1.0
"""How long a server that refused a connection is asked last: with nothing to do it would else be the first choice of all."""


class Calls(Protocol):
    """Calls under way at each server, by its slot, of all workers together."""

    def enter(self, slot: int) -> None:
        """One more of ours."""

    def leave(self, slot: int) -> None:
        """One less of ours."""

    def total(self, slot: int) -> int:
        """Of all workers."""


class OwnCalls:
    """`Calls` where one process makes them all."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def enter(self, slot: int) -> None:
        self._counts[slot] += 1

    def leave(self, slot: int) -> None:
        self._counts[slot] -= 1

    def total(self, slot: int) -> int:
        return self._counts[slot]


class Replica:
    """See the module. `calls` is None where nobody asks how many there are."""

    __slots__ = ("at", "base_url", "calls", "heads", "pool", "rests_until", "slot")

    def __init__(self, slot: int, base_url: str, at: Address, pool: Pool, calls: Calls | None) -> None:
        self.slot, self.base_url, self.at, self.pool, self.calls = slot, base_url, at, pool, calls
        self.heads: dict[tuple[Operation, bool, int], bytes] = {}
        """Heads of requests, made once."""
        self.rests_until = 0.0

    def enter(self) -> None:
        """A call is with it, or waits for a connection to it."""
        if self.calls is not None:
            self.calls.enter(self.slot)

    def leave(self) -> None:
        """That call is over."""
        if self.calls is not None:
            self.calls.leave(self.slot)

    def rest(self, timer: Timer) -> None:
        """It refused a connection."""
        self.rests_until = timer.now() + REST_S


def least_busy(replicas: Iterable[Replica], now: float) -> Replica:
    """The one with the fewest calls; those that rest come last. Of several equal ones the first."""
    return min(replicas, key=lambda one: (one.rests_until > now, one.calls.total(one.slot) if one.calls is not None else 0))
