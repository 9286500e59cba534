"""Faults of pace and of the connection: slowness, silence, resets, halves, drops, floods, and bytes that are no HTTP.

What must not live here: what is said (`fault_of_stream`); addresses that do not answer at all (a phase that is `closed`, `script`).
"""

import gzip
import zlib
from dataclasses import replace
from typing import Annotated, Final, Literal

from msgspec import Meta

from roteiro.testing.fault_base import Fault, Positive, Scene
from roteiro.testing.tape import Ending, Piece, Tape

__all__ = ["ChunkGarbage", "Gzip", "HalfBody", "Http10", "Huge", "Reset", "Slow", "Stall", "Trickle"]

_After = Annotated[int, Meta(ge=0)] | None
_HUGE_PIECE_BYTES: Final = 64 * 1024
_TRICKLE_PER_S: Final = 20
"""A trickle goes in that many drops a second at most, however fast it is."""
_GZIP: Final = 31
"""zlib's word for the gzip format with the largest window."""


class Slow(Fault, frozen=True, tag="slow"):
    """Everything takes `factor` times as long."""

    factor: Positive = 3.0

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return tape.slowed(self.factor)


class Stall(Fault, frozen=True, tag="stall"):
    """Silence: in place of an answer, after its head, or in its middle (`after` so many frames); for `seconds`, or for good."""

    at: Literal["answer", "first_token", "middle"] = "answer"
    seconds: Positive | None = None
    after: _After = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        front, back = ((), tape.pieces) if self.at != "middle" else tape.halves(self.after)
        if self.seconds is None:
            return replace(tape, pieces=front, sends_head=self.at != "answer", ending=Ending.HANG)
        if self.at == "answer" or not back:
            return replace(tape, head_after_s=tape.head_after_s + self.seconds)
        return replace(tape, pieces=(*front, replace(back[0], after_s=back[0].after_s + self.seconds), *back[1:]))


class Reset(Fault, frozen=True, tag="reset"):
    """The connection is reset before the head, or in the body (`after` so many frames with content, else in the middle)."""

    at: Literal["headers", "body"] = "headers"
    after: _After = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        if self.at == "headers":
            return replace(tape, pieces=(), sends_head=False, ending=Ending.RESET)
        return replace(tape, pieces=tape.halves(self.after)[0], ending=Ending.RESET)


class HalfBody(Fault, frozen=True, tag="half_body"):
    """The connection is closed with half the body sent: less than its content-length, or chunks without the last one."""

    after: _After = None

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return replace(tape, pieces=tape.halves(self.after)[0], ending=Ending.CLOSE)


class Huge(Fault, frozen=True, tag="huge"):
    """A body of `size_bytes`: a well-formed answer that never comes to an end within reason. In chunks, so no length warns of it.

    A stream is one frame that never comes to its end.
    """

    size_bytes: Annotated[int, Meta(ge=1, le=8 * 1024**3)] = 256 * 1024 * 1024

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        opening = b'{"id":"chatcmpl-huge","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"'
        block = Piece(0.0, b"mar " * (_HUGE_PIECE_BYTES // 4))
        blocks = (block,) * -(-self.size_bytes // _HUGE_PIECE_BYTES)
        closing = Piece(0.0, b'"},"finish_reason":"stop"}]}')
        if tape.is_stream:
            return replace(tape, pieces=(Piece(0.0, b"data: " + opening), *blocks))
        pieces = (Piece(0.0, opening), *blocks, closing)
        return Tape(200, {"content-type": "application/json"}, pieces, None, head_after_s=tape.head_after_s)


class Trickle(Fault, frozen=True, tag="trickle"):
    """The body comes in drops, `bytes_per_s` on average, never silent for long and never done."""

    bytes_per_s: Positive = 40.0

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        drop = max(1, round(self.bytes_per_s / _TRICKLE_PER_S))
        drops = tuple(
            Piece(len(piece.data[start : start + drop]) / self.bytes_per_s, piece.data[start : start + drop])
            for piece in tape.pieces
            for start in range(0, len(piece.data), drop)
        )
        return replace(tape, pieces=drops)


class Gzip(Fault, frozen=True, tag="gzip"):
    """The body is compressed, though nobody asked for it."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        headers = {**tape.headers, "content-encoding": "gzip"}
        if tape.length is not None:
            body = gzip.compress(b"".join(piece.data for piece in tape.pieces), mtime=0)
            return replace(tape, headers=headers, pieces=(Piece(0.0, body),), length=len(body))
        squeeze = zlib.compressobj(wbits=_GZIP)
        pieces = [replace(piece, data=squeeze.compress(piece.data) + squeeze.flush(zlib.Z_SYNC_FLUSH)) for piece in tape.pieces]
        return replace(tape, headers=headers, pieces=(*pieces, Piece(0.0, squeeze.flush())))


class Http10(Fault, frozen=True, tag="http10"):
    """An answer as HTTP/1.0 gave it: no length, no chunks; the end of the connection is the end of the body."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        return replace(tape, version="1.0", length=None)


class ChunkGarbage(Fault, frozen=True, tag="chunk_garbage"):
    """The head promises chunks, and what follows is none: at once, or in the middle of a stream."""

    def apply(self, tape: Tape, scene: Scene) -> Tape:
        front = tape.halves()[0] if tape.is_stream else ()
        chunks = tuple(replace(piece, data=b"%x\r\n%b\r\n" % (len(piece.data), piece.data)) for piece in front)
        return replace(tape, pieces=(*chunks, Piece(0.0, b"zz;this is no chunk\r\n\r\n")), length=None, raw=True, ending=Ending.CLOSE)
