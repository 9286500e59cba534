"""Server-sent events, as far as a relay needs them: where a frame ends, and what its data is.

The framing is the WHATWG HTML standard's (9.2.6): a frame ends at an empty line; a line ends by LF, CR LF or CR.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["FRAME_BYTES", "FrameTooLongError", "Splitter", "payload"]

FRAME_BYTES: Final = 4 * 1024 * 1024
"""A longer frame is not an answer's delta; it is a provider that lost its way, or a file sent as a stream."""

# CR LF is never taken for two line ends. Written out twice: a pattern that begins with plain characters is searched for four times as fast.
_BLANK_LINE: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")


class FrameTooLongError(ValueError):
    """A frame has no end within the bound."""


class Splitter:
    """Cuts a stream of bytes into whole frames, however the network cut it. No byte is lost, added or moved."""

    __slots__ = ("_bound", "_rest")

    def __init__(self, bound: int = FRAME_BYTES) -> None:
        self._rest = b""
        self._bound = bound

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The frames that are complete by now, each with its blank line. Raises FrameTooLongError."""
        if self._rest:
            data = self._rest + data
        elif data.find(b"\n\n") == len(data) - 2 and len(data) > 1 and b"\r" not in data:  # nearly always: one frame, whole
            return (data,)
        if b"\r" in data:
            return self._feed_any(data)
        frames = data.split(b"\n\n")
        self._keep(frames.pop())
        return [frame + b"\n\n" for frame in frames]

    def rest(self) -> bytes:
        """What came after the last whole frame. A stream that ended well leaves nothing but white space."""
        return self._rest

    def _feed_any(self, data: bytes) -> Sequence[bytes]:
        frames, start = [], 0
        for end in _BLANK_LINE.finditer(data):
            if end.end() == len(data) and data.endswith(b"\r"):
                break  # its LF may still be on the way
            frames.append(data[start : end.end()])
            start = end.end()
        self._keep(data[start:])
        return frames

    def _keep(self, rest: bytes) -> None:
        if len(rest) > self._bound:
            raise FrameTooLongError(f"a frame of the stream is longer than {self._bound} bytes")
        self._rest = rest


def payload(frame: bytes) -> bytes | None:
    """The data of a frame, its lines joined by LF; None for a frame without data, such as a comment that keeps a connection alive."""
    if frame.startswith(b"data: ") and frame.find(b"\n") == len(frame) - 2:  # nearly every frame: one line
        return frame[6:-2]
    lines = [line[5:].removeprefix(b" ") for line in frame.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
