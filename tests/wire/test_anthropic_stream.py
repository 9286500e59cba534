"""Streams of Anthropic's events, read, relayed and written: any cut gives the same, and the SDK puts ours together."""

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.wire.anthropic_words import events, frame, joined, streams

from roteiro.terms.codes import ErrorClass
from roteiro.wire.anthropic import AnthropicFront
from roteiro.wire.anthropic_back import AnthropicBack
from roteiro.wire.anthropic_stream import MessageReader, MessageRelay
from roteiro.wire.anthropic_writer import MessageWriter
from roteiro.wire.canon import (
    Answer,
    BadAnswerError,
    Choice,
    Delta,
    Finish,
    Finished,
    Part,
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
from roteiro.wire.dialect import Back, Front, Seen

FRONT: Front = AnthropicFront()
BACK: Back = AnthropicBack()
ASK = FRONT.read(b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"stream":true}', {})
SDK_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

START = frame({"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "stop_reason": None, "stop_sequence": None,
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1},
}})  # fmt: skip
PING = frame({"type": "ping"})
OPEN = frame({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
CLOSE = frame({"type": "content_block_stop", "index": 0})
END = frame({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 7}})
STOP = frame({"type": "message_stop"})


def text(said: str) -> bytes:
    return frame({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}})


def error(type: str) -> bytes:
    return frame({"type": "error", "error": {"type": type, "message": "no"}})


WHOLE = [START, PING, OPEN, text("Olá"), text(", você"), CLOSE, END, STOP]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces = []
    for size in [*cuts, len(data)]:
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@given(st.lists(st.integers(1, 90), max_size=30), st.booleans())
def test_any_cut_gives_the_same_pieces_and_bytes(cuts: list[int], crlf: bool) -> None:
    data = b"".join(WHOLE)
    if crlf:
        data = data.replace(b"\n", b"\r\n")
    seen = Seen()
    reader, relay = BACK.reader(), BACK.relay(ASK, seen)
    deltas: list[Delta] = []
    out = b""
    for piece in cut(data, cuts):
        deltas += reader.feed(piece)
        out += relay.feed(piece)
    usage = Usage(10, 3, 7, 0)
    assert deltas == [Started("msg_1", "claude-x", 10), TextDelta("Olá"), TextDelta(", você"), Finished("stop"), Used(usage)]
    assert out == data
    for stream in (reader, relay):
        assert (stream.usage, stream.frames, stream.finished, stream.done, stream.whole, stream.skipped) == (usage, 2, True, True, True, 0)
    assert relay.close() == b""
    assert (seen.id, seen.model, "".join(seen.text), seen.role_sent, seen.open_block, seen.blocks) == (
        "msg_1",
        "claude-x",
        "Olá, você",
        True,
        -1,
        1,
    )
    assert (seen.rescuable, seen.output_tokens, seen.chunks) == (True, 7, 2)


@given(streams(), st.lists(st.integers(1, 200), max_size=20))
def test_what_we_write_we_read(stream: tuple[list[Delta], Usage], cuts: list[int]) -> None:
    deltas, usage = stream
    writer = FRONT.writer(ASK, 1, Seen())
    data = b"".join(writer.write([delta]) for delta in deltas) + writer.end(usage)
    reader = BACK.reader()
    read = [delta for piece in cut(data, cuts) for delta in reader.feed(piece)]
    expected = [Started("msg_1", "claude-x", ASK.input_tokens), *deltas[1:], Used(usage)]
    assert joined(read) == joined(expected)
    assert (reader.usage, reader.done, reader.finished) == (usage, True, True)


@given(streams())
def test_the_frames_put_together_are_the_whole_answer(stream: tuple[list[Delta], Usage]) -> None:
    deltas, usage = stream
    writer = FRONT.writer(ASK, 1, Seen())
    data = writer.write(deltas) + writer.end(usage)
    snapshot, buffers = None, dict[int, bytes]()
    for event in events(data):
        if event["type"] != "ping":
            SDK_EVENT.validate_python(event)
            snapshot = accumulate_event(event=SDK_EVENT.validate_python(event), current_snapshot=snapshot, json_bufs=buffers)
    whole = SdkMessage.model_validate_json(FRONT.answer(answer_of(deltas, usage), ASK))
    assert snapshot is not None
    left, right = snapshot.to_dict(exclude_none=True), whole.to_dict(exclude_none=True)
    assert left == right


