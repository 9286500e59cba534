"""Regions: where providers and clients are, and how far it is between them.

What must not live here: where a tenant's data may go (`people`), and choosing by distance (`policy.routing`).
"""

from collections.abc import Mapping

from pydantic import Field

from roteiro.plan.part import Name, Part
from roteiro.plan.quantity import Seconds

__all__ = ["Region", "round_trip_s"]


class Region(Part):
    """A place where providers or clients are."""

    latency_s: dict[Name, Seconds] = Field(
        default_factory=dict,
        alias="latency",
        description="Round trips from it to other regions; the way back takes as long, unless the other region says otherwise.",
    )


def round_trip_s(regions: Mapping[str, Region], here: str, there: str) -> float | None:
    """Seconds of a round trip from one region to another; 0 within one unless it says otherwise, None where nothing is said of the two."""
    for one, other in ((here, there), (there, here)):
        if one in regions and other in regions[one].latency_s:
            return regions[one].latency_s[other]
    return 0.0 if here == there else None
