"""An answer is a function of the question, and its text shows when anything of it is missing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.terms.error import RequestError
from roteiro.testing.answer import VOCABULARY, Answer, compose, follows
from roteiro.testing.dialect import Request
from roteiro.testing.openai_dialect import OpenAIDialect
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.question import Question
from roteiro.testing.stream_check import StreamCheck

DIALECT = OpenAIDialect()
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def answer_to(content: str, *, most: int | None = None, length: float = 12.0, seed: int = 0, **other: object) -> Answer:
    body = {"model": "m", "messages": [{"role": "user", "content": content}], **other}
    question = read_chat(msgspec.json.encode(body if most is None else {**body, "max_tokens": most}))
    return compose(question, name="test", created=1, length=Quantiles(length, length), seed=seed)


def read_chat(body: bytes) -> Question:
    return DIALECT.question(Request("POST", "/v1/chat/completions", {}, body, True))


def words_of(answer: Answer) -> list[str]:
    return answer.text.split(" ")


def frames_of(answer: Answer) -> list[bytes]:
    return [frame.data for frame in DIALECT.frames(answer)]


def test_the_vocabulary_is_prime_and_without_doubles() -> None:
    count = len(VOCABULARY)
    assert len(set(VOCABULARY)) == count
    assert all(count % divisor for divisor in range(2, count))


@given(content=st.text(max_size=200), seed=st.integers(-5, 5))
def test_the_same_question_gets_the_same_answer(content: str, seed: int) -> None:
    assert answer_to(content, seed=seed) == answer_to(content, seed=seed)


def test_another_model_name_or_mode_changes_nothing_of_what_is_said() -> None:
    said = words_of(answer_to("hello"))
    assert words_of(answer_to("hello", stream=True, user="u")) == said
    assert words_of(answer_to("hello", seed=1)) != said


@given(content=st.text(max_size=50), most=st.integers(1, 30))
def test_the_maximum_bounds_the_answer_and_says_so(content: str, most: int) -> None:
    answer = answer_to(content, most=most, length=12.0)
    assert answer.usage.completion == len(words_of(answer)) == min(most, 12)
    assert answer.choices[0].finish == ("length" if most < 12 else "stop")


@given(content=st.text(max_size=50), length=st.integers(3, 300), data=st.data())
def test_a_text_shows_a_word_lost_doubled_or_swapped(content: str, length: int, data: st.DataObject) -> None:
    words = words_of(answer_to(content, length=float(length)))
    assert follows(" ".join(words))
    place = data.draw(st.integers(1, length - 2))
    lost = words[:place] + words[place + 1 :]
    doubled = [*words[:place], words[place], *words[place:]]
    swapped = [*words[: place - 1], words[place], words[place - 1], *words[place + 1 :]]
    assert not follows(" ".join(doubled))
    assert not follows(" ".join(swapped))
    if length > 3:  # two words are a text of their own
        assert not follows(" ".join(lost))


@given(content=st.text(max_size=50), cuts=st.lists(st.integers(1, 400), max_size=30), usage=st.booleans())
def test_the_streamed_text_is_the_whole_text_however_it_is_cut(content: str, cuts: list[int], usage: bool) -> None:
    answer = answer_to(content, **(USAGE if usage else {}))
    stream = b"".join(frames_of(answer))
    check = StreamCheck(wants_usage=usage)
    for cut in cuts:
        check.feed(stream[:cut])
        stream = stream[cut:]
    check.feed(stream)
    assert check.faults() == []
    assert check.text == DIALECT.body(answer)["choices"][0]["message"]["content"]
    assert check.output_tokens == (answer.usage.completion if usage else None)


@given(st.data())
def test_a_stream_that_lost_a_frame_is_not_whole(data: st.DataObject) -> None:
    frames = frames_of(answer_to("hello", **USAGE))
    place = data.draw(st.integers(0, len(frames) - 1))
    check = StreamCheck(wants_usage=True)
    check.feed(b"".join(frames[:place] + frames[place + 1 :]))
    assert check.faults()


@given(st.permutations(range(16)))
def test_a_stream_in_another_order_is_not_whole(order: list[int]) -> None:
    frames = frames_of(answer_to("hello", **USAGE))
    assert len(frames) == 16
    check = StreamCheck(wants_usage=True)
    check.feed(b"".join(frames[place] for place in order))
    assert bool(check.faults()) == (order != list(range(16)))


@pytest.mark.parametrize("place", range(15))
def test_two_neighbouring_frames_swapped_are_found_out(place: int) -> None:
    frames = frames_of(answer_to("hello", **USAGE))
    frames[place], frames[place + 1] = frames[place + 1], frames[place]
    check = StreamCheck(wants_usage=True)
    check.feed(b"".join(frames))
    assert check.faults()


def test_a_long_prompt_may_come_from_the_cache_by_whole_blocks() -> None:
    cached = {answer_to(f"{number} " + "x" * 8000).usage.cached for number in range(40)}
    assert cached == {0, 1920}
    assert answer_to("short").usage.cached == 0


def test_parts_that_are_not_text_count_too() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 40}, {"type": "image_url", "image_url": {}}]}],
    }
    assert read_chat(msgspec.json.encode(body)).prompt_tokens == 4 + 10 + 85


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"model":"m"}',
        b'{"model":"m","messages":[]}',
        b'{"model":"","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":0}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":"many"}',
        b'{"model":"m","messages":' + b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(RequestError, match="cannot be read") as caught:
        read_chat(body)
    assert caught.value.status == 400