def answer_of(deltas: list[Delta], usage: Usage) -> Answer:
    """The answer that these pieces are the stream of."""
    parts: list[Part] = []
    finish, stop_sequence = Finish, None
    for delta in joined(deltas):
        match delta:
            case TextDelta(text=said):
                parts.append(Text(said))
            case ThinkingDelta(redacted=str(data)):
                parts.append(Thinking("", redacted=data))
            case ThinkingDelta(text=said, signature=None):
                parts.append(Thinking(said))
            case ThinkingDelta(signature=signature):
                parts[-1] = Thinking(parts[-1].text, signature)  # type: ignore[union-attr]
            case ToolStart(id=id, name=name):
                parts.append(ToolCall(id, name, ""))
            case ToolArguments(fragment=fragment):
                parts[-1] = ToolCall(parts[-1].id, parts[-1].name, fragment)  # type: ignore[union-attr]
            case Finished():
                finish, stop_sequence = delta.finish, delta.stop_sequence
    return Answer(id="msg_1", model="claude-x", choices=[Choice(parts=parts, finish=finish, stop_sequence=stop_sequence)], usage=usage)  # type: ignore[arg-type]


def test_the_events_of_an_answer_in_their_order() -> None:
    writer = FRONT.writer(ASK, 1, Seen())
    data = writer.write(
        [
            Started("i", "m", 4),
            ThinkingDelta("a"),
            ThinkingDelta(signature="s"),
            ThinkingDelta("b"),
            TextDelta("c"),
            ToolStart("t", "f", 0),
            ToolArguments("{}", 0),
        ]
    )
    data += writer.write([Finished("tool_calls")]) + writer.end(None)
    assert [(event["type"], event.get("index")) for event in events(data)] == [
        ("message_start", None), ("ping", None),
        ("content_block_start", 0), ("content_block_delta", 0), ("content_block_delta", 0), ("content_block_stop", 0),
        ("content_block_start", 1), ("content_block_delta", 1), ("content_block_stop", 1),
        ("content_block_start", 2), ("content_block_delta", 2), ("content_block_stop", 2),
        ("content_block_start", 3), ("content_block_delta", 3), ("content_block_stop", 3),
        ("message_delta", None), ("message_stop", None),
    ]  # fmt: skip
    assert events(data)[-2]["usage"]["output_tokens"] == 5  # counted, for nobody told


def test_a_refusal_in_a_stream_is_told_at_its_end() -> None:
    seen = Seen()
    writer = FRONT.writer(ASK, 1, seen)
    data = writer.write([Started("i", "m"), RefusalDelta("I will "), RefusalDelta("not."), Finished("stop")]) + writer.end(
        Usage(1, 0, 1, 0)
    )
    delta = events(data)[-2]["delta"]
    assert (delta["stop_reason"], delta["stop_details"]["explanation"], seen.rescuable) == ("refusal", "I will not.", False)
    assert [d for d in BACK.reader().feed(data) if isinstance(d, RefusalDelta | Finished)] == [
        RefusalDelta("I will not."),
        Finished("refusal"),
    ]


