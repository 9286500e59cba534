"""What each row of the work waits for: one timer at a time, the latest set; an older one in the heap is stale.

What must not live here: what happens when a timer's time has come (`loop`).
"""

from roteiro.policy.kernel import kernel
from roteiro.simulator import heap
from roteiro.simulator.records import loop_of, timer_at, work_at

__all__ = ["ENTER", "FLOW_BITS", "FLOW_MASK", "HEARD", "LATE", "OVER", "PATIENCE", "TURN", "set_timer"]

PATIENCE, HEARD, OVER, LATE = 0, 1, 2, 3  # WORK.kind: a wait ends, the first byte comes, the attempt ends, it is late
ENTER, TURN = 4, 5  # the attempt comes to servers of one's own; a replica's batch changes
FEW = 1024
"""Timers that a heap may have before it is looked through for stale ones; from then on twice as many as were found to be none. A request
that waits has a patience that mostly never ends: unlooked for, such timers would be nearly all of the heap."""
FLOW_BITS = 24
FLOW_MASK = (1 << FLOW_BITS) - 1


@kernel
def set_timer(world: int, w: int, t: float, kind: int) -> None:
    """Row `w` of the work waits for one thing from now on. Makes room by dropping stale timers."""
    loop, work = loop_of(world), work_at(world, w)
    work.version += 1
    work.kind = kind
    n = loop.timers
    if n >= loop.most_timers:
        n = drop_stale(world, n)
        loop.most_timers = min(max(2 * n, FEW), loop_of(world).n_timers)
    loop.timers = heap.push(world, n, t, work.version << FLOW_BITS | w)


@kernel
def drop_stale(world: int, n: int) -> int:
    kept = 0
    for k in range(n):
        item = timer_at(world, k).what
        if work_at(world, item & FLOW_MASK).version == item >> FLOW_BITS:
            heap.put(world, kept, timer_at(world, k).at, item)
            kept += 1
    heap.settle(world, kept)
    return kept
