"""The queue before a pool of own servers: a list through the spots of those who wait, first come first served. Compiled into the loop.

What must not live here: who is let in, and into which replica (`batching`).
"""

from roteiro.policy.kernel import kernel
from roteiro.policy.state import NONE
from roteiro.simulator.replicas import server_at, spot_at
from roteiro.simulator.server_records import Sitting

__all__ = ["line_up", "step_out"]

QUEUED = Sitting.QUEUED


@kernel
def line_up(world: int, s: int, w: int, first: bool) -> None:
    """Wait at the end of the pool's queue, or before all others."""
    server, spot = server_at(world, s), spot_at(world, w)
    spot.state, spot.next, spot.before = QUEUED, NONE, NONE
    if server.waiting == 0:
        server.head, server.tail = w, w
    elif first:
        spot.next = server.head
        spot_at(world, server.head).before = w
        server.head = w
    else:
        spot.before = server.tail
        spot_at(world, server.tail).next = w
        server.tail = w
    server.waiting += 1


@kernel
def step_out(world: int, s: int, w: int) -> None:
    """Leave the queue."""
    server, spot = server_at(world, s), spot_at(world, w)
    if spot.before == NONE:
        server.head = spot.next
    else:
        spot_at(world, spot.before).next = spot.next
    if spot.next == NONE:
        server.tail = spot.before
    else:
        spot_at(world, spot.next).before = spot.before
    server.waiting -= 1
