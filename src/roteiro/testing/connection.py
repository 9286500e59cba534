"""One client connection of a sandbox: HTTP/1.1 in by llhttp, tapes out, in order.

What must not live here: what to answer (a function from request to tape is given).
"""

import asyncio
import collections
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

import httptools

from roteiro.testing.dialect import Request
from roteiro.testing.tape import Ending, Tape, json_tape

__all__ = ["Connection", "FixedAnswer", "FixedConnection"]

_MOST_BODY_BYTES: Final = 64 * 1024 * 1024
_FLUSH_BYTES: Final = 64 * 1024
_RESET_PAUSE_S: Final = 0.02
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends RST in place of FIN."""


class Connection(asyncio.Protocol):
    """Serves one connection until either side ends it.

    `answer` makes the tape for a request, `gone` is called when the client left in the middle of one; `connections` is where open
    connections are kept, for whoever has to end them.
    """

    def __init__(self, answer: Callable[[Request], Tape], gone: Callable[[], None], connections: set["Connection"]) -> None:
        self._answer, self._gone, self._connections = answer, gone, connections
        self._loop = asyncio.get_running_loop()
        self._waiting: collections.deque[Request] = collections.deque()
        self._serving: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._url, self._headers, self._body, self._size = b"", dict[str, str](), list[bytes](), 0

    # -- transport --------------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "this server speaks HTTP/1.1 only")
        except httptools.HttpParserError as error:
            self._refuse(400, f"this is not HTTP/1.1: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._writable.set()
        if self._serving is not None:
            self._gone()
            self._serving.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def end(self) -> "asyncio.Task[None] | None":
        """End the connection at once, whatever is under way; the task that served it, if any, ends soon after."""
        self._transport.abort()
        return self._serving

    # -- llhttp's callbacks -----------------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body, self._size = b"", {}, [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= _MOST_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._size > _MOST_BODY_BYTES:
            self._refuse(413, f"the body has {self._size} bytes, at most {_MOST_BODY_BYTES} are read")
            return
        path, _, query = self._url.partition(b"?")
        self._waiting.append(
            Request(
                method=self._parser.get_method().decode("latin-1"),
                path=path.decode("latin-1"),
                headers=self._headers,
                body=b"".join(self._body),
                keep_alive=self._parser.should_keep_alive(),
                query=query.decode("latin-1"),
            )
        )
        if self._serving is None:
            self._serving = self._loop.create_task(self._serve())
            self._serving.add_done_callback(self._served)

    # -- answers ----------------------------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Answer the requests that wait, in order (a client may send the next before it has the answer)."""
        while self._waiting:
            request = self._waiting.popleft()
            keep = await self._play(self._answer(request), request.keep_alive)
            if not keep:
                break
        self._serving = None

    def _served(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._transport.abort()
            self._loop.call_exception_handler({"message": "a sandbox's answer failed", "exception": error, "protocol": self})

    async def _play(self, tape: Tape, keep_alive: bool) -> bool:
        """Send a tape at its pace. True when the connection can take another request."""
        ends_with_connection = tape.version == "1.0" and tape.length is None
        keep_alive = keep_alive and tape.ending is Ending.WHOLE and not ends_with_connection
        due_s = self._loop.time() + tape.head_after_s
        await self._sleep_until(due_s)
        ready = bytearray(_head(tape, keep_alive)) if tape.sends_head else bytearray()
        for piece in tape.pieces:
            due_s += piece.after_s
            if due_s > self._loop.time() or len(ready) > _FLUSH_BYTES:
                await self._flush(ready)
                await self._sleep_until(due_s)
            ready += b"%x\r\n%b\r\n" % (len(piece.data), piece.data) if tape.in_chunks and piece.data else piece.data
        if tape.in_chunks and tape.ending is Ending.WHOLE:
            ready += b"0\r\n\r\n"
        await self._flush(ready)
        if tape.ending is Ending.HANG:
            await self._loop.create_future()  # until connection_lost cancels it
        if tape.ending is Ending.RESET:
            await self._reset(after_data=tape.sends_head)
        elif not keep_alive:
            self._transport.close()
        return keep_alive

    async def _sleep_until(self, due_s: float) -> None:
        if due_s > (now_s := self._loop.time()):
            await asyncio.sleep(due_s - now_s)

    async def _flush(self, ready: bytearray) -> None:
        if ready:
            self._transport.write(bytes(ready))
            ready.clear()
            await self._writable.wait()

    async def _reset(self, after_data: bool) -> None:
        if after_data:  # a reset overtakes what is still in buffers, and the client shall have seen some
            await asyncio.sleep(_RESET_PAUSE_S)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        tape = json_tape(status, {"error": {"message": message}})
        self._transport.write(_head(tape, keep_alive=False) + tape.pieces[0].data)
        self._transport.close()


def _head(tape: Tape, keep_alive: bool) -> bytes:
    try:
        phrase = HTTPStatus(tape.status).phrase
    except ValueError:
        phrase = "Overloaded" if tape.status == 529 else "Unknown"
    lines = [f"HTTP/{tape.version} {tape.status} {phrase}", *(f"{name}: {value}" for name, value in tape.headers.items())]
    if tape.length is not None:
        lines.append(f"content-length: {tape.length}")
    elif tape.version == "1.1":
        lines.append("transfer-encoding: chunked")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(slots=True)
class FixedAnswer:
    """One answer for all, made beforehand: the whole HTTP message, streamed and not, and how often each was given."""

    whole: bytes
    stream: bytes
    wholes: int = 0
    streams: int = 0


class FixedConnection(Connection):
    """Answers every chat request with the same bytes and reads nothing of it but whether it wants a stream: an upstream for benchmarks.

    No task and no timer a request. All else (health, statistics) goes the ordinary way.
    """

    on_header = None  # type: ignore[assignment]  # llhttp then skips the headers, which are most of a small request

    def __init__(
        self, answer: Callable[[Request], Tape], gone: Callable[[], None], connections: set[Connection], fixed: FixedAnswer
    ) -> None:
        super().__init__(answer, gone, connections)
        self._fixed = fixed

    def on_message_complete(self) -> None:
        if self._serving is not None or not self._url.endswith(b"/chat/completions"):
            super().on_message_complete()
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if b'"stream":true' in body or b'"stream": true' in body:
            self._fixed.streams += 1
            self._transport.write(self._fixed.stream)
        else:
            self._fixed.wholes += 1
            self._transport.write(self._fixed.whole)
        if not self._parser.should_keep_alive():
            self._transport.close()
