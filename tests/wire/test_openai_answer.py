"""Answers read as they pass: usage, endings, errors in disguise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.codes import ErrorClass
from roteiro.wire.openai_answer import DONE_FRAME, BadAnswerError, StreamReader, Usage, read_answer


def frame(**chunk: object) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def content(text: str) -> bytes:
    return frame(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}], usage=None)


FINISH = frame(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
USAGE = frame(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 1}})


def test_reads_usage_of_a_whole_answer() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": None}
    assert read_answer(json.dumps({"choices": [], "usage": usage}).encode()) == Usage(9, 3, 4, 0)
    assert read_answer(b'{"choices":[{}]}') is None
    assert read_answer(b'{"choices":[{}],"usage":null}') is None
    assert read_answer(b'{"choices":[{}],"usage":{"prompt_tokens":-1,"completion_tokens":2}}') is None


def test_parts_are_never_more_than_the_whole() -> None:
    usage = {
        "prompt_tokens": 2,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 9},
    }
    assert read_answer(json.dumps({"choices": [], "usage": usage}).encode()) == Usage(2, 2, 2, 2)


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
    assert reader.feed(DONE_FRAME + content("ghost")) == DONE_FRAME
    assert reader.feed(content("ghost")) == b""


def test_usage_within_a_frame_with_content_is_not_hidden() -> None:
    last = frame(choices=[{"index": 0, "delta": {"content": "z"}}], usage={"prompt_tokens": 1, "completion_tokens": 1})
    reader = StreamReader(hide_usage=True)
    assert reader.feed(last) == last
    assert reader.usage == Usage(1, 0, 1, 0)


@pytest.mark.parametrize(
    ("bad", "error_class"),
    [
        (b"data: {broken\n\n", ErrorClass.PROTOCOL),
        (b"data: {}\n\n", ErrorClass.PROTOCOL),
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
