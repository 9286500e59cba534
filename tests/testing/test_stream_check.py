"""The checker of streams is strict about order and ends, and knows the one liberty that a real provider takes."""

import msgspec
import pytest

from roteiro.testing.stream_check import StreamCheck

DONE = b"data: [DONE]\n\n"


def chunk(**choice: object) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode({"id": "1", "choices": [{"index": 0, **choice}]})


ROLE, WORD, FINISH = chunk(delta={"role": "assistant"}), chunk(delta={"content": "Hello"}), chunk(delta={}, finish_reason="stop")


def faults(*frames: bytes) -> str:
    check = StreamCheck(wants_usage=False)
    check.feed(b"".join(frames))
    return ", ".join(check.faults())


def test_a_whole_stream_has_no_fault_with_or_without_its_role() -> None:
    assert faults(ROLE, WORD, FINISH, DONE) == ""
    assert faults(WORD, FINISH, DONE) == "", "llama.cpp leaves the role out when a character takes several tokens"
    assert faults(b": keep-alive\n\n", ROLE, WORD, FINISH, DONE) == ""


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        ((ROLE, WORD, FINISH), "no [DONE]"),
        ((ROLE, WORD, DONE), "no finish reason"),
        ((WORD, ROLE, FINISH, DONE), "content before the role"),
        ((ROLE, ROLE, WORD, FINISH, DONE), "a second role"),
        ((ROLE, FINISH, WORD, DONE), "a choice after the finish reason"),
        ((ROLE, WORD, FINISH, DONE, WORD), "a frame after [DONE]"),
        ((ROLE, WORD, FINISH, DONE[:-1]), "half a frame at the end"),
        ((ROLE, b"data: {]\n\n", FINISH, DONE), "a frame that is not a chunk"),
        ((ROLE, b"hello\n\n", FINISH, DONE), "a line that is no data"),
        ((ROLE, WORD, b'data: {"error":{"message":"lost the provider"}}\n\n'), "an error frame: lost the provider"),
        ((ROLE, chunk(delta={"content": "x"}).replace(b'"id":"1"', b'"id":"2"'), FINISH, DONE), "a frame of another answer"),
    ],
)
def test_every_departure_is_named(frames: tuple[bytes, ...], complaint: str) -> None:
    assert complaint in faults(*frames)


def test_what_never_becomes_a_frame_is_not_kept() -> None:
    check = StreamCheck(wants_usage=False)
    for _ in range(100):
        check.feed(b"x" * 100_000)
    assert "a frame longer than" in check.faults()[0]
    assert len(check.faults()) <= 30
