"""Who comes next: a heap of (when, source) in the world's table `coming`, for demands of more than one source.

Two children to a node, and the first is replaced far more often than anything is added. Equal times leave in the order of their sources,
so that what happens does not depend on how the heap came about.
What must not live here: when a source comes, and the timers of what happens to requests (`heap`).
"""

from roteiro.policy.kernel import kernel
from roteiro.simulator.records import coming_at

__all__ = ["add", "drop", "first", "put", "settle", "sink"]


@kernel
def first(world: int) -> tuple[float, int]:
    """(when, source) of the first, of at least one."""
    timer = coming_at(world, 0)
    return timer.at, timer.what


@kernel
def put(world: int, k: int, at: float, source: int) -> None:
    """Write down place `k`, whatever the heap's order."""
    timer = coming_at(world, k)
    timer.at, timer.what = at, source


@kernel
def before(world: int, k: int, at: float, source: int) -> bool:
    """Whether place `k` comes before (`at`, `source`)."""
    timer = coming_at(world, k)
    return timer.at < at or (timer.at == at and timer.what < source)  # type: ignore[no-any-return]


@kernel
def sink(world: int, n: int, k: int, at: float, source: int) -> None:
    """Of a heap of `n` with place `k` free, put a source there or below."""
    child = 2 * k + 1
    while child < n:
        if child + 1 < n and before(world, child + 1, coming_at(world, child).at, coming_at(world, child).what):
            child += 1
        if not before(world, child, at, source):
            break
        put(world, k, coming_at(world, child).at, coming_at(world, child).what)
        k = child
        child = 2 * k + 1
    put(world, k, at, source)


@kernel
def settle(world: int, n: int) -> None:
    """Put `n` places in any order into the order of a heap."""
    k = n // 2 - 1
    while k >= 0:
        sink(world, n, k, coming_at(world, k).at, coming_at(world, k).what)
        k -= 1


@kernel
def add(world: int, n: int, at: float, source: int) -> None:
    """A heap of `n` grows by one, for which there must be room."""
    k = n
    while k > 0 and not before(world, (k - 1) // 2, at, source):
        above = (k - 1) // 2
        put(world, k, coming_at(world, above).at, coming_at(world, above).what)
        k = above
    put(world, k, at, source)


@kernel
def drop(world: int, n: int) -> None:
    """A heap of `n` loses its first."""
    if n > 1:
        last = coming_at(world, n - 1)
        sink(world, n - 1, 0, last.at, last.what)
