"""Embeddings that share a call: each request gets its own vectors, its share of the tokens and its own fate."""

import json
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway import coalesce
from roteiro.gateway.coalesce import Coalescer
from roteiro.providers.call import Failure
from roteiro.providers.passage import passage_of
from roteiro.terms.codes import ErrorClass
from roteiro.wire.canon import Usage
from roteiro.wire.openai_back import OpenAIBack
from roteiro.wire.openai_embeddings import OpenAIEmbeddingsFront

FRONT, BACK = OpenAIEmbeddingsFront(), OpenAIBack()


class Timer:
    def __init__(self) -> None:
        self.watched: set[Any] = set()

    def watch(self, thing: Any) -> None:
        self.watched.add(thing)

    def forget(self, thing: Any) -> None:
        self.watched.discard(thing)


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def answered(self, body: bytes, usage: Usage | None) -> None:
        answer = json.loads(body)
        self.said.append(([row["embedding"] for row in answer["data"]], answer["usage"]["prompt_tokens"], usage))

    def failed(self, failure: Failure) -> None:
        self.said.append(failure.error_class)


class Sent:
    """Stands for `Call`: what went to the provider."""

    calls: ClassVar[list["Sent"]] = []

    def __init__(self, target: Any, passage: Any, listener: Any, until: float, credential: int = 0, extra: bytes = b"") -> None:
        self.passage, self.listener, self.until, self.credential = passage, listener, until, credential
        self.started = self.cancelled = False

    def start(self) -> None:
        self.started = True
        Sent.calls.append(self)

    def cancel(self) -> Usage:
        self.cancelled = True
        return Usage(self.passage.ask.input_tokens, 0, 0, 0)

    @property
    def texts(self) -> Any:
        return json.loads(self.passage.body)["input"]

    def answer(self, tokens: int | None = 100) -> None:
        """A vector for each text: its characters' numbers."""
        texts = self.texts if isinstance(self.texts, list) else [self.texts]
        data = [{"object": "embedding", "index": i, "embedding": [float(len(text)), float(i)]} for i, text in enumerate(texts)]
        usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
        body = json.dumps({"object": "list", "data": data[::-1], "model": "e", "usage": usage}).encode()
        self.listener.answered(body, None if tokens is None else Usage(tokens, 0, 0, 0))


class World:
    def __init__(self, wait_s: float = 0.005, most: int = 8) -> None:
        self.later: list[SimpleNamespace] = []
        self.coalescer = Coalescer(self._later)
        self.target: Any = SimpleNamespace(
            timer=Timer(), back=BACK, edge=SimpleNamespace(model="up", max_output_tokens=None)
        )  # fmt: skip
        self.wait_s, self.most = wait_s, most

    def _later(self, seconds: float, work: Any) -> Any:
        handle = SimpleNamespace(work=work, off=False)
        handle.cancel = lambda: setattr(handle, "off", True)
        self.later.append(handle)
        return handle

    def pass_time(self) -> None:
        while self.later:
            handle = self.later.pop(0)
            if not handle.off:
                handle.work()

    def call(self, given: Any, until: float = 10.0, credential: int = 0, **more: Any) -> tuple[Any, Heard]:
        ask = FRONT.read(json.dumps({"model": "e", "input": given, **more}).encode(), {})
        heard = Heard()
        call = self.coalescer.call(
            self.target, passage_of(ask, BACK, "up"), heard, until, self.wait_s, self.most, credential
        )  # type: ignore[arg-type]  # fmt: skip
        call.start()
        return call, heard


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    monkeypatch.setattr(coalesce, "Call", Sent)
    Sent.calls = []
    return Sent.calls


def test_requests_within_the_wait_go_as_one_and_each_gets_its_own(calls: list[Sent]) -> None:
    world = World()
    _, one = world.call("aa", user="someone", until=3.0)
    _, other = world.call(["b", "cccc"], until=9.0)
    assert not calls
    world.pass_time()
    (sent,) = calls
    assert sent.texts == ["aa", "b", "cccc"]
    assert b"someone" not in sent.passage.body
    assert sent.until == 9.0
    sent.answer(10)
    (vectors, _, used), (others, _, other_used) = one.said[0], other.said[0]
    assert (vectors, others) == ([[2.0, 0.0]], [[1.0, 1.0], [4.0, 2.0]])
    assert used.input + other_used.input == 10
    assert not world.target.timer.watched


def test_one_alone_goes_as_it_is(calls: list[Sent]) -> None:
    world = World()
    call, heard = world.call("aa", user="someone")
    world.pass_time()
    assert json.loads(calls[0].passage.body)["user"] == "someone"
    assert calls[0].listener is heard
    assert call.cancel().input > 0 and calls[0].cancelled


