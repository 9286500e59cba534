"""Clients who were refused and come again, as new requests, some time later. Compiled into the loop; of no cost where nobody does.

A client that was refused waits an exponential backoff with full jitter, whose mean doubles with each return, and at least the Retry-After
that it was told. What it asks for stays as it was. Who comes again is drawn from a generator of its own, so that what arrives by itself is
the same whatever the plan refuses.

What must not live here: the refusal, and when what arrives by itself does (`arriving`).
"""

from typing import Any

from roteiro.policy.kernel import kernel
from roteiro.policy.state import event_at, header_of
from roteiro.simulator import coming
from roteiro.simulator.draw import uniform
from roteiro.simulator.records import RETURN_DRAWS, asking_of, generator_at, loop_of, origin_at, return_at

__all__ = ["WAITING", "come_back", "remember", "turned_away"]

WAITING = 1 << 15
"""Clients at most who wait for their return at once; who is refused beyond does not come again, and is counted."""


@kernel
def copy(asking: Any, other: Any) -> None:
    """All that is asked for, from `other` to `asking`."""
    asking.key, asking.route, asking.asks = other.key, other.route, other.asks
    asking.input_estimate, asking.output_estimate = other.input_estimate, other.output_estimate
    asking.input, asking.cached, asking.output, asking.reasoning = other.input, other.cached, other.output, other.reasoning
    asking.block, asking.blocks, asking.number, asking.tries = other.block, other.blocks, other.number, other.tries


@kernel
def remember(world: int, f: int) -> None:
    """Flow `f` is what is being asked for now."""
    copy(origin_at(world, f), asking_of(world))


@kernel
def turned_away(world: int, block: int, f: int, told_s: float, now: float) -> None:
    """Flow `f` has just ended, its client told to come again in `told_s`: perhaps it does."""
    loop, origin, header = loop_of(world), origin_at(world, f), header_of(block)
    event = event_at(block, (header.event_head - 1) % header.n_events)
    if (loop.returning >> event.outcome) & 1 == 0 or origin.tries + 1 >= loop.most_tries:
        return
    generator = generator_at(world, RETURN_DRAWS)
    if uniform(generator) >= loop.return_share:
        return
    wait = uniform(generator) * 2.0 * loop.return_backoff_s * float(1 << origin.tries)
    if loop.coming - loop.sources + loop.ended * loop.sources >= loop.n_returns:
        loop.given_up += 1
        return
    slot = loop.return_free
    if slot < loop.return_fresh:  # freed before: it names the next free one
        loop.return_free = return_at(world, slot).next
    else:
        loop.return_fresh += 1
        loop.return_free = loop.return_fresh
    again = return_at(world, slot)
    copy(again, origin)
    again.tries += 1
    coming.add(world, loop.coming, now + max(wait, told_s), loop.sources + slot)
    loop.coming += 1
    loop.next_arrival, loop.comer = coming.first(world)


@kernel
def come_back(world: int) -> None:
    """The client that comes now has come before: what it asks for, and a free place."""
    loop = loop_of(world)
    slot = loop.comer - loop.sources
    again = return_at(world, slot)
    copy(asking_of(world), again)
    again.next, loop.return_free = loop.return_free, slot
