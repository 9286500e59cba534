"""How a price has moved: what it costs now against the least that it cost in the year before.

What must not live here: where prices come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

__all__ = ["PriceMove", "price_move"]

YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class PriceMove:
    """`rise`: now against the least of the last year, less 1, at least 0. `change`: now against a year ago (or the first known), less 1."""

    rise: float
    change: float
    changes: int
    since: date


def price_move(history: Sequence[tuple[date, float]], on: date) -> PriceMove | None:
    """Of (day, price from that day on), up to `on`; None where no price with a date is known by then, or one was free."""
    known = sorted((day, price) for day, price in history if day <= on)
    if not known:
        return None
    within = [(day, price) for day, price in known if day > on - YEAR]
    before = [(day, price) for day, price in known if day <= on - YEAR][-1:]
    told = before + within
    now = told[-1][1]
    if min(price for _, price in told) <= 0.0:
        return None
    moves = sum(1 for one, other in pairwise(told) if one[1] != other[1])
    return PriceMove(max(0.0, now / min(price for _, price in told) - 1.0), now / told[0][1] - 1.0, moves, max(told[0][0], on - YEAR))
