"""Prices whose day has come.

Records: PRICE, in order of time; HEADER (`price_next` of `price_count`, and `next_price_at`, when that one begins); TARGET; ROUTE (the
dearest of its candidates). What must not live here: what a usage costs (`price`).
"""

from roteiro.policy.kernel import kernel
from roteiro.policy.state import candidate_at, header_of, price_at, route_at, target_at

__all__ = ["take_up"]

FOREVER = float("inf")


@kernel
def take_up(block: int, now: float) -> None:
    """Every price that began by now holds from now on; what routes reserve is reckoned anew."""
    header = header_of(block)
    while header.price_next < header.price_count and price_at(block, header.price_next).at <= now:
        price = price_at(block, header.price_next)
        target = target_at(block, price.target)
        target.price_input, target.price_cached = price.price_input, price.price_cached
        target.price_output, target.price_reasoning = price.price_output, price.price_reasoning
        header.price_next += 1
    header.next_price_at = price_at(block, header.price_next).at if header.price_next < header.price_count else FOREVER
    for r in range(header_of(block).n_routes):
        if route_at(block, r).retired == 0:
            dearest(block, r)


@kernel
def dearest(block: int, r: int) -> None:
    """What a reservation on the route assumes."""
    route = route_at(block, r)
    route.price_input, route.price_output = 0, 0
    for c in range(route.first, route.first + route.count):
        target = target_at(block, candidate_at(block, c).target)
        route.price_input = max(route.price_input, target.price_input)
        route.price_output = max(route.price_output, max(target.price_output, target.price_reasoning))
