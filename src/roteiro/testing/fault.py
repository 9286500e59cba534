"""The ways a provider fails, one class each: what it does to the answer it would have given.

Each is read from JSON or YAML by its name in `fault`, and is drawn for a request with probability `rate`.
What must not live here: when faults hold (`script`), sockets (`connection`).
"""

import math
from dataclasses import replace
from email.utils import formatdate
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from roteiro.testing.tape import Ending, Piece, Tape, json_tape, refusal

__all__ = [
    "AnyFault",
    "CutStream",
    "Fault",
    "HalfBody",
    "Huge",
    "Malformed",
    "Nonsense",
    "Quota",
    "Reset",
    "Slow",
    "Stall",
    "Status",
    "Throttle",
    "Trickle",
    "WrongType",
]

_Share = Annotated[float, Meta(ge=0.0, le=1.0)]
_Positive = Annotated[float, Meta(gt=0.0)]
_HUGE_PIECE_BYTES = 64 * 1024
_TRICKLE_PER_S = 20
"""A trickle goes in that many drops a second at most, however fast it is."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """Base of all faults. `rate` is the share of requests it strikes."""

    rate: _Share = 1.0

    @property
    def name(self) -> str:
        """The word that scripts and counts use."""
        return str(self.__struct_config__.tag)

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        """What becomes of the answer. `unix_s` is the time of day, for headers that carry a date."""
        raise NotImplementedError


class Status(Fault, frozen=True, tag="status"):
    """An error status with an error body."""

    status: Annotated[int, Meta(ge=400, le=599)] = 500

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return refusal(self.status, f"the sandbox's script answers {self.status}")


class Throttle(Fault, frozen=True, tag="throttle"):
    """429, and when to come back in one of the forms that providers use."""

    wait_s: Annotated[float, Meta(ge=0.0)] = 1.0
    form: Literal["seconds", "date", "ms", "reset", "none"] = "seconds"

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return refusal(429, "Rate limit reached. Please try again later.", code="rate_limit_exceeded", headers=self._headers(unix_s))

    def _headers(self, unix_s: float) -> dict[str, str]:
        if self.form == "seconds":
            return {"retry-after": str(math.ceil(self.wait_s))}  # RFC 9110: whole seconds
        if self.form == "date":
            return {"retry-after": formatdate(unix_s + self.wait_s, usegmt=True)}
        if self.form == "ms":
            return {"retry-after-ms": f"{self.wait_s * 1000:.0f}"}
        if self.form == "reset":
            return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{self.wait_s:g}s"}
        return {}


class Quota(Fault, frozen=True, tag="quota"):
    """Requests and tokens a minute that are really counted; what is over them gets 429. `rate` is not heeded: a quota holds for all."""

    requests_per_minute: Annotated[int, Meta(ge=1)] | None = None
    tokens_per_minute: Annotated[int, Meta(ge=1)] | None = None

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return refusal(429, "Rate limit reached: the quota of this minute is used up.", code="rate_limit_exceeded")


class Slow(Fault, frozen=True, tag="slow"):
    """Everything takes `factor` times as long."""

    factor: _Positive = 3.0

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return tape.slowed(self.factor)


class Stall(Fault, frozen=True, tag="stall"):
    """Silence: in place of an answer, after its head, or in its middle; for `seconds`, or until the client leaves."""

    at: Literal["answer", "first_token", "middle"] = "answer"
    seconds: _Positive | None = None

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        front, back = ((), tape.pieces) if self.at != "middle" else tape.halves()
        if self.seconds is None:
            return replace(tape, pieces=front, sends_head=self.at != "answer", ending=Ending.HANG)
        if self.at == "answer" or not back:
            return replace(tape, head_after_s=tape.head_after_s + self.seconds)
        return replace(tape, pieces=(*front, Piece(back[0].after_s + self.seconds, back[0].data), *back[1:]))


class Reset(Fault, frozen=True, tag="reset"):
    """The connection is reset before the head, or in the body."""

    at: Literal["headers", "body"] = "headers"

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        if self.at == "headers":
            return replace(tape, pieces=(), sends_head=False, ending=Ending.RESET)
        return replace(tape, pieces=tape.halves()[0], ending=Ending.RESET)


class HalfBody(Fault, frozen=True, tag="half_body"):
    """The connection is closed with half the body sent: less than its content-length, or chunks without the last one."""

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return replace(tape, pieces=tape.halves()[0], ending=Ending.CLOSE)


class CutStream(Fault, frozen=True, tag="cut_stream"):
    """A stream that ends in good order as HTTP, but without a finish reason and `[DONE]`. A whole body is cut likewise: half a JSON."""

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        front = tape.halves()[0]
        return replace(tape, pieces=front, length=None if tape.length is None else sum(len(piece.data) for piece in front))


class Malformed(Fault, frozen=True, tag="malformed"):
    """A frame in the middle of a stream, or a whole body, that is not JSON."""

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        if tape.length is not None:
            return replace(json_tape(200, b'{"id":"chatcmpl-', headers=tape.headers), head_after_s=tape.head_after_s)
        front, back = tape.halves()
        return replace(tape, pieces=(*front, Piece(0.0, b'data: {"id":"chatcmpl-\n\n'), *back))


class Nonsense(Fault, frozen=True, tag="nonsense"):
    """200, JSON by its type and by its form, and no answer in it."""

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        return replace(json_tape(200, {"ok": True, "choices": "many"}), head_after_s=tape.head_after_s)


class WrongType(Fault, frozen=True, tag="wrong_type"):
    """200 with a web page, as a captive portal or a misplaced proxy answers."""

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        page = b"<!doctype html><title>Sign in</title><p>Please sign in to continue.\n"
        return Tape(200, {"content-type": "text/html; charset=utf-8"}, (Piece(0.0, page),), len(page), head_after_s=tape.head_after_s)


class Huge(Fault, frozen=True, tag="huge"):
    """A body of `size_bytes`: a well-formed answer that never comes to an end within reason. In chunks, so no length warns of it."""

    size_bytes: Annotated[int, Meta(ge=1, le=8 * 1024**3)] = 256 * 1024 * 1024

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        opening = b'{"id":"chatcmpl-huge","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"'
        block = Piece(0.0, b"mar " * (_HUGE_PIECE_BYTES // 4))
        blocks = (block,) * -(-self.size_bytes // _HUGE_PIECE_BYTES)
        closing = Piece(0.0, b'"},"finish_reason":"stop"}]}')
        pieces = (Piece(0.0, opening), *blocks, closing)
        return Tape(200, {"content-type": "application/json"}, pieces, None, head_after_s=tape.head_after_s)


class Trickle(Fault, frozen=True, tag="trickle"):
    """The body comes in drops, `bytes_per_s` on average, never silent for long and never done."""

    bytes_per_s: _Positive = 40.0

    def apply(self, tape: Tape, unix_s: float) -> Tape:
        drop = max(1, round(self.bytes_per_s / _TRICKLE_PER_S))
        drops = tuple(
            Piece(len(piece.data[start : start + drop]) / self.bytes_per_s, piece.data[start : start + drop])
            for piece in tape.pieces
            for start in range(0, len(piece.data), drop)
        )
        return replace(tape, pieces=drops)


AnyFault: TypeAlias = (
    Status | Throttle | Quota | Slow | Stall | Reset | HalfBody | CutStream | Malformed | Nonsense | WrongType | Huge | Trickle
)
"""What a script may name; msgspec reads it by the field `fault`."""
_ = msgspec.json.Decoder(AnyFault)  # two faults of one name would be found here, at import
