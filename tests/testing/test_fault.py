"""What each fault makes of an answer, read from its tape without a socket."""

import gzip
import zlib
from dataclasses import replace
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from roteiro.terms.codes import ErrorClass
from roteiro.testing.answer import compose
from roteiro.testing.fault import (
    AnyFault,
    ChunkGarbage,
    ContentRefused,
    ContextTooLong,
    CutStream,
    Empty,
    ErrorFrame,
    Gzip,
    HalfBody,
    Http10,
    Huge,
    Malformed,
    NoDone,
    NoFinish,
    PrefixRefused,
    Reset,
    Scene,
    Slow,
    Stall,
    Status,
    Throttle,
    Trickle,
)
from roteiro.testing.quantiles import Quantiles
from roteiro.testing.question import Question
from roteiro.testing.replies import DIALECTS
from roteiro.testing.tape import Ending, Frame, FrameKind, Tape, json_tape, stream_tape
from roteiro.wire.failure import classify, retry_after_ms

FRAMES = [b"data: %d\n\n" % number for number in range(6)]
KINDS = [FrameKind.START, *[FrameKind.CONTENT] * 3, FrameKind.FINISH, FrameKind.DONE]
WHOLE = json_tape(200, {"text": "mar e mais mar"}, after_s=2.0)
STREAM = stream_tape([Frame(kind, frame, kind is FrameKind.CONTENT) for kind, frame in zip(KINDS, FRAMES, strict=True)], 0.5, [0.1, 0.1])
SCENE = Scene(DIALECTS["openai"])
both = pytest.mark.parametrize("tape", [WHOLE, STREAM])


def sent(tape: Tape) -> bytes:
    return b"".join(piece.data for piece in tape.pieces)


def lasts_s(tape: Tape) -> float:
    return tape.head_after_s + sum(piece.after_s for piece in tape.pieces)


@both
def test_slow_takes_longer_and_says_the_same(tape: Tape) -> None:
    slow = Slow(factor=3).apply(tape, SCENE)
    assert lasts_s(slow) == pytest.approx(3 * lasts_s(tape))
    assert sent(slow) == sent(tape)


@both
def test_a_stall_for_a_while_only_delays(tape: Tape) -> None:
    for at in ("answer", "first_token", "middle"):
        stalled = Stall(at=at, seconds=7.0).apply(tape, SCENE)
        assert lasts_s(stalled) == pytest.approx(7.0 + lasts_s(tape))
        assert sent(stalled) == sent(tape)
        assert stalled.ending is Ending.WHOLE


@both
def test_a_stall_without_end_hangs_where_it_says(tape: Tape) -> None:
    answer, first_token, middle = (Stall(at=at).apply(tape, SCENE) for at in ("answer", "first_token", "middle"))
    assert {answer.ending, first_token.ending, middle.ending} == {Ending.HANG}
    assert not answer.sends_head
    assert sent(answer) == b""
    assert first_token.sends_head
    assert sent(first_token) == b""
    assert 0 < len(sent(middle)) < len(sent(tape))


@both
def test_half_a_body_keeps_its_promise_of_a_whole_one(tape: Tape) -> None:
    for fault, ending in ((HalfBody(), Ending.CLOSE), (Reset(at="body"), Ending.RESET)):
        half = fault.apply(tape, SCENE)
        assert half.ending is ending
        assert half.length == tape.length
        assert 0 < len(sent(half)) < len(sent(tape))


@both
def test_a_cut_stream_is_good_http(tape: Tape) -> None:
    cut = CutStream().apply(tape, SCENE)
    assert cut.ending is Ending.WHOLE
    assert 0 < len(sent(cut)) < len(sent(tape))
    assert cut.length in (None, len(sent(cut)))


def test_a_malformed_frame_comes_between_good_ones() -> None:
    frames = [piece.data for piece in Malformed().apply(STREAM, SCENE).pieces]
    assert len(frames) == len(FRAMES) + 1
    assert [frame for frame in frames if frame in FRAMES] == FRAMES


