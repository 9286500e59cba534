"""W3C Trace Context (https://www.w3.org/TR/trace-context/) at both ends of a request, as integers that fit the ledger's columns.

A trace id is two halves and a span id is one number, each a signed integer of 64 bits; 0 stands for none, as the standard has it.
Ids of our own spans are not drawn but reckoned from the run, the request and the attempt: the worker that puts one into a header and
the process that exports the span later come to the same, and nothing is told between them.
What must not live here: spans (`spans`), and what is done with a header's other neighbours.
"""

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["REQUEST", "TraceContext", "read"]

REQUEST: Final = 0
"""In place of an attempt's number (1, 2 …): the span of the request itself."""
_FORM: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{16})([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL).fullmatch
_WORD: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63
_SAMPLED: Final = 1


def read(traceparent: bytes) -> tuple[int, int, int] | None:
    """The halves of the trace id and the parent's span id in a header's value; None where it is not valid, and so to be ignored.

    Where the sender did not sample its trace, its span is recorded nowhere, and the parent is 0: so are the two told apart afterwards.
    """
    found = _FORM(traceparent.strip(b" \t"))
    if found is None:
        return None
    version, high, low, parent, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    hi, lo, span = int(high, 16), int(low, 16), int(parent, 16)
    if not (hi or lo) or not span:
        return None
    return _signed(hi), _signed(lo), _signed(span) if int(flags, 16) & _SAMPLED else 0


class TraceContext:
    """The trace ids and span ids of one run."""

    __slots__ = ("_bound", "_seed")

    def __init__(self, run: str, ratio: float = 1.0) -> None:
        """`ratio`: the share of requests without a trace of the client's that are sampled, 0 to 1."""
        self._seed = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8], "big")
        self._bound = round(ratio * (1 << 64))

    def trace_of(self, request: int) -> tuple[int, int]:
        """The trace id of a request whose client sent none."""
        return _signed(self._mixed(request, -1)), _signed(self._mixed(request, -2))

    def span_of(self, request: int, attempt: int = REQUEST) -> int:
        """The id of a request's span, or of one of its attempts': 1 for the first SEND or RESCUE, and so on."""
        return _signed(self._mixed(request, attempt) or 1)

    def samples(self, lo: int, span: int, ours: bool) -> bool:
        """Whether a trace is sampled: as its parent was (`read`), or by the ratio where the trace is `ours`."""
        return lo & _WORD < self._bound if ours else span != 0

    def outgoing(self, hi: int, lo: int, span: int, request: int, attempt: int) -> bytes:
        """The value of `traceparent` for a provider. `hi`, `lo`, `span`: of `read`; both halves 0 where the client sent none."""
        ours = not (hi or lo)
        if ours:
            hi, lo = self.trace_of(request)
        return b"00-%016x%016x-%016x-%02x" % (
            hi & _WORD, lo & _WORD, self.span_of(request, attempt) & _WORD, self.samples(lo, span, ours)
        )  # fmt: skip

    def low_halves(self, requests: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
        """The lower half of `trace_of` for many requests at once, unsigned."""
        halves: NDArray[np.uint64] = self._mixed(requests, -2)
        return halves

    def bound(self) -> int:
        """Traces of ours are sampled whose lower half, unsigned, is below this."""
        return self._bound

    def _mixed(self, request: Any, part: int) -> Any:
        """SplitMix64 (Steele, Lea, Flood 2014) of what is to be told apart: every bit of it moves every bit of the answer."""
        base = (self._seed + part * 0xD1B54A32D192ED03) & _WORD
        z = (base + request * 0x9E3779B97F4A7C15) & _WORD
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
        return z ^ (z >> 31)


def _signed(word: int) -> int:
    return word - (1 << 64) if word & _SIGN else word
