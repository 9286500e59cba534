"""Clients that speak responses: what is read, what is refused because no state is kept, and streams of typed events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.canonical import answers
from tests.wire.official import check_answer, check_stream, payloads
from tests.wire.test_openai_back_answer import pieces

from roteiro.terms.codes import Operation
from roteiro.terms.error import RequestError
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    Delta,
    File,
    Finished,
    Image,
    Message,
    Prompt,
    Reasoning,
    Refused,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Tool,
    ToolArguments,
    ToolCall,
    ToolResult,
    ToolStart,
    Usage,
)
from roteiro.wire.dialect import Ask, Seen
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_responses import OpenAIResponsesFront

FRONT = OpenAIResponsesFront()


def ask(**fields: object) -> Ask:
    return FRONT.read(json.dumps({"model": "m", "input": "hi", **fields}).encode(), {})


def prompt(**fields: object) -> Prompt:
    return FRONT.prompt(ask(**fields))


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "whole conversation"),
        ({"conversation": "conv_1"}, "conversation", "whole of it"),
        ({"prompt": {"id": "p"}}, "prompt", "instructions"),
        ({"store": True}, "store", "leave `store` out"),
        ({"background": True}, "background", "at once"),
        ({"input": None}, "input", "must provide"),
        ({"input": []}, "input", "empty"),
        ({"input": 7}, "input", "must be"),
        ({"max_output_tokens": 0}, "max_output_tokens", "from 1"),
        ({"stream": "yes"}, "stream", "true or false"),
    ],
)
def test_refuses_state_at_once(fields: dict[str, object], param: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        ask(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        *[
            ({"tools": [{"type": kind}]}, "tools[0].type", "`function`")
            for kind in ("web_search", "file_search", "computer_use_preview", "code_interpreter", "mcp", "image_generation", "custom")
        ],
        ({"tool_choice": {"type": "web_search"}}, "tool_choice.type", "name a function"),
        ({"include": ["file_search_call.results"]}, "include[0]", "leave it out"),
        ({"truncation": "auto"}, "truncation", "leave it out"),
        ({"text": {"verbosity": "low"}}, "text.verbosity", "leave it out"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type", "in full"),
        ({"input": [{"type": "web_search_call", "id": "x"}]}, "input[0].type", "one provider"),
        ({"input": [{"role": "user"}]}, "input[0].content", "must be a text"),
        ({"input": [{"content": "x"}]}, "input[0].role", "must provide"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id", "must provide"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name", "must provide"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
            "leave it out",
        ),
        ({"moderation": {}}, "moderation", "leave it out"),
    ],
)
def test_refuses_by_name_what_cannot_be_served(fields: dict[str, object], param: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        prompt(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert words in str(caught.value)


def test_reads_the_whole_of_a_request() -> None:
    read = prompt(
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "In Portuguese."},
            {"role": "user", "content": [
                {"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "https://x.org/a.png", "detail": "low"},
                {"type": "input_file", "file_url": "https://x.org/a.pdf"}, {"type": "input_file", "file_id": "f"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            ]},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "of another"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ],
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}, {"type": "function", "name": "g"}],
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        text={"format": {"type": "json_object"}}, reasoning={"effort": "low", "summary": "auto"}, top_logprobs=2, metadata={"a": "b"},
        max_output_tokens=9, safety_identifier="u", store=False, background=False, previous_response_id=None,
    )  # fmt: skip
    assert read.system == (Text("Be brief."), Text("In Portuguese."))
    assert read.messages == (
        Message("user", (
            Text("a"), Image(url="https://x.org/a.png", detail="low"), File(url="https://x.org/a.pdf"), File(id="f"),
            File(data="AAAA", media_type="audio/mp3"),
        )),
        Message("assistant", (Thinking("hm"), Text("b"), Refused("no"), ToolCall("c", "f", "{}"))),
        Message("tool", (ToolResult("c", (Text("1"),), name="f"),)),
    )  # fmt: skip
    assert (read.tools, read.tool_choice) == ((Tool("f", None, {"type": "object"}, True),), "auto")
    assert (read.reasoning, read.logprobs, read.top_logprobs, read.max_tokens, read.user) == (
        Reasoning(effort="low", show=True),
        True,
        2,
        9,
        "u",
    )
    assert read.metadata is None


def test_never_passes_as_bytes() -> None:
    assert OpenAIBack().splice(ask(), "m") is None
    assert ask().operation is Operation.RESPONSES


def events(frames: bytes) -> list[Any]:
    return payloads([frame for frame in frames.decode().split("\n\n") if frame])


wishes = st.fixed_dictionaries(
    {},
    optional={"reasoning": st.just({"summary": "auto"}), "include": st.just(["reasoning.encrypted_content"]), "temperature": st.just(0.5)},
)


@given(answers(most=1), wishes)
def test_a_stream_says_what_the_whole_answer_says(answer: Answer, fields: dict[str, object]) -> None:
    request = ask(**fields)
    whole = json.loads(FRONT.answer(answer, request))
    check_answer("responses", whole)
    writer = FRONT.writer(request, answer.created, Seen())
    frames = writer.write(pieces(answer)) + writer.end(answer.usage)
    check_stream("responses", [frame for frame in frames.decode().split("\n\n") if frame])
    got = events(frames)
    assert [event["sequence_number"] for event in got] == list(range(len(got)))
    assert [event["type"] for event in got[:2]] == ["response.created", "response.in_progress"]
    last = got[-1]["response"]
    assert got[-1]["type"] == f"response.{last['status']}"

    def shown(response: dict[str, Any]) -> list[Any]:
        """What a client has of an answer; where several messages are one, they say the same."""
        return [
            [part.get("text") or part.get("refusal") for part in item["content"]]
            if item["type"] == "message"
            else {name: value for name, value in item.items() if name not in ("id", "status")}
            for item in response["output"]
        ]

    def flat(items: list[Any]) -> list[Any]:
        return [one for item in items for one in (item if isinstance(item, list) else [item])]

    assert flat(shown(last)) == flat(shown(whole))
    assert {name: last[name] for name in last if name != "output"} == {name: whole[name] for name in whole if name != "output"}
    text = "".join(event["delta"] for event in got if event["type"] == "response.output_text.delta")
    assert text == "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text))
    done = [event["item"] for event in got if event["type"] == "response.output_item.done"]
    assert done == last["output"]
    opened = [event["output_index"] for event in got if event["type"] == "response.output_item.added"]
    assert opened == list(range(len(done)))


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5), st.integers(0, 5))
def test_a_rescued_stream_is_one_stream(texts: list[str], broke: int) -> None:
    broke = min(broke, len(texts))
    seen, request = Seen(), ask(stream=True)
    out = FRONT.writer(request, 5, seen).write([Started("one", "a"), *map(TextDelta, texts[:broke])])
    assert seen.rescuable
    writer = FRONT.writer(request, 9, seen)
    out += writer.write([Started("two", "b"), *map(TextDelta, texts[broke:]), Finished("stop")]) + writer.end(Usage(1, 0, 2, 0))
    single = Seen()
    unbroken = FRONT.writer(request, 5, single)
    straight = unbroken.write([Started("one", "a"), *map(TextDelta, texts), Finished("stop")]) + unbroken.end(Usage(1, 0, 2, 0))
    assert events(out) == events(straight)
    assert seen.text == texts


def test_reasoning_comes_back_as_it_was() -> None:
    thought = Thinking("hm", "signed")
    answer = Answer(id="x", model="m", choices=(Choice(parts=(thought, Thinking("", None, "secret"), Text("a")), finish="stop"),))
    said = json.loads(FRONT.answer(answer, ask(include=["reasoning.encrypted_content"])))
    assert said["output"][0]["summary"] == []
    assert "signed" not in json.dumps(said)
    again = prompt(input=[{"role": "user", "content": "q"}, *said["output"]])
    assert again.messages[1].parts == (thought, Thinking("", None, "secret"), Text("a"))
    hidden = json.loads(FRONT.answer(answer, ask()))
    assert "encrypted_content" not in hidden["output"][0]
    damaged = {**said["output"][0], "encrypted_content": "roteiro.%%"}
    assert prompt(input=[damaged, {"role": "user", "content": "q"}]).messages == (Message("user", (Text("q"),)),)


def test_signed_pieces_of_reasoning_are_items_of_their_own() -> None:
    seen = Seen()
    writer = FRONT.writer(ask(include=["reasoning.encrypted_content"], reasoning={"summary": "auto"}), 1, seen)
    deltas: list[Delta] = [
        Started("x", "m"), ThinkingDelta("a"), ThinkingDelta("b", signature="s"), ThinkingDelta("c"), ThinkingDelta(redacted="r"),
        ThinkingDelta("d"), Finished("stop"),
    ]  # fmt: skip
    output = events(writer.write(deltas) + writer.end(None))[-1]["response"]["output"]
    again = prompt(input=[*output, {"role": "user", "content": "q"}])
    assert again.messages[0].parts == (Thinking("ab", "s"), Thinking("c"), Thinking("", None, "r"), Thinking("d"))
    assert not seen.rescuable


def test_arguments_of_a_call_that_has_ended_are_nonsense() -> None:
    writer = FRONT.writer(ask(), 1, Seen())
    with pytest.raises(BadAnswerError):
        writer.write([Started("x", "m"), ToolStart("a", "f"), ToolStart("b", "g", 1), ToolArguments("{}", 0)])


def test_a_broken_stream_ends_with_what_the_client_raises_on() -> None:
    frame = FRONT.error_frame(FRONT.error(502, "provider_error", "broke off"))
    check_stream("responses", [without_error(frame)])
    data = json.loads(frame.split(b"data: ")[1])
    assert frame.startswith(b"event: error\n")
    assert (data["type"], data["code"], data["message"]) == ("error", "provider_error", "broke off")
    assert data["error"]["message"] == "broke off"


def without_error(frame: bytes) -> str:
    """The frame without the member that the client raises on, which its type does not know."""
    data = json.loads(frame.split(b"data: ")[1])
    return "data: " + json.dumps({name: value for name, value in data.items() if name != "error"})


def test_nothing_at_all_is_still_a_response() -> None:
    writer = FRONT.writer(ask(stream=True), 7, Seen())
    got = events(writer.write([]) + writer.end(None))
    assert [event["type"] for event in got] == ["response.created", "response.in_progress", "response.completed"]
