"""Which requests are looked at: a share of them by their number alone, so that the gateway, the simulator and a replay choose the same.

What must not live here: what is looked at.
"""

from typing import Final

__all__ = ["WHOLE", "bound_of", "place_of", "taken"]

WHOLE: Final = 1 << 64
_STRIDE: Final = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: multiples of it fill the circle more evenly than any other stride, also those of every n-th request
(Knuth, The Art of Computer Programming, volume 3, section 6.4)."""


def place_of(number: int) -> int:
    """Where the request of this number within its run stands among all, 0 ≤ place < WHOLE."""
    return number * _STRIDE & WHOLE - 1


def bound_of(share: float) -> int:
    """The requests of a share 0..1 stand below this place."""
    return round(min(max(share, 0.0), 1.0) * WHOLE)


def taken(number: int, share: float) -> bool:
    """Whether a request is one of a share 0..1. Those of a smaller share are among those of a larger one."""
    return place_of(number) < bound_of(share)
