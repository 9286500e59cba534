"""Clients of the Anthropic dialect: what is read, what is refused, what they get; shapes by Anthropic's own types."""

import json
from typing import Any

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types.shared.error_response import ErrorResponse
from hypothesis import given
from tests.wire.anthropic_words import prompts

from roteiro.terms.codes import Operation
from roteiro.terms.error import RequestError
from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_back import AnthropicBack
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    File,
    Format,
    Image,
    Message,
    Prompt,
    Reasoning,
    Refused,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from roteiro.wire.dialect import Back, Front

FRONT: Front = AnthropicFront()
BACK: Back = AnthropicBack()


def body(**extra: Any) -> bytes:
    said = {"model": "chat", "max_tokens": 64, "messages": [{"role": "user", "content": "olá"}], **extra}
    return json.dumps({name: value for name, value in said.items() if value is not ...}, separators=(",", ":")).encode()


def prompt_of(**extra: Any) -> Prompt:
    return FRONT.prompt(FRONT.read(body(**extra), {}))


def fault(**extra: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        prompt_of(**extra)
    return caught.value


def test_reads_what_the_journey_needs() -> None:
    ask = FRONT.read(body(stream=True, metadata={"user_id": "ana"}), {b"anthropic-beta": b"context-1m"})
    assert (ask.model, ask.stream, ask.output_tokens, ask.user, ask.choices) == ("chat", True, 64, "ana", 1)
    assert (ask.operation, ask.client_wants_usage, ask.head) == (Operation.MESSAGES, True, b"anthropic-beta: context-1m\r\n")
    assert ask.input_tokens > 0


def test_a_header_that_is_none_does_not_go_along() -> None:
    assert FRONT.read(body(), {b"anthropic-beta": b"a\r\nx-api-key: mine"}).head == b""


@pytest.mark.parametrize(
    ("extra", "code", "param"),
    [
        ({"model": ...}, "missing_required_parameter", "model"),
        ({"model": None}, "missing_required_parameter", "model"),
        ({"max_tokens": ...}, "missing_required_parameter", "max_tokens"),
        ({"messages": ...}, "missing_required_parameter", "messages"),
        ({"messages": []}, "empty_array", "messages"),
        ({"messages": "hi"}, "invalid_type", "messages"),
        ({"model": 5}, "invalid_type", "model"),
        ({"max_tokens": "7"}, "invalid_type", "max_tokens"),
        ({"max_tokens": -1}, "invalid_value", "max_tokens"),
        ({"stream": 1}, "invalid_type", "stream"),
        ({"metadata": [1]}, "invalid_type", "metadata"),
    ],
)
def test_refuses_clearly_before_anything_is_sent(extra: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        FRONT.read(body(**extra), {})
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)


def test_filling_a_cache_passes_through_but_is_no_request_elsewhere() -> None:
    ask = FRONT.read(body(max_tokens=0), {})
    assert ask.output_tokens == 1
    assert b'"max_tokens":0' in (BACK.splice(ask, "claude-x") or b"")
    assert fault(max_tokens=0).param == "max_tokens"


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]}, "tools[0].type"),
        ({"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}, "tools[1].type"),
        ({"tools": [{"type": "computer_20250124", "name": "computer", "display_width_px": 9}]}, "tools[0].type"),
        ({"tools": [{"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}]}, "tools[0].type"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"thinking": {"type": "between_tools"}}, "thinking.type"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result", "source": "s"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}, "messages[0].content[0].source.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "new": 1}]}]}, "messages[0].content[0].new"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": True}}]}]}, "messages[0].content[0].citations.enabled"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]}, "messages"),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, "output_config.effort"),
        ({"service_tier": "fast"}, "service_tier"),
    ],
)  # fmt: skip
def test_what_no_other_dialect_can_say_is_refused_by_name(extra: dict[str, Any], param: str) -> None:
    error = fault(**extra)
    assert (error.status, error.param) == (400, param)
    assert BACK.splice(FRONT.read(body(**extra), {}), "claude-x") is not None  # and passes to its own dialect


