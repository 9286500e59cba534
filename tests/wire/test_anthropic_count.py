"""What there is to count of a request."""

import json
from typing import Any

import pytest
from anthropic.types import MessageTokensCount

from roteiro.terms.error import RequestError
from roteiro.wire.anthropic_count import count_answer, read_count


def counted(**extra: Any) -> Any:
    return read_count(json.dumps({"model": "m", "messages": [{"role": "user", "content": "olá"}], **extra}).encode())


def test_every_text_that_a_model_reads() -> None:
    request = counted(
        system=[{"type": "text", "text": "be brief"}],
        tools=[{"name": "f", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "web_search"}],
        messages=[
            {"role": "user", "content": "olá"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "long"}, {"type": "redacted_thinking", "data": "enc"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}, {"type": "image", "source": {}}]},
                {"type": "document", "source": {"type": "text", "data": "plain"}}, {"type": "document", "source": {"type": "base64", "data": "AA"}},
                {"type": "new", "x": 1},
            ]},
        ],
    )  # fmt: skip
    assert request.texts == [
        "be brief", "olá", "hm", "f", '{"a":1}', "r", "plain", '{"type":"new","x":1}',
        '{"name":"f","input_schema":{"type":"object"}}', '{"type":"web_search_20250305","name":"web_search"}',
    ]  # fmt: skip
    assert (request.model, request.images, request.files, request.turns) == ("m", 1, 1, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"messages":[]}',
        b'{"messages":"x"}',
        b'{"messages":[' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b"[]",
        b'{"messages":[1],"model":3}',
    ],
)
def test_refuses_clearly(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read_count(body)
    assert caught.value.status == 400


def test_the_answer() -> None:
    assert MessageTokensCount.model_validate_json(count_answer(12)).input_tokens == 12
