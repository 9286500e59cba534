"""A worker's share of what is looked at: answers are handed to the examiner as they end, and no request ever waits for that.

Which requests: `quality.sampling`, by the request's number. What is handed over goes through a socket of whole messages between this
machine's processes: where it is full, or the examiner is away, the sample is dropped and counted. Texts are in memory alone, here, on the
way and there. What must not live here: looking at answers.
"""

import contextlib
import math
import socket
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from roteiro.gateway.exchange import Client, Exchange, Origin
from roteiro.gateway.refusal import Refusal
from roteiro.providers.passage import Passage, Translated
from roteiro.quality.sampling import bound_of, place_of
from roteiro.terms.codes import Operation
from roteiro.terms.edge import Edge
from roteiro.wire.canon import BadAnswerError, Usage
from roteiro.wire.dialect import Ask

__all__ = ["Sample", "Sampler", "channel"]


class Sample(Struct, array_like=True):
    """One answer that is to be looked at, with its request."""

    request: int
    key: int
    route: int
    workload: int
    operation: int
    stream: bool
    target: str
    """Name of the provider that gave it, quoted as in the answer's headers."""
    logprob: float
    """Mean log-probability as the provider told it, where the client's dialect has no word for it; else NaN."""
    asked: bytes
    answered: bytes
    worker: int
    dropped: int
    """Samples that this process could not hand over until now, and those that were too long."""
    too_long: int


_encode: Final = msgspec.msgpack.Encoder().encode
_json: Final = msgspec.json.Encoder().encode
_TARGET: Final = b"x-roteiro-target: "
ROOM: Final = 4 * 1024 * 1024
"""Bytes that the channel may hold, as far as the system allows."""


def channel() -> tuple[socket.socket, socket.socket]:
    """(end of the workers, end of the examiner), inheritable; all workers share theirs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    ours.setblocking(False)
    return ours, theirs


class Sampler:
    """One worker's."""

    def __init__(self, edge: Edge, end: socket.socket, worker: int, workload_of_key: Callable[[int], int]) -> None:
        """`end` is the workers' end of the channel; `workload_of_key` tells the workload of requests that name none."""
        self._end, self._worker, self._workload_of_key = end, worker, workload_of_key
        self._dropped = self._too_long = 0
        self.adopt(edge)

    def adopt(self, edge: Edge) -> bool:
        """Takes a new plan's edge. Whether any answer is looked at."""
        self._wanted = wanted = edge.observe
        self._embed = frozenset(index for index, route in enumerate(edge.routes) if route.kind == "embedding")
        self._most_bytes = wanted.most_bytes
        self._most = bound_of(max(wanted.share, wanted.judge, *wanted.routes.values(), *wanted.workloads.values(), 0.0))
        return wanted.any

    def takes(self, number: int, key: int, route: int, workload: int) -> bool:
        """Whether a request is one of those. Most are not, and are told so in 0.1 µs."""
        place = place_of(number)
        if place >= self._most or route in self._embed:
            return False
        own = workload if workload >= 0 else self._workload_of_key(key)
        return place < bound_of(max(self._wanted.share_of(route, own), self._wanted.judge))

    def watch(
        self, number: int, exchange: Exchange, client: Client, origin: Origin | None, key: int, route: int, workload: int
    ) -> "Watched":
        """What stands between an exchange and its client from now on, and hears its end."""
        own = workload if workload >= 0 else self._workload_of_key(key)
        return Watched(self, exchange, client, origin, (number, key, route, own), self._most_bytes)

    def hand_over(self, whose: tuple[int, int, int, int], ask: Ask, headers: bytes, logprob: float, said: bytes) -> None:
        """Never waits and never raises."""
        asked = _json(ask.fields)
        if len(asked) + len(said) > self._most_bytes:
            self._too_long += 1
            return
        sample = Sample(
            *whose, int(ask.operation), ask.stream, _target_in(headers), logprob, asked, said,
            self._worker, self._dropped, self._too_long,
        )  # fmt: skip
        try:
            self._end.send(_encode(sample))
        except OSError:  # full, or nobody there
            self._dropped += 1

    def close(self) -> None:
        """Lets go of the channel."""
        with contextlib.suppress(OSError):
            self._end.close()

    def too_long(self) -> None:
        """An answer is longer than what is looked at."""
        self._too_long += 1


class Watched:
    """A `Client` and an `Origin` that hands everything on, and remembers what was said."""

    __slots__ = ("_client", "_exchange", "_headers", "_origin", "_room", "_said", "_sampler", "_tried", "_whose")

    def __init__(
        self, sampler: Sampler, exchange: Exchange, client: Client, origin: Origin | None, whose: tuple[int, int, int, int], room: int
    ) -> None:
        self._sampler, self._exchange, self._client, self._origin = sampler, exchange, client, origin
        self._whose, self._room = whose, room
        self._headers, self._tried = b"", 0
        self._said: list[bytes] | None = []
        """Frames of a stream; None once it is not to be looked at any more."""

    # the client

    def answer(self, headers: bytes, body: bytes) -> None:
        self._headers = headers
        self._client.answer(headers, body)

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        self._said = None
        self._client.refuse(refusal, headers)

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        self._headers, self._tried = headers, len(self._exchange.tried)
        self._keep(frames)
        self._client.open_stream(headers, frames)

    def relay(self, frames: bytes) -> None:
        self._keep(frames)
        self._client.relay(frames)

    def end_stream(self, frames: bytes, broken: bool) -> None:
        if broken or len(self._exchange.tried) != self._tried:  # two providers' answer is nobody's
            self._said = None
        elif frames:
            self._keep(frames)
        self._client.end_stream(frames, broken)

    def drop(self) -> None:
        self._said = None
        self._client.drop()

    # the origin

    def served(self) -> None:
        if self._origin is not None:
            self._origin.served()

    def answered(self, passage: Passage, body: bytes | None, usage: Usage | None) -> None:
        """As `Origin`; what stood here before is told first."""
        if self._origin is not None:
            self._origin.answered(passage, body, usage)
        said, logprob = self._said, math.nan
        if said is None:
            return
        if body is not None and isinstance(passage, Translated) and passage.operation != Operation.EMBEDDINGS:
            logprob = _logprob_of(passage, body)
        self._sampler.hand_over(self._whose, self._exchange.ask, self._headers, logprob, b"".join(said) if body is None else body)

    def rejected(self, reason: int, refusal: Refusal) -> bool:
        self._said = None
        return self._origin is not None and self._origin.rejected(reason, refusal)

    def _keep(self, frames: bytes) -> None:
        said = self._said
        if said is not None:
            self._room -= len(frames)
            if self._room < 0:
                self._said = None
                self._sampler.too_long()
            else:
                said.append(frames)


def _logprob_of(passage: Translated, body: bytes) -> float:
    """What a provider tells of the whole answer alone, as Gemini does."""
    try:
        choices = passage.canonical(body).choices
    except BadAnswerError:
        return math.nan
    told = choices[0].mean_logprob if choices else None
    return math.nan if told is None else told


def _target_in(headers: bytes) -> str:
    at = headers.find(_TARGET)
    return "" if at < 0 else headers[at + len(_TARGET) : headers.index(b"\r\n", at)].decode("latin-1")
