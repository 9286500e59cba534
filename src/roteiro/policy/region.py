"""Regions: where data may go, and how far it is.

Records: LINK (round trips between regions, given by the plan), TENANT, WORKLOAD and FLOW (`residency`: a bit per region, ANYWHERE for all;
`client_region`). A residency is asked of every candidate wherever one is looked at, so that there is no way around it.

What must not live here: which of the candidates is taken (`routing`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import ANYWHERE, MOST_REGIONS, NONE, header_of, link_at

__all__ = ["allows", "client_region", "count", "latency"]

FLAG_BITS, FLAG_MASK = 39, 0xFF  # of BEGIN's flags: the client's region + 1, or 0


@kernel
def allows(residency: int, region: int) -> bool:
    """Whether data of this residency may go to a region."""
    if residency == ANYWHERE:
        return True
    return 0 <= region < MOST_REGIONS and (residency >> region) & 1 != 0


@kernel
def count(residency: int) -> int:
    """How many regions a residency names."""
    n = 0
    for region in range(MOST_REGIONS):
        n += (residency >> region) & 1
    return n


@kernel
def client_region(header: Any, asked: int) -> int:
    """Region of the client by the flags of BEGIN, or NONE where it is not known."""
    region = ((asked >> FLAG_BITS) & FLAG_MASK) - 1
    return region if region < header.region_side else NONE


@kernel
def latency(block: int, here: int, there: int) -> float:
    """Seconds of a round trip between two regions."""
    return link_at(block, here * header_of(block).region_side + there).latency_s
