"""A gateway in the test's own loop between scripted providers and raw clients, all on 127.0.0.1."""

import asyncio
import contextlib
import functools
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
import uvloop

from roteiro.gateway.caches import Caches
from roteiro.gateway.dispatch import Dispatch
from roteiro.gateway.journey_port import Journey, JourneyPort
from roteiro.gateway.lane import Lane
from roteiro.gateway.plain import application
from roteiro.gateway.sweep import Sweep

from .world import KEY, PLAN, TIMES, World, compiled, world

T = TypeVar("T")
PATIENCE_S = 20.0

ANSWER = (
    b'{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":11,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}'
)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a test's coroutine on uvloop, as the worker does."""

    async def bounded() -> T:
        async with asyncio.timeout(60):
            return await work

    return uvloop.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition; fails when it does not come."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Message:
    """A request or an answer as it came."""

    start: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.start.split()[1])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    async with asyncio.timeout(PATIENCE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head[:-4].split("\r\n")
    return start, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        size = int((await reader.readline()).strip(), 16)
        return (await reader.readexactly(size + 2))[:-2]


async def read_message(reader: asyncio.StreamReader) -> Message:
    start, headers = await read_head(reader)
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while part := await read_chunk(reader):
            parts.append(part)
        return Message(start, headers, b"".join(parts))
    async with asyncio.timeout(PATIENCE_S):
        if "content-length" in headers:
            return Message(start, headers, await reader.readexactly(int(headers["content-length"])))
        if start.startswith("HTTP/"):
            return Message(start, headers, b"" if " 100 " in start else await reader.read())
        return Message(start, headers, b"")


Answerer = Callable[[Message, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def reply(body: bytes = ANSWER, status: str = "200 OK", **headers: str) -> Answerer:
    """Answers with a whole body."""

    async def answer(request: Message, writer: asyncio.StreamWriter) -> None:
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return answer


def frame(text: str | None = None, **chunk: object) -> bytes:
    """A stream's frame."""
    if text is not None:
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


FINISH = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = frame(choices=[], usage={"prompt_tokens": 11, "completion_tokens": 3})
DONE = b"data: [DONE]\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*frames: bytes, end: bytes = b"0\r\n\r\n") -> Answerer:
    """Answers with a stream, each frame in a chunk of its own; `end` is what closes it, nothing to cut it off."""

    async def answer(request: Message, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for one in frames:
            writer.write(chunk(one))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(end)
        if not end:
            await writer.drain()
            writer.close()

    return answer


@dataclass
class Upstream:
    """A provider that answers by a list of answerers, the last one again and again."""

    answers: list[Answerer]
    requests: list[Message] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                start, headers = await read_head(reader)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Message(start, headers, body)
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self.answer_while_connected(answer(request, writer), reader)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def answer_while_connected(self, answering: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
        """Ends an answer when its asker hangs up."""
        tasks = [asyncio.create_task(answering), asyncio.create_task(reader.read(1))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not tasks[0].done():
                assert tasks[1].result() == b"", "a request before the last one's answer"
                raise ConnectionResetError
            await tasks[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def upstream(*answers: Answerer) -> AsyncIterator[Upstream]:
    provider = Upstream(list(answers))
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=1 << 26)
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield provider
    finally:
        server.close()


@dataclass
class Gateway:
    """A gateway that serves."""

    port: int
    world: World
    dispatch: Dispatch
    server: uvicorn.Server

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator["Peer"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, body: bytes | None = None, **fields: object) -> Message:
        """One request on a connection of its own."""
        async with self.client() as peer:
            peer.post(body, **fields)
            return await peer.read()


@dataclass
class Peer:
    """A client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def post(
        self, body: bytes | None = None, *, key: str | None = KEY, path: str = "/v1/chat/completions", headers: str = "", **fields: object
    ) -> None:
        data = request_body(**fields) if body is None else body
        authorization = "" if key is None else f"Authorization: Bearer {key}\r\n"
        head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}{headers}Content-Length: {len(data)}\r\n\r\n"
        self.writer.write(head.encode() + data)

    def get(self, path: str, key: str | None = KEY, headers: str = "") -> None:
        authorization = "" if key is None else f"Authorization: Bearer {key}\r\n"
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}{headers}\r\n".encode())

    async def read(self) -> Message:
        return await read_message(self.reader)

    async def ended(self) -> bytes:
        """What still comes until the gateway closes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()


def request_body(**fields: object) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hello"}], **fields}).encode()


@contextlib.asynccontextmanager
async def gateway(
    *providers: Upstream,
    plan: str = PLAN,
    times: str = TIMES,
    journey: Callable[[World], JourneyPort] = lambda w: Journey(w.state, 0),
    cache: Path | None = None,
    region: str | None = None,
) -> AsyncIterator[Gateway]:
    """Serves a plan; providers take the place of `URL0`, `URL1` …, and where there are too few, nobody listens. `cache` is a folder."""
    urls = tuple(provider.url for provider in providers) + (f"http://127.0.0.1:{free_port()}/v1",) * 2
    it = world(compiled(plan, urls[:2], times))
    loop = asyncio.get_running_loop()
    sweep = Sweep(loop, float(it.state.header["epoch_monotonic_s"][0]))
    caches = None if cache is None else Caches(it.edge, cache, os.urandom(32), loop, time.time)
    dispatch = Dispatch(it.edge, journey(it), sweep, {"PROVIDER_KEY": "secret-of-the-gateway"}, caches=caches, region=region)
    config = uvicorn.Config(
        application(dispatch), http=functools.partial(Lane, dispatch), ws="none", lifespan="off", access_log=False, log_config=None,  # type: ignore[arg-type]
        server_header=False, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server._serve([listener]))
    await until(lambda: server.started)

    def tidy() -> None:
        for lane in list(server.server_state.connections):
            lane.tidy(sweep.now())  # type: ignore[union-attr]

    sweep.every_second(tidy)
    try:
        yield Gateway(listener.getsockname()[1], it, dispatch, server)
    finally:
        server.should_exit = True
        await serving
        dispatch.close()
        await dispatch.counter.close()


def free_port() -> int:
    """A port where nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
