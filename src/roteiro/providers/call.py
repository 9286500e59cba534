"""One call of a provider: a request on a pooled connection, its deadlines, and what the answer means, told to a listener.

Everything foreign is translated here, once: statuses, headers, broken connections and nonsense become an error class with a word on
the phase. What must not live here: whether to try again.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from roteiro.providers.passage import Passage
from roteiro.providers.pool import Connection
from roteiro.providers.replica import Replica
from roteiro.providers.target import Target
from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import BadAnswerError, Usage
from roteiro.wire.dialect import Relay
from roteiro.wire.failure import classify, provider_message, retry_after_ms

__all__ = ["ANSWER_BYTES", "Call", "Failure", "Listener"]

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Most bytes of an answer that is held whole before it is passed on."""

ERROR_BYTES: Final = 64 * 1024
"""Most bytes of a refusal's body that are read for its meaning."""

GRACE_S: Final = 0.25
"""How long an answer that has its finish reason is waited on for its usage and its closing frame: they come in the same breath or not
at all, and the client has the answer already."""


class Failure:
    """Why a call gave no (whole) answer."""

    __slots__ = ("error_class", "frames", "message", "param", "retry_after_ms", "status", "why")

    def __init__(
        self,
        error_class: ErrorClass,
        why: str,
        status: int = 0,
        retry_after_ms: int | None = None,
        message: str | None = None,
        frames: int = 0,
        param: str | None = None,
    ) -> None:
        self.error_class = error_class
        self.why = why
        """For the log and for tests; says the phase, never a secret or what a user wrote."""
        self.status = status
        """The provider's HTTP status, 0 where none came."""
        self.retry_after_ms = retry_after_ms
        self.message = message
        """What the provider says of the request itself; only where the request is at fault."""
        self.frames = frames
        """Frames of a stream that carried something before it broke."""
        self.param = param
        """The field that the target's dialect cannot say, as the client calls it."""


class Listener(Protocol):
    """Who made a call. Of `answered`, `finished`, `failed` and `stalled` comes exactly one, last."""

    def answered(self, body: bytes, usage: Usage | None) -> None:
        """A whole answer, not streamed."""

    def frames(self, data: bytes) -> None:
        """Whole frames of a stream, to be relayed."""

    def finished(self, usage: Usage | None, frames: int) -> None:
        """The stream is whole. `frames` counts those that carried something."""

    def failed(self, failure: Failure) -> None:
        """There will be no (more) answer."""

    def stalled(self, usage: Usage) -> None:
        """The client did not read for so long that the call's time is over; the provider is not to blame."""


