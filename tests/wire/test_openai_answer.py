"""Answers read as they pass: usage, endings, errors in disguise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.codes import ErrorClass
from roteiro.wire.dialect import Seen
from roteiro.wire.openai_answer import DONE_FRAME, BadAnswerError, StreamReader, Usage, read_answer


def frame(**chunk: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def content(text: str) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}], usage=None)


FINISH = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = frame(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 1}})


def test_reads_usage_of_a_whole_answer() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": None}
    assert read_answer(json.dumps({"choices": [{}], "usage": usage}).encode()) == Usage(9, 3, 4, 0)
    said = '[{"message":{"content":"x"}}]'
    assert read_answer(b'{"choices":%b}' % said.encode()) is None
    assert read_answer(b'{"choices":%b,"usage":null}' % said.encode()) is None
    assert read_answer(b'{"choices":%b,"usage":{"prompt_tokens":-1,"completion_tokens":2}}' % said.encode()) is None


def test_parts_are_never_more_than_the_whole() -> None:
    usage = {
        "prompt_tokens": 2,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    assert read_answer(json.dumps({"choices": [{}], "usage": usage}).encode()) == Usage(2, 2, 2, 2)


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        (b"", ErrorClass.PROTOCOL),
        (b"<html>", ErrorClass.PROTOCOL),
        (b"{}", ErrorClass.PROTOCOL),
        (b'{"choices":null}', ErrorClass.PROTOCOL),
        (b'{"choices":[{"a":1', ErrorClass.PROTOCOL),
        (b'{"error":{"message":"x"}}', ErrorClass.SERVER),
        (b'{"error":{"message":"x","code":429}}', ErrorClass.RATE_LIMIT),
        (b'{"error":"x"}', ErrorClass.SERVER),
    ],
)
def test_nonsense_is_no_answer(body: bytes, error_class: ErrorClass) -> None:
    with pytest.raises(BadAnswerError) as caught:
        read_answer(body)
    assert caught.value.error_class is error_class


@given(st.lists(st.integers(1, 60), max_size=30), st.booleans())
def test_a_stream_passes_whole_however_it_is_cut(cuts: list[int], wanted: bool) -> None:
    stream = [content("a"), content("b\n\nc"), FINISH, USAGE, DONE_FRAME]
    reader, out, data = StreamReader(hide_usage=not wanted), b"", b"".join(stream)
    for size in [*cuts, len(data)]:
        out += reader.feed(data[:size])
        data = data[size:]
    assert out == b"".join(f for f in stream if wanted or f is not USAGE)
    assert (reader.usage, reader.frames, reader.done, reader.whole) == (Usage(5, 0, 3, 1), 3, True, True)


def test_a_stream_that_just_ends_is_not_whole() -> None:
    reader = StreamReader(hide_usage=True)
    reader.feed(content("a"))
    assert not reader.whole
    reader.feed(FINISH)
    assert reader.whole
    assert not reader.done


def test_comments_pass_once_the_answer_began() -> None:
    reader = StreamReader(hide_usage=True)
    assert reader.feed(b": processing\n\n") == b""
    assert reader.feed(content("a") + b": still here\n\n") == content("a") + b": still here\n\n"


def test_nothing_passes_after_the_closing_frame() -> None:
    reader = StreamReader(hide_usage=True)
    answer = content("a") + FINISH + DONE_FRAME
    assert reader.feed(answer + content("ghost")) == answer
    assert reader.feed(content("ghost")) == b""


def test_usage_within_a_frame_with_content_is_not_hidden() -> None:
    last = frame(choices=[{"index": 0, "delta": {"content": "z"}}], usage={"prompt_tokens": 1, "completion_tokens": 1})
    reader = StreamReader(hide_usage=True)
    assert reader.feed(last) == last
    assert reader.usage == Usage(1, 0, 1, 0)


@pytest.mark.parametrize(
    ("bad", "error_class"),
    [
        (b"data: {broken\n\ndata: {broken\n\n", ErrorClass.PROTOCOL),
        (b"data: {}\n\ndata: \n\n", ErrorClass.PROTOCOL),
        (DONE_FRAME, ErrorClass.PROTOCOL),
        (b'data: {"error":{"code":"context_length_exceeded"}}\n\n', ErrorClass.CONTEXT),
        (b'data: {"error":{"type":"overloaded_error"}}\n\n', ErrorClass.SERVER),
        (b'data: {"error":{"message":"boom"}}\n\n', ErrorClass.SERVER),
        (b'data: {"error":{"code":"rate_limit_exceeded"}}\n\n', ErrorClass.RATE_LIMIT),
        (b"data: " + b"x" * (4 * 1024 * 1024 + 1), ErrorClass.PROTOCOL),
    ],
)
def test_bad_frames_end_a_stream(bad: bytes, error_class: ErrorClass) -> None:
    reader = StreamReader(hide_usage=True)
    reader.feed(content("a"))
    with pytest.raises(BadAnswerError) as caught:
        reader.feed(bad)
    assert caught.value.error_class is error_class


@given(st.integers(0, 3), st.sampled_from([b"data: {broken\n\n", b"data: {}\n\n", b"data: []\n\n", b'data: {"choices":7}\n\n']))
def test_one_malformed_frame_is_left_out(at: int, bad: bytes) -> None:
    stream = [content("a"), content("b"), FINISH, DONE_FRAME]
    reader = StreamReader(hide_usage=True)
    assert reader.feed(b"".join([*stream[:at], bad, *stream[at:]])) == b"".join(stream)
    assert (reader.whole, reader.skipped) == (True, 1)


def choice(index: int = 0, finish: str | None = None, logprobs: object = None, **delta: object) -> bytes:
    choices = [{"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}]
    return frame(id="c", model="m", created=7, choices=choices)


@pytest.mark.parametrize("said", [{}, {"content": ""}, {"content": None, "tool_calls": [], "role": "assistant"}])
def test_an_answer_that_says_nothing_is_none(said: dict[str, object]) -> None:
    """Its end is not relayed, so that another provider may give the answer."""
    reader = StreamReader(hide_usage=True)
    assert reader.feed(choice(**said)) == choice(**said)
    assert reader.feed(choice(finish="stop")) == b""
    assert (reader.finished, reader.empty, reader.whole) == (True, True, False)
    with pytest.raises(BadAnswerError, match="empty"):
        reader.feed(DONE_FRAME)


@pytest.mark.parametrize("finish", ["length", "tool_calls", "content_filter"])
def test_an_end_that_says_something_is_an_answer(finish: str) -> None:
    reader = StreamReader(hide_usage=True)
    assert reader.feed(choice(finish=finish)) == choice(finish=finish)
    assert reader.whole


def test_tokens_are_an_answer_though_nothing_was_shown() -> None:
    reader = StreamReader(hide_usage=True)
    assert reader.feed(choice(finish="stop")) == b""
    assert reader.feed(USAGE) == choice(finish="stop")
    assert reader.whole


@pytest.mark.parametrize(
    "said",
    [
        {"tool_calls": [{"index": 0}]},
        {"refusal": "no"},
        {"reasoning_content": "hm"},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "a"}},
    ],
)
def test_what_no_other_provider_can_go_on_from_is_not_rescued(said: dict[str, object]) -> None:
    seen = Seen()
    reader = StreamReader(True, 1, seen)
    reader.feed(choice(**said) + choice(finish="stop"))
    assert reader.whole
    assert not seen.rescuable


@pytest.mark.parametrize("sent", [choice(1, content="b"), choice(content="a", logprobs={"content": []})])
def test_alternatives_and_logprobs_are_not_rescued(sent: bytes) -> None:
    seen = Seen()
    StreamReader(True, 1, seen).feed(sent)
    assert not seen.rescuable


def test_all_alternatives_must_end() -> None:
    reader = StreamReader(True, 2, Seen())
    reader.feed(choice(0, content="a") + choice(1, content="b") + choice(0, finish="stop"))
    assert not reader.whole
    reader.feed(choice(1, finish="stop"))
    assert reader.whole


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6), st.lists(st.integers(1, 90), max_size=30), st.booleans())
def test_what_was_seen_is_what_was_relayed(texts: list[str], cuts: list[int], broken: bool) -> None:
    """Even where a fault comes in the same bytes as good frames: a rescue goes on exactly where the client stands."""
    data = b"".join([choice(role="assistant", content=""), *[choice(content=text) for text in texts]])
    data += b'data: {"error":{"message":"boom"}}\n\n' if broken else b""
    seen, out = Seen(), b""
    reader = StreamReader(True, 1, seen)
    try:
        for size in [*cuts, len(data)]:
            out += reader.feed(data[:size])
            data = data[size:]
    except BadAnswerError:
        assert broken
    relayed = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in out.splitlines() if line]
    assert "".join(seen.text) == "".join(relayed)
    assert (seen.role_sent, seen.chunks) == (bool(relayed), len(relayed))
    if relayed:
        assert (seen.id, seen.model, seen.created, seen.rescuable) == ("c", "m", 7, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[]}',
        b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}',
        b'{"choices":[{}]}',
        b'{"choices":[{"message":{"role":"assistant","content":null},"finish_reason":null}]}',
        b'{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":0}}',
        b'{"choices":[{"text":"","finish_reason":"stop"}]}',
        b'{"object":"list","data":[]}',
    ],
)
def test_a_whole_answer_that_says_nothing_is_none(body: bytes) -> None:
    with pytest.raises(BadAnswerError) as caught:
        read_answer(body)
    assert caught.value.error_class is ErrorClass.PROTOCOL


@pytest.mark.parametrize(
    "choice",
    [
        b'{"message":{"content":"x"}}',
        b'{"message":{"content":null,"tool_calls":[{"id":"a"}]},"finish_reason":"tool_calls"}',
        b'{"message":{"content":"","refusal":"no"},"finish_reason":"stop"}',
        b'{"message":{"content":""},"finish_reason":"length"}',
        b'{"message":{"content":null,"reasoning_content":"hm"}}',
        b'{"text":"x"}',
    ],
)
def test_a_whole_answer_that_says_something_is_one(choice: bytes) -> None:
    assert read_answer(b'{"choices":[%b]}' % choice) is None


def test_embeddings_are_an_answer() -> None:
    assert read_answer(b'{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":4,"total_tokens":4}}') == Usage(4, 0, 0, 0)
