"""What arrives: the next request of the simulated world, when it comes and what it is. Compiled into the loop.

Each client group is a renewal process of its own. Its gaps are drawn with a mean of 1 in operational time, which runs as fast as the
group's rate: so a Poisson group is an exact non-homogeneous Poisson process, and a Gamma or Weibull group keeps its variation while its
rate changes. Its first gap is what is left of one that began before the run (the equilibrium process), so that no run begins with a crowd.
All recorded arrivals are one more source. Which source is next is told by the heap `coming`, unless there is only one.

What must not live here: what becomes of an arrival, and how the demand came about (`demand`, `groups`).
"""

import math
from typing import Any

from roteiro.policy.kernel import inlined, kernel
from roteiro.policy.state import NONE, TIERS, route_at
from roteiro.simulator import coming, table
from roteiro.simulator.draw import chance, exponential, gamma, luck, normal, uniform
from roteiro.simulator.records import (
    DRAWN,
    RETURNS,
    Place,
    arrival_at,
    asking_of,
    block_at,
    coming_at,
    group_at,
    hit_at,
    joint_at,
    loop_of,
    part_at,
    piece_at,
    slice_at,
    source_at,
    table_at,
)
from roteiro.simulator.returning import come_back
from roteiro.terms.codes import Operation

__all__ = ["APART", "COPULA", "GAMMA", "NEVER", "POISSON", "TOGETHER", "TRACE", "WEIBULL", "ask", "first_arrivals", "next_arrival"]

POISSON, GAMMA, TRACE, WEIBULL = 0, 1, 2, 3
APART, TOGETHER, COPULA = 0, 1, 2
"""How the lengths of a group are drawn: each by its table, as recorded requests had them, or by tables and a rank correlation."""
NEVER = 1e300
ROOT_HALF = math.sqrt(0.5)
EMBEDDINGS = int(Operation.EMBEDDINGS)
COMPLEXITY, HIT, HIT_LENGTH = Place.COMPLEXITY, Place.HIT, Place.HIT_LENGTH


# --- when -----------------------------------------------------------------------------------------------------------------------


@kernel
def refresh(world: int, group: Any, t: float) -> None:
    """The rate, and all else that a slice says, from `t` on."""
    loop = loop_of(world)
    ends = NEVER
    while group.cursor + 1 < group.count and slice_at(world, group.first + group.cursor + 1).start <= t:
        group.cursor += 1
    now = slice_at(world, group.first + group.cursor)
    if group.cursor + 1 < group.count:
        ends = slice_at(world, group.first + group.cursor + 1).start
    rate = now.rate
    if loop.shaped > 0:
        while group.piece + 1 < loop.shaped and piece_at(world, group.piece + 1).start <= t:
            group.piece += 1
        rate *= piece_at(world, group.piece).factor
        if group.piece + 1 < loop.shaped:
            ends = min(ends, piece_at(world, group.piece + 1).start)
    group.ends = ends
    group.gap_s = 1.0 / rate if rate > 0.0 else NEVER
    group.process, group.gap_shape, group.unit = now.process, now.gap_shape, now.unit
    group.input_factor, group.output_factor = now.input_factor, now.output_factor
    if now.rows > 0:
        group.row, group.rows = now.row, now.row + now.rows


@inlined
def gap(generator: Any, group: Any) -> float:
    """A gap in operational time, of mean 1."""
    if group.process == POISSON:
        return exponential(generator, 1.0)
    if group.process == GAMMA:
        return gamma(generator, group.gap_shape) * group.unit  # type: ignore[no-any-return]
    return (-math.log(1.0 - uniform(generator))) ** (1.0 / group.gap_shape) * group.unit  # type: ignore[no-any-return]


@kernel
def rest_of_gap(generator: Any, group: Any) -> float:
    """What is left of a gap at a time that knows nothing of it: a uniform share of one drawn in proportion to its length.

    A Gamma gap weighed by its length is a Gamma of a shape larger by 1; of a Weibull gap of shape k, its k-th power is then a
    Gamma of shape 1 + 1/k (D. R. Cox, "Renewal Theory", 1962, section 5).
    """
    if group.process == POISSON:
        return exponential(generator, 1.0)
    if group.process == GAMMA:
        return gamma(generator, group.gap_shape + 1.0) * group.unit * uniform(generator)  # type: ignore[no-any-return]
    weighed = gamma(generator, 1.0 + 1.0 / group.gap_shape) ** (1.0 / group.gap_shape)
    return weighed * group.unit * uniform(generator)  # type: ignore[no-any-return]