def test_every_other_value_passes_as_it_came() -> None:
    data = b'{"max_tokens":64, "future":{"a":1.000},"model":"chat" ,"messages":[{"role":"user","content":"\\u00e9 \\/"}]}'
    ask = FRONT.read(data, {})
    expected = b'{"max_tokens":64,"future":{"a":1.000},"model":"claude \\"x\\"","messages":[{"role":"user","content":"\\u00e9 \\/"}]}'
    assert BACK.splice(ask, 'claude "x"') == expected


def test_reasoning_that_another_provider_showed_does_not_go_to_anthropic() -> None:
    shown = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "a"}]}
    ask = FRONT.read(body(messages=[{"role": "user", "content": "x"}, shown, {"role": "user", "content": "y"}]), {})
    assert BACK.splice(ask, "claude-x") is None
    assert FRONT.prompt(ask).messages[1].parts[0] == Thinking("hm")
    assert b"hm" not in BACK.write(FRONT.prompt(ask), "claude-x")
    quoted = FRONT.read(body(messages=[{"role": "user", "content": 'what is "signature":""?'}]), {})
    assert BACK.splice(quoted, "claude-x") is not None


def test_the_clients_own_body_is_gone_on_with() -> None:
    ask = FRONT.read(body(future=1, thinking={"type": "adaptive"}, tools=[{"type": "bash_20250124", "name": "bash"}]), {})
    said = json.loads(BACK.splice(ask, "claude-x", "One, two, ") or b"")
    assert said["messages"] == [{"role": "user", "content": "olá"}, {"role": "assistant", "content": "One, two,"}]
    assert (said["future"], said["tools"][0]["name"], "thinking" in said) == (1, "bash", False)
    assert json.loads(BACK.splice(ask, "claude-y", " ") or b"")["messages"] == [{"role": "user", "content": "olá"}]
    assert b"One" not in (BACK.splice(ask, "claude-y") or b"")
    for extra in ({"output_format": {}}, {"output_config": {"format": {"type": "json_schema", "schema": {}}}}):
        assert BACK.splice(FRONT.read(body(**extra), {}), "claude-x", "One") is None
    assert BACK.splice(FRONT.read(body(output_config={"effort": "low"}), {}), "claude-x", "One") is not None


def test_blocks_of_every_kind() -> None:
    prompt = prompt_of(
        system=[{"type": "text", "text": "be", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}},
                {"type": "document", "title": "T", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "olá"}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "enc"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1.5]}, "caller": {"type": "direct"}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "r"},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": [{"type": "text", "text": "no"}]},
                {"type": "text", "text": "go on"},
            ]},
            {"role": "system", "content": "late"},
        ],
    )  # fmt: skip
    assert prompt.system == [Text("be", {"type": "ephemeral"})]
    assert [message.role for message in prompt.messages] == ["user", "assistant", "tool", "user", "system"]
    assert prompt.messages[0].parts[1:] == [
        Image(url="https://x/a.png"), Image(data="/9j/", media_type="image/jpeg"), File(data="JVBE", name="T"),
        File(data="b2zDoQ==", media_type="text/plain"), File(id="file_1"),
    ]  # fmt: skip
    assert prompt.messages[1].parts == [
        Thinking("hm", "sig"),
        Thinking("", redacted="enc"),
        ToolCall("t1", "f", '{"a":[1.5]}'),
        ToolCall("t2", "g", "{}"),
    ]
    assert prompt.messages[2].parts == [ToolResult("t1", [Text("r")], name="f"), ToolResult("t2", [Text("no")], True, "g")]
    assert prompt.messages[3] == Message("user", [Text("go on")])


