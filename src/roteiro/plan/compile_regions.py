"""Plan → tables of regions: round trips between them, and the sets of regions that data may go to.

What must not live here: the checks of them (`check_regions`).
"""

from collections.abc import Iterable, Sequence
from math import isqrt

from roteiro.plan.model import Plan
from roteiro.plan.regions import round_trip_s
from roteiro.policy.state import ANYWHERE, MOST_REGIONS, State

__all__ = ["fill_links", "named_regions", "residency_bits", "side_of"]


def named_regions(plan: Plan) -> set[str]:
    """All regions that the plan speaks of."""
    groups = plan.demand.groups.values()
    parts = (*plan.demand.mix, *(part for group in groups for part in group.mix))
    clients = [*(part.region for part in parts), *(group.region for group in groups)]
    staying = (region for section in (plan.tenants, plan.workloads) for owner in section.values() for region in owner.residency)
    return {*plan.regions, *(provider.region for provider in plan.providers.values()), *filter(None, clients), *staying}


def side_of(regions: Sequence[str]) -> int:
    """Regions that a block makes room for."""
    return max(min(2 * len(regions), MOST_REGIONS), 8)


def residency_bits(names: Sequence[str], allowed: Iterable[str]) -> int:
    """A bit for each region allowed, by index; ANYWHERE where none is named."""
    bits = 0
    for region in allowed:
        bits |= 1 << names.index(region)
    return bits or ANYWHERE


def fill_links(plan: Plan, names: Sequence[str], state: State) -> None:
    """Write the square of round trips, in seconds; 0 where nothing is said of two regions."""
    side = isqrt(len(state.links))
    state.header["region_side"] = side
    links = state.links["latency_s"]
    links[:] = 0.0
    for i, here in enumerate(names[:side]):
        for j, there in enumerate(names[:side]):
            links[i * side + j] = round_trip_s(plan.regions, here, there) or 0.0
