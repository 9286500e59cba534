"""Prompts written for Anthropic's models: what is said how, and what is refused because it cannot be."""

import json
from typing import Any

import pytest

from roteiro.wire.anthropic_back import AnthropicBack
from roteiro.wire.canon import (
    EmbeddingPrompt,
    File,
    Format,
    Image,
    Message,
    Prompt,
    Reasoning,
    Refused,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    UntranslatableError,
)
from roteiro.wire.dialect import Back

BACK: Back = AnthropicBack()
HELLO = Message("user", [Text("hello")])


def written(prefix: str | None = None, model: str = "claude-opus-4-8", most_output: int | None = None, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(BACK.write(Prompt(**{"messages": [HELLO], **fields}), model, prefix, most_output))
    return said


def test_the_least_that_can_be_said() -> None:
    assert written() == {
        "model": "claude-opus-4-8",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }


def test_the_longest_answer_is_the_clients_the_models_or_4096() -> None:
    assert written(max_tokens=7, most_output=9)["max_tokens"] == 7
    assert written(most_output=9)["max_tokens"] == 9


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"seed": 1}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"5": 1.0}}, "logit_bias"),
        ({"frequency_penalty": 0.1}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"temperature": 1.5}, "temperature"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"format": Format("json")}, "response_format"),
        ({"messages": [Message("user", [Text("x")], name="ana")]}, "messages.name"),
        ({"messages": [Message("system", [Text("x")])]}, "messages"),
        ({"messages": [Message("user", [Image(url="https://x/a", detail="low")])]}, "messages.image_url.detail"),
        ({"messages": [Message("user", [Image(data="AA", media_type="image/tiff")])]}, "messages.image_url"),
        ({"messages": [Message("user", [File(data="AA", media_type="audio/wav")])]}, "messages.file"),
        ({"messages": [Message("user", [File(id="file-abc")])]}, "messages.file"),
        ({"messages": [Message("user", [File(data="/w==", media_type="text/plain")])]}, "messages.file"),
        ({"messages": [HELLO, Message("assistant", [ToolCall("t", "f", "[1]")])]}, "messages.tool_calls.arguments"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        written(**fields)
    assert caught.value.param == param
    assert str(caught.value)


def test_what_says_nothing_is_no_reason_to_refuse() -> None:
    assert set(written(n=1, frequency_penalty=0.0, presence_penalty=0, logit_bias={}, metadata={}, format=Format("text"))) == {
        "model",
        "max_tokens",
        "messages",
    }


def test_system_messages_in_the_middle_go_to_the_end_of_the_system_prompt() -> None:
    said = written(system=[Text("one")], messages=[HELLO, Message("system", [Text("two")]), Message("user", [Text("go")])])
    assert [block["text"] for block in said["system"]] == ["one", "two"]
    assert said["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "go"}]}]


def test_results_of_tools_are_a_turn_of_the_user() -> None:
    said = written(
        messages=[
            HELLO,
            Message("assistant", [Text(""), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")]),
            Message("tool", [ToolResult("a", [Text("1")])]),
            Message("tool", [ToolResult("b", [Text("no")], error=True)]),
            Message("user", [Text("go")]),
        ]
    )
    assert said["messages"][1:] == [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}, {"type": "tool_use", "id": "b", "name": "g", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
            {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "no"}], "is_error": True},
            {"type": "text", "text": "go"},
        ]},
    ]  # fmt: skip


def test_reasoning_of_others_is_left_out_and_refusals_are_text() -> None:
    said = written(messages=[HELLO, Message("assistant", [Thinking("unsigned"), Refused("no")]), HELLO])
    assert said["messages"][1]["content"] == [{"type": "text", "text": "no"}]


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("claude-opus-4-8", Reasoning("high"), {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}}),
        ("claude-opus-4-8", Reasoning("minimal"), {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
        ("claude-opus-4-8", Reasoning(), {"thinking": {"type": "adaptive"}}),
        ("claude-opus-4-8", Reasoning("none"), {"thinking": {"type": "disabled"}}),
        ("claude-opus-4-8", Reasoning(budget=2000, show=True), {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}}),
        ("claude-sonnet-4-5", Reasoning("medium"), {"thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("claude-3-7-sonnet-20250219", Reasoning("minimal"), {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-opus-4-20250514", Reasoning("max"), {"thinking": {"type": "enabled", "budget_tokens": 7600}}),
        ("anthropic/claude-haiku-4-5-20251001", Reasoning(show=False), {"thinking": {"type": "enabled", "budget_tokens": 4000, "display": "omitted"}}),
        ("claude-sonnet-4-6", Reasoning("low"), {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
        ("some-local-model", Reasoning("low"), {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
    ],
)  # fmt: skip
def test_how_hard_to_think(model: str, asked: Reasoning, expected: dict[str, Any]) -> None:
    said = written(model=model, reasoning=asked, max_tokens=8000)
    assert {name: said[name] for name in said if name in ("thinking", "output_config")} == expected


def test_no_room_to_think_is_refused() -> None:
    with pytest.raises(UntranslatableError, match="1024"):
        written(model="claude-sonnet-4-5", reasoning=Reasoning("low"), max_tokens=1024)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "=f"}, {"type": "tool", "name": "f"}),
        ({"tool_choice": "none", "parallel_tools": False}, {"type": "none"}),
        ({"parallel_tools": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required", "parallel_tools": True}, {"type": "any", "disable_parallel_tool_use": False}),
        ({}, None),
    ],
)  # fmt: skip
def test_choice_of_tools(fields: dict[str, Any], expected: object) -> None:
    said = written(tools=[Tool("f", "d", None, strict=True)], **fields)
    assert said.get("tool_choice") == expected
    assert said["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}, "description": "d", "strict": True}]


def test_an_answer_by_a_schema() -> None:
    said = written(format=Format("schema", name="x", schema={"type": "object"}), reasoning=Reasoning("low"))
    assert said["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}


def test_an_answer_is_gone_on_from_without_white_space_at_its_end() -> None:
    assert written("One, two, \n")["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "One, two,"}]}
    assert len(written(" \n")["messages"]) == 1


def test_the_beginning_joins_what_the_client_began() -> None:
    said = written("b c", messages=[HELLO, Message("assistant", [Text("a ")])])
    assert said["messages"][-1]["content"] == [{"type": "text", "text": "a b c"}]
    said = written("b", messages=[HELLO, Message("assistant", [ToolCall("t", "f", "{}")])])
    assert [block["type"] for block in said["messages"][-1]["content"]] == ["tool_use", "text"]


def test_an_answer_in_its_middle_is_past_its_thinking() -> None:
    assert "thinking" not in written("so far", reasoning=Reasoning("high"))
    assert written("so far", reasoning=Reasoning("high"))["output_config"] == {"effort": "high"}
    with pytest.raises(UntranslatableError, match="schema"):
        written("so far", format=Format("schema", schema={}))


def test_there_are_no_embeddings() -> None:
    with pytest.raises(UntranslatableError):
        BACK.write_embeddings(EmbeddingPrompt(inputs=["x"]), "m")