@both
def test_a_trickle_is_the_same_bytes_at_the_given_pace(tape: Tape) -> None:
    trickle = Trickle(bytes_per_s=40.0).apply(tape, SCENE)
    assert sent(trickle) == sent(tape)
    assert lasts_s(trickle) - trickle.head_after_s == pytest.approx(len(sent(tape)) / 40.0)


def test_a_huge_body_is_at_least_that_long() -> None:
    assert len(sent(Huge(size_bytes=1_000_000).apply(WHOLE, SCENE))) >= 1_000_000


def test_every_form_of_saying_when_to_come_back() -> None:
    assert Throttle(wait_s=1.5).apply(WHOLE, SCENE).headers["retry-after"] == "2"
    assert Throttle(wait_s=1.5, form="ms").apply(WHOLE, SCENE).headers["retry-after-ms"] == "1500"
    assert Throttle(wait_s=1.5, form="reset").apply(WHOLE, SCENE).headers["x-ratelimit-reset-requests"] == "1.5s"
    date = Throttle(wait_s=30.0, form="date").apply(WHOLE, replace(SCENE, unix_s=1000.0)).headers["retry-after"]
    assert parsedate_to_datetime(date).timestamp() == 1030.0
    assert set(Throttle(form="none").apply(WHOLE, SCENE).headers) == {"content-type"}


def test_an_error_status_is_an_error_body_of_the_dialect() -> None:
    tape = Status(status=529).apply(STREAM, SCENE)
    assert tape.status == 529
    assert tape.ending is Ending.WHOLE
    assert b'"type":"overloaded_error"' in sent(tape)


# -- in every dialect -----------------------------------------------------------------------------------------------------------------


def scene(dialect: str, stream: bool, prefix: str = "", key: int = 0) -> tuple[Scene, Tape]:
    """A request of a dialect, and the tape of its answer."""
    question = Question(model="m", digest=b"d", prompt_tokens=9, stream=stream, include_usage=True, prefix=prefix)
    answer = compose(question, name="test", created=1, length=Quantiles(6.0, 6.0))
    speaks = DIALECTS[dialect]
    tape = stream_tape(speaks.frames(answer), 0.0, [0.0] * 99) if stream else json_tape(200, speaks.body(answer))
    return Scene(speaks, 1000.0, answer, 9, key), tape


every = pytest.mark.parametrize("dialect", DIALECTS)


@every
def test_an_error_frame_comes_in_the_middle_and_is_the_last(dialect: str) -> None:
    seen, tape = scene(dialect, stream=True)
    struck = ErrorFrame(after=2).apply(tape, seen)
    assert sum(piece.kind is FrameKind.CONTENT for piece in struck.pieces) == 2 or dialect == "anthropic"
    assert b"error" in struck.pieces[-1].data
    assert struck.pieces[-1].data.startswith(b"event: error\n") == (dialect == "anthropic")
    seen, tape = scene(dialect, stream=False)
    assert "error" in msgspec.json.decode(sent(ErrorFrame().apply(tape, seen)))


@every
def test_an_answer_may_lack_its_finish_reason_or_its_end_or_all_of_it(dialect: str) -> None:
    seen, tape = scene(dialect, stream=True)
    words = b"".join(piece.data for piece in tape.pieces if piece.kind is FrameKind.CONTENT)
    without_finish = sent(NoFinish().apply(tape, seen))
    assert words in without_finish
    assert not {FrameKind.FINISH, FrameKind.USAGE} & {piece.kind for piece in NoFinish().apply(tape, seen).pieces}
    held, closed = NoDone().apply(tape, seen), NoDone(holds=False).apply(tape, seen)
    assert (held.ending, closed.ending) == (Ending.HANG, Ending.WHOLE)
    assert sent(held) == sent(closed) == sent(tape.without(FrameKind.DONE))
    empty = Empty().apply(tape, seen)
    assert FrameKind.FINISH in {piece.kind for piece in empty.pieces}
    assert FrameKind.CONTENT not in {piece.kind for piece in empty.pieces}
    assert sent(Empty(form="body").apply(tape, seen)) == b""


