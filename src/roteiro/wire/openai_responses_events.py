"""Frames of streamed OpenAI responses.

What must not live here: which event follows which.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["event"]

_encode: Final = msgspec.json.Encoder().encode


def event(kind: str, number: int, more: Mapping[str, Any]) -> bytes:
    """One event; `number` counts the events of a stream from 0."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, "sequence_number": number, **more}))
