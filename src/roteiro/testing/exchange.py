"""One request of a load and what became of it, over plain HTTP.

What must not live here: when requests are sent (`load`); the official client (`official`).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from roteiro.testing.client import Answer, BrokenAnswerError, HttpClient
from roteiro.testing.stream_check import StreamCheck

__all__ = ["Ask", "PlainCaller", "Record", "Via", "said", "whole_answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to send, `at_s` seconds after the load's start."""

    at_s: float
    key: str
    caller: str
    workload: str | None
    model: str
    stream: bool
    via: Literal["http", "openai"]
    prompt: str
    most_tokens: int

    def body(self) -> dict[str, Any]:
        """As the dialect writes it."""
        body = {"model": self.model, "messages": [{"role": "user", "content": self.prompt}], "max_tokens": self.most_tokens}
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if self.stream else body

    def headers(self) -> dict[str, str]:
        """Beside the key."""
        return {} if self.workload is None else {"x-roteiro-workload": self.workload}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What became of one request.

    `at_s`: when it was sent, since the load's start. `status`: HTTP's, or 0 when no answer began. `ttft_s`: to the first content of a
    stream, or None. `whole`: the answer is complete and in order. `error`: empty, or a word and a colon first: `status`, `connect`,
    `reset`, `cut`, `http`, `timeout`, `stream`, `body`, `not sent`. `target` and `reason`: what the gateway said of its choice, if it did.
    """

    at_s: float
    caller: str
    model: str
    stream: bool
    via: str
    status: int = 0
    ttft_s: float | None = None
    total_s: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    whole: bool = False
    error: str = ""
    target: str | None = None
    reason: str | None = None
    retry_after: str | None = None

    @staticmethod
    def of(ask: Ask, at_s: float, **what: Any) -> "Record":
        """The record of a request that was sent at `at_s`."""
        return Record(at_s=at_s, caller=ask.caller, model=ask.model, stream=ask.stream, via=ask.via, **what)

    @staticmethod
    def not_sent(ask: Ask, why: str) -> "Record":
        """The record of a request whose time came and that was held back."""
        return Record.of(ask, ask.at_s, error=why)


class Via(Protocol):
    """One way of sending requests."""

    async def call(self, ask: Ask, began_s: float, timeout_s: float) -> Record:
        """Send one request; never raises for what the other side does. `began_s`: the load's start by the event loop's clock."""
        ...

    async def close(self) -> None:
        """Close what was kept open."""
        ...


class PlainCaller:
    """Sends by our own client, and sees each byte that comes."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def call(self, ask: Ask, began_s: float, timeout_s: float) -> Record:
        clock = asyncio.get_running_loop().time
        sent_s = clock()
        seen: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                headers = {"authorization": f"Bearer {ask.key}", **ask.headers()}
                async with self._client.send("POST", "/v1/chat/completions", msgspec.json.encode(ask.body()), headers) as answer:
                    seen.update(said(answer.status, answer.headers))
                    if answer.status == 200 and ask.stream:
                        seen.update(await _read_stream(answer, sent_s))
                    else:
                        seen.update(whole_answer(answer.status, await answer.read()))
        except BrokenAnswerError as error:
            seen.update(whole=False, error=str(error))
        except TimeoutError:
            seen.update(whole=False, error=f"timeout: no end within {timeout_s:g} s")
        return Record.of(ask, sent_s - began_s, total_s=clock() - sent_s, **seen)

    async def close(self) -> None:
        await self._client.close()


def whole_answer(status: int, body: bytes) -> dict[str, Any]:
    """What a body that came in one piece says: fields of a record."""
    try:
        value = msgspec.json.decode(body)
        if status != 200:
            return {"error": f"status: {value['error']['message']}"}
        usage, message = value["usage"], value["choices"][0]["message"]
        said = {"input_tokens": int(usage["prompt_tokens"]), "output_tokens": int(usage["completion_tokens"])}
        return {**said, "whole": isinstance(message["content"], str)}
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError) as error:
        return {"error": f"body: {status}, and not what the dialect says: {error!r}"}


def said(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """What the head of an answer says: fields of a record."""
    return {
        "status": status,
        "target": headers.get("x-roteiro-target"),
        "reason": headers.get("x-roteiro-reason"),
        "retry_after": headers.get("retry-after"),
    }


async def _read_stream(answer: Answer, sent_s: float) -> dict[str, Any]:
    """Read a stream to its end: fields of a record. What was seen before a break is lost but for the break itself."""
    clock = asyncio.get_running_loop().time
    check, ttft_s = StreamCheck(wants_usage=True), None
    async for piece in answer.pieces():
        check.feed(piece)
        if ttft_s is None and check.frames:
            ttft_s = clock() - sent_s
    faults = check.faults()
    return {
        "ttft_s": ttft_s,
        "input_tokens": check.input_tokens,
        "output_tokens": check.output_tokens,
        "whole": not faults,
        "error": f"stream: {', '.join(faults)}" if faults else "",
    }
