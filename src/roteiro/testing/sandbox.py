"""A sandbox provider: a real HTTP server on loopback that speaks a provider's dialect, with latencies by distribution and faults by script.

In a test: `async with SandboxServer(SandboxSettings(name="primary")) as server: ... server.base_url`.
As a process: `python -m roteiro.testing.sandbox --name primary --ttft-median 0.4 --ttft-p95 1.2`; it prints one JSON line when it is ready
and ends with whoever started it. While it runs, `POST /_sandbox/script` gives it another script and `GET /_sandbox/stats` tells its counts.
What must not live here: what it says (`replies`), how it fails (`fault`), how it goes out (`connection`).
"""

import asyncio
import dataclasses
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Self

import msgspec
import uvloop

from roteiro.providers.lifeline import announce, ended
from roteiro.terms.error import SettingsError
from roteiro.testing.connection import Connection, FixedAnswer, FixedConnection
from roteiro.testing.dialect import Request
from roteiro.testing.listener import HOST, Listener
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.question import Question, Texts
from roteiro.testing.replies import Replies
from roteiro.testing.sandbox_settings import SandboxSettings, parse_arguments
from roteiro.testing.script import Script, read_script
from roteiro.testing.self_signed import server_context
from roteiro.testing.tape import Tape, json_tape

__all__ = ["SandboxServer", "SandboxSettings"]

_FIXED_BODY: Final = b'{"model":"fixed","messages":[{"role":"user","content":"what every benchmark asks"}],"max_tokens":64}'


class SandboxServer:
    """Serves one sandbox in the running event loop, on loopback only."""

    def __init__(self, settings: SandboxSettings | None = None, port: int = 0) -> None:
        self.settings = settings = settings or SandboxSettings()
        self.port = port
        self._replies = Replies(settings, lambda: asyncio.get_running_loop().time())
        self._connections: set[Connection] = set()
        self._fixed: FixedAnswer | None = None
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._when_asked: Callable[[], None] | None = None
        self._tls = server_context() if settings.tls else None

    # -- life -------------------------------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`, known once started."""
        return f"{'http' if self._tls is None else 'https'}://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client of the dialect is given: the origin and the version, `/v1`."""
        return f"{self.origin}{self._replies.dialect.version}"

    async def start(self) -> str:
        """Listen; answers the base URL. The script's first phase begins now. Raises SettingsError when the port cannot be had."""
        if self.settings.fixed:
            self._fixed = self._ready_made()
        try:
            self._listener = Listener(self.port)
            self.port = self._listener.port
            await self._open(self._listener)
        except OSError as error:
            raise SettingsError(f"sandbox {self.settings.name} cannot listen on {HOST}:{self.port}: {error.strerror}") from error
        self.play(self.settings.script)
        return self.base_url

    async def stop(self) -> None:
        """Close the port and end every connection, also those in the middle of an answer."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        server, serving = self._shut(listener)
        await asyncio.gather(*serving, return_exceptions=True)
        if server is not None:
            await server.wait_closed()
        listener.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def play(self, script: Script) -> None:
        """Begin another script now. An empty one: healthy."""
        self._replies.player.load(script, asyncio.get_running_loop().time())
        self._tend()

    def when_asked(self, call: Callable[[], None]) -> None:
        """Call this once, as the next request of the dialect comes and before it is answered: it may give another script."""
        self._when_asked = call

    @property
    def heard(self) -> list[Question | Texts]:
        """The last questions that it was asked, oldest first."""
        return list(self._replies.heard)

    def stats(self) -> dict[str, Any]:
        """Counts since the start: questions by status and by fault (a fault that sends no head counts under status "none"), by place of the
        key, tokens; `prefixes` counts questions that gave the beginning of their answer.

        `clients_gone` counts answers that their client did not wait for.
        """
        stats = self._replies.stats()
        fixed = self._fixed or FixedAnswer(b"", b"")
        by_status = Counter(stats["by_status"]) + Counter({"200": fixed.wholes + fixed.streams})
        return {
            **stats,
            "requests": by_status.total(),
            "by_status": dict(sorted(by_status.items())),
            "streams": stats["streams"] + fixed.streams,
            "connections": len(self._connections),
        }

    # -- listening --------------------------------------------------------------------------------------------------------------------

    async def _open(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=listener.open(), ssl=self._tls, backlog=4096)

    def _shut(self, listener: Listener) -> "tuple[asyncio.Server | None, list[asyncio.Task[None]]]":
        """Refuse who comes, and end every connection → the server that closes, the tasks that end."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        listener.shut()
        return server, [task for connection in list(self._connections) if (task := connection.end()) is not None]

    def _tend(self) -> None:
        """Listens, or does not, as the phase of now says; looks again when it ends."""
        loop = asyncio.get_running_loop()
        if self._listener is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        player = self._replies.player
        player.advance(loop.time())
        closed = player.phase is not None and player.phase.closed
        if closed and self._server is not None:
            self._shut(self._listener)
        elif not closed and self._server is None and (self._opening is None or self._opening.done()):
            self._opening = loop.create_task(self._open(self._listener))
        if (ends_s := player.ends_s()) is not None:
            self._timer = loop.call_at(ends_s, self._tend)

    def _connection(self) -> Connection:
        if self._fixed is not None:
            return FixedConnection(self._answer, self._replies.client_gone, self._connections, self._fixed)
        return Connection(self._answer, self._replies.client_gone, self._connections)

    # -- routes -----------------------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Tape:
        match request.method, request.path:
            case "GET", "/health":
                return json_tape(200, {"status": "ok", "name": self.settings.name})
            case "GET", "/_sandbox/stats":
                return json_tape(200, self.stats())
            case "POST", "/_sandbox/script":
                return self._control(request.body)
            case "DELETE", "/_sandbox/script":
                return self._control(b"[]")
        if request.method == "POST" and (call := self._when_asked) is not None:
            self._when_asked = None
            call()
        tape = self._replies.reply(request)
        if tape is None:
            return self._replies.dialect.refusal(404, f"no {request.method} {request.path} here", "unknown_url")
        asyncio.get_running_loop().call_soon(self._tend)  # it may have been the last request of its phase
        return tape

    def _control(self, body: bytes) -> Tape:
        try:
            script = read_script(body)
        except SettingsError as error:
            return self._replies.dialect.refusal(400, str(error), "invalid_script")
        self.play(script)
        return json_tape(200, {"phases": len(script.phases), "repeat": script.repeat})

    def _ready_made(self) -> FixedAnswer:
        dialect = OpenAIDialect()
        question = dialect.question(Request("POST", "/v1/chat/completions", {}, _FIXED_BODY, True))
        answer = dataclasses.replace(self._replies.composed(dataclasses.replace(question, include_usage=True)), created=0)
        stream = b"".join(b"%x\r\n%b\r\n" % (len(frame.data), frame.data) for frame in dialect.frames(answer))
        body = msgspec.json.encode(dialect.body(answer))
        return FixedAnswer(
            whole=b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
            stream=b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % stream,
        )


async def _serve(settings: SandboxSettings, port: int) -> None:
    async with SandboxServer(settings, port) as server:
        gc.collect()
        gc.freeze()  # what lives now lives to the end: later collections need not look at it
        announce(name=settings.name, port=server.port, base_url=server.base_url, pid=os.getpid())
        await ended()


def main() -> None:
    """Run one sandbox until SIGTERM, SIGINT, or the end of its parent."""
    settings, port = parse_arguments()
    try:
        uvloop.run(_serve(settings, port))
    except SettingsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
