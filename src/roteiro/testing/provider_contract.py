"""What every provider of the OpenAI dialect must do, as a test class to inherit.

    class TestSandbox(OpenAIProviderContract):
        @contextlib.asynccontextmanager
        async def provider(self):
            async with SandboxServer() as server:
                yield server.base_url

What must not live here: anything that only one provider does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec

from roteiro.testing.client import HttpClient
from roteiro.testing.stream_check import StreamCheck

__all__ = ["OpenAIProviderContract"]

_WITHIN_S: Final = 60.0
_QUESTION: Final = {"model": "any", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}


class OpenAIProviderContract:
    """Inherit it and say in `provider` how to bring one up. Each test has a bound of a minute."""

    def provider(self) -> AbstractAsyncContextManager[str]:
        """A running provider; enters with its base URL (`http://127.0.0.1:PORT/v1`)."""
        raise NotImplementedError

    def test_health_is_ok(self) -> None:
        async def check(client: HttpClient) -> None:
            status, _ = await client.get("/health")
            assert status == 200

        self._run(check)

    def test_models_are_listed(self) -> None:
        async def check(client: HttpClient) -> None:
            status, listed = await client.get("/v1/models")
            assert status == 200
            assert listed["object"] == "list"
            assert all(isinstance(model["id"], str) for model in listed["data"])
            assert listed["data"]

        self._run(check)

    def test_an_answer_has_text_a_finish_reason_and_its_usage(self) -> None:
        async def check(client: HttpClient) -> None:
            status, answer = await client.post("/v1/chat/completions", _QUESTION)
            assert status == 200
            (choice,) = answer["choices"]
            assert choice["message"]["role"] == "assistant"
            assert choice["message"]["content"]
            assert choice["finish_reason"] in ("stop", "length")
            usage = answer["usage"]
            assert usage["prompt_tokens"] > 0
            assert 0 < usage["completion_tokens"] <= 8
            assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
            assert 0 <= usage["prompt_tokens_details"]["cached_tokens"] <= usage["prompt_tokens"]

        self._run(check)

    def test_a_stream_is_whole_and_ends_with_its_usage(self) -> None:
        async def check(client: HttpClient) -> None:
            stream = await _stream(client, {**_QUESTION, "stream": True, "stream_options": {"include_usage": True}})
            assert stream.faults() == [], stream.faults()
            assert stream.text, "a stream without a word"
            assert stream.output_tokens is not None
            assert 0 < stream.output_tokens <= 8

        self._run(check)

    def test_a_stream_without_asking_for_usage_has_none(self) -> None:
        async def check(client: HttpClient) -> None:
            stream = await _stream(client, {**_QUESTION, "stream": True})
            assert stream.faults() == [], stream.faults()
            assert stream.output_tokens is None

        self._run(check)

    def test_the_maximum_cuts_the_answer(self) -> None:
        async def check(client: HttpClient) -> None:
            _, answer = await client.post("/v1/chat/completions", {**_QUESTION, "max_tokens": 1})
            assert answer["usage"]["completion_tokens"] == 1

        self._run(check)

    def test_requests_that_make_no_sense_get_400_and_say_why(self) -> None:
        async def check(client: HttpClient) -> None:
            for body in (b"{", b"[]", b'{"model":"any"}', b'{"model":"any","messages":"hello"}', b"\xff\xfe"):
                async with client.send("POST", "/v1/chat/completions", body) as answer:
                    error = (await answer.json())["error"]
                    assert answer.status == 400, body
                    assert error["message"]

        self._run(check)

    def test_an_unknown_path_gets_404(self) -> None:
        async def check(client: HttpClient) -> None:
            status, answer = await client.get("/v1/nothing-here")
            assert status == 404
            assert answer["error"]["message"]

        self._run(check)

    def test_answers_come_side_by_side(self) -> None:
        async def check(client: HttpClient) -> None:
            asked = [client.post("/v1/chat/completions", {**_QUESTION, "max_tokens": 4}) for _ in range(6)]
            answers = await asyncio.gather(*asked)
            assert [status for status, _ in answers] == [200] * 6

        self._run(check)

    def test_a_client_that_leaves_a_stream_harms_nobody(self) -> None:
        async def check(client: HttpClient) -> None:
            body = msgspec.json.encode({**_QUESTION, "stream": True, "max_tokens": 64})
            for _ in range(3):
                async with client.send("POST", "/v1/chat/completions", body) as answer:
                    async for _ in answer.pieces():
                        break
            status, _ = await client.post("/v1/chat/completions", _QUESTION)
            assert status == 200

        self._run(check)

    def _run(self, check: Callable[[HttpClient], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(_WITHIN_S), self.provider() as base_url, HttpClient(base_url.removesuffix("/v1")) as client:
                await check(client)

        asyncio.run(bounded())


async def _stream(client: HttpClient, request: dict[str, Any]) -> StreamCheck:
    check = StreamCheck(wants_usage="stream_options" in request)
    async with client.send("POST", "/v1/chat/completions", msgspec.json.encode(request)) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for piece in answer.pieces():
            check.feed(piece)
    return check