def test_whoever_goes_on_is_not_noticed() -> None:
    seen = Seen()
    relay = BACK.relay(ASK, seen)
    data = relay.feed(b"".join([START, PING, OPEN, text("One, "), text("two, ")]))
    reader = BACK.reader("".join(seen.text))
    writer = FRONT.writer(ASK, 1, seen)
    second = b"".join([START.replace(b"msg_1", b"msg_2"), OPEN, text(" "), text(" three"), CLOSE, END, STOP])
    data += writer.write(reader.feed(second)) + writer.end(Usage(1, 0, 9, 0))
    snapshot, buffers = None, dict[int, bytes]()
    for event in events(data):
        if event["type"] != "ping":
            snapshot = accumulate_event(event=SDK_EVENT.validate_python(event), current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    assert [block.text for block in snapshot.content if block.type == "text"] == ["One, two,  three"]
    assert (snapshot.id, snapshot.usage.output_tokens, snapshot.stop_reason) == ("msg_1", 9, "end_turn")


@pytest.mark.parametrize(
    ("prefix", "pieces", "expected"),
    [
        ("a ", [" b"], "b"), ("a ", ["b"], "b"), ("a \n", [" ", "\n", "b"], "b"), ("a\n", [" b"], " b"), ("a", [" b"], " b"), ("a  ", [" b "], "b "),
    ],
)  # fmt: skip
def test_white_space_that_the_client_has_is_not_said_twice(prefix: str, pieces: list[str], expected: str) -> None:
    deltas = BACK.reader(prefix).feed(b"".join([START, OPEN, *map(text, pieces)]))
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == expected


def test_a_block_that_was_closed_is_not_opened_again() -> None:
    seen = Seen()
    BACK.relay(ASK, seen).feed(b"".join([START, OPEN, text("a"), CLOSE]))
    writer = FRONT.writer(ASK, 1, seen)
    assert [(event["type"], event["index"]) for event in events(writer.write([TextDelta("b")]))] == [
        ("content_block_start", 1),
        ("content_block_delta", 1),
    ]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": ""},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "redacted_thinking", "data": "x"},
    ],
)
def test_nobody_goes_on_from_thoughts_and_calls(block: dict[str, Any]) -> None:
    seen = Seen()
    BACK.relay(ASK, seen).feed(START + frame({"type": "content_block_start", "index": 0, "content_block": block}))
    assert not seen.rescuable


def test_a_stream_that_just_ends_is_not_whole_and_one_without_its_last_frame_is() -> None:
    relay = BACK.relay(ASK, None)
    relay.feed(b"".join([START, OPEN, text("a")]))
    assert not relay.whole
    relay.feed(CLOSE)
    assert not relay.whole
    relay.feed(END)
    assert (relay.whole, relay.done) == (True, False)
    assert relay.close() == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert relay.close() == b""


def test_a_block_left_open_is_closed_too() -> None:
    relay = BACK.relay(ASK, None)
    relay.feed(b"".join([START, OPEN, text("a"), b"event: content_block_stop\ndata: {broken\n\n", END]))
    assert (relay.whole, relay.skipped) == (True, 1)
    assert [event["type"] for event in events(relay.close())] == ["content_block_stop", "message_stop"]


def test_an_end_without_a_reason_is_none() -> None:
    for stream in (MessageReader(), MessageRelay()):
        stream.feed(b"".join([START, OPEN, text("a"), CLOSE]))
        with pytest.raises(BadAnswerError, match="without a stop reason"):
            stream.feed(STOP)
        assert not stream.whole


