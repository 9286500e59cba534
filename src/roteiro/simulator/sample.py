"""The arrivals of a demand by themselves, as rows: to look at what a demand is, and to test it, without a plan's decisions.

What must not live here: how arrivals come about (`arriving`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled, fresh_block
from roteiro.policy.kernel import JIT, entry
from roteiro.policy.state import release
from roteiro.simulator.arriving import NEVER, ask, first_arrivals, next_arrival
from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_world import Sources
from roteiro.simulator.records import ARRIVAL, GENERATORS, TABLES, build, loop_of

__all__ = ["sample"]


@entry
def take(world: int, block: int, rows: Any) -> int:
    """Fill `rows` with what arrives → how many did."""
    loop = loop_of(world)
    first_arrivals(world)
    n = 0
    while n < rows.shape[0] and loop.next_arrival < NEVER:
        row, at = rows[n], loop.next_arrival
        asking = ask(world, block)
        next_arrival(world)
        row.at, row.key, row.route, row.asks = at, asking.key, asking.route, asking.asks
        row.input_estimate, row.output_estimate = asking.input_estimate, asking.output_estimate
        row.input, row.cached, row.output, row.reasoning = asking.input, asking.cached, asking.output, asking.reasoning
        row.block, row.blocks = asking.block, asking.blocks
        n += 1
    return n


def sample(
    compiled: Compiled, demand: Demand, requests: int, seed: int = 1, *, epoch_unix_s: float = 0.0, duration_s: float = NEVER / 2
) -> npt.NDArray[Any]:
    """At most so many arrivals of a demand (ARRIVAL rows; seconds since the epoch), none later than `duration_s`: the very ones that a
    simulation of this seed begins with."""
    sources = Sources(demand, demand.pieces(epoch_unix_s, seed))
    capacities = {**dict.fromkeys(TABLES, 1), **sources.capacities, "generators": GENERATORS, "tables": max(len(sources.tables), 1)}
    world = build(capacities, seed)
    for i, quantiles in enumerate(sources.tables):
        world.tables["quantiles"][i] = quantiles
    sources.put(world, seed)
    world.loop["most"], world.loop["last_arrival"], world.loop["simple_below"] = requests, duration_s, np.nan
    block, _ = fresh_block(compiled, epoch_unix_s)
    rows = np.zeros(requests, ARRIVAL)
    addresses = int(world.buffer.ctypes.data), int(block.ctypes.data)
    n = take(*addresses, rows if JIT else rows.view(np.recarray))
    for address in addresses:
        release(address)
    return rows[:n]
