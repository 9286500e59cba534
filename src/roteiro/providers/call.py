"""One call of a provider: a request on a pooled connection, its deadlines, and what the answer means, told to a listener.

Everything foreign is translated here, once: statuses, headers, broken connections and nonsense become an error class with a word on
the phase. What must not live here: whether to try again.
"""

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

from roteiro.providers.address import Address
from roteiro.providers.outbox import Write, directly
from roteiro.providers.pool import Connection, Pool, Timer
from roteiro.terms.codes import ErrorClass
from roteiro.terms.edge import EdgeTarget
from roteiro.terms.error import SettingsError
from roteiro.wire.failure import classify, provider_message, retry_after_ms
from roteiro.wire.openai import ChatRequest, write_request
from roteiro.wire.openai_answer import DONE_FRAME, BadAnswerError, StreamReader, Usage, read_answer

__all__ = ["ANSWER_BYTES", "Call", "Failure", "Listener", "Target"]

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Most bytes of an answer that is held whole before it is passed on."""

ERROR_BYTES: Final = 64 * 1024
"""Most bytes of a refusal's body that are read for its meaning."""

FOREVER: Final = float("inf")


class Failure:
    """Why a call gave no (whole) answer."""

    __slots__ = ("error_class", "message", "retry_after_ms", "status", "why")

    def __init__(
        self, error_class: ErrorClass, why: str, status: int = 0, retry_after_ms: int | None = None, message: str | None = None
    ) -> None:
        self.error_class = error_class
        self.why = why
        """For the log and for tests; says the phase, never a secret or what a user wrote."""
        self.status = status
        """The provider's HTTP status, 0 where none came."""
        self.retry_after_ms = retry_after_ms
        self.message = message
        """What the provider says of the request itself; only where the request is at fault."""


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


class Target:
    """A provider target that calls can be made of: its address, key, head of requests and pool."""

    def __init__(
        self, edge: EdgeTarget, environment: Mapping[str, str], timer: Timer, address: Address | None = None, write: Write = directly
    ) -> None:
        """Raises SettingsError where the URL is none, or the environment lacks the key that the plan names."""
        self.edge = edge
        self.timer = timer
        self.name = quote(edge.name, safe="/ ").encode()
        self.secret = "" if edge.key_env is None else environment.get(edge.key_env, "").strip()
        if edge.key_env is not None and (not self.secret or not self.secret.isascii() or not self.secret.isprintable()):
            raise SettingsError(f"provider {edge.name} needs a key: set the environment variable {edge.key_env}")
        self.pool: Pool | None = None
        """None where the plan gives no address: such a target is never in service."""
        if not edge.base_url and address is None:
            return
        at = address or Address(edge.base_url, environment)
        self.pool = Pool(at, timer, connect_s=edge.connect_s, most=edge.connections, write=write)
        authorization = b"authorization: Bearer %b\r\n" % self.secret.encode() if self.secret else b""
        self.head = (
            b"POST %b/chat/completions HTTP/1.1\r\nhost: %b\r\n%b%b"
            b"content-type: application/json\r\nuser-agent: roteiro\r\ncontent-length: "
            % (at.prefix, at.authority, at.extra_headers, authorization)
        )

    def tidy(self) -> None:
        """To be called about once a second."""
        if self.pool is not None:
            self.pool.tidy()

    def close(self) -> None:
        """Ends idle connections; a busy one ends with its answer."""
        if self.pool is not None:
            self.pool.close()


