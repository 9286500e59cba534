"""What arrives: the next request of the simulated world, when it comes and what it is. Compiled into the loop.

What must not live here: what becomes of it, and how the demand came about (`demand`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE, TIERS, route_at
from roteiro.simulator import table
from roteiro.simulator.draw import exponential, gamma, uniform
from roteiro.simulator.records import (
    CACHE_DRAWS,
    DEMAND_DRAWS,
    DRAWN,
    arrival_at,
    asking_of,
    generator_at,
    hit_at,
    loop_of,
    part_at,
    table_at,
)
from roteiro.terms.codes import Operation

__all__ = ["GAMMA", "NEVER", "POISSON", "TRACE", "ask", "next_arrival"]

POISSON, GAMMA, TRACE = 0, 1, 2
NEVER = 1e300
EMBEDDINGS = int(Operation.EMBEDDINGS)


@kernel
def next_arrival(world: int) -> None:
    """Draw or read when the next request comes."""
    loop = loop_of(world)
    if loop.arrived >= loop.most:
        loop.next_arrival = NEVER
        return
    if loop.process == TRACE:
        loop.next_arrival = arrival_at(world, loop.arrived).at
    elif loop.process == POISSON:
        loop.next_arrival += exponential(generator_at(world, DEMAND_DRAWS), loop.gap_s)
    else:
        loop.next_arrival += gamma(generator_at(world, DEMAND_DRAWS), loop.gamma_shape) * loop.gap_s / loop.gamma_shape
    if loop.next_arrival > loop.last_arrival:
        loop.next_arrival = NEVER


@kernel
def length(world: int, i: int) -> int:
    return max(int(table.at(table_at(world, i), uniform(generator_at(world, DEMAND_DRAWS))) + 0.5), 1)


@kernel
def looks(world: int, tokens: int) -> int:
    """The complexity of a task that nobody has read: drawn by the demand's shares, else by its length alone."""
    loop = loop_of(world)
    if loop.simple_below == loop.simple_below:
        u = uniform(generator_at(world, CACHE_DRAWS))
        return 1 if u < loop.simple_below else 2 if u < loop.medium_below else 3
    return 1 if tokens < loop.medium_from else 2 if tokens < loop.complex_from else 3


@kernel
def has_tiers(block: int, r: int) -> bool:
    for i in range(TIERS):
        if route_at(block, r).tiers[i] != NONE:
            return True
    return False


@kernel
def ask(world: int, block: int) -> Any:
    """The request that comes now: who it is from and how long it is, in `asking`, of which the journey is told what a gateway would be."""
    loop, asking = loop_of(world), asking_of(world)
    asking.key, asking.route, asking.asks, asking.cached, asking.reasoning = DRAWN, 0, 0, 0, 0
    if loop.process == TRACE:
        arrival = arrival_at(world, loop.arrived)
        asking.key, asking.route, asking.asks = arrival.key, arrival.route, arrival.asks
        asking.cached, asking.reasoning = arrival.cached, arrival.reasoning
        asking.input, asking.output = arrival.input, arrival.output
        asking.input_estimate, asking.output_estimate = arrival.input_estimate, arrival.output_estimate
    else:
        asking.input = length(world, loop.input)
        asking.output = length(world, loop.output) if loop.output != DRAWN else DRAWN
        asking.input_estimate, asking.output_estimate = asking.input, loop.estimate
    if asking.key == DRAWN:
        u = uniform(generator_at(world, DEMAND_DRAWS))
        i = 0
        while i + 1 < loop.n_mix and u >= part_at(world, i).below:
            i += 1
        part = part_at(world, i)
        asking.key, asking.route, asking.asks = part.key, part.route, part.asks
        if uniform(generator_at(world, DEMAND_DRAWS)) < loop.stream and (part.asks >> 5) & 7 != EMBEDDINGS:
            asking.asks |= 1
    if loop.tiers != 0 and (asking.asks >> 3) & 3 == 0 and has_tiers(block, asking.route):
        asking.asks |= looks(world, asking.input_estimate) << 3
    if loop.caching != 0:
        hit = hit_at(world, asking.route)
        if hit.share > 0.0 and uniform(generator_at(world, CACHE_DRAWS)) < hit.share:
            asking.asks |= hit.kind << 1
            drawn = max(int(table.at(table_at(world, hit.output), uniform(generator_at(world, CACHE_DRAWS))) + 0.5), 1)
            asking.input_estimate = asking.input
            asking.output_estimate = asking.output if asking.output >= 0 else drawn  # the driver knows what it has
    return asking
