"""What reserved units would have saved: the same minutes told anew with provisioned throughput, for each number of units on sale.

A request takes so many of a unit's tokens as the vendor counts them, in the minute in which it came. Of a minute that wants more than is
reserved, the part beyond pays as it did. Units are paid for through the whole record, idle minutes too. The number that would have cost
least is told, with a week of record at least: less shows no week.

What must not live here: what demand will be (`analysis.purchase` buys for that), and the plan.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_DAYS", "UnitOffer", "reserved_units"]

Floats = npt.NDArray[np.float64]

LEAST_DAYS: Final = 7.0
MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
HOUR_S: Final = 3600.0
MOST_TRIED: Final = 2000


@dataclass(frozen=True, slots=True)
class UnitOffer:
    """A unit carries `tokens_per_min` input tokens a minute; output and cached ones count as so many. `reserved` are paid already."""

    tokens_per_min: float
    output_ratio: float
    cached_ratio: float
    least: int
    increment: int
    most: int | None
    cost_nusd_per_h: int
    reserved: int = 0


def reserved_units(
    came_s: Floats, input_tokens: Floats, cached_tokens: Floats, output_tokens: Floats, cost_nusd: Floats, offer: UnitOffer
) -> tuple[int, int, int] | None:
    """(units, what the requests cost as they were paid, what they would have cost with the units), the least of all that are on sale.

    None where the record is shorter than LEAST_DAYS, units are reserved already, or none saves anything.
    """
    if not len(came_s) or offer.reserved or offer.tokens_per_min <= 0.0 or np.ptp(came_s) < LEAST_DAYS * DAY_S:
        return None
    counted = input_tokens - cached_tokens + cached_tokens * offer.cached_ratio + output_tokens * offer.output_ratio
    _, minute = np.unique(np.floor(came_s / MINUTE_S), return_inverse=True)
    wanted, paid = np.bincount(minute, counted) / offer.tokens_per_min, np.bincount(minute, cost_nusd)
    hours = float(np.ptp(came_s)) / HOUR_S
    most = int(np.ceil(wanted.max()))
    if offer.most is not None:
        most = min(most, offer.most)
    steps = max(0, -(-(most - offer.least) // offer.increment))
    if offer.most is not None:
        steps = min(steps, (offer.most - offer.least) // offer.increment)
    on_sale = offer.least + offer.increment * np.unique(np.linspace(0, steps, min(steps + 1, MOST_TRIED)).astype(np.int64))
    costs = [float(np.sum(paid * beyond(wanted, units))) + units * offer.cost_nusd_per_h * hours for units in on_sale.tolist()]
    best, total = int(np.argmin(costs)), float(paid.sum())
    return (int(on_sale[best]), round(total), round(costs[best])) if costs[best] < total else None


def beyond(wanted: Floats, units: float) -> Floats:
    """The share of each minute's demand that so many units do not carry."""
    share: Floats = np.where(wanted > units, 1.0 - units / np.maximum(wanted, units), 0.0)
    return share
