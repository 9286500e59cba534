"""A form is read the same however it arrives."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.gateway.batches_form import read_form
from roteiro.terms.error import RequestError

BOUNDARY = b"a-boundary"


class Request:
    """As much of one as is looked at."""

    def __init__(self, pieces: list[bytes], kind: str = f"multipart/form-data; boundary={BOUNDARY.decode()}") -> None:
        self._pieces, self.headers = pieces, {"content-type": kind}

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Sink:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.name, self.content = "", b""

    async def write(self, content: bytes) -> None:
        self.content += content


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    return b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (BOUNDARY, name.encode(), named.encode(), content)


def read(pieces: list[bytes], **more: Any) -> tuple[str, Sink]:
    sink = Sink()
    return asyncio.run(read_form(Request(pieces, **more), sink)), sink  # type: ignore[arg-type]


@given(content=st.binary(max_size=400), cuts=st.lists(st.integers(0, 700), max_size=12), first=st.booleans())
def test_wherever_it_is_cut(content: bytes, cuts: list[int], first: bool) -> None:
    parts = [part("purpose", b"batch"), part("file", content, "in.jsonl")]
    whole = b"".join(parts if first else parts[::-1]) + b"--%b--\r\n" % BOUNDARY
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    if b"\r\n--" + BOUNDARY in content:
        return
    purpose, sink = read([whole[a:b] for a, b in itertools.pairwise(places)])
    assert (purpose, sink.content, sink.name) == ("batch", content, "in.jsonl")


@pytest.mark.parametrize(
    ("whole", "kind", "code"),
    [
        (b"", "text/plain", "invalid_content_type"),
        (b"", "multipart/form-data", "invalid_content_type"),
        (b"nonsense", None, "invalid_form"),
        (part("file", b"x", "a") + part("file", b"y", "b"), None, "invalid_value"),
        (part("purpose", b"x" * 2000), None, "invalid_value"),
        (part("x" * 5000, b""), None, "invalid_form"),
        (b"".join(part(f"f{n}", b"x") for n in range(30)), None, "invalid_value"),
    ],
)
def test_what_is_no_form_is_refused(whole: bytes, kind: str | None, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        read([whole], **({} if kind is None else {"kind": kind}))
    assert (caught.value.status, caught.value.code) == (400, code)