class Call:
    """One attempt at one target; see `Listener` for what comes of it. A `Receiver` of the pool's.

    `until` is the caller's own deadline on the timer's clock, beside the target's timeouts.
    """

    __slots__ = (
        "_body_bytes", "_connection", "_end", "_headers", "_listener", "_parts", "_paused", "_reader", "_request", "_status", "_target",
        "due",
    )  # fmt: skip

    def __init__(self, target: Target, request: ChatRequest, listener: Listener, until: float) -> None:
        self._target, self._request = target, request
        self._listener: Listener | None = listener
        self._connection: Connection | None = None
        self._reader: StreamReader | None = None
        self._parts: list[bytes] = []
        self._headers: Mapping[bytes, bytes] = {}
        self._body_bytes = self._status = 0
        self._paused = False
        self._end = until
        self.due = until

    def start(self) -> None:
        """Asks for a connection and sends; the answer, or that there is none, comes to the listener, maybe before this returns."""
        timer, edge = self._target.timer, self._target.edge
        now = timer.now()
        end, due = now + edge.attempt_s, now + edge.connect_s
        if end < self._end:
            self._end = end
        self.due = min(self._end, due)
        timer.watch(self)
        if self._target.pool is None:
            self._fail(ErrorClass.CONNECTION, "the plan gives the provider no address")
        else:
            self._target.pool.take(self)

    def cancel(self) -> Usage:
        """Nobody wants the answer: drops the connection, so that the provider may stop → what was used, as far as one can tell."""
        connection, reader = self._connection, self._reader
        self._release()
        if connection is None:
            return Usage(0, 0, 0, 0)
        connection.abort()
        if reader is not None and reader.usage is not None:
            return reader.usage
        return Usage(self._request.input_tokens, 0, reader.frames if reader is not None else 0, 0)

    def pause(self) -> None:
        """The client is slow: the provider must wait, and is not to blame for it."""
        if self._connection is not None and not self._paused:
            self._paused = True
            self.due = self._end
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None and self._paused:
            self._paused = False
            self._progress()
            self._connection.resume()

    def late(self) -> None:
        """The timer's word that `due` has passed."""
        listener = self._listener
        if self._paused and listener is not None:
            listener.stalled(self.cancel())
        elif self._connection is None:
            self._fail(ErrorClass.CONNECTION, "no connection in time")
        else:
            self._fail(ErrorClass.TIMEOUT, "no answer in time" if not self._status else "the answer stopped coming", self._status)

    # the pool's Receiver

    def connected(self, connection: Connection) -> None:
        target, request = self._target, self._request
        self._connection = connection
        body = write_request(request, target.edge.model)
        # The head of an answer that is not streamed comes when the answer is done, so only the attempt's end bounds it.
        self.due = min(self._end, target.timer.now() + target.edge.first_token_s) if request.stream else self._end
        connection.send(self, b"%b%d\r\n\r\n" % (target.head, len(body)), body)

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self._status = status
        if status != 200:
            self._headers = {name.lower(): value for name, value in headers.items()}
        elif self._request.stream:
            kind = _header(headers, b"Content-Type") or b""
            if kind.lower().startswith(b"text/event-stream"):
                self._reader = StreamReader(hide_usage=not self._request.client_wants_usage)
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
                usage = read_answer(body)
            except BadAnswerError as error:
                self._fail(error.error_class, str(error), 200)
                return
            self._release()
            listener.answered(body, usage)

    def failed(self, error_class: ErrorClass, why: str) -> None:
        self._connection = None
        reader, listener = self._reader, self._listener
        if reader is not None and reader.whole and listener is not None:  # the answer was whole; only HTTP's own end is missing
            self._finish(listener, reader)
        else:
            self._fail(error_class, why, self._status)

    def _relay(self, reader: StreamReader, data: bytes) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            frames = reader.feed(data)
        except BadAnswerError as error:
            self._fail(error.error_class, str(error), 200)
            return
        if frames:
            if not self._paused:
                self._progress()
            listener.frames(frames)
        if reader.done and self._listener is not None:  # the client left meanwhile where there is none
            if self._connection is not None:
                if self._paused:
                    self._connection.resume()
                self._connection.leave()
            self._finish(listener, reader)

    def _finish(self, listener: Listener, reader: StreamReader) -> None:
        self._release()
        if not reader.done:  # some providers end without the dialect's closing frame
            listener.frames(DONE_FRAME)
        listener.finished(reader.usage, reader.frames)

    def _progress(self) -> None:
        self.due = min(self._end, self._target.timer.now() + self._target.edge.idle_s)

    def _refused(self, drop: bool = False) -> None:
        status, body = self._status, b"".join(self._parts)
        error_class = classify(status, body)
        wait = retry_after_ms(self._headers, self._target.timer.unix())
        message = None
        if error_class in (ErrorClass.BAD_REQUEST, ErrorClass.CONTENT):
            message = provider_message(body)
            if message and self._target.secret:
                message = message.replace(self._target.secret, "…")
        self._end_with(Failure(error_class, f"status {status}", status, wait, message), drop)

    def _fail(self, error_class: ErrorClass, why: str, status: int = 0) -> None:
        self._end_with(Failure(error_class, why, status), drop=True)

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
            if self._connection is None and self._target.pool is not None:
                self._target.pool.withdraw(self)
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