@inlined
def draw_on(world: int, g: int, group: Any) -> None:
    """The next arrival of a drawn group, at most one `keep` of which stays where demand is thinned."""
    loop, generator = loop_of(world), source_at(world, g)
    while True:
        if group.begun != 0:
            left = gap(generator, group)
        else:
            group.begun = 1
            refresh(world, group, 0.0)
            left = rest_of_gap(generator, group)
        t = group.at
        ahead = t + left * group.gap_s
        while ahead >= group.ends and group.ends < NEVER:  # it goes on at another rate
            if group.gap_s < NEVER:
                left = max(left - (group.ends - t) / group.gap_s, 0.0)
            t = group.ends
            refresh(world, group, t)
            ahead = t + left * group.gap_s
        group.at = ahead
        if ahead > loop.last_arrival:
            group.at = NEVER
            return
        if loop.keep >= 1.0 or uniform(generator) < loop.keep:
            return


@kernel
def read_on(world: int, g: int, group: Any) -> None:
    """The next recorded arrival."""
    loop = loop_of(world)
    while True:
        group.row += 1
        if group.row >= group.rows:
            group.at = NEVER
            return
        group.at = arrival_at(world, group.row).at
        if group.at > loop.last_arrival:
            group.at = NEVER
            return
        if loop.keep >= 1.0 or uniform(source_at(world, g)) < loop.keep:
            return


@kernel
def advance(world: int, g: int) -> float:
    """When source `g` has its next arrival, `NEVER` where it has none."""
    group = group_at(world, g)
    if group.process == TRACE:
        read_on(world, g, group)
    else:
        draw_on(world, g, group)
    return group.at  # type: ignore[no-any-return]


@kernel
def first_arrivals(world: int) -> None:
    """When the first request comes; once, before all else."""
    loop = loop_of(world)
    if loop.most <= 0:
        loop.next_arrival = NEVER
        return
    for g in range(loop.sources):
        at = advance(world, g)
        coming.put(world, g, at, g)
    coming.settle(world, loop.sources)
    loop.coming = loop.sources
    loop.next_arrival, loop.comer = coming.first(world)


@inlined
def next_arrival(world: int) -> None:
    """The one who came is taken: when the next request comes, and whose."""
    loop = loop_of(world)
    if loop.comer >= loop.sources:  # it came again
        loop.returned += 1
        coming.drop(world, loop.coming)
        loop.coming -= 1
    else:
        loop.arrived += 1
        if loop.arrived >= loop.most:
            only_returns(world)
        else:
            at = advance(world, loop.comer)
            if loop.sources == 1 and loop.returning == 0:
                loop.next_arrival = at
                return
            coming.sink(world, loop.coming, 0, at, loop.comer)
    if loop.coming > 0:
        loop.next_arrival, loop.comer = coming.first(world)
    else:
        loop.next_arrival = NEVER


@kernel
def only_returns(world: int) -> None:
    """Nothing more comes by itself."""
    loop = loop_of(world)
    kept = 0
    for k in range(loop.coming):
        timer = coming_at(world, k)
        if timer.what >= loop.sources:
            coming.put(world, kept, timer.at, timer.what)
            kept += 1
    coming.settle(world, kept)
    loop.coming, loop.ended = kept, 1


# --- what -----------------------------------------------------------------------------------------------------------------------


@kernel
def tokens_at(world: int, i: int, u: float, factor: float) -> int:
    return max(int(table.at(table_at(world, i), u) * factor + 0.5), 1)


@inlined
def draw_lengths(world: int, generator: Any, group: Any, asking: Any) -> None:
    """Input and output of a drawn request. Its output stays DRAWN where the target's own lengths are to tell."""
    asking.cached, asking.reasoning = 0, 0
    if group.kind == TOGETHER:
        row = joint_at(world, group.row + int(uniform(generator) * (group.rows - group.row)))
        asking.input = max(int(row.input * group.input_factor + 0.5), 1)
        asking.output = max(int(row.output * group.output_factor + 0.5), 1)
        asking.cached = min(int(row.cached * group.input_factor + 0.5), asking.input)
        asking.reasoning = min(int(row.reasoning * group.output_factor + 0.5), asking.output)
        asking.block, asking.blocks = row.block, row.blocks
    elif group.kind == COPULA:
        x = normal(generator)
        y = group.rho * x + math.sqrt(1.0 - group.rho * group.rho) * normal(generator)
        asking.input = tokens_at(world, group.input, share_below(x), group.input_factor)
        asking.output = tokens_at(world, group.output, share_below(y), group.output_factor)
    else:
        asking.input = tokens_at(world, group.input, uniform(generator), group.input_factor)
        asking.output = tokens_at(world, group.output, uniform(generator), group.output_factor) if group.output != DRAWN else DRAWN


