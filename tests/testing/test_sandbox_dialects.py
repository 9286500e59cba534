"""The sandbox over real sockets in three dialects, as the official clients see it; listeners that close, keys, certificates."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import anthropic
import httpx
import msgspec
import openai
import pytest
import uvloop

from roteiro.testing.client import BrokenAnswerError, HttpClient
from roteiro.testing.fault import AnyFault, ChunkGarbage, ErrorFrame, Gzip, Http10, PrefixRefused, Status, Throttle
from roteiro.testing.sandbox import SandboxServer, SandboxSettings
from roteiro.testing.script import Phase, Script

WITHIN_S = 30.0
KEY = "key-of-a-test"
ASKED: Any = [{"role": "user", "content": "where to?"}]
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run_it(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(coroutine, WITHIN_S))

    return run_it


@contextlib.asynccontextmanager
async def sandbox(*faults: AnyFault, **settings: Any) -> AsyncIterator[SandboxServer]:
    async with SandboxServer(SandboxSettings(script=Script(phases=(Phase(faults=faults),)), **settings)) as server:
        yield server


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.005)


def test_the_official_client_of_openai(run: Run) -> None:
    async def check() -> None:
        async with (
            sandbox(api_keys=("other", KEY)) as server,
            openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as client,
        ):
            whole = await client.chat.completions.create(model="m", messages=ASKED)
            stream = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            assert text == whole.choices[0].message.content
            vectors = await client.embeddings.create(model="m", input=["a", "b"], dimensions=8)
            assert [len(row.embedding) for row in vectors.data] == [8, 8]
            assert (await client.completions.create(model="m", prompt="x", max_tokens=4)).choices[0].text
            assert (await client.models.list()).data[0].id == "sandbox"
            assert server.stats()["by_key"] == {"1": 4}
            with pytest.raises(openai.AuthenticationError):
                await client.with_options(api_key="wrong").chat.completions.create(model="m", messages=ASKED)
            server.play(Script(phases=(Phase(faults=(ErrorFrame(),)),)))
            with pytest.raises(openai.APIError, match="error while processing"):
                async for _ in await client.chat.completions.create(model="m", messages=ASKED, stream=True):
                    pass

    run(check())


def test_the_official_client_of_anthropic(run: Run) -> None:
    async def check() -> None:
        async with (
            sandbox(dialect="anthropic", api_key=KEY) as server,
            anthropic.AsyncAnthropic(base_url=server.origin, api_key=KEY, max_retries=0) as client,
        ):
            whole = await client.messages.create(model="m", messages=ASKED, max_tokens=300)
            async with client.messages.stream(model="m", messages=ASKED, max_tokens=300) as stream:
                text = "".join([piece async for piece in stream.text_stream])
            assert text == whole.content[0].text  # type: ignore[union-attr]
            assert (await client.messages.count_tokens(model="m", messages=ASKED)).input_tokens == whole.usage.input_tokens
            with pytest.raises(anthropic.AuthenticationError):
                await client.with_options(api_key="wrong").messages.create(model="m", messages=ASKED, max_tokens=3)
            server.play(Script(phases=(Phase(faults=(ErrorFrame(),)),)))
            with pytest.raises(anthropic.APIStatusError, match="error while processing"):
                async with client.messages.stream(model="m", messages=ASKED, max_tokens=300) as stream:
                    await stream.get_final_message()

    run(check())


def test_gemini_by_plain_http(run: Run) -> None:
    async def check() -> None:
        async with sandbox(dialect="gemini", api_key=KEY) as server, httpx.AsyncClient(base_url=server.base_url) as client:
            body = {"contents": [{"parts": [{"text": "where to?"}]}]}
            refused = await client.post("/models/m:generateContent", json=body)
            assert (refused.status_code, refused.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
            client.headers["x-goog-api-key"] = KEY
            whole = (await client.post("/models/m:generateContent", json=body)).json()
            streamed = await client.post("/models/m:streamGenerateContent?alt=sse", json=body)
            chunks = [msgspec.json.decode(line[6:]) for line in streamed.text.splitlines() if line]
            assert (
                "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
                == whole["candidates"][0]["content"]["parts"][0]["text"]
            )
            assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
            assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]

    run(check())


@pytest.mark.parametrize(("how", "answer"), [("continue", 200), ("refuse", 400), ("ignore", 200)])
def test_what_becomes_of_a_begun_answer_is_a_setting(run: Run, how: Any, answer: int) -> None:
    async def check() -> None:
        async with sandbox(prefix=how) as server, HttpClient(server.origin) as client:
            _, whole = await client.post("/v1/chat/completions", {"model": "m", "messages": ASKED})
            text = whole["choices"][0]["message"]["content"]
            begun = [*ASKED, {"role": "assistant", "content": text[:20]}]
            status, rest = await client.post("/v1/chat/completions", {"model": "m", "messages": begun})
            assert status == answer
            if answer == 200:
                assert rest["choices"][0]["message"]["content"] == (text if how == "ignore" else text[20:])
            assert server.stats()["prefixes"] == 1
            assert server.heard[-1].prefix == text[:20]  # type: ignore[union-attr]

    run(check())


def test_a_script_may_refuse_begun_answers_only(run: Run) -> None:
    async def check() -> None:
        async with sandbox(PrefixRefused()) as server, HttpClient(server.origin) as client:
            assert (await client.post("/v1/chat/completions", {"model": "m", "messages": ASKED}))[0] == 200
            begun = [*ASKED, {"role": "assistant", "content": "x"}]
            assert (await client.post("/v1/chat/completions", {"model": "m", "messages": begun}))[0] == 400

    run(check())


def test_faults_of_one_key(run: Run) -> None:
    async def check() -> None:
        async with (
            sandbox(Status(status=401, key=0), Throttle(key=1), api_keys=("a", "b", "c")) as server,
            HttpClient(server.origin) as client,
        ):
            asked = {"model": "m", "messages": ASKED}
            statuses = [(await client.post("/v1/chat/completions", asked, {"authorization": f"Bearer {key}"}))[0] for key in "abcx"]
            assert statuses == [401, 429, 200, 401]
            assert server.stats()["by_key"] == {"0": 1, "1": 1, "2": 1}

    run(check())


def test_a_closed_phase_refuses_connections_and_keeps_its_port(run: Run) -> None:
    async def check() -> None:
        async with sandbox() as server, HttpClient(server.origin) as client:
            port = server.port
            server.play(Script(phases=(Phase(seconds=0.3, closed=True),)))
            with pytest.raises(BrokenAnswerError, match="connect"):
                async with client.send("GET", "/health"):
                    pass

            async def answers() -> bool:
                with contextlib.suppress(BrokenAnswerError):
                    return (await client.get("/health"))[0] == 200
                return False

            async with asyncio.timeout(WITHIN_S):
                while not await answers():
                    await asyncio.sleep(0.01)
            assert server.port == port
            server.play(Script(phases=(Phase(requests=1), Phase(closed=True))))
            assert (await client.post("/v1/chat/completions", {"model": "m", "messages": ASKED}))[0] == 200
            await until(lambda: server.stats()["connections"] == 0)
            with pytest.raises(BrokenAnswerError):
                await client.get("/health")

    run(check())


def test_it_may_be_given_its_script_as_the_first_request_comes(run: Run) -> None:
    async def check() -> None:
        async with sandbox() as server, HttpClient(server.origin) as client:
            server.when_asked(lambda: server.play(Script(phases=(Phase(requests=1, faults=(Status(status=503),)),))))
            assert [(await client.post("/v1/chat/completions", {"model": "m", "messages": ASKED}))[0] for _ in range(2)] == [503, 200]

    run(check())


def test_nobody_vouches_for_its_certificate(run: Run) -> None:
    async def check() -> None:
        async with sandbox(tls=True) as server:
            async with httpx.AsyncClient() as careful:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await careful.get(f"{server.origin}/health")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            async with httpx.AsyncClient(verify=context) as careless:
                assert (await careless.get(f"{server.origin}/health")).status_code == 200

    run(check())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Gzip(), Http10(), ChunkGarbage()], ids=lambda fault: fault.name)
def test_odd_forms_of_http_are_what_they_say(run: Run, fault: AnyFault, stream: bool) -> None:
    async def check() -> None:
        async with sandbox(fault) as server, httpx.AsyncClient() as client:
            asked = {"model": "m", "messages": ASKED, "stream": stream}
            if isinstance(fault, ChunkGarbage):
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.post(f"{server.base_url}/chat/completions", json=asked)
                return
            answer = await client.post(f"{server.base_url}/chat/completions", json=asked)
            assert answer.text.endswith("data: [DONE]\n\n") if stream else answer.json()["choices"]
            assert answer.http_version == ("HTTP/1.0" if isinstance(fault, Http10) else "HTTP/1.1")

    run(check())