class Call:
    """One attempt at one target; see `Listener` for what comes of it. A `Receiver` of the pool's.

    `until` is the caller's own deadline on the timer's clock, beside the target's timeouts; `extra`, whole header lines.
    """

    __slots__ = (
        "_body_bytes", "_connection", "_credential", "_end", "_extra", "_headers", "_listener", "_parts", "_passage", "_paused",
        "_reader", "_replica", "_status", "_target", "due",
    )  # fmt: skip

    def __init__(self, target: Target, passage: Passage, listener: Listener, until: float, credential: int = 0, extra: bytes = b"") -> None:
        self._target, self._passage = target, passage
        self._credential, self._extra = credential, extra
        self._listener: Listener | None = listener
        self._connection: Connection | None = None
        self._replica: Replica | None = None
        self._reader: Relay | None = None
        self._parts: list[bytes] = []
        self._headers: Mapping[bytes, bytes] = {}
        self._body_bytes = self._status = 0
        self._paused = False
        self._end = until
        self.due = until

    @property
    def passage(self) -> Passage:
        """The way there and back."""
        return self._passage

    def start(self) -> None:
        """Asks for a connection and sends; the answer, or that there is none, comes to the listener, maybe before this returns."""
        timer, edge = self._target.timer, self._target.edge
        now = timer.now()
        end, due = now + edge.attempt_s, now + edge.connect_s
        if end < self._end:
            self._end = end
        self.due = min(self._end, due)
        timer.watch(self)
        replica = self._target.choose()
        if replica is None:
            self._fail(ErrorClass.CONNECTION, "the plan gives the provider no address")
        else:
            self._ask(replica)

    def cancel(self) -> Usage:
        """Nobody wants the answer: drops the connection, so that the provider may stop → what was used, as far as one can tell."""
        connection, reader = self._connection, self._reader
        self._release()
        if connection is None:
            return Usage(0, 0, 0, 0)
        connection.abort()
        if reader is not None and reader.usage is not None:
            return reader.usage
        return Usage(self._passage.ask.input_tokens, 0, reader.frames if reader is not None else 0, 0)

    def pause(self) -> None:
        """The client is slow: the provider must wait, and is not to blame for it. Before there is a connection, too."""
        if not self._paused:
            self._paused = True
            if self._connection is not None:
                self.due = self._end
                self._connection.pause()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._connection is not None:
                if self._status:
                    self._progress()
                else:
                    self._expect()
                self._connection.resume()

    def late(self) -> None:
        """The timer's word that `due` has passed."""
        listener, reader = self._listener, self._reader
        if reader is not None and reader.whole and listener is not None:  # only the closing frame is missing, and the patience is over
            connection = self._connection
            self._finish(listener, reader)
            if connection is not None:
                connection.abort()
        elif self._paused and self._connection is not None and listener is not None:
            listener.stalled(self.cancel())
        elif self._connection is None:
            self._fail(ErrorClass.CONNECTION, "no connection in time")
        else:
            self._fail(ErrorClass.TIMEOUT, "no answer in time" if not self._status else "the answer stopped coming", self._status)

    # the pool's Receiver

    def connected(self, connection: Connection) -> None:
        target, ask, body = self._target, self._passage.ask, self._passage.body
        assert self._replica is not None
        self._connection = connection
        self._expect()
        head = target.head(self._passage.operation, ask.stream, self._credential, self._replica)
        connection.send(self, b"%b%d\r\n%b%b\r\n" % (head, len(body), self._passage.head, self._extra), body)
        if self._paused:
            self.due = self._end
            connection.pause()

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self._status = status
        if status != 200:
            self._headers = {name.lower(): value for name, value in headers.items()}
        elif self._passage.ask.stream:
            kind = _header(headers, b"Content-Type") or b""
            if kind.lower().startswith(b"application/json"):
                self._headers = headers  # no stream: an error in an answer's clothes, maybe; it is read whole
            elif kind.lower().startswith(b"text/event-stream"):
                self._reader = self._passage.stream(int(self._target.timer.unix()))
            else:
                self._fail(ErrorClass.PROTOCOL, "an answer that is no event stream", status)

    def body(self, data: bytes) -> None:
        if self._reader is not None:
            self._relay(self._reader, data)
            return
        self._body_bytes += len(data)
        if self._body_bytes > (ANSWER_BYTES if self._status == 200 else ERROR_BYTES):
            if self._status == 200:
                self._fail(ErrorClass.PROTOCOL, f"an answer of more than {ANSWER_BYTES} bytes", 200)
            else:
                self._refused(drop=True)
            return
        if self._parts:
            self._progress()
        self._parts.append(data)

    def complete(self) -> None:
        self._connection = None  # back in the pool
        listener, reader = self._listener, self._reader
        if listener is None:
            return
        if self._status != 200:
            self._refused()
        elif reader is not None:
            if reader.whole:
                self._finish(listener, reader)
            else:
                self._fail(ErrorClass.PROTOCOL, "the stream ended before the answer did", 200)
        else:
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            try:
                body, usage = self._passage.whole(body, int(self._target.timer.unix()))
            except BadAnswerError as error:
                self._bad(error)
                return
            if self._passage.ask.stream:
                self._fail(ErrorClass.PROTOCOL, "an answer that is no event stream", 200)
                return
            self._release()
            listener.answered(body, usage)

    def failed(self, error_class: ErrorClass, why: str) -> None:
        if self._connection is None and self._replica is not None and self._listener is not None:  # nothing was sent
            replica = self._target.another(self._replica)
            if replica is not None:
                self._replica.leave()
                self._ask(replica)
                return
        self._connection = None
        reader, listener = self._reader, self._listener
        if reader is not None and reader.whole and listener is not None:  # the answer was whole; only HTTP's own end is missing
            self._finish(listener, reader)
        else:
            self._fail(error_class, why, self._status)

    def _ask(self, replica: Replica) -> None:
        self._replica = replica
        replica.enter()
        replica.pool.take(self)

    def _relay(self, reader: Relay, data: bytes) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            frames = reader.feed(data)
        except BadAnswerError as error:
            self._bad(error)
            return
        if frames:
            if not self._paused:
                self._progress()
            listener.frames(frames)
        if not reader.finished and not reader.done:
            return
        if self._listener is None:  # the client left meanwhile
            return
        if reader.done or (reader.whole and reader.usage is not None):
            if not reader.whole:
                self._fail(ErrorClass.PROTOCOL, "the stream ended without an answer or without a finish reason", 200)
                return
            if self._connection is not None:
                if self._paused:
                    self._connection.resume()
                self._connection.leave()
            self._finish(listener, reader)
        else:
            self.due = min(self._end, self._target.timer.now() + GRACE_S)

    def _finish(self, listener: Listener, reader: Relay) -> None:
        self._release()
        closing = reader.close()
        if closing:
            listener.frames(closing)
        listener.finished(reader.usage, reader.frames)

    def _expect(self) -> None:
        """The head of an answer that is not streamed comes when the answer is done, so only the attempt's end bounds it."""
        target = self._target
        self.due = min(self._end, target.timer.now() + target.edge.first_token_s) if self._passage.ask.stream else self._end

    def _progress(self) -> None:
        self.due = min(self._end, self._target.timer.now() + self._target.edge.idle_s)

    def _refused(self, drop: bool = False) -> None:
        status, body = self._status, b"".join(self._parts)
        error_class = classify(status, body)
        wait = retry_after_ms(self._headers, self._target.timer.unix(), body)
        message = None
        if error_class in (ErrorClass.BAD_REQUEST, ErrorClass.CONTENT, ErrorClass.CONTEXT):
            message = provider_message(body)
            if message:
                message = self._target.clean(message)
        self._end_with(Failure(error_class, f"status {status}", status, wait, message), drop)

    def _bad(self, error: BadAnswerError) -> None:
        """An answer that is none. What a filter refused is told to the client; what else a provider says is not."""
        reader, message = self._reader, self._target.clean(str(error)) if error.error_class == ErrorClass.CONTENT else None
        frames = 0 if reader is None else reader.frames
        self._end_with(Failure(error.error_class, str(error), 200, message=message, frames=frames), drop=True)

    def _fail(self, error_class: ErrorClass, why: str, status: int = 0) -> None:
        reader = self._reader
        self._end_with(Failure(error_class, why, status, frames=0 if reader is None else reader.frames), drop=True)

    def _end_with(self, failure: Failure, drop: bool) -> None:
        connection, listener = self._connection, self._listener
        self._release()
        if drop and connection is not None:
            connection.abort()
        if listener is not None:
            listener.failed(failure)

    def _release(self) -> None:
        """After this nothing comes to the listener any more."""
        if self._listener is not None:
            self._listener = None
            self._target.timer.forget(self)
            if self._replica is not None:
                self._replica.leave()
                if self._connection is None:
                    self._replica.pool.withdraw(self)
        self._connection = None


def _header(headers: Mapping[bytes, bytes], name: bytes) -> bytes | None:
    """A header by its name in the usual capitals, however the provider wrote it."""
    value = headers.get(name)
    if value is None:
        value = headers.get(name.lower())
    if value is None:
        lower = name.lower()
        value = next((v for n, v in headers.items() if n.lower() == lower), None)
    return value