def test_other_dimensions_formats_kinds_and_credentials_do_not_mix(calls: list[Sent]) -> None:
    world = World()
    world.call("a")
    world.call("a", dimensions=64)
    world.call("a", encoding_format="base64")
    world.call([[1, 2]])
    world.call([1, 2])
    world.call("a", credential=1)
    world.pass_time()
    assert [sent.texts for sent in calls] == ["a", "a", "a", [[1, 2], [1, 2]], "a"]


def test_a_full_call_goes_at_once_and_the_next_gathers_anew(calls: list[Sent]) -> None:
    world = World(most=3)
    for text in ("a", "b"):
        world.call(text)
    world.call(["c", "d"])  # does not fit
    assert [sent.texts for sent in calls] == [["a", "b"]]
    world.call(["e", "f", "g"])  # a call of its own
    assert calls[-1].texts == ["e", "f", "g"]
    world.pass_time()
    assert calls[-1].texts == ["c", "d"]


def test_who_leaves_leaves_the_others_their_call(calls: list[Sent]) -> None:
    world = World()
    early, unheard = world.call("a")
    late, never = world.call("bb")
    _, heard = world.call("ccc")
    assert early.cancel() == Usage(0, 0, 0, 0)
    world.pass_time()
    assert calls[0].texts == ["bb", "ccc"]
    assert late.cancel().input > 0
    calls[0].answer()
    assert not unheard.said and not never.said and heard.said[0][0] == [[3.0, 1.0]]


def test_when_all_left_the_call_is_dropped(calls: list[Sent]) -> None:
    world = World()
    early, _ = world.call("a")
    early.cancel()
    world.pass_time()
    assert not calls
    gone = [world.call(text)[0] for text in ("a", "b")]
    world.pass_time()
    for call in gone:
        call.cancel()
    assert calls[0].cancelled and not world.target.timer.watched


def test_a_deadline_is_each_requests_own(calls: list[Sent]) -> None:
    world = World()
    hasty, told = world.call("a", until=1.0)
    _, heard = world.call("b", until=5.0)
    world.pass_time()
    assert hasty.due == 1.0
    hasty.late()
    assert told.said == [ErrorClass.TIMEOUT]
    calls[0].answer()
    assert len(told.said) == 1 and heard.said[0][0] == [[1.0, 1.0]]


@pytest.mark.parametrize("error", [ErrorClass.SERVER, ErrorClass.RATE_LIMIT, ErrorClass.TIMEOUT, ErrorClass.AUTH])
def test_each_journey_sees_the_failure_of_the_shared_call(calls: list[Sent], error: ErrorClass) -> None:
    world = World()
    heard = [world.call(text)[1] for text in ("a", "b")]
    world.pass_time()
    calls[0].listener.failed(Failure(error, "x"))
    assert [one.said for one in heard] == [[error], [error]]
    assert len(calls) == 1


@pytest.mark.parametrize("error", [ErrorClass.BAD_REQUEST, ErrorClass.CONTENT, ErrorClass.CONTEXT])
def test_one_bad_text_is_its_senders_alone(calls: list[Sent], error: ErrorClass) -> None:
    world = World()
    bad, good = world.call("bad")[1], world.call("good")[1]
    world.pass_time()
    calls[0].listener.failed(Failure(error, "x", 400))
    assert [sent.texts for sent in calls[1:]] == ["bad", "good"]
    calls[1].listener.failed(Failure(error, "x", 400))
    calls[2].answer(7)
    assert bad.said == [error] and good.said[0][0] == [[4.0, 0.0]]


def test_an_answer_of_another_length_is_an_answer_to_nobody(calls: list[Sent]) -> None:
    world = World()
    heard = [world.call(text)[1] for text in ("a", "b")]
    world.pass_time()
    calls[0].listener.answered(b'{"data":[{"embedding":[1.0],"index":0}]}', None)
    assert [one.said for one in heard] == [[ErrorClass.PROTOCOL], [ErrorClass.PROTOCOL]]


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=5), min_size=1, max_size=4), min_size=2, max_size=12),
    st.integers(0, 1000),
)
def test_vectors_and_tokens_are_shared_out_exactly(requests: list[list[str]], tokens: int) -> None:
    Sent.calls = []
    world = World(most=1000)
    heard = [world.call(texts)[1] for texts in requests]
    world.pass_time()
    (sent,) = Sent.calls
    sent.answer(tokens)
    place = 0
    for texts, one in zip(requests, heard, strict=True):
        vectors, said, used = one.said[0]
        assert vectors == [[float(len(text)), float(place + i)] for i, text in enumerate(texts)]
        assert said == used.input
        place += len(texts)
    assert sum(one.said[0][2].input for one in heard) == tokens
