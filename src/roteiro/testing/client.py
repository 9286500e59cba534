"""A small HTTP/1.1 client over asyncio that hides nothing: half a body, a reset or a silence is an error, and frames come as they arrive.

For tests and load generation against servers on this machine; no TLS, no redirects, no retries, no environment.
What must not live here: the dialect (`stream_check`, `load`).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httptools
import msgspec

__all__ = ["Answer", "BrokenAnswerError", "HttpClient"]

_READ_BYTES: Final = 64 * 1024
_MOST_BODY_BYTES: Final = 64 * 1024 * 1024


class BrokenAnswerError(Exception):
    """The connection failed, or ended before the answer did.

    The message begins with a word to count by: `connect`, `reset`, `cut` or `http`.
    """


class Answer:
    """One answer as it comes: `status` and `headers` (names in lower case) at once, the body by `pieces` or `read`."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.complete = False
        self.keep_alive = False
        self._reader, self._pieces, self._has_head = reader, deque[bytes](), False
        self._parser = httptools.HttpResponseParser(self)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises BrokenAnswerError when it ends before its end."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self.complete:
                return
            await self._feed()

    async def read(self) -> bytes:
        """The whole body; BrokenAnswerError as in `pieces`, or when it passes 64 MiB."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > _MOST_BODY_BYTES:
                raise BrokenAnswerError(f"http: the body passes {_MOST_BODY_BYTES} bytes")
        return bytes(body)

    async def json(self) -> Any:
        """The body as JSON; raises msgspec.DecodeError when it is none."""
        return msgspec.json.decode(await self.read())

    async def _head(self) -> None:
        while not self._has_head:
            await self._feed()

    async def _feed(self) -> None:
        try:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise BrokenAnswerError("cut: the connection ended before the answer did")
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise BrokenAnswerError(f"http: {error}") from error
        except OSError as error:
            raise BrokenAnswerError(f"reset: {error}") from error

    # llhttp's callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()


class HttpClient:
    """Requests to one origin over connections that are kept for the next request. Not for use by several event loops."""

    def __init__(self, origin: str) -> None:
        address = urlsplit(origin)
        if address.scheme != "http" or address.hostname is None or address.port is None:
            raise ValueError(f"{origin!r} is not of the form http://HOST:PORT")
        self._host, self._port = address.hostname, address.port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @contextlib.asynccontextmanager
    async def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> AsyncIterator[Answer]:
        """Send a request and hand out its answer when the head is there. Leaving before its end closes the connection."""
        reader, writer = await self._connection()
        answer = Answer(reader)
        try:
            writer.write(self._request(method, path, body, headers or {}))
            await answer._head()
            yield answer
        finally:
            # Not after a stream: llama.cpp's server then closes, though it promised not to, and the next request would be lost.
            if answer.complete and answer.keep_alive and "content-length" in answer.headers:
                self._idle.append((reader, writer))
            else:
                writer.transport.abort()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Status and decoded JSON of a GET."""
        async with self.send("GET", path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Status and decoded JSON of a POST of `value` as JSON."""
        async with self.send("POST", path, msgspec.json.encode(value), headers) as answer:
            return answer.status, await answer.json()

    async def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        try:
            return await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise BrokenAnswerError(f"connect: {error}") from error

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}:{self._port}", f"content-length: {len(body)}"]
        if body:
            lines.append("content-type: application/json")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
