"""What a client was told is judged by what came: an answer, an honest error, a cut, a silence, or a lie."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.testing.answer import Answer, compose
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.question import Question
from roteiro.testing.truth import Told, Truth, truth_of

DIALECT = OpenAIDialect()
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
ANSWER = compose(
    Question(model="m", digest=b"d", prompt_tokens=9, stream=True, include_usage=True), name="test", created=1, length=Quantiles(12.0, 12.0)
)
FRAMES = [frame.data for frame in DIALECT.frames(ANSWER)]


def streamed(*frames: bytes, expected: str = ANSWER.text, **more: Any) -> Told:
    return truth_of(200, EVENTS, b"".join(frames), expected, stream=True, **more)


def whole(answer: Answer = ANSWER, expected: str = ANSWER.text, **more: Any) -> Told:
    return truth_of(200, JSON, msgspec.json.encode(DIALECT.body(answer)), expected, stream=False, **more)


def test_what_is_whole_and_word_for_word_is_an_answer() -> None:
    for told in (streamed(*FRAMES), whole()):
        assert (told.truth, told.text, told.finish, told.output_tokens) == (Truth.ANSWER, ANSWER.text, "stop", 12)


@given(st.integers(0, len(FRAMES) - 2))
def test_a_stream_that_lost_a_frame_with_content_or_its_end_is_a_lie(place: int) -> None:
    kinds = DIALECT.frames(ANSWER)
    told = streamed(*FRAMES[:place], *FRAMES[place + 1 :])
    harmless = kinds[place].kind in ("usage", "start")  # nothing was said about the usage, or nothing of the text is missing
    assert told.truth is (Truth.ANSWER if harmless and told.truth is Truth.ANSWER else Truth.LIE)
    if kinds[place].kind in ("content", "finish"):
        assert told.truth is Truth.LIE


@given(st.integers(0, len(FRAMES) - 1))
def test_a_stream_that_just_ends_is_never_an_answer(end: int) -> None:
    assert streamed(*FRAMES[:end]).truth is Truth.LIE  # HTTP's own end came, and nothing was said
    assert streamed(*FRAMES[:end], broke="cut: the connection ended").truth is Truth.CUT


@given(st.integers(1, 12))
def test_an_error_at_the_end_of_what_was_shown_is_honest(shown: int) -> None:
    told = streamed(*FRAMES[: 1 + shown], DIALECT.error_frame("it broke off"))
    assert (told.truth, told.message, told.code) == (Truth.ERROR, "it broke off", "server_error")
    finished = DIALECT.frames(ANSWER)[-3].data
    if shown < 12:
        assert streamed(*FRAMES[: 1 + shown], finished, DIALECT.error_frame("late")).truth is Truth.LIE


def test_a_text_that_is_another_or_only_begun_is_a_lie_whatever_its_form() -> None:
    assert whole(expected="something else").truth is Truth.LIE
    told = whole(expected=f"{ANSWER.text} and more")
    assert (told.truth, told.message) == (
        Truth.LIE,
        f"it ends after {len(ANSWER.text)} of {len(ANSWER.text) + 9} characters and says that it is whole",
    )
    assert whole(ANSWER.unfinished()).truth is Truth.LIE
    assert whole(ANSWER.empty()).truth is Truth.LIE


def test_what_a_filter_withheld_is_told_and_no_lie() -> None:
    assert whole(ANSWER.withheld("a reef")).truth is Truth.ANSWER
    assert streamed(*(frame.data for frame in DIALECT.frames(ANSWER.withheld("a reef")))).finish == "content_filter"


@pytest.mark.parametrize(
    ("body", "truth"),
    [
        (b'{"error":{"message":"no","type":"t","code":"c"}}', Truth.ERROR),
        (b'{"error":{"message":"no","type":"t","code":null}}', Truth.ERROR),
        (b"<html>", Truth.LIE),
        (b'{"error":"no"}', Truth.LIE),
        (b"{}", Truth.LIE),
    ],
)
def test_an_error_has_the_dialects_form(body: bytes, truth: Truth) -> None:
    told = truth_of(502, JSON, body, "x", stream=False)
    assert told.truth is truth
    assert told.code in ("c", "t", "")


def test_no_end_is_silence_and_no_answer_is_a_cut() -> None:
    assert truth_of(0, {}, b"", "x", stream=True, broke="timeout: no end within 3 s").truth is Truth.SILENT
    assert truth_of(0, {}, b"", "x", stream=True, broke="reset: by peer").truth is Truth.CUT
    assert truth_of(502, JSON, b"{", "x", stream=True, broke="cut: half").truth is Truth.CUT
    assert whole(broke="cut: half").truth is Truth.CUT
    assert truth_of(200, JSON, b"nonsense", "x", stream=False).truth is Truth.LIE
