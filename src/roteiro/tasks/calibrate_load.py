"""A designed load on one model server: groups of streams that are sent together, one group after the other, within bounds.

What must not live here: which server, and what is made of the times (`analysis.calibration`).
"""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import httptools
import msgspec

from roteiro.analysis.calibration import Group, Heard
from roteiro.providers.address import Address
from roteiro.terms.error import SettingsError
from roteiro.wire.sse import FrameTooLongError, Splitter, payload

__all__ = ["Design", "Load", "Loaded", "Served"]

CONNECT_S: Final = 5.0
MOST_FAILURES: Final = 3
"""Groups that may fail for other reasons than too much load or too long a prompt."""
MOST_BODY_BYTES: Final = 64 * 1024
WARM_UP: Final = (8, 108)
"""Words of the first two prompts: from their tokens follows how many words make a prompt of so many."""
TOO_LONG, TOO_MUCH, NO_KEY = (400, 413, 422), (429, 503), (401, 403)
PASSES: Final = 3
"""Through all lengths and numbers, at least, as far as the first answers tell."""
EXTRAS: Final[dict[str, Any]] = {"ignore_eos": True, "cache_prompt": False}
"""What vLLM and llama.cpp know beyond the dialect: answers of the length asked for, and prompts that are read whole."""
WORDS: Final = (
    "river", "stone", "house", "light", "water", "green", "table", "north", "paper", "small", "garden", "winter", "music", "bread", "open",
    "silver", "road", "morning", "cloud", "field",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Design:
    """Lengths in tokens, requests at once, and the bounds: so many requests in all, so many seconds."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    at_once: tuple[int, ...]
    requests: int
    seconds: float

    def passes(self, seed: int) -> Iterator[tuple[int, int, int]]:
        """Cells (input, output, at once) without end: each pass has each length and number, in another order, one alone at each output."""
        order = random.Random(seed)  # noqa: S311 (an order, no secret)
        for turn in itertools.count():
            cells = [(p, o, 1) for p in self.inputs for o in self.outputs]
            several = [n for n in self.at_once if n > 1]
            cells += [
                (p, self.outputs[(turn + i + j) % len(self.outputs)], n) for i, p in enumerate(self.inputs) for j, n in enumerate(several)
            ]
            order.shuffle(cells)
            yield from cells

    def bounded(self, read_s: float, write_s: float) -> "Design":
        """Without its longest prompts, where a pass takes over a third of the time: by seconds a prompt token, and an answer's."""
        inputs = self.inputs
        while len(inputs) > 2 and self._pass_s(inputs, read_s, write_s) > self.seconds / PASSES:
            inputs = inputs[:-1]
        return replace(self, inputs=inputs)

    def _pass_s(self, inputs: tuple[int, ...], read_s: float, write_s: float) -> float:
        most, mean = len(self.outputs) + sum(n for n in self.at_once if n > 1), sum(self.outputs) / len(self.outputs)
        return sum(inputs) * most * read_s + len(inputs) * (len(self.outputs) + len(self.at_once)) * mean * write_s

    def tokens(self) -> tuple[int, int]:
        """About the (input, output) tokens of the whole load."""
        mean = self.requests / len(self.inputs)
        return int(mean * sum(self.inputs)), int(self.requests * sum(self.outputs) / len(self.outputs))


@dataclass(frozen=True, slots=True)
class Served:
    """Where the server is, how it is asked, and as what it knows the model. `head`: further header lines, each with its line end."""

    address: Address
    path: bytes
    head: bytes
    model: str
    name: str


@dataclass(slots=True)
class Loaded:
    """What came of a load. `left_out`: groups that count for nothing, by reason."""

    groups: list[Group] = field(default_factory=list)
    sent: int = 0
    answered: int = 0
    seconds: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)


