"""Keep-alive connections to one provider: protocols on httptools, reused newest first, bounded in number and in patience.

A task is made to open a connection, never for a request; a request on an open connection costs one write and the callbacks of
its answer. Whoever sends gives a `Receiver`, and hears of everything there. What must not live here: what an answer means.
"""

import asyncio
import select
from collections import deque
from typing import Final, Protocol, cast

import httptools

from roteiro.providers.address import Address
from roteiro.providers.outbox import Write, directly
from roteiro.terms.codes import ErrorClass

__all__ = ["Connection", "Pool", "Receiver", "Timed", "Timer"]

HEAD_BYTES: Final = 64 * 1024
"""Most bytes that bring nothing of a body: status line and headers, trailers, chunk extensions."""

IDLE_S: Final = 55.0
"""Idle connections are closed before the usual 60 s of servers and load balancers."""

TAIL_S: Final = 5.0
"""How long an answer that needs nothing more may take to end its HTTP message."""


class Timed(Protocol):
    """Something with a deadline."""

    due: float

    def late(self) -> None:
        """The deadline has passed."""


class Timer(Protocol):
    """The one clock of a driver, which looks through all deadlines at once."""

    def now(self) -> float:
        """Seconds on a clock that never runs back."""

    def unix(self) -> float:
        """Seconds since 1970."""

    def watch(self, thing: Timed) -> None:
        """Calls `thing.late()` soon after `thing.due`, which may move meanwhile."""

    def forget(self, thing: Timed) -> None:
        """Stops watching; nothing where it was not watched."""


class Receiver(Protocol):
    """Who sent a request. Of `complete` and `failed` comes exactly one, last."""

    def connected(self, connection: "Connection") -> None:
        """A connection is there: write the request to it."""

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Status and headers, names as they came."""

    def body(self, data: bytes) -> None:
        """A piece of the body."""

    def complete(self) -> None:
        """The answer is whole, as HTTP goes."""

    def failed(self, error_class: ErrorClass, why: str) -> None:
        """There will be no (more) answer."""


class Connection(asyncio.Protocol):
    """One connection; serves one receiver at a time.

    The parser's callbacks only take notes; the receiver is called once the parser is done with a piece, so that a receiver may send
    the next request at once and an answer's stray tail can never be taken for the next one's answer.
    """

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.transport: asyncio.Transport
        self.receiver: Receiver | None = None
        self.idle_since: float | None = None
        """When `Pool.tidy` first saw it out of use; None while it is in use or just came out."""
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._status = 0
        self._head_bytes = 0
        self._head_read = self._ended = self._reusable = False
        self.on_header = self._headers.__setitem__  # straight into C: no Python call for a header or a piece
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    def send(self, receiver: Receiver, head: bytes, body: bytes) -> None:
        """Writes a request. `head` ends with its empty line."""
        self.receiver = receiver
        self._status = self._head_bytes = 0
        self._head_read = self._ended = False
        self._headers.clear()
        write = self.pool.write
        if len(body) < 65536:
            write(self.transport, head + body)
        else:
            write(self.transport, head)
            write(self.transport, body)

    def abort(self) -> None:
        """Drops the connection at once; its receiver hears no more."""
        self.receiver = None
        self.transport.abort()

    def leave(self) -> None:
        """The receiver needs nothing more; the connection is used again if the message ends soon."""
        self.receiver = None
        self.pool.tails.add(self)

    def pause(self) -> None:
        """Reads no more for now, so that the provider's sending comes to rest."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def usable(self) -> bool:
        """Whether a request may be written.

        A connection that was idle at the last `tidy` is looked at: its peer may have closed it, unnoticed by now, which shows as
        a readable socket, because nothing is due from an idle one.
        """
        if self.transport.is_closing():
            return False
        if self.idle_since is None:
            return True
        self.idle_since = None
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
        return not poll.poll(0)

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self._ended:
                self._break(ErrorClass.PROTOCOL, f"not HTTP: {error}")
                return
            self._reusable = False  # a whole answer, and rubbish after it
        except httptools.HttpParserUpgrade:
            self._break(ErrorClass.PROTOCOL, "the provider changed the protocol")
            return
        if self._parts or self._ended:
            self._head_bytes = 0
        elif self._head_bytes > HEAD_BYTES:
            self._break(ErrorClass.PROTOCOL, f"headers of more than {HEAD_BYTES} bytes")
            return
        if not self._head_read:
            return
        if self._status:
            if self.receiver is None and self not in self.pool.tails:
                self.transport.abort()  # nobody asked
                return
            status, self._status = self._status, 0
            if self.receiver is not None:
                self.receiver.head(status, self._headers)
        if self._parts:
            parts = self._parts
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            if self.receiver is not None:
                self.receiver.body(body)
        if self._ended:
            self._complete()

    def eof_received(self) -> None:
        if self.receiver is None or not self._head_read:
            return
        names = {name.lower() for name in self._headers}
        if b"content-length" not in names and b"transfer-encoding" not in names:  # the end is the body's end (RFC 9112, 6.3)
            self._reusable = False
            self._complete()

    def connection_lost(self, error: Exception | None) -> None:
        self.pool.lost(self)
        if self.receiver is not None:
            phase = "in the answer" if self._head_read else "before an answer"
            self._break(ErrorClass.CONNECTION if not self._head_read else ErrorClass.PROTOCOL, f"connection lost {phase}")

    # llhttp's callbacks

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return  # an interim answer; the real one follows
        if self._head_read:
            self._reusable = False  # a second answer that nobody asked for
            raise httptools.HttpParserError("more than one answer")
        self._status, self._head_read = status, True

    def on_message_complete(self) -> None:
        if self._head_read:
            self._ended = True
            self._reusable = self._parser.should_keep_alive()
        else:
            self._headers.clear()

    def _complete(self) -> None:
        receiver, self.receiver = self.receiver, None
        self._ended = False
        self.idle_since = None
        self.pool.tails.discard(self)
        if self._reusable and not self.transport.is_closing():
            self._head_read = False
            self._head_bytes = 0
            self.pool.give_back(self)
        else:
            self.transport.close()
        if receiver is not None:
            receiver.complete()

    def _break(self, error_class: ErrorClass, why: str) -> None:
        receiver, self.receiver = self.receiver, None
        self.transport.abort()
        if receiver is not None:
            receiver.failed(error_class, why)


