"""The fast lane: models' answers given by protocol callbacks on uvicorn's own connection, all else by the ordinary application.

One parser reads a connection; each request is hot or plain by its method and path, and answers leave in the order of requests,
whichever kind they are. What must not live here: what a request means, and which provider serves it.
"""

import asyncio
import http
import logging
from collections import deque
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from roteiro.gateway.dispatch import Dispatch, Incoming
from roteiro.gateway.exchange import Exchange
from roteiro.gateway.internal import ON_BEHALF
from roteiro.gateway.prelude import Prelude
from roteiro.gateway.refusal import Refusal, of_request
from roteiro.terms.error import RequestError
from roteiro.wire.dialect import Front
from roteiro.wire.registry import FRONTS

__all__ = ["Lane"]

log = logging.getLogger("roteiro.gateway")

HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a request line and headers."""
URL_BYTES: Final = 32 * 1024
"""Longest address; its parser reads no more than 64 KiB."""
KEEP_ALIVE_S: Final = 75.0
"""An idle connection is closed after this time."""
PIECE_S: Final = 30.0
"""Most seconds between two pieces of a request."""
REQUEST_S: Final = 300.0
"""Most seconds for a whole request to arrive: 32 MiB at 110 KB/s."""
LINGER_S: Final = 2.0
"""How long to go on reading, and forget, after a refusal: closed at once, the system would reset the connection and lose the refusal."""

_STATUS_LINES: Final = {status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in http.HTTPStatus}
_PLAIN: Final = None
_EARLIER: Final = SimpleNamespace(response_complete=False)
"""Stands for a hot answer in flight, so that uvicorn lines a plain request up behind it."""


_DEFAULT_FRONT: Final = FRONTS[b"/v1/chat/completions"]
_NAME: Final = b"x-request-id: "


class _Request(NamedTuple):
    """A hot request in line: whole, or at fault."""

    incoming: Incoming
    keep_alive: bool
    chunks: bool
    """Whether the client understands chunks (HTTP/1.1)."""
    fault: RequestError | None = None


class Lane(HttpToolsProtocol):
    """One client connection. A `Client` of the exchange that is in flight on it."""

    def __init__(
        self,
        dispatch: Dispatch,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._named: dict[bytes, bytes] = {}
        # Straight into C, no Python call for a header; of a name given twice the last counts.
        self.on_header = self._named.__setitem__  # type: ignore[method-assign, assignment]
        super().__init__(config, server_state, app_state, _loop)
        self._dispatch = dispatch
        self._exchange: Exchange | Prelude | None = None
        self._line: deque[_Request | None] = deque()  # what is to be answered next; None for a plain request
        self._busy = False  # an answer is in flight
        self._closing = False  # the server drains: this answer is the last
        self._deaf = False  # what comes is read and forgotten
        self._keep_alive = self._chunks = True  # of the request in flight
        self._names_twice = False  # the client of that request looks for its name in `request-id`, without the x
        self._front: Front | None = None  # of the request that arrives; None for a plain one
        self._chunked = self._wants_more = True
        self._in_head = True
        self._in_message = False
        self._arriving = False  # in more pieces than one
        self._owes_continue = self._expects = False
        self._heads = self._heads_seen = self._head_bytes = self._size = 0
        self._parts: list[bytes] = []
        self._key = self._workload = -1
        self._told: dict[bytes, bytes] = {}
        self._fault: RequestError | None = None
        self._begun_at = self._heard_at = dispatch.sweep.now()
        self._unread = 0  # bytes that the client had not taken at the last look

    # asyncio's callbacks

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        from_head, heads, size = self._in_head, self._heads, self._size
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, RequestError):
                raise error.__context__ or error from None  # ours: the loop logs it and drops the connection
            self._turn_away(error.__context__)
        except httptools.HttpParserError as error:
            self._turn_away(RequestError(400, "invalid_http", f"not a valid HTTP request: {error}"))
        except httptools.HttpParserUpgrade:
            if self._front is not None:  # its body was not read as one; a plain request goes on without
                self._line.pop()
                self._turn_away(RequestError(400, "upgrade_refused", "this server speaks HTTP/1.1 only; leave out the Upgrade header"))
        if self._in_message:
            idle_bytes = heads == self._heads and (from_head or (self._front is not None and size == self._size))
            self._watch_arrival(len(data) if idle_bytes else 0)
        if self._line:
            if not self._busy and not self.flow.write_paused:
                self._next()
            if self._line:
                self.flow.pause_reading()  # bounds what one connection can line up

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._line.clear()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.gone()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._exchange is not None:
            self._exchange.resume()
        elif not self._busy:
            self._next_if_any()

    # uvicorn's

    def shutdown(self) -> None:
        """The server drains: what is in flight is answered, and the connection closes after it."""
        self._closing = True
        if self._busy and self._exchange is None:
            super().shutdown()
        elif not self._busy and not self._in_message:
            self._dispatch.outbox.flush()
            self.transport.close()

    def on_response_complete(self) -> None:
        """A plain answer is complete."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self._finish()

    # llhttp's callbacks

    def on_message_begin(self) -> None:
        self.url = b""
        self._named.clear()
        self._in_message, self._arriving = True, False

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._heads += 1
        self._head_bytes = 0
        self._front = self._front_of(self.url)
        if self._front is not None:
            self._begin_hot({name.lower(): value for name, value in self._named.items()})
        else:
            self._begin_plain()

    def on_body(self, body: bytes) -> None:
        if self._front is None:
            super().on_body(body)
            return
        self._size += len(body)
        if self._size <= self._dispatch.edge.body_bytes:
            self._parts.append(body)
        elif self._fault is None or self._fault.status != 413:
            self._parts.clear()
            self._fault = self._too_large()

    def on_message_complete(self) -> None:
        self._in_head, self._in_message = True, False
        if self._front is None:
            super().on_message_complete()
            return
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        incoming = Incoming(self._front, self.url, self._told, self._key, self._workload, body)
        self._line.append(_Request(incoming, self._wants_more, self._chunked, self._fault))

    # the Client of an exchange

    def answer(self, headers: bytes, body: bytes) -> None:
        self._write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%b%bcontent-length: %d\r\n%b\r\n%b"
            % (self._dispatch.date, self._named_for(headers), len(body), self._connection(), body)
        )
        self._finish()

    def refuse(self, refusal: Refusal, headers: bytes) -> None:
        line = _STATUS_LINES.get(refusal.status) or b"HTTP/1.1 %d \r\n" % refusal.status
        self._write(
            b"%bcontent-type: application/json\r\n%b%b%bcontent-length: %d\r\n%b\r\n%b"
            % (line, self._dispatch.date, self._named_for(headers), refusal.headers, len(refusal.body), self._connection(), refusal.body)
        )
        self._finish()

    def open_stream(self, headers: bytes, frames: bytes) -> None:
        if self._chunks:
            form, first = b"transfer-encoding: chunked\r\n", b"%x\r\n%b\r\n" % (len(frames), frames)
        else:
            self._keep_alive = False
            form, first = b"", frames
        self._write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n%b%b%b%b\r\n%b"
            % (self._dispatch.date, self._named_for(headers), form, self._connection(), first)
        )

    def relay(self, frames: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(frames), frames) if self._chunks else frames)

    def end_stream(self, frames: bytes, broken: bool) -> None:
        if frames:
            self.relay(frames)
        if self._chunks:
            self._write(b"0\r\n\r\n")
        if broken:
            self._keep_alive = False
        self._finish()

    def drop(self) -> None:
        self._exchange = None
        self.transport.abort()

    # the worker's

    def cut_off(self) -> None:
        """The worker ends: what is in flight is settled now, as if the client had left."""
        self._deaf = True
        self._line.clear()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.gone()
        self.transport.abort()

    def tidy(self, now: float) -> None:
        """Looks at the connection's patience; to be called about once a second."""
        if self._busy:
            self._heard_at = now
        elif self.flow.write_paused:  # nothing else is begun before the client has taken what was written
            unread = self.transport.get_write_buffer_size()
            if unread != self._unread:
                self._unread, self._heard_at = unread, now
            elif now - self._heard_at > KEEP_ALIVE_S:
                self.transport.abort()
        elif self._deaf:
            if now - self._heard_at > LINGER_S:
                self.transport.abort()
        elif self._in_message:
            if now - self._heard_at > PIECE_S or now - self._begun_at > REQUEST_S:
                self._turn_away(RequestError(408, "request_timeout", "the request did not arrive in time"))
                self._next()
        elif self._heads != self._heads_seen:  # served since the last look
            self._heads_seen, self._heard_at = self._heads, now
        elif now - self._heard_at > KEEP_ALIVE_S:
            self.transport.close()

    # what arrives

    def _front_of(self, url: bytes) -> Front | None:
        """The dialect that a hot request speaks."""
        front = FRONTS.get(url)
        if front is None and b"?" in url:
            front = FRONTS.get(url.partition(b"?")[0])
        return front if front is not None and self.parser.get_method() == b"POST" else None

    def _begin_hot(self, headers: dict[bytes, bytes]) -> None:
        self._size = 0
        self._fault = None
        self._workload = -1
        persistent = self.parser.should_keep_alive()
        # A client of HTTP/1.0 is persistent only by its word; to ask the parser for the version costs more than all the rest here.
        self._chunked = (persistent and b"connection" not in headers) or self.parser.get_http_version() == "1.1"
        self._wants_more = persistent and self._chunked
        self._told = headers
        dispatch = self._dispatch
        try:
            if ON_BEHALF in headers:
                self._key = dispatch.key_within(headers, self.transport)
            else:
                self._key = dispatch.key_of(headers.get(b"authorization"), headers.get(b"x-api-key"))
            name = headers.get(b"x-roteiro-workload")
            if name is not None:
                self._workload = dispatch.workload_of(name, self._key)
        except RequestError as error:
            self._fault = error
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            self._fault = RequestError(415, "unsupported_encoding", "send the body as it is, without Content-Encoding", "content-encoding")
        if int(headers.get(b"content-length", b"0")) > dispatch.edge.body_bytes:
            self._fault = self._too_large()
        self._expects = headers.get(b"expect", b"").lower() == b"100-continue"
        if self._expects and self._fault is None:
            self._owes_continue = True
            if not self._busy and not self._line:
                self._continue()

    def _begin_plain(self) -> None:
        """Hands the head to uvicorn, in line if an answer is in flight. Raises RequestError where its address is none."""
        if len(self.url) > URL_BYTES:
            raise RequestError(414, "uri_too_long", f"the address is more than {URL_BYTES} bytes")
        try:
            httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            raise RequestError(400, "invalid_http", "not a valid HTTP request: the address is none") from None
        url, headers = self.url, [(name.lower(), value) for name, value in self._named.items()]
        super().on_message_begin()
        self.url = url
        self.scope["headers"] = self.headers = headers
        self.expect_100_continue = any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
        if self._busy or self._line:
            if self.cycle is None or self.cycle.response_complete:
                self.cycle = _EARLIER  # type: ignore[assignment]
            self._line.append(_PLAIN)
        else:
            self._busy = self._keep_alive = True
        super().on_headers_complete()

    def _watch_arrival(self, idle_bytes: int) -> None:
        """Bounds a request that does not arrive at once: here what it says beside its body (head, trailers), its time in `tidy`."""
        self._heard_at = self._dispatch.sweep.now()
        if not self._arriving:
            self._arriving, self._begun_at = True, self._heard_at
        self._head_bytes += idle_bytes
        if self._head_bytes > HEAD_BYTES:
            self._turn_away(RequestError(431, "headers_too_large", f"the headers are more than {HEAD_BYTES} bytes"))
        elif not self._in_head and self._front is not None and self._fault is not None:
            if self._expects or self._size > HEAD_BYTES or self._fault.status == 413:
                self._turn_away(self._fault)  # for the sake of a body that nobody will read

    def _turn_away(self, fault: RequestError) -> None:
        """Refuses what arrives, in its turn, and hears no more."""
        self._deaf, self._in_message = True, False
        self._parts.clear()
        incoming = Incoming(self._front or _DEFAULT_FRONT, self.url, {}, -1, -1, b"")
        self._line.append(_Request(incoming, False, True, fault))

    def _too_large(self) -> RequestError:
        bound = self._dispatch.edge.body_bytes
        return RequestError(413, "request_too_large", f"the body is more than {bound} bytes")

    def _continue(self) -> None:
        self._owes_continue = False
        self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # what leaves

    def _next(self) -> None:
        """Serves the next in line."""
        request = self._line.popleft()
        self._busy = True
        if request is None:
            self._keep_alive = True
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._keep_alive, self._chunks = request.keep_alive, request.chunks
        incoming, dispatch = request.incoming, self._dispatch
        front = incoming.front
        self._names_twice = front.name == "anthropic"
        try:
            if request.fault is not None:
                raise request.fault
            ask = front.read(incoming.body, incoming.headers)
            route = dispatch.route_of(ask.model, incoming.key, incoming.workload)
            dispatch.check_kind(route, ask)
            if dispatch.is_plain(route, incoming):
                exchange = self._exchange = Exchange(dispatch, self, ask)
                exchange.begin(incoming.key, route, incoming.workload, *dispatch.extras(route, ask, incoming.headers))
            else:
                prelude = self._exchange = Prelude(dispatch, self, incoming, ask, route)
                prelude.start()
        except RequestError as error:
            self.refuse(of_request(error, front), dispatch.refusal_identity())

    def _finish(self) -> None:
        """An answer is complete."""
        self._exchange = None
        self._busy = False
        if not self._keep_alive or self._closing:
            self._hang_up()
        elif self._line:
            self.loop.call_soon(self._next_if_any)  # not nested: a long line of quick answers would be a deep stack
        else:
            self.flow.resume_reading()
            if self._owes_continue:
                self._continue()

    def _next_if_any(self) -> None:
        if self._line and not self._busy and not self.flow.write_paused and not self.transport.is_closing():
            self._next()
            if not self._line:
                self.flow.resume_reading()

    def _hang_up(self) -> None:
        self._line.clear()
        self._dispatch.outbox.flush()
        if self.transport.is_closing():  # the client left before its answer
            return
        if not self._deaf or not self.transport.can_write_eof():
            self.transport.close()
            return
        self._heard_at = self._dispatch.sweep.now()
        self.flow.resume_reading()
        self.transport.write_eof()

    def _named_for(self, headers: bytes) -> bytes:
        """An answer's headers, with the request's name where the dialect's own client looks for it."""
        if not self._names_twice or (at := headers.find(_NAME)) < 0:
            return headers
        return headers + headers[at + 2 : headers.index(b"\r\n", at) + 2]

    def _connection(self) -> bytes:
        return b"" if self._keep_alive and not self._closing else b"connection: close\r\n"

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self._dispatch.outbox.write(self.transport, data)
