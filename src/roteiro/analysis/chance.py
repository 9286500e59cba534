"""Where analyses get their luck from: whoever calls them brings it, so that they import no generator and a seed repeats a result.

What must not live here: drawing.
"""

from typing import Any, Protocol

__all__ = ["Chance"]


class Chance(Protocol):
    """A `numpy.random.Generator`, or what can stand for one: as much of it as analyses use."""

    def integers(self, low: int, high: int | None = None, size: int | tuple[int, ...] | None = None) -> Any: ...
    def multinomial(self, n: int, pvals: Any, size: int) -> Any: ...
    def permutation(self, x: int) -> Any: ...
    def uniform(self, low: float, high: float, size: int | tuple[int, ...]) -> Any: ...
