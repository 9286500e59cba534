"""Answers as their clients got them, in every dialect, whole and streamed."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.quality.answered import Answered, mean_logprob, read_stream, read_whole
from roteiro.terms.codes import Operation

LOGPROBS = {"content": [{"token": "Oi", "logprob": -0.1}, {"token": "!", "logprob": -0.3}]}
CHAT = {
    "id": "c1", "object": "chat.completion", "model": "m",
    "choices": [
        {"index": 1, "message": {"role": "assistant", "content": "other"}, "finish_reason": "stop"},
        {"index": 0, "message": {"role": "assistant", "content": "Oi!"}, "finish_reason": "length", "logprobs": LOGPROBS},
    ],
}  # fmt: skip
CALL = {
    "choices": [{
        "index": 0, "finish_reason": "tool_calls",
        "message": {"content": None, "tool_calls": [{"id": "t", "function": {"name": "look", "arguments": '{"a": 1}'}}]},
    }]
}  # fmt: skip
REFUSAL = {"choices": [{"index": 0, "message": {"content": None, "refusal": "I can't."}, "finish_reason": "stop"}]}
COMPLETION = {
    "choices": [{"index": 0, "text": "Oi!", "finish_reason": "stop", "logprobs": {"tokens": ["Oi", "!"], "token_logprobs": [None, -0.2]}}]
}
MESSAGE = {
    "id": "m",
    "model": "c",
    "content": [{"type": "text", "text": "Oi!"}],
    "stop_reason": "refusal",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "Oi!", "logprobs": [{"token": "Oi!", "logprob": -0.2}]}]},
    ],
}  # fmt: skip


def events(*rows: Any, name: bool = False) -> bytes:
    return b"".join((f"event: {row['type']}\n" if name else "").encode() + b"data: " + json.dumps(row).encode() + b"\n\n" for row in rows)


def chunk(delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}]}


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        (Operation.CHAT, CHAT, Answered("Oi!", "length", logprob=-0.2)),
        (Operation.CHAT, REFUSAL, Answered("", "stop", "I can't.")),
        (Operation.COMPLETION, COMPLETION, Answered("Oi!", "stop", logprob=-0.2)),
        (Operation.MESSAGES, MESSAGE, Answered("Oi!", "refusal")),
        (Operation.RESPONSES, RESPONSE, Answered("Oi!", "length", logprob=-0.2)),
        (Operation.CHAT, {"error": {"message": "no"}}, None),
        (Operation.RESPONSES, {**RESPONSE, "status": "failed"}, None),
    ],
)
def test_a_whole_answer(operation: Operation, body: Any, expected: Answered | None) -> None:
    found = read_whole(operation, json.dumps(body).encode())
    assert found == expected or (
        found is not None and expected is not None and found._replace(logprob=round(found.logprob or 1, 9)) == expected
    )


def test_calls_of_tools() -> None:
    found = read_whole(Operation.CHAT, json.dumps(CALL).encode())
    assert found is not None and [(call.name, call.arguments) for call in found.calls] == [("look", '{"a": 1}')]


def test_a_stream_says_what_the_whole_says() -> None:
    chat = events(chunk({"role": "assistant", "content": ""}), chunk({"content": "Oi"}, logprobs={"content": LOGPROBS["content"][:1]}),
                  chunk({"content": "!"}, logprobs={"content": LOGPROBS["content"][1:]}), chunk({}, "stop")) + b"data: [DONE]\n\n"  # fmt: skip
    found = read_stream(Operation.CHAT, chat)
    assert found is not None and found.text == "Oi!" and found.finish == "stop" and found.logprob == pytest.approx(-0.2)
    assert read_stream(Operation.CHAT, chat[: len(chat) // 2]) is None, "half a stream is no answer"
    last = read_stream(
        Operation.RESPONSES, events({"type": "response.created"}, {"type": "response.incomplete", "response": RESPONSE}, name=True)
    )
    assert last == read_whole(Operation.RESPONSES, json.dumps(RESPONSE).encode())
    message = events(
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Oi!"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 2}}, {"type": "message_stop"}, name=True,
    )  # fmt: skip
    assert read_stream(Operation.MESSAGES, message) == Answered("Oi!", "length")


def test_what_is_no_probability_is_not_counted() -> None:
    told = [{"content": [{"logprob": -9999.0}, {"logprob": -1.0}, {"logprob": math.nan}, {"logprob": True}, {"logprob": "x"}, 3]}, None]
    assert mean_logprob(told) == -1.0
    assert mean_logprob([{"content": None}, {}]) is None


@given(st.sampled_from(list(Operation)), st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.booleans())
def test_no_bytes_raise(operation: Operation, body: bytes, stream: bool) -> None:
    assert (read_stream if stream else read_whole)(operation, body) is None or body
