"""The second lane of a hedged request: hears its own call, and tells the exchange which lane speaks.

What must not live here: whether and when to hedge (the journey says).
"""

from typing import Protocol

from roteiro.gateway.coalesce import SharedCall
from roteiro.providers.call import Call, Failure
from roteiro.wire.canon import Usage
from roteiro.wire.dialect import Seen

__all__ = ["Hedged", "Rival"]


class Hedged(Protocol):
    """An exchange with two lanes: a `Listener` that is told which."""

    def answered(self, body: bytes, usage: Usage | None, lane: int) -> None:
        """As `Listener`."""

    def frames(self, data: bytes, lane: int) -> None:
        """As `Listener`."""

    def finished(self, usage: Usage | None, frames: int, lane: int) -> None:
        """As `Listener`."""

    def failed(self, failure: Failure, lane: int) -> None:
        """As `Listener`."""

    def stalled(self, usage: Usage, lane: int) -> None:
        """As `Listener`."""


class Rival:
    """A `Listener` of the second call."""

    __slots__ = ("_exchange", "call", "headers", "seen")

    def __init__(self, exchange: Hedged, seen: Seen | None) -> None:
        self._exchange = exchange
        self.call: Call | SharedCall | None = None
        self.headers = b""
        self.seen = seen

    def cancel(self) -> None:
        """The other lane won."""
        if self.call is not None:
            self.call.cancel()

    def answered(self, body: bytes, usage: Usage | None) -> None:
        """As `Listener`."""
        self._exchange.answered(body, usage, 1)

    def frames(self, data: bytes) -> None:
        """As `Listener`."""
        self._exchange.frames(data, 1)

    def finished(self, usage: Usage | None, frames: int) -> None:
        """As `Listener`."""
        self._exchange.finished(usage, frames, 1)

    def failed(self, failure: Failure) -> None:
        """As `Listener`."""
        self._exchange.failed(failure, 1)

    def stalled(self, usage: Usage) -> None:
        """As `Listener`."""
        self._exchange.stalled(usage, 1)