@kernel
def share_below(x: float) -> float:
    """Of a standard normal; below 1, whatever `x`."""
    return min(0.5 * math.erfc(-x * ROOT_HALF), 1.0 - 2.0**-53)


@kernel
def draw_prefix(world: int, generator: Any, group: Any, asking: Any) -> None:
    """Which of the group's shared prefixes its prompt begins with: the first whose sum of shares is above a uniform draw."""
    u = uniform(generator)
    low, high = group.block, group.block + group.blocks - 1
    while low < high:
        middle = (low + high) >> 1
        if block_at(world, middle).below > u:
            high = middle
        else:
            low = middle + 1
    asking.block, asking.blocks = low, 1


@kernel
def looks(world: int, word: int, tokens: int) -> int:
    """The complexity of a task that nobody has read: drawn by the demand's shares, else by its length alone."""
    loop = loop_of(world)
    if loop.simple_below == loop.simple_below:
        u = chance(word, COMPLEXITY)
        return 1 if u < loop.simple_below else 2 if u < loop.medium_below else 3
    return 1 if tokens < loop.medium_from else 2 if tokens < loop.complex_from else 3


@kernel
def has_tiers(block: int, r: int) -> bool:
    for i in range(TIERS):
        if route_at(block, r).tiers[i] != NONE:
            return True
    return False


@kernel
def read_arrival(world: int, group: Any, asking: Any) -> None:
    arrival = arrival_at(world, group.row)
    asking.key, asking.route, asking.asks = arrival.key, arrival.route, arrival.asks
    asking.cached, asking.reasoning = arrival.cached, arrival.reasoning
    asking.input, asking.output = arrival.input, arrival.output
    asking.input_estimate, asking.output_estimate = arrival.input_estimate, arrival.output_estimate
    asking.block, asking.blocks = arrival.block, arrival.blocks


@inlined
def ask(world: int, block: int) -> Any:
    """The request that comes now: who it is from and how long it is, in `asking`, of which the journey is told what a gateway would be."""
    loop, asking = loop_of(world), asking_of(world)
    if loop.comer >= loop.sources:
        come_back(world)
        asking.luck = luck(luck(loop.luck, asking.number), RETURNS + asking.tries)
        return asking
    group, generator = group_at(world, loop.comer), source_at(world, loop.comer)
    asking.key, asking.number, asking.tries, asking.blocks = DRAWN, loop.arrived, 0, 0
    asking.luck = luck(loop.luck, asking.number)
    if group.process == TRACE:
        read_arrival(world, group, asking)
    else:
        draw_lengths(world, generator, group, asking)
        asking.input_estimate, asking.output_estimate = asking.input, loop.estimate
    if asking.key == DRAWN:
        u = uniform(generator)
        i, last = group.part, group.part + group.parts - 1
        while i < last and u >= part_at(world, i).below:
            i += 1
        part = part_at(world, i)
        asking.key, asking.route, asking.asks = part.key, part.route, part.asks
        if uniform(generator) < group.stream and (part.asks >> 5) & 7 != EMBEDDINGS:
            asking.asks |= 1
    if group.blocks > 0:
        draw_prefix(world, generator, group, asking)
    if loop.tiers != 0 and (asking.asks >> 3) & 3 == 0 and has_tiers(block, asking.route):
        asking.asks |= looks(world, asking.luck, asking.input_estimate) << 3
    if loop.caching != 0:
        hit = hit_at(world, asking.route)
        if hit.share > 0.0 and chance(asking.luck, HIT) < hit.share:
            asking.asks |= hit.kind << 1
            drawn = max(int(table.at(table_at(world, hit.output), chance(asking.luck, HIT_LENGTH)) + 0.5), 1)
            asking.input_estimate = asking.input
            asking.output_estimate = asking.output if asking.output >= 0 else drawn  # the driver knows what it has
    return asking
