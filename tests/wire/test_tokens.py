"""Tokens counted exactly, and shared out."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from roteiro.terms.codes import Operation
from roteiro.wire import tokens
from roteiro.wire.tokens import PER_MESSAGE, PER_REQUEST, available, count_request, count_text, encoding_of, shared

needs_vocabularies = pytest.mark.skipif(not available(), reason="needs the extra `tokens`")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}


def counted(body: dict[str, Any], operation: Operation = Operation.CHAT, model: str = "") -> int:
    return count_request(operation, msgspec.json.decode(json.dumps(body).encode(), type=dict[str, Raw]), model)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary where each word is a token."""
    monkeypatch.setattr(tokens, "_counter", lambda encoding: lambda text: len(text.split()))


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    ("body", "operation", "expected"),
    [
        ({"messages": [{"role": "user", "content": "a b c"}]}, Operation.CHAT, PER_REQUEST + PER_MESSAGE + 3),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a b"}, {"type": "text", "text": "c"}]}]}, Operation.CHAT, PER_REQUEST + PER_MESSAGE + 3),
        ({"system": "be brief", "messages": [{"role": "user", "content": "a"}]}, Operation.MESSAGES, PER_REQUEST + 2 * PER_MESSAGE + 3),
        ({"instructions": "be brief", "input": "a"}, Operation.RESPONSES, PER_REQUEST + 2 * PER_MESSAGE + 3),
        ({"prompt": "once upon a time"}, Operation.COMPLETION, PER_REQUEST + PER_MESSAGE + 4),
        ({"input": ["a b", "c"]}, Operation.EMBEDDINGS, 3),
        ({"input": [[1, 2, 3], [4]]}, Operation.EMBEDDINGS, 4),
        ({"input": [1, 2, 3]}, Operation.EMBEDDINGS, 3),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "x y z", "type": "function", "function": {"name": "f", "arguments": "{ }"}}]}]}, Operation.CHAT, PER_REQUEST + PER_MESSAGE + 3),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "f", "input": {"a": "b c"}}]}]}, Operation.MESSAGES, PER_REQUEST + PER_MESSAGE + 3),
        ({"messages": []}, Operation.CHAT, PER_REQUEST),
        ({}, Operation.CHAT, PER_REQUEST),
    ],
)  # fmt: skip
def test_what_counts(body: dict[str, Any], operation: Operation, expected: int) -> None:
    assert counted(body, operation) == expected


@pytest.mark.usefixtures("words")
def test_pictures_count_by_formula_and_tools_by_their_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    plain = counted({"messages": [{"role": "user", "content": []}]})
    assert counted({"messages": [{"role": "user", "content": [picture]}]}) == plain + tokens.PER_PICTURE
    assert counted({"messages": [{"role": "user", "content": []}], "tools": [TOOL]}) > plain


@pytest.mark.usefixtures("words")
def test_a_body_that_is_none() -> None:
    with pytest.raises(ValueError, match="JSON"):
        count_request(Operation.CHAT, {"messages": Raw(b"[nonsense")}, "")


def test_vocabularies() -> None:
    assert (
        encoding_of("gpt-4-turbo")
        == encoding_of("gpt-3.5-turbo")
        == encoding_of("text-embedding-3-small")
        == encoding_of("gpt-4")
        == "cl100k_base"
    )
    assert encoding_of("gpt-4o") == encoding_of("gpt-4.1") == encoding_of("claude-opus") == encoding_of("") == "o200k_base"


@needs_vocabularies
def test_known_texts() -> None:
    assert count_text("hello world", "gpt-4o") == 2
    assert count_text("tiktoken is great!", "gpt-4") == 6  # the example of OpenAI's cookbook
    assert count_text("<|endoftext|>") > 1  # a client's text is only a text
    assert count_text("") == 0


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**5), min_size=1, max_size=50))
def test_shares_add_up_and_are_in_proportion(total: int, weights: list[int]) -> None:
    parts = shared(total, weights)
    assert sum(parts) == total and len(parts) == len(weights)
    weight = sum(weights)
    if weight:
        assert all(abs(part - total * one / weight) < 1.0 for part, one in zip(parts, weights, strict=True))
    else:
        assert max(parts) - min(parts) <= 1
