"""Answers of providers of the OpenAI dialect, read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.canonical import answers

from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    Delta,
    Finished,
    RefusalDelta,
    Started,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolArguments,
    ToolCall,
    ToolStart,
    Usage,
    Used,
)
from roteiro.wire.dialect import Seen
from roteiro.wire.openai_back_answer import ChatReader, read_chat_answer
from roteiro.wire.openai_chat_answer import ChatWriter, say_answer


def frame(**chunk: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def choice(index: int = 0, finish: str | None = None, **delta: object) -> bytes:
    return frame(id="c", model="m", choices=[{"index": index, "delta": delta, "finish_reason": finish}])


USAGE = frame(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3})
DONE = b"data: [DONE]\n\n"


@given(answers())
def test_an_answer_written_and_read_is_the_same(answer: Answer) -> None:
    assert read_chat_answer(say_answer(answer)) == answer


def pieces(answer: Answer) -> list[Delta]:
    """An answer as it would come in a stream."""
    deltas: list[Delta] = [Started(answer.id, answer.model)]
    for alternative in answer.choices:
        slot = 0
        for part in alternative.parts:
            match part:
                case Text(text=text):
                    deltas += [TextDelta(letter, alternative.index) for letter in text]
                case Thinking(text=text):
                    deltas.append(ThinkingDelta(text, alternative.index))
                case ToolCall(id=id, name=name, arguments=arguments, signature=signature):
                    deltas.append(ToolStart(id, name, slot, alternative.index, signature))
                    deltas += [ToolArguments(letter, slot, alternative.index) for letter in arguments]
                    slot += 1
                case _:
                    deltas.append(RefusalDelta(part.text, alternative.index))  # type: ignore[union-attr]
        deltas.append(Finished(alternative.finish or "stop", alternative.index))
    return deltas + ([Used(answer.usage)] if answer.usage else [])


@given(answers(), st.lists(st.integers(1, 200), max_size=30))
def test_pieces_written_and_read_are_the_same_however_they_are_cut(answer: Answer, cuts: list[int]) -> None:
    deltas = pieces(answer)
    writer = ChatWriter(True, 7, Seen())
    data = writer.write(deltas) + writer.end(answer.usage)
    reader, got = ChatReader(), list[Delta]()
    for size in [*cuts, len(data)]:
        got += reader.feed(data[:size])
        data = data[size:]
    assert got == deltas
    assert (reader.whole, reader.done, reader.skipped, reader.usage) == (True, True, 0, answer.usage)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": "x", "reasoning": "hm"}, (Thinking("hm"), Text("x"))),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "x"}]},
            (Thinking("hm"), Text("x")),
        ),
        ({"function_call": {"name": "f", "arguments": "{}"}}, (ToolCall("call_0", "f", "{}"),)),
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, (ToolCall("call_0", "f", '{"a":1}'),)),
        ({"tool_calls": [{"id": "i", "function": {"name": "f"}}]}, (ToolCall("i", "f", ""),)),
    ],
)
def test_reads_what_vendors_write_differently(message: dict[str, object], parts: tuple[object, ...]) -> None:
    body = json.dumps({"choices": [{"message": message, "finish_reason": "eos"}]}).encode()
    assert read_chat_answer(body) == Answer(id="", model="", choices=(Choice(parts=parts, finish="stop"),))  # type: ignore[arg-type]


def test_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    reader = ChatReader()
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": "1"}},
        {"id": "b", "function": {"name": "g", "arguments": "2"}},
        {"function": {"arguments": "3"}},
    ]
    deltas = reader.feed(b"".join(choice(tool_calls=[call]) for call in calls))
    assert deltas[1:] == [ToolStart("a", "f"), ToolArguments("1"), ToolStart("b", "g", 1), ToolArguments("2", 1), ToolArguments("3", 1)]


def test_an_end_that_nothing_was_said_before_is_held_back() -> None:
    reader = ChatReader()
    assert reader.feed(choice(role="assistant", content="") + choice(finish="stop")) == [Started("c", "m")]
    assert (reader.empty, reader.whole) == (True, False)
    assert reader.feed(USAGE) == [Finished("stop"), Used(Usage(5, 0, 3, 0))]
    assert reader.whole


@pytest.mark.parametrize(
    ("data", "error_class"),
    [
        (choice(content="a") + DONE, ErrorClass.PROTOCOL),
        (choice(finish="stop") + DONE, ErrorClass.PROTOCOL),
        (b"data: x\n\ndata: {}\n\n", ErrorClass.PROTOCOL),
        (frame(error={"message": "boom"}), ErrorClass.SERVER),
        (frame(error={"message": "slow", "code": 429}), ErrorClass.RATE_LIMIT),
        (b"data: " + b"x" * (4 * 1024 * 1024 + 1), ErrorClass.PROTOCOL),
    ],
)
def test_bad_streams(data: bytes, error_class: ErrorClass) -> None:
    with pytest.raises(BadAnswerError) as caught:
        ChatReader().feed(data)
    assert caught.value.error_class is error_class


def test_one_malformed_frame_is_left_out() -> None:
    reader = ChatReader()
    deltas = reader.feed(choice(content="a") + b"data: {broken\n\n" + choice(content="b") + choice(finish="stop") + DONE)
    assert deltas[1:] == [TextDelta("a"), TextDelta("b"), Finished("stop")]
    assert (reader.whole, reader.skipped) == (True, 1)


def test_nothing_is_read_after_the_end() -> None:
    reader = ChatReader()
    reader.feed(choice(content="a", finish="stop") + DONE)
    assert reader.feed(choice(content="ghost")) == []
