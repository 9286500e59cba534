"""Requests in every dialect: the question, the sources, the form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.quality.asked import Asked, Form, read_asked, without_sources


def asked(**body: Any) -> Asked:
    found = read_asked(json.dumps(body).encode())
    assert found is not None
    return found


def test_chat_completions() -> None:
    found = asked(
        messages=[
            {"role": "developer", "content": "Answer from the documents."},
            {"role": "user", "content": [{"type": "text", "text": "<document index='1'>It costs 12 euros.</document> What does it cost?"}]},
            {"role": "tool", "tool_call_id": "t", "content": "stock: 40"},
        ],
        tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}, {"type": "web_search"}],
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}},
    )
    assert (found.question.strip(), found.system) == ("What does it cost?", "Answer from the documents.")
    assert [source.strip() for source in found.sources] == ["It costs 12 euros.", "stock: 40"]
    assert (found.form, dict(found.tools)) == (Form({"type": "array"}), {"look": {"type": "object"}})
    assert "12 euros" in found.text and "stock" in found.text


def test_messages() -> None:
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Nasceu em 1987."}, "title": "x"}
    found = asked(
        system=[{"type": "text", "text": "Responda."}],
        messages=[{"role": "user", "content": [document, {"type": "text", "text": "Quando?"}]}],
    )
    assert (found.question, found.system, found.sources) == ("Quando?", "Responda.", ("Nasceu em 1987.",))
    inner = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "b"}]}
    assert asked(messages=[{"role": "user", "content": [inner, result, "?"]}]).sources == ("a", "b")


def test_responses_and_completions() -> None:
    found = asked(
        instructions="Curto.",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "Oi"}]}, {"type": "function_call_output", "output": "9"}],
        text={"format": {"type": "json_object"}},
    )
    assert (found.question, found.system, found.sources, found.form) == ("Oi", "Curto.", ("9",), Form(None))
    assert asked(prompt="Once").question == "Once"
    assert asked(input="Oi").question == "Oi"


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("a <source>b</source> c", "a  c"),
        ("<fonte>x <fonte>y</fonte> z</fonte>w", "w"),
        ("a <document>b", "a <document>b"),
        ("<context>1</context><trecho>2</trecho>", ""),
        ("a </source> b", "a </source> b"),
    ],
)
def test_blocks_are_cut_out_whole(text: str, rest: str) -> None:
    assert without_sources(text) == rest


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["messages", "content", "role", "type", "text", "input", "tools", "document", "source"]), inner, max_size=3
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_raises(body: bytes) -> None:
    assert read_asked(body) is None or body[:1]
