"""What goes over the wire in answer to one request, piece by piece and with its timing, before any of it goes.

A fault is a function from tape to tape, so every way of failing is plain data that a test can read without a socket.
What must not live here: sockets, clocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

import msgspec

__all__ = ["Ending", "Piece", "Tape", "json_tape", "refusal", "stream_tape"]

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Ending(Enum):
    """How a connection is left after the last piece."""

    WHOLE = "whole"
    """The message is complete; the connection may be kept."""
    CLOSE = "close"
    """The connection is closed in good order, whatever was promised."""
    RESET = "reset"
    """The connection is reset (RST)."""
    HANG = "hang"
    """Nothing more comes, until the client leaves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a body, and how many seconds after the piece before they go."""

    after_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Tape:
    """One answer. `length` is the declared content-length; without it the body goes in chunks."""

    status: int
    headers: Mapping[str, str]
    pieces: tuple[Piece, ...]
    length: int | None
    head_after_s: float = 0.0
    sends_head: bool = True
    ending: Ending = Ending.WHOLE
    faults: tuple[str, ...] = field(default=())
    """Names of the faults that made it what it is, for the counts."""

    def slowed(self, factor: float) -> "Tape":
        """The same answer, `factor` times as slow."""
        pieces = tuple(Piece(piece.after_s * factor, piece.data) for piece in self.pieces)
        return replace(self, head_after_s=self.head_after_s * factor, pieces=pieces)

    def halves(self) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        """The pieces until the middle, and the rest; neither is empty unless the body has fewer than two bytes."""
        if len(self.pieces) > 1:
            middle = len(self.pieces) // 2
            return self.pieces[:middle], self.pieces[middle:]
        if not self.pieces:
            return (), ()
        (only,) = self.pieces
        middle = len(only.data) // 2
        return (Piece(only.after_s, only.data[:middle]),), (Piece(0.0, only.data[middle:]),)


def json_tape(status: int, value: Mapping[str, Any] | bytes, *, headers: Mapping[str, str] | None = None, after_s: float = 0.0) -> Tape:
    """A JSON body that comes whole, `after_s` seconds from now."""
    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Tape(status, {"content-type": "application/json", **(headers or {})}, (Piece(0.0, data),), len(data), head_after_s=after_s)


def stream_tape(frames: list[bytes], delays_s: list[float], *, headers: Mapping[str, str] | None = None) -> Tape:
    """Server-sent events. The head goes with the first frame, as hosted providers do; `delays_s` has one entry a frame."""
    first, *others = delays_s
    pieces = tuple(Piece(after_s, frame) for after_s, frame in zip([0.0, *others], frames, strict=True))
    return Tape(200, {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}, pieces, None, head_after_s=first)


def refusal(status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> Tape:
    """An error as the dialect writes it."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return json_tape(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, headers=headers)
