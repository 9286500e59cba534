"""What goes over the wire in answer to one request, piece by piece and with its timing, before any of it goes.

A fault is a function from tape to tape, so every way of failing is plain data that a test can read without a socket.
What must not live here: sockets, clocks, dialects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from typing import Any, NamedTuple

import msgspec

__all__ = ["Ending", "Frame", "FrameKind", "Piece", "Tape", "json_tape", "stream_tape"]


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


class FrameKind(StrEnum):
    """What a frame of a stream carries, for faults that leave one kind out."""

    START = "start"
    CONTENT = "content"
    FINISH = "finish"
    USAGE = "usage"
    DONE = "done"


class Frame(NamedTuple):
    """One server-sent event. `word`: it carries a token, so it comes at a token's pace."""

    kind: FrameKind
    data: bytes
    word: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a body, and how many seconds after the piece before they go. `kind`: of the frame that they are, in a stream."""

    after_s: float
    data: bytes
    kind: FrameKind | None = None


@dataclass(frozen=True, slots=True)
class Tape:
    """One answer. `length` is the declared content-length; without it the body goes in chunks.

    `raw`: the pieces go as they are, whatever the head says. `version` 1.0
    with no length: the end of the connection is the end of the body.
    """

    status: int
    headers: Mapping[str, str]
    pieces: tuple[Piece, ...]
    length: int | None
    head_after_s: float = 0.0
    sends_head: bool = True
    ending: Ending = Ending.WHOLE
    version: str = "1.1"
    raw: bool = False
    faults: tuple[str, ...] = field(default=())
    """Names of the faults that made it what it is, for the counts."""

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def in_chunks(self) -> bool:
        """Whether each piece goes as a chunk."""
        return self.length is None and not self.raw and self.version == "1.1"

    def slowed(self, factor: float) -> "Tape":
        """The same answer, `factor` times as slow."""
        pieces = tuple(replace(piece, after_s=piece.after_s * factor) for piece in self.pieces)
        return replace(self, head_after_s=self.head_after_s * factor, pieces=pieces)

    def halves(self, after: int | None = None) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        """The pieces until the middle, and the rest; neither is empty unless the body has fewer than two bytes.

        With `after`, a stream is parted after so many frames with content, or at its end.
        """
        if after is not None and self.is_stream:
            return self._after(after)
        if len(self.pieces) > 1:
            middle = len(self.pieces) // 2
            return self.pieces[:middle], self.pieces[middle:]
        if not self.pieces:
            return (), ()
        (only,) = self.pieces
        middle = len(only.data) // 2
        return (Piece(only.after_s, only.data[:middle]),), (Piece(0.0, only.data[middle:]),)

    def without(self, *kinds: FrameKind) -> "Tape":
        """A stream that lacks its frames of these kinds."""
        return replace(self, pieces=tuple(piece for piece in self.pieces if piece.kind not in kinds))

    def _after(self, contents: int) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        seen = 0
        for place, piece in enumerate(self.pieces):
            if seen >= contents and piece.kind is not FrameKind.START:
                return self.pieces[:place], self.pieces[place:]
            seen += piece.kind is FrameKind.CONTENT
        return self.pieces, ()


def json_tape(status: int, value: Mapping[str, Any] | bytes, *, headers: Mapping[str, str] | None = None, after_s: float = 0.0) -> Tape:
    """A JSON body that comes whole, `after_s` seconds from now."""
    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return Tape(status, {"content-type": "application/json", **(headers or {})}, (Piece(0.0, data),), len(data), head_after_s=after_s)


def stream_tape(frames: Sequence[Frame], first_s: float, gaps_s: Sequence[float], *, headers: Mapping[str, str] | None = None) -> Tape:
    """Server-sent events. The head goes with the first frame, as hosted providers do, `first_s` from now.

    Frames that carry no word come with the one before; each further word comes after one of `gaps_s`, which has one entry for each.
    """
    gaps, words = iter(gaps_s), 0
    pieces = []
    for frame in frames:
        words += frame.word
        pieces.append(Piece(next(gaps) if frame.word and words > 1 else 0.0, frame.data, frame.kind))
    return Tape(200, {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}, tuple(pieces), None, head_after_s=first_s)