class Pool:
    """Connections to one address.

    `most` bounds the connections, and as many requests again may wait for one. An idle connection that its peer has closed is
    replaced before anything is written to it; one that breaks after the write is the caller's to judge, because a completion
    that was started is paid for.
    """

    def __init__(self, address: Address, timer: Timer, *, connect_s: float, most: int, write: Write = directly) -> None:
        self.timer = timer
        self.write = write
        self.tails: set[Connection] = set()
        self._address = address
        self._connect_s, self._most = connect_s, most
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._waiting: deque[Receiver] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = self._retired = False

    def __len__(self) -> int:
        """Connections that are open."""
        return len(self._open)

    def take(self, receiver: Receiver) -> None:
        """Gives `receiver` a connection: at once where one is idle."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                receiver.connected(connection)
                return
            connection.transport.abort()
        if self._closed or len(self._waiting) - len(self._opening) >= self._most:
            receiver.failed(ErrorClass.CONNECTION, "too many requests wait for a connection")
            return
        self._waiting.append(receiver)
        self._grow()

    def withdraw(self, receiver: Receiver) -> None:
        """`receiver` no longer waits; a connection that is being opened for it will serve another."""
        if receiver in self._waiting:
            self._waiting.remove(receiver)

    def give_back(self, connection: Connection) -> None:
        """A connection whose answer is complete."""
        if self._closed:
            connection.transport.close()
            return
        if self._waiting:
            self._waiting.popleft().connected(connection)
        elif self._retired:
            connection.transport.close()
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection closed, whoever closed it."""
        self._open.discard(connection)
        self.tails.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting and not self._closed:
            self._grow()

    def tidy(self) -> None:
        """Closes what was idle for too long; to be called about once a second."""
        now = self.timer.now()
        for connections, patience_s in ((self._idle, IDLE_S), (self.tails, TAIL_S)):
            for connection in list(connections):
                if connection.idle_since is None:
                    connection.idle_since = now
                elif now - connection.idle_since > patience_s:
                    connection.abort()

    def retire(self) -> None:
        """Serves whoever has a connection or waits for one, and keeps none. Nobody else is to be sent here."""
        self._retired = True
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()

    def close(self) -> None:
        """Closes idle connections, and busy ones when their answer is complete."""
        self._closed = True
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()
        for task in self._opening:
            task.cancel()
        while self._waiting:
            self._waiting.popleft().failed(ErrorClass.CONNECTION, "the pool is closed")

    def _grow(self) -> None:
        if len(self._open) + len(self._opening) < self._most and len(self._opening) < len(self._waiting):
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: "asyncio.Task[None]") -> None:
        """A connection was opened, or could not be: whoever waits beyond the bound is next."""
        self._opening.discard(task)
        if self._waiting and not self._closed:
            self._grow()

    async def _connect(self) -> None:
        connection = Connection(self)
        why = ""
        try:
            async with asyncio.timeout(self._connect_s):
                await self._address.open(connection)
        except TimeoutError:
            why = f"no connection within {self._connect_s:g} s"
        except (OSError, UnicodeError) as error:  # refused, unreachable, no such name, a certificate that is not right
            why = f"no connection: {error}"
        if not why:
            self._open.add(connection)
            self.give_back(connection)
        elif self._waiting:
            self._waiting.popleft().failed(ErrorClass.CONNECTION, why)
