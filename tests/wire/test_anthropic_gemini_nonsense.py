"""Nonsense of clients is a RequestError, nonsense of providers a BadAnswerError, and nothing else comes out: bodies and streams, spoilt at will."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.error import RequestError
from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_back import AnthropicBack
from roteiro.wire.anthropic_batch import read_batch
from roteiro.wire.anthropic_count import read_count
from roteiro.wire.canon import BadAnswerError, UntranslatableError
from roteiro.wire.dialect import Back, Front, Seen
from roteiro.wire.gemini import GeminiBack

FRONT: Front = AnthropicFront()
BACKS: list[Back] = [AnthropicBack(), GeminiBack()]

REQUEST: dict[str, Any] = {
    "model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "thinking": {"type": "adaptive"}, "metadata": {"user_id": "u"},
    "tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "auto"}, "output_config": {"effort": "low"},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"q": [1]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "r"}]}]},
    ],
    "requests": [{"custom_id": "a", "params": {"model": "m"}}],
}  # fmt: skip
MESSAGE: dict[str, Any] = {
    "id": "i", "type": "message", "model": "m", "stop_reason": "tool_use", "stop_details": None,
    "content": [{"type": "text", "text": "x"}, {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "tool_use", "id": "a", "name": "f", "input": {"q": [1]}}],
    "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
    "candidates": [{"content": {"parts": [{"text": "x", "thought": True}, {"functionCall": {"name": "f", "args": {"q": [1]}}}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}, "promptFeedback": {},
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    MESSAGE,
]

odd = st.sampled_from([None, True, 0, -1, 1.5, 10**30, "", "x", [], [1], [[]], {}, {"type": "x"}, {"type": 1}, "null"])


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> bytes:
    """A document with some value in it replaced, or some bytes."""
    said = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 2))):
        at = said
        while isinstance(at, dict | list) and at:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if not isinstance(at[key], dict | list) or draw(st.booleans()):
                at[key] = json.loads(json.dumps(draw(odd)))
                break
            at = at[key]
    data = json.dumps(said).encode()
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data) - 1))
        data = data[:place] + draw(st.binary(max_size=2)) + data[place + draw(st.integers(0, 2)) :]
    return data


@given(spoilt(REQUEST))
def test_what_a_client_says(data: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [lambda body: FRONT.prompt(FRONT.read(body, {})), read_count, read_batch]
    for read in readers:
        try:
            read(data)
        except RequestError as error:
            assert error.status == 400 and str(error)
    try:
        prompt = FRONT.prompt(FRONT.read(data, {}))
    except RequestError:
        return
    for back in BACKS:
        try:
            json.loads(back.write(prompt, "m", "so far"))
        except UntranslatableError as error:
            assert error.param


@given(spoilt(MESSAGE))
def test_what_a_provider_answers(data: bytes) -> None:
    for back in BACKS:
        for read in (back.read, back.usage, back.read_embeddings):
            try:
                answer = read(data)
            except BadAnswerError:
                continue
            if read == back.read:
                with suppress(BadAnswerError):
                    json.loads(FRONT.answer(answer, FRONT.read(b'{"model":"m","max_tokens":9,"messages":[{}]}', {})))  # type: ignore[arg-type]


@given(st.lists(st.one_of(*map(spoilt, EVENTS)), max_size=6))
def test_what_a_provider_streams(events: list[bytes]) -> None:
    ask = FRONT.read(b'{"model":"m","max_tokens":9,"messages":[{}]}', {})
    data = b"".join(b"event: x\ndata: %b\n\n" % event for event in events)
    for back in BACKS:
        writer = FRONT.writer(ask, 1, Seen())
        try:
            writer.write(back.reader().feed(data))
        except BadAnswerError:
            pass
        else:
            writer.end(None)
    with suppress(BadAnswerError):
        BACKS[0].relay(ask, Seen()).feed(data)


def test_what_is_not_utf8_within_arguments_shows_as_such() -> None:
    body = b'{"content":[{"type":"tool_use","id":"a","name":"f","input":{"a":"\xff"}}],"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"\xff"}}}]}}]}'
    for back in BACKS:
        part = back.read(body).choices[0].parts[0]
        assert getattr(part, "arguments", None) == '{"a":"�"}'


def test_nothing_passes_through_to_gemini() -> None:
    ask = FRONT.read(b'{"model":"m","max_tokens":9,"messages":[{}]}', {})
    assert BACKS[1].splice(ask, "m") is None
    with pytest.raises(NotImplementedError):
        BACKS[1].relay(ask, None)