@pytest.mark.parametrize(
    ("end", "empty"),
    [
        ({"delta": {"stop_reason": "end_turn"}}, True),
        ({"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 0}}, True),
        ({"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}, False),  # the model chose to say nothing: it does so after a tool's result
        ({"delta": {"stop_reason": "refusal"}, "usage": {"output_tokens": 0}}, False),
        ({"delta": {"stop_reason": "max_tokens"}}, False),
    ],
)  # fmt: skip
def test_an_end_without_a_word_is_no_answer(end: dict[str, Any], empty: bool) -> None:
    data = b"".join([START, OPEN, text(""), CLOSE])
    whole = json.dumps(
        {"content": [], "stop_reason": end["delta"]["stop_reason"], "usage": {"input_tokens": 1, **end.get("usage", {})}}
    ).encode()
    for stream in (MessageReader(), MessageRelay()):
        stream.feed(data)
        if empty:
            with pytest.raises(BadAnswerError, match="empty"):
                stream.feed(frame({"type": "message_delta", **end}))
        else:
            stream.feed(frame({"type": "message_delta", **end}))
        assert stream.whole is not empty
    for read in (BACK.read, BACK.usage):
        if empty:
            with pytest.raises(BadAnswerError, match="empty"):
                read(whole)
        else:
            read(whole)


def test_what_comes_with_a_fault_is_not_shown() -> None:
    seen = Seen()
    relay = BACK.relay(ASK, seen)
    relay.feed(b"".join([START, OPEN, text("One, ")]))
    with pytest.raises(BadAnswerError):
        relay.feed(b"".join([text("two, "), CLOSE, error("overloaded_error")]))
    assert ("".join(seen.text), seen.open_block, seen.blocks, seen.chunks) == ("One, ", 0, 1, 1)


def test_a_stream_that_broke_is_counted_by_its_frames() -> None:
    relay = BACK.relay(ASK, None)
    relay.feed(b"".join([START, OPEN, *[text("a")] * 5]))
    assert relay.usage == Usage(10, 3, 5, 0, estimated=True)


def test_one_malformed_frame_is_passed_over_and_a_second_is_not() -> None:
    for stream in (MessageReader(), MessageRelay()):
        stream.feed(b"".join([START, OPEN, text("a"), b"event: ping\ndata: {oh\n\n", text("b")]))
        assert (stream.skipped, stream.frames) == (1, 2)
        with pytest.raises(BadAnswerError) as caught:
            stream.feed(b"data: nonsense\n\n")
        assert caught.value.error_class is ErrorClass.PROTOCOL


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        ("overloaded_error", ErrorClass.SERVER), ("api_error", ErrorClass.SERVER), ("rate_limit_error", ErrorClass.RATE_LIMIT),
        ("invalid_request_error", ErrorClass.BAD_REQUEST), ("authentication_error", ErrorClass.AUTH), ("timeout_error", ErrorClass.TIMEOUT),
        ("new_error", ErrorClass.SERVER),
    ],
)  # fmt: skip
def test_an_error_event_ends_a_stream_by_its_class(type: str, expected: ErrorClass) -> None:
    for stream in (MessageReader(), MessageRelay()):
        stream.feed(b"".join([START, OPEN, text("a")]))
        with pytest.raises(BadAnswerError) as caught:
            stream.feed(error(type))
        assert caught.value.error_class is expected
        assert "no" not in str(caught.value).split()


def test_nothing_passes_after_the_last_frame_and_comments_only_once_it_began() -> None:
    relay = MessageRelay()
    assert relay.feed(b": waking up\n\n") == b""
    assert relay.feed(b"".join([START, OPEN, text("a"), b": still here\n\n"])).endswith(b": still here\n\n")
    assert relay.feed(END + STOP + text("ghost")) == END + STOP
    assert relay.feed(text("ghost")) == b""


def test_an_unknown_event_passes_and_says_nothing() -> None:
    new = frame({"type": "new_event", "index": 3, "delta": {"type": "new", "text": "x"}})
    assert MessageRelay().feed(new) == new
    assert MessageReader().feed(new) == []


def test_blocks_that_nobody_asked_for_are_nonsense() -> None:
    with pytest.raises(BadAnswerError):
        MessageReader().feed(
            frame(
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                }
            )
        )
    with pytest.raises(BadAnswerError):
        MessageReader().feed(frame({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}))


def test_arguments_that_come_whole_at_the_start_are_not_lost() -> None:
    begun = frame(
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}}
    )
    assert MessageReader().feed(begun) == [ToolStart("t", "f", 0), ToolArguments('{"a":1}', 0)]


def test_arguments_of_a_call_that_ended_cannot_be_said() -> None:
    writer = MessageWriter(Seen())
    writer.write([Started("i", "m"), ToolStart("a", "f", 0), ToolStart("b", "g", 1)])
    with pytest.raises(BadAnswerError):
        writer.write([ToolArguments("{}", 0)])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ErrorClass.PROTOCOL), (b"<html>", ErrorClass.PROTOCOL), (b"{}", ErrorClass.PROTOCOL), (b'{"content":null}', ErrorClass.PROTOCOL),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', ErrorClass.SERVER),
        (b'{"type":"error","error":{"type":"rate_limit_error"}}', ErrorClass.RATE_LIMIT),
    ],
)  # fmt: skip
def test_nonsense_is_no_answer(body: bytes, expected: ErrorClass) -> None:
    for read in (BACK.read, BACK.usage):
        with pytest.raises(BadAnswerError) as caught:
            read(body)
        assert caught.value.error_class is expected


def test_usage_of_a_whole_answer_counts_what_was_cached_within_the_input() -> None:
    usage = {
        "input_tokens": 5,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 2,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    assert BACK.usage(json.dumps({"content": [], "usage": usage}).encode()) == Usage(37, 30, 9, 4)
    assert BACK.usage(b'{"content":[{}]}') is None
    assert BACK.usage(b'{"content":[{}],"usage":{"input_tokens":-1,"output_tokens":1}}') is None
