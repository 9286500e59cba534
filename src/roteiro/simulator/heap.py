"""The future: a heap of timers (when, item), four children to a node, in a preallocated table of the world's block.

Four children halve the depth of two, and lie in one cache line. Equal times leave in order of their items, so that what happens does not
depend on how the heap came about. What must not live here: what an item means, and whether it is stale.
"""

from roteiro.policy.kernel import inlined, kernel
from roteiro.simulator.records import timer_at

__all__ = ["pop", "push", "put", "settle"]


@kernel
def sooner(t: float, item: int, other_t: float, other: int) -> bool:
    return t < other_t or (t == other_t and item < other)


@kernel
def soonest(world: int, first: int, last: int) -> int:
    """The place of the soonest timer from `first` up to but not `last`."""
    least = first
    for c in range(first + 1, last):
        if sooner(timer_at(world, c).at, timer_at(world, c).what, timer_at(world, least).at, timer_at(world, least).what):
            least = c
    return least


@kernel
def soonest_of_four(world: int, k: int) -> int:
    """The same of four. Which it is cannot be foretold, and a wrong guess of the processor's costs more than all comparisons: here are
    no branches but the one for equal times, which are rare."""
    a, b, c, d = timer_at(world, k).at, timer_at(world, k + 1).at, timer_at(world, k + 2).at, timer_at(world, k + 3).at
    left = 1 if b < a else 0
    right = 3 if d < c else 2
    ab = min(a, b)
    cd = min(c, d)
    if a == b or c == d or ab == cd:
        return soonest(world, k, k + 4)
    return k + (right if cd < ab else left)


@kernel
def put(world: int, k: int, t: float, item: int) -> None:
    timer = timer_at(world, k)
    timer.at, timer.what = t, item


@kernel
def push(world: int, n: int, t: float, item: int) -> int:
    """Add an item to a heap of `n` → its new size. There must be room."""
    k = n
    while k > 0:
        above = (k - 1) >> 2
        parent = timer_at(world, above)
        if not sooner(t, item, parent.at, parent.what):
            break
        put(world, k, parent.at, parent.what)
        k = above
    put(world, k, t, item)
    return n + 1


@inlined
def sink(world: int, n: int, k: int, t: float, item: int) -> None:
    """Put an item into the heap of `n` whose place `k` is empty and whose subtrees below are in order."""
    while True:
        first = 4 * k + 1
        if first >= n:
            break
        if first + 3 < n:
            least = soonest_of_four(world, first)
        else:
            least = soonest(world, first, n)
        least_t, least_item = timer_at(world, least).at, timer_at(world, least).what
        if not sooner(least_t, least_item, t, item):
            break
        put(world, k, least_t, least_item)
        k = least
    put(world, k, t, item)


@kernel
def pop(world: int, n: int) -> int:
    """Drop the first of `n` items → the new size."""
    n -= 1
    if n > 0:
        sink(world, n, 0, timer_at(world, n).at, timer_at(world, n).what)
    return n


@kernel
def settle(world: int, n: int) -> None:
    """Put `n` items in any order into the order of a heap (R. Floyd, 1964)."""
    for k in range((n - 2) >> 2, -1, -1):
        sink(world, n, k, timer_at(world, k).at, timer_at(world, k).what)