@every
def test_a_whole_answer_may_lack_them_too(dialect: str) -> None:
    seen, tape = scene(dialect, stream=False)
    text = seen.answer.text if seen.answer else ""
    unfinished, empty = sent(NoFinish().apply(tape, seen)), sent(Empty().apply(tape, seen))
    assert text.encode() in unfinished
    assert text.encode() not in empty
    for finish in (b"end_turn", b'"STOP"', b'"stop"'):
        assert finish not in unfinished


@every
def test_a_context_that_is_too_long_and_a_refused_prefix_concern_only_some(dialect: str) -> None:
    seen, tape = scene(dialect, stream=False)
    assert not ContextTooLong(most_tokens=9).concerns(seen)
    assert ContextTooLong(most_tokens=8).concerns(seen)
    assert ContextTooLong(most_tokens=8).apply(tape, seen).status == 400
    assert not PrefixRefused().concerns(seen)
    begun, tape = scene(dialect, stream=False, prefix="x")
    assert PrefixRefused().concerns(begun)
    assert PrefixRefused().apply(tape, begun).status == 400


@every
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", ["request", "answer"])
def test_a_refused_content_carries_its_reason(dialect: str, form: str, stream: bool) -> None:
    seen, tape = scene(dialect, stream)
    refused = ContentRefused(form=form, reason="about a reef").apply(tape, seen)
    assert b"about a reef" in sent(refused)
    assert refused.status == (400 if form == "request" and dialect != "gemini" else 200)
    assert seen.answer is not None
    assert seen.answer.text.encode() not in sent(refused)


@every
@pytest.mark.parametrize("status", [401, 402, 403, 429, 500, 529])
def test_statuses_are_in_the_dialects_own_words(dialect: str, status: int) -> None:
    seen, tape = scene(dialect, stream=False)
    struck = Status(status=status).apply(tape, seen)
    error = msgspec.json.decode(sent(struck))["error"]
    assert struck.status == status
    assert {"openai": "type", "anthropic": "type", "gemini": "status"}[dialect] in error


@pytest.mark.parametrize("form", ["seconds", "date", "ms", "reset", "anthropic"])
def test_the_gateway_reads_every_form_in_headers(form: str) -> None:
    headers = {
        name.encode(): value.encode()
        for name, value in Throttle(wait_s=3.0, form=form).apply(WHOLE, replace(SCENE, unix_s=1000.0)).headers.items()
    }
    assert retry_after_ms(headers, 1000.0) == 3000


def test_gemini_says_it_in_the_body() -> None:
    seen, tape = scene("gemini", stream=False)
    error = msgspec.json.decode(sent(Throttle(wait_s=3.0, form="gemini").apply(tape, seen)))["error"]
    assert error["details"][0]["retryDelay"] == "3s"
    assert classify(429) is ErrorClass.RATE_LIMIT


@both
def test_a_compressed_answer_says_the_same(tape: Tape) -> None:
    squeezed = Gzip().apply(tape, SCENE)
    assert squeezed.headers["content-encoding"] == "gzip"
    assert (gzip.decompress(sent(squeezed)) if tape is WHOLE else zlib.decompress(sent(squeezed), wbits=31)) == sent(tape)
    assert squeezed.length in (None, len(sent(squeezed)))


@both
def test_an_old_answer_has_no_length_and_no_chunks(tape: Tape) -> None:
    old = Http10().apply(tape, SCENE)
    assert (old.version, old.length, old.in_chunks) == ("1.0", None, False)
    assert sent(old) == sent(tape)


@both
def test_garbage_comes_where_a_chunk_should(tape: Tape) -> None:
    garbled = ChunkGarbage().apply(tape, SCENE)
    assert garbled.raw
    assert b"zz;" in sent(garbled)


@pytest.mark.parametrize("fault", [Reset(at="body", after=2), HalfBody(after=2), CutStream(after=2), Stall(at="middle", after=2)])
def test_a_break_comes_after_so_many_frames(fault: AnyFault) -> None:
    assert [piece.kind for piece in fault.apply(STREAM, SCENE).pieces] == KINDS[:3]
    assert CutStream(after=0).apply(STREAM, SCENE).pieces == STREAM.pieces[:1]
