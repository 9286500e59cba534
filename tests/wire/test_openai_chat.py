"""Clients that speak chat completions: what is read, what is refused, and streams that go on for another provider."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.official import check_stream

from roteiro.terms.error import RequestError
from roteiro.wire.canon import (
    Answer,
    Choice,
    Delta,
    Finished,
    Message,
    Prompt,
    Refused,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolResult,
    ToolStart,
    Usage,
)
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai_answer import StreamReader
from roteiro.wire.openai_chat import OpenAIChatFront

FRONT = OpenAIChatFront()


def ask(*messages: dict[str, object], **more: object) -> Ask:
    return FRONT.read(json.dumps({"messages": messages or ({"role": "user", "content": "hi"},), **more}).encode(), {})


def prompt(*messages: dict[str, object], **more: object) -> Prompt:
    return FRONT.prompt(ask(*messages, **more))


def fault(*messages: dict[str, object], **more: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        prompt(*messages, **more)
    assert caught.value.status == 400
    return caught.value


def user(*content: dict[str, object]) -> dict[str, object]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("more", "param", "words"),
    [
        ({"guided_json": {}}, "guided_json", "leave it out"),
        ({"store": True}, "store", "as true"),
        ({"modalities": ["text", "audio"]}, "modalities[1]", "as 'audio'"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction", "leave it out"),
        ({"audio": {"voice": "x", "format": "wav"}}, "audio", "leave it out"),
        ({"web_search_options": {}}, "web_search_options", "leave it out"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type", "as 'custom'"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "must provide"),
        ({"tool_choice": "any"}, "tool_choice", "as 'any'"),
        ({"response_format": {"type": "grammar"}}, "response_format.type", "as 'grammar'"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort", "as 'extreme'"),
        ({"temperature": "hot"}, "temperature", "expected"),
        ({"tools": [], "functions": []}, "functions", "deprecated"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "as 'robot'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "must be a text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "must name the call"),
        ({"messages": [{"role": "assistant", "audio": {"id": "x"}}]}, "messages[0].audio", "leave it out"),
        ({"messages": [{"role": "user", "content": "x", "mood": "good"}]}, "messages[0].mood", "leave it out"),
    ],
)
def test_refuses_by_name_what_no_translation_knows(more: dict[str, object], param: str, words: str) -> None:
    error = fault(**more)
    assert error.param == param
    assert words in str(error)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "video_url", "video_url": {}}, "messages[0].content[0].type"),
        ({"type": "image_url", "image_url": {"url": "ftp://x"}}, "messages[0].content[0].image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,plain"}}, "messages[0].content[0].image_url.url"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}}, "messages[0].content[0].input_audio.format"),
        ({"type": "file", "file": {"filename": "a.pdf"}}, "messages[0].content[0].file"),
        ({"type": "file", "file": {"file_data": "data:nonsense"}}, "messages[0].content[0].file.file_data"),
    ],
)
def test_refuses_parts_by_their_place(part: dict[str, object], param: str) -> None:
    assert fault(user(part)).param == param


def test_what_changes_nothing_is_left_out() -> None:
    bare = prompt()
    assert (
        prompt(store=False, prompt_cache_key="k", stream_options={"include_usage": True}, modalities=["text"], seed=None, stop=None) == bare
    )
    assert prompt(safety_identifier="u").user == "u"


def test_what_leads_is_the_system_prompt_and_the_rest_stays() -> None:
    read = prompt(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
        user({"type": "text", "text": "c"}),
        {"role": "system", "content": "d"},
    )
    assert read.system == (Text("a"), Text("b", {"type": "ephemeral"}))
    assert read.messages == (Message("user", (Text("c"),)), Message("system", (Text("d"),)))


def test_results_of_a_turn_are_one_message_and_know_their_tools() -> None:
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": "{}"}} for n, name in enumerate("fg")]
    read = prompt(
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": calls, "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "c0", "content": "0"},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
    )
    assert read.messages[1].parts == (Thinking("hm"), ToolCall("c0", "f", "{}"), ToolCall("c1", "g", "{}"))
    assert read.messages[2].parts == (ToolResult("c0", (Text("0"),), name="f"), ToolResult("c1", (Text("1"),), name="g"))


def test_googles_signature_comes_along() -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}},
    }
    assert prompt({"role": "assistant", "tool_calls": [call]}).messages[0].parts == (ToolCall("c", "f", "{}", "s"),)


def test_allowed_tools_are_the_only_ones() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "fgh"]
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}}
    read = prompt(tools=tools, tool_choice=allowed)
    assert (read.tools, read.tool_choice) == ((Tool("g"),), "required")


def test_the_newer_name_of_the_bound_wins() -> None:
    assert prompt(max_tokens=5, max_completion_tokens=9).max_tokens == 9


def test_errors_are_those_that_the_clients_know() -> None:
    body = FRONT.error(429, "rate_limit_exceeded", "slow down", param="model")
    assert json.loads(body)["error"]["type"] == "rate_limit_error"
    assert FRONT.error_frame(body) == b"data: " + body + b"\n\n"


def test_an_answer_of_many_kinds() -> None:
    parts = (Thinking("hm"), Refused("no"))
    said = json.loads(FRONT.answer(Answer(id="", model="m", choices=(Choice(parts=parts, finish="refusal"),), created=7), ask()))
    assert said["id"] == "chatcmpl-7"
    assert said["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "no", "reasoning_content": "hm"}
    assert said["choices"][0]["finish_reason"] == "content_filter"
    assert "usage" not in said


# A stream that another provider goes on with.


def frames(data: bytes) -> list[str]:
    return [frame for frame in data.decode().split("\n\n") if frame]


def chunks(data: bytes) -> list[dict[str, object]]:
    return [json.loads(frame[6:]) for frame in frames(data) if frame != "data: [DONE]"]


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5), st.integers(0, 5), st.booleans())
def test_a_rescued_stream_is_one_stream(texts: list[str], broke: int, relayed: bool) -> None:
    """Whether the first provider's frames were passed on or translated."""
    broke = min(broke, len(texts))
    seen = Seen()
    request = ask(stream=True, stream_options={"include_usage": True})
    if relayed:
        first = b"".join(
            b"data: %b\n\n"
            % json.dumps(
                {
                    "id": "one",
                    "created": 5,
                    "model": "a",
                    "object": "chat.completion.chunk",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
                }
            ).encode()
            for delta in [{"role": "assistant", "content": ""}, *({"content": text} for text in texts[:broke])]
        )
        out = StreamReader(False, 1, seen).feed(first)
    else:
        out = FRONT.writer(request, 5, seen).write([Started("one", "a"), *map(TextDelta, texts[:broke])])
    assert ("".join(seen.text), seen.rescuable) == ("".join(texts[:broke]), True)
    writer = FRONT.writer(request, 9, seen)
    out += writer.write([Started("two", "b"), *map(TextDelta, texts[broke:]), Finished("stop")]) + writer.end(Usage(1, 0, 2, 0))
    check_stream("chat", frames(out))
    got = chunks(out)
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in got} == {("one", "a", 5)}
    deltas = [chunk["choices"][0]["delta"] for chunk in got if chunk["choices"]]  # type: ignore[index]
    assert ["role" in delta for delta in deltas] == [True, *[False] * (len(deltas) - 1)]
    assert "".join(delta.get("content", "") for delta in deltas) == "".join(texts) == "".join(seen.text)
    assert got[-1]["usage"]["total_tokens"] == 3  # type: ignore[index]
    assert out.endswith(b"data: [DONE]\n\n")
    assert seen.finish == "stop"


@pytest.mark.parametrize(
    "delta", [ThinkingDelta("hm"), ToolStart("i", "f"), TextDelta("x", choice=1), TextDelta("x", logprobs={"content": []})]
)
def test_what_nobody_can_go_on_from(delta: Delta) -> None:
    seen = Seen()
    FRONT.writer(ask(stream=True), 1, seen).write([Started("i", "m"), delta])
    assert not seen.rescuable


def test_usage_is_told_to_who_asked() -> None:
    assert FRONT.writer(ask(stream=True), 1, Seen()).end(Usage(1, 0, 1, 0)) == b"data: [DONE]\n\n"