@pytest.mark.parametrize(
    ("extra", "field", "expected"),
    [
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "tool_choice", "auto"),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "parallel_tools", False),
        ({"tool_choice": {"type": "any"}}, "tool_choice", "required"),
        ({"tool_choice": {"type": "tool", "name": "f"}}, "tool_choice", "=f"),
        ({"tool_choice": {"type": "none"}}, "tool_choice", "none"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}}, "reasoning", Reasoning(None, 2048, False)),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "reasoning", Reasoning("max")),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, "reasoning", Reasoning(show=True)),
        ({"thinking": {"type": "disabled"}}, "reasoning", Reasoning("none")),
        ({"output_config": {"effort": "high"}}, "reasoning", Reasoning("high")),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "format", Format("schema", schema={"type": "object"})),
        ({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}, "format", Format("schema", schema={"type": "object"})),
        ({"stop_sequences": ["END"]}, "stop", ["END"]),
        ({"metadata": {"user_id": "u"}}, "user", "u"),
        ({"service_tier": "standard_only"}, "service_tier", "default"),
        ({"top_k": 5}, "top_k", 5),
        ({"system": "s"}, "system", [Text("s")]),
        ({"system": ""}, "system", []),
        ({"temperature": None}, "temperature", None),
    ],
)  # fmt: skip
def test_fields(extra: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(prompt_of(**extra), field) == expected


@given(prompts)
def test_what_the_dialect_can_say_comes_back_the_same(prompt: Prompt) -> None:
    again = FRONT.prompt(FRONT.read(BACK.write(prompt, "claude-opus-4-8"), {}))
    assert json.dumps(_plain(again)) == json.dumps(_plain(prompt))


def _plain(prompt: Prompt) -> Any:
    """As JSON, without what a last turn's shape may differ in: lists for tuples."""
    import msgspec

    return msgspec.to_builtins(prompt)


def test_whole_answers_are_messages() -> None:
    parts = [Thinking("hm", "sig"), Thinking("", redacted="enc"), Text("olá"), ToolCall("t", "f", '{"a": 1}'), ToolCall("u", "g", "")]
    answer = Answer(id="msg_1", model="m", choices=[Choice(parts=parts, finish="tool_calls")], usage=Usage(10, 4, 7, 2))
    data = FRONT.answer(answer, FRONT.read(body(), {}))
    message = SdkMessage.model_validate_json(data)
    assert [block.type for block in message.content] == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        "tool_use",
        6,
        4,
        7,
    )
    again = BACK.read(data)
    assert again.usage == answer.usage == BACK.usage(data)
    assert again.choices[0].parts == [*parts[:3], ToolCall("t", "f", '{"a":1}'), ToolCall("u", "g", "{}")]


def test_a_refusal_is_told_beside_the_content() -> None:
    answer = Answer(id="i", model="m", choices=[Choice(parts=[Refused("I will not.")], finish="stop")])
    data = FRONT.answer(answer, FRONT.read(body(), {}))
    message = SdkMessage.model_validate_json(data)
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None and message.stop_details.explanation == "I will not."
    assert BACK.read(data).choices[0] == Choice(parts=[Refused("I will not.")], finish="refusal")


def test_arguments_that_are_no_object_cannot_be_answered() -> None:
    answer = Answer(id="i", model="m", choices=[Choice(parts=[ToolCall("t", "f", '{"a":')], finish="tool_calls")])
    with pytest.raises(BadAnswerError):
        FRONT.answer(answer, FRONT.read(body(), {}))


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"), (403, "permission_error"), (404, "not_found_error"),
        (409, "invalid_request_error"), (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"),
        (503, "overloaded_error"), (504, "timeout_error"), (529, "overloaded_error"),
    ],
)  # fmt: skip
def test_errors_have_the_shape_that_clients_know(status: int, type: str) -> None:
    data = FRONT.error(status, "some_code", "the word", param="tools[0].type")
    said = json.loads(data)
    assert said["error"]["type"] == type
    assert said["error"]["details"] == {"error_code": "some_code", "param": "tools[0].type"}
    if type != "request_too_large":  # the SDK tells this one by its status
        assert ErrorResponse.model_validate_json(data).error.message == "the word"
    assert FRONT.error_frame(data) == b"event: error\ndata: " + data + b"\n\n"


def test_a_field_has_the_name_that_this_client_knows() -> None:
    assert json.loads(FRONT.error(400, "c", "m", param="response_format"))["error"]["details"]["param"] == "output_config.format"


def test_a_type_of_another_dialect_does_not_show() -> None:
    assert json.loads(FRONT.error(429, "c", "m", type="insufficient_quota"))["error"]["type"] == "rate_limit_error"
    assert json.loads(FRONT.error(400, "c", "m", type="billing_error"))["error"]["type"] == "billing_error"
