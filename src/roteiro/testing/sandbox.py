"""A sandbox provider: a real HTTP server on loopback that speaks the OpenAI dialect, with latencies by distribution and faults by script.

In a test: `async with SandboxServer(SandboxSettings(name="primary")) as server: ... server.base_url`.
As a process: `python -m roteiro.testing.sandbox --name primary --ttft-median 0.4 --ttft-p95 1.2`; it prints one JSON line when it is ready
and ends with whoever started it. While it runs, `POST /_sandbox/script` gives it another script and `GET /_sandbox/stats` tells its counts.
What must not live here: how an answer is made up (`answer`), how it fails (`fault`), how it goes out (`connection`).
"""

import asyncio
import dataclasses
import gc
import hmac
import os
import random
import sys
import time
from collections import Counter
from typing import Any, Final, Self

import uvloop

from roteiro.providers.lifeline import announce, ended
from roteiro.terms.error import RequestError, SettingsError
from roteiro.testing.answer import Answer, ChatRequest, compose, read_chat
from roteiro.testing.connection import Connection, FixedAnswer, FixedConnection, Request
from roteiro.testing.sandbox_settings import SandboxSettings, parse_arguments
from roteiro.testing.script import Player, Script, read_script
from roteiro.testing.tape import Ending, Tape, json_tape, refusal, stream_tape

__all__ = ["SandboxServer", "SandboxSettings"]

_HOST: Final = "127.0.0.1"
_FIXED_BODY: Final = b'{"model":"fixed","messages":[{"role":"user","content":"what every benchmark asks"}],"max_tokens":64}'


