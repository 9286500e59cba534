"""Frames come out whole and in order however the network cut the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.wire.sse import FrameTooLongError, Splitter, payload

lines = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), min_size=1, max_size=20)
frames = st.lists(lines, min_size=1, max_size=3)


@given(st.lists(frames, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(1, 30), max_size=20))
def test_any_cut_gives_the_same_frames(stream: list[list[str]], end: str, cuts: list[int]) -> None:
    whole = [("".join(line + end for line in frame) + end).encode() for frame in stream]
    data, splitter, out = b"".join(whole), Splitter(), []
    for size in [*cuts, len(data)]:
        out += splitter.feed(data[:size])
        data = data[size:]
    if end == "\r":  # the last may still become CR LF
        out += [splitter.rest()]
    else:
        assert splitter.rest() == b""
    assert out == whole


def test_a_frame_without_end_is_bounded() -> None:
    splitter = Splitter(bound=100)
    splitter.feed(b"data: " + b"x" * 80)
    with pytest.raises(FrameTooLongError):
        splitter.feed(b"x" * 80)


@pytest.mark.parametrize(
    ("frame", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"data:{}\n\n", b"{}"),
        (b"data:  two\r\n\r\n", b" two"),
        (b"event: x\ndata: a\ndata: b\n\n", b"a\nb"),
        (b": keep-alive\n\n", None),
        (b"event: ping\n\n", None),
        (b"data:\n\n", b""),
    ],
)
def test_payload(frame: bytes, data: bytes | None) -> None:
    assert payload(frame) == data
