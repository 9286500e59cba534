"""What each fault makes of an answer, read from its tape without a socket."""

from email.utils import parsedate_to_datetime

import pytest

from roteiro.testing.fault import CutStream, HalfBody, Huge, Malformed, Reset, Slow, Stall, Status, Throttle, Trickle
from roteiro.testing.tape import Ending, Tape, json_tape, stream_tape

FRAMES = [b"data: %d\n\n" % number for number in range(6)]
WHOLE = json_tape(200, {"text": "mar e mais mar"}, after_s=2.0)
STREAM = stream_tape(FRAMES, [0.5, 0.0, 0.1, 0.1, 0.1, 0.0])
both = pytest.mark.parametrize("tape", [WHOLE, STREAM])


def sent(tape: Tape) -> bytes:
    return b"".join(piece.data for piece in tape.pieces)


def lasts_s(tape: Tape) -> float:
    return tape.head_after_s + sum(piece.after_s for piece in tape.pieces)


@both
def test_slow_takes_longer_and_says_the_same(tape: Tape) -> None:
    slow = Slow(factor=3).apply(tape, 0.0)
    assert lasts_s(slow) == pytest.approx(3 * lasts_s(tape))
    assert sent(slow) == sent(tape)


@both
def test_a_stall_for_a_while_only_delays(tape: Tape) -> None:
    for at in ("answer", "first_token", "middle"):
        stalled = Stall(at=at, seconds=7.0).apply(tape, 0.0)
        assert lasts_s(stalled) == pytest.approx(7.0 + lasts_s(tape))
        assert sent(stalled) == sent(tape)
        assert stalled.ending is Ending.WHOLE


@both
def test_a_stall_without_end_hangs_where_it_says(tape: Tape) -> None:
    answer, first_token, middle = (Stall(at=at).apply(tape, 0.0) for at in ("answer", "first_token", "middle"))
    assert {answer.ending, first_token.ending, middle.ending} == {Ending.HANG}
    assert not answer.sends_head
    assert sent(answer) == b""
    assert first_token.sends_head
    assert sent(first_token) == b""
    assert 0 < len(sent(middle)) < len(sent(tape))


@both
def test_half_a_body_keeps_its_promise_of_a_whole_one(tape: Tape) -> None:
    for fault, ending in ((HalfBody(), Ending.CLOSE), (Reset(at="body"), Ending.RESET)):
        half = fault.apply(tape, 0.0)
        assert half.ending is ending
        assert half.length == tape.length
        assert 0 < len(sent(half)) < len(sent(tape))


@both
def test_a_cut_stream_is_good_http(tape: Tape) -> None:
    cut = CutStream().apply(tape, 0.0)
    assert cut.ending is Ending.WHOLE
    assert 0 < len(sent(cut)) < len(sent(tape))
    assert cut.length in (None, len(sent(cut)))


def test_a_malformed_frame_comes_between_good_ones() -> None:
    frames = [piece.data for piece in Malformed().apply(STREAM, 0.0).pieces]
    assert len(frames) == len(FRAMES) + 1
    assert [frame for frame in frames if frame in FRAMES] == FRAMES


@both
def test_a_trickle_is_the_same_bytes_at_the_given_pace(tape: Tape) -> None:
    trickle = Trickle(bytes_per_s=40.0).apply(tape, 0.0)
    assert sent(trickle) == sent(tape)
    assert lasts_s(trickle) - trickle.head_after_s == pytest.approx(len(sent(tape)) / 40.0)


def test_a_huge_body_is_at_least_that_long() -> None:
    assert len(sent(Huge(size_bytes=1_000_000).apply(WHOLE, 0.0))) >= 1_000_000


def test_every_form_of_saying_when_to_come_back() -> None:
    assert Throttle(wait_s=1.5).apply(WHOLE, 0.0).headers["retry-after"] == "2"
    assert Throttle(wait_s=1.5, form="ms").apply(WHOLE, 0.0).headers["retry-after-ms"] == "1500"
    assert Throttle(wait_s=1.5, form="reset").apply(WHOLE, 0.0).headers["x-ratelimit-reset-requests"] == "1.5s"
    date = Throttle(wait_s=30.0, form="date").apply(WHOLE, 1000.0).headers["retry-after"]
    assert parsedate_to_datetime(date).timestamp() == 1030.0
    assert set(Throttle(form="none").apply(WHOLE, 0.0).headers) == {"content-type"}


def test_an_error_status_is_an_error_body_of_the_dialect() -> None:
    tape = Status(status=529).apply(STREAM, 0.0)
    assert tape.status == 529
    assert tape.ending is Ending.WHOLE
    assert b'"type":"overloaded_error"' in sent(tape)