class FailedError(Exception):
    """One request failed. `status`: HTTP's, 0 without an answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Call(asyncio.Protocol):
    """One stream over a connection of its own; the times of its pieces by the clock."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pieces: list[float] = []
        self.usage: dict[str, Any] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._splitter, self._body, self._status, self._now = Splitter(), bytearray(), 0, 0.0
        self._error, self._is_whole = "", False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """End the connection, and wait for nothing more."""
        if self._transport is not None:
            self._transport.abort()
        self.done.cancel()

    def data_received(self, data: bytes) -> None:
        self._now = time.perf_counter()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, FrameTooLongError, msgspec.DecodeError) as error:
            self._fail(0, f"what it answers is no stream of the OpenAI dialect: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_whole:  # a body of no stated length ends with its connection
            self.on_message_complete()
        self._fail(0, f"the connection ended before the answer did{f': {error}' if error else ''}")

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if self._status != 200:
            self._body += body[: MOST_BODY_BYTES - len(self._body)]
            return
        for frame in self._splitter.feed(body):
            data = payload(frame)
            if data == b"[DONE]":
                self._is_whole = True
            elif data:
                self._hear(msgspec.json.decode(data))

    def on_message_complete(self) -> None:
        if self._status != 200:
            self._fail(self._status, f"HTTP {self._status}: {message_of(bytes(self._body))}")
        elif self._error:
            self._fail(0, self._error)
        elif not self.pieces:
            self._fail(0, "it answered without a token of text as a stream")
        elif not self.done.done():
            self.done.set_result(None)

    def _hear(self, frame: Any) -> None:
        if not isinstance(frame, dict):
            return
        if frame.get("error"):
            self._error = f"the stream broke: {str(frame['error'])[:200]}"
        if isinstance(frame.get("usage"), dict):
            self.usage = frame["usage"]
        for choice in frame.get("choices") or ():
            delta = choice.get("delta") or {}
            if delta.get("content") or delta.get("reasoning_content") or delta.get("reasoning"):
                self.pieces.append(self._now)

    def _fail(self, status: int, message: str) -> None:
        if not self.done.done():
            self.done.set_exception(FailedError(status, message))


def message_of(body: bytes) -> str:
    """A refusal's message, or the beginning of its body."""
    try:
        error = msgspec.json.decode(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:200]
    except (msgspec.DecodeError, KeyError, TypeError):
        return body[:200].decode(errors="replace").strip() or "no word"


class Load:
    """Loads one server, once. `on_progress(share, label)` is told after each group."""

    def __init__(self, served: Served, design: Design, on_progress: Callable[[float, str], None], seed: int = 1) -> None:
        self._served, self._design, self._tell, self._seed = served, design, on_progress, seed
        self._draw = random.Random(seed)  # noqa: S311 (words, no secret)
        self._extras = dict(EXTRAS)
        self._words, self._fixed = 1.0, 0.0
        self._result = Loaded()

    async def run(self) -> Loaded:
        """Raises SettingsError where the server cannot be measured."""
        begun = time.perf_counter()
        end = begun + self._design.seconds
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._design.seconds):
                await self._warm_up()
                await self._measure(begun, end)
        except TimeoutError:
            if not self._result.answered:
                raise SettingsError(f"{self._served.name} gave no answer within {self._design.seconds:g} s") from None
            self._leave_out("the time was up")
        self._result.seconds = time.perf_counter() - begun
        return self._result

    async def _measure(self, begun: float, end: float) -> None:
        longest, most, failures = max(self._design.inputs) + 1, max(self._design.at_once) + 1, 0
        took: dict[tuple[int, int, int], float] = {}
        skipped = 0
        for cell in self._design.passes(self._seed):
            asked, output, at_once = cell
            left, now = self._design.requests - self._result.sent, time.perf_counter()
            fits = asked < longest and at_once < most and at_once <= left and now + took.get(cell, 0.0) < end
            skipped = 0 if fits else skipped + 1
            if skipped > len(self._design.inputs) * (len(self._design.outputs) + len(self._design.at_once)):
                return
            if not fits:
                continue
            try:
                group = await self._group(asked, output, at_once)
            except FailedError as error:
                if error.status in TOO_MUCH and at_once > 1:
                    most = min(most, at_once)
                    self._leave_out(f"{at_once} at once are refused ({error})")
                elif error.status in TOO_LONG:
                    longest = min(longest, asked)
                    self._leave_out(f"{asked} input tokens are refused ({error})")
                else:
                    failures += 1
                    self._leave_out(str(error))
                    if failures >= MOST_FAILURES:
                        raise SettingsError(f"{self._served.name} failed {failures} times, at last with: {error}") from None
                continue
            took[cell] = time.perf_counter() - now
            self._result.groups.append(group)
            share = max(self._result.sent / self._design.requests, (time.perf_counter() - begun) / self._design.seconds)
            self._tell(min(share, 1.0), f"{self._result.sent}/{self._design.requests}, {asked} × {at_once}")

    async def _warm_up(self) -> None:
        """Two requests that are not counted among the points: how long a prompt of so many words is, and what the server understands."""
        tokens = []
        for words in WARM_UP:
            try:
                heard = await self._one(words)
            except FailedError as error:
                if error.status not in TOO_LONG or not self._extras:
                    raise self._refused(error) from None
                self._extras = {}
                try:
                    heard = await self._one(words)
                except FailedError as again:
                    raise self._refused(again) from None
            tokens.append(heard.input_tokens)
        write_s = (heard.last_s - heard.first_s) / max(heard.output_tokens - 1, 1)
        self._design = self._design.bounded(heard.first_s / heard.input_tokens, write_s)
        self._words = max((tokens[1] - tokens[0]) / (WARM_UP[1] - WARM_UP[0]), 0.1)
        self._fixed = tokens[0] - WARM_UP[0] * self._words

    def _refused(self, error: FailedError) -> SettingsError:
        name = self._served.name
        if error.status in NO_KEY:
            return SettingsError(f"{name} refuses the key ({error}); see that the variable of its key_env holds a good one")
        if error.status:
            return SettingsError(f"{name} refuses: {error}")
        return SettingsError(f"{name} gives no answer: {error}; see that it runs and is reached from here")

    async def _one(self, words: int) -> Heard:
        return (await self._send([self._request(words, 4)], words)).answers[0]

    async def _group(self, asked: int, output: int, at_once: int) -> Group:
        words = max(1, round((asked - self._fixed) / self._words))
        return await self._send([self._request(words, output) for _ in range(at_once)], asked)

    async def _send(self, requests: list[bytes], asked: int) -> Group:
        """All at once, over connections that are open before. Raises FailedError of the first that fails, SettingsError without usage."""
        calls = [Call() for _ in requests]
        try:
            try:
                async with asyncio.timeout(CONNECT_S):
                    await asyncio.gather(*(self._served.address.open(call) for call in calls))
            except TimeoutError:
                raise FailedError(0, f"no connection within {CONNECT_S:g} s") from None
            except OSError as error:
                raise FailedError(0, f"no connection: {error}") from None
            begun = time.perf_counter()
            for call, request in zip(calls, requests, strict=True):
                call.send(request)
            self._result.sent += len(calls)
            ends = await asyncio.gather(*(call.done for call in calls), return_exceptions=True)
        finally:
            for call in calls:
                call.close()
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        self._result.answered += len(calls)
        return Group(asked, tuple(self._heard(call, begun) for call in calls))

    def _heard(self, call: Call, begun: float) -> Heard:
        usage = call.usage or {}
        prompt, output = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if not isinstance(prompt, int) or not isinstance(output, int) or prompt < 1 or output < 1:
            raise SettingsError(
                f"{self._served.name} answers without usage: its tokens are not known, and nothing can be fitted; "
                "it must support stream_options.include_usage"
            )
        details = usage.get("prompt_tokens_details")
        cached = (details.get("cached_tokens") if isinstance(details, dict) else 0) or 0
        return Heard(tuple(at - begun for at in call.pieces), prompt, min(int(cached), prompt - 1), output)

    def _request(self, words: int, output: int) -> bytes:
        """A prompt that no cache holds: its first words are its own."""
        text = " ".join(self._draw.choice(WORDS) for _ in range(words))
        body = msgspec.json.encode({
            "model": self._served.model, "messages": [{"role": "user", "content": text}], "max_tokens": output, "temperature": 0.0,
            "stream": True, "stream_options": {"include_usage": True}, **self._extras,
        })  # fmt: skip
        at = self._served.address
        head = b"POST %b%b HTTP/1.1\r\nhost: %b\r\n%b%b" % (at.prefix, self._served.path, at.authority, at.extra_headers, self._served.head)
        return head + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    def _leave_out(self, reason: str) -> None:
        self._result.left_out[reason] = self._result.left_out.get(reason, 0) + 1
