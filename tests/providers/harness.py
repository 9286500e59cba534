"""A provider on a socket for one test, and someone who asks it through a pool."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import uvloop

from roteiro.providers.address import Address
from roteiro.providers.pool import Connection, Pool
from roteiro.terms.codes import ErrorClass

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Clock:
    """A `Timer` whose time stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def unix(self) -> float:
        return 1.7e9

    def watch(self, thing: object) -> None: ...

    def forget(self, thing: object) -> None: ...


class Asker:
    """A `Receiver` that sends at once and remembers."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.data = b""
        self.failure: tuple[ErrorClass, str] | None = None
        self.connection: Connection | None = None
        self.over = asyncio.Event()
        self.endings = 0

    def ask(self) -> "Asker":
        self.pool.take(self)
        return self

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        connection.send(self, REQUEST, b"{}")

    def head(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status, self.headers = status, dict(headers)

    def body(self, data: bytes) -> None:
        self.data += data

    def complete(self) -> None:
        self.endings += 1
        self.over.set()

    def failed(self, error_class: ErrorClass, why: str) -> None:
        self.failure = (error_class, why)
        self.complete()

    async def result(self) -> "Asker":
        async with asyncio.timeout(20):
            await self.over.wait()
        await asyncio.sleep(0.01)  # a second ending would come now
        assert self.endings == 1
        return self


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)


@contextlib.asynccontextmanager
async def served(handler: Handler, clock: Clock | None = None, most: int = 8, **listen: Any) -> AsyncIterator[Pool]:
    async def careful(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(careful, "127.0.0.1", 0, **listen)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Address(f"http://127.0.0.1:{port}/v1", {}), clock or Clock(), connect_s=2.0, most=most)
    try:
        yield pool
    finally:
        pool.close()
        server.close()


def answering(*answers: bytes, close: bool = False) -> Handler:
    """Answers each request with the next of `answers`, the last again and again."""
    left = list(answers)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            if close:
                return

    return handler