class SandboxServer:
    """Serves one sandbox in the running event loop, on loopback only."""

    def __init__(self, settings: SandboxSettings | None = None, port: int = 0) -> None:
        self.settings = settings = settings or SandboxSettings()
        self.port = port
        self._random = random.Random(settings.seed)
        self._player = Player(settings.script, settings.always, self._random.random, 0.0)
        self._connections: set[Connection] = set()
        self._fixed: FixedAnswer | None = None
        self._server: asyncio.Server | None = None
        self._by_status: Counter[str] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    # -- life -------------------------------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`, known once started."""
        return f"http://{_HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """What a client of the dialect is given: the origin and `/v1`."""
        return f"{self.origin}/v1"

    async def start(self) -> str:
        """Listen; answers the base URL. The script's first phase begins now. Raises SettingsError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        if self.settings.fixed:
            self._fixed = self._ready_made()
        try:
            self._server = await loop.create_server(self._connection, _HOST, self.port, backlog=4096)
        except OSError as error:
            raise SettingsError(f"sandbox {self.settings.name} cannot listen on {_HOST}:{self.port}: {error.strerror}") from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._player.load(self.settings.script, loop.time())
        return self.base_url

    async def stop(self) -> None:
        """Close the port and end every connection, also those in the middle of an answer."""
        if self._server is None:
            return
        self._server.close()
        serving = [task for connection in list(self._connections) if (task := connection.end()) is not None]
        await asyncio.gather(*serving, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def play(self, script: Script) -> None:
        """Begin another script now. An empty one: healthy."""
        self._player.load(script, asyncio.get_running_loop().time())

    def stats(self) -> dict[str, Any]:
        """Counts since the start: chat requests by status and by fault (a fault that sends no head counts under status "none"), tokens.

        `clients_gone` counts answers that their client did not wait for.
        """
        self._player.advance(asyncio.get_running_loop().time())
        phase = self._player.phase
        fixed = self._fixed or FixedAnswer(b"", b"")
        by_status = self._by_status + Counter({"200": fixed.wholes + fixed.streams})
        return {
            "name": self.settings.name,
            "requests": by_status.total(),
            "by_status": dict(sorted(by_status.items())),
            "by_fault": dict(sorted(self._by_fault.items())),
            "streams": self._counts["streams"] + fixed.streams,
            "prompt_tokens": self._counts["prompt_tokens"],
            "completion_tokens": self._counts["completion_tokens"],
            "clients_gone": self._counts["clients_gone"],
            "connections": len(self._connections),
            "phase": None if phase is None else phase.name,
        }

    def _connection(self) -> Connection:
        if self._fixed is not None:
            return FixedConnection(self._answer, self._client_gone, self._connections, self._fixed)
        return Connection(self._answer, self._client_gone, self._connections)

    def _client_gone(self) -> None:
        self._counts["clients_gone"] += 1

    # -- routes -----------------------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Tape:
        match request.method, request.path.removeprefix("/v1"):
            case "POST", "/chat/completions":
                return self._counted(self._chat(request))
            case "GET", "/models":
                return self._unauthorized(request) or self._models()
            case "GET", "/health":
                return json_tape(200, {"status": "ok", "name": self.settings.name})
            case "GET", "/_sandbox/stats":
                return json_tape(200, self.stats())
            case "POST", "/_sandbox/script":
                return self._control(request.body)
            case "DELETE", "/_sandbox/script":
                return self._control(b"[]")
            case _:
                return refusal(404, f"no {request.method} {request.path} here", code="unknown_url")

    def _models(self) -> Tape:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": self.settings.name} for name in self.settings.models]
        return json_tape(200, {"object": "list", "data": models})

    def _control(self, body: bytes) -> Tape:
        try:
            script = read_script(body)
        except SettingsError as error:
            return refusal(400, str(error), code="invalid_script")
        self.play(script)
        return json_tape(200, {"phases": len(script.phases), "repeat": script.repeat})

    def _unauthorized(self, request: Request) -> Tape | None:
        wanted = self.settings.api_key
        given = request.headers.get("authorization", "")
        if wanted is None or hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
            return None
        return refusal(401, "Incorrect API key provided.", code="invalid_api_key", headers={"www-authenticate": "Bearer"})

    # -- chat -------------------------------------------------------------------------------------------------------------------------

    def _chat(self, request: Request) -> Tape:
        if (refused := self._unauthorized(request)) is not None:
            return refused
        try:
            chat, prompt_tokens = read_chat(request.body)
        except RequestError as error:
            return refusal(error.status, str(error), code=error.code)
        if self.settings.strict_models and chat.model not in self.settings.models:
            known = ", ".join(self.settings.models)
            return refusal(404, f"The model {chat.model!r} does not exist; known: {known}", code="model_not_found")
        answer = self._composed(chat, prompt_tokens)
        verdict = self._player.next(prompt_tokens + answer.usage.completion, asyncio.get_running_loop().time())
        headers = {"x-request-id": answer.id.replace("chatcmpl", "req"), "x-sandbox": self.settings.name, **verdict.headers}
        tape = self._spoken(answer, chat, headers)
        for fault in verdict.faults:
            tape = fault.apply(tape, time.time())
        if tape.status == 200 and tape.ending is Ending.WHOLE:
            self._counts.update(prompt_tokens=answer.usage.prompt, completion_tokens=answer.usage.completion)
        return dataclasses.replace(tape, headers={**headers, **tape.headers}, faults=tuple(fault.name for fault in verdict.faults))

    def _composed(self, chat: ChatRequest, prompt_tokens: int) -> Answer:
        settings = self.settings
        return compose(
            chat,
            prompt_tokens,
            name=settings.name,
            created=int(time.time()),
            length=settings.output_tokens,
            seed=settings.seed,
            cached_share=settings.cached_share,
        )

    def _spoken(self, answer: Answer, chat: ChatRequest, headers: dict[str, str]) -> Tape:
        """The answer with its timing: a first-token time, then one drawn gap for each further token."""
        latency, draw = self.settings.latency, self._random.random
        first_s = latency.ttft_s.at(draw())
        gaps_s = [latency.itl_s.at(draw()) for _ in range(len(answer.words) - 1)]
        if not chat.stream:
            return json_tape(200, answer.body(), headers=headers, after_s=first_s + sum(gaps_s))
        frames = answer.frames(include_usage=chat.stream_options is not None and chat.stream_options.include_usage)
        endings = len(frames) - len(answer.words) - 1  # the role goes with the first word, the rest with the last
        return stream_tape(frames, [first_s, 0.0, *gaps_s, *[0.0] * endings], headers=headers)

    def _counted(self, tape: Tape) -> Tape:
        self._by_status[str(tape.status) if tape.sends_head else "none"] += 1
        self._by_fault.update(tape.faults)
        self._counts["streams"] += tape.headers["content-type"].startswith("text/event-stream")
        return tape

    def _ready_made(self) -> FixedAnswer:
        chat, prompt_tokens = read_chat(_FIXED_BODY)
        answer = dataclasses.replace(self._composed(chat, prompt_tokens), created=0)
        stream = b"".join(b"%x\r\n%b\r\n" % (len(frame), frame) for frame in answer.frames(include_usage=True))
        body = answer.body()
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
