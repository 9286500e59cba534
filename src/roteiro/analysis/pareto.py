"""The Pareto front: of several alternatives under several objectives, those that none of the others beats.

What must not live here: what the objectives are.
"""

import math
from collections.abc import Sequence

__all__ = ["front"]


def front(points: Sequence[Sequence[float]], more_is_better: Sequence[bool]) -> list[bool]:
    """Whether each point lies on the front: no other is at least as good in every objective and better in one.

    A point with an objective that is not known (NaN) does not lie on it, and beats none. Equal points lie on it together. O(n² · k).
    """
    signed = [[value if more else -value for value, more in zip(point, more_is_better, strict=True)] for point in points]
    known = [not any(map(math.isnan, point)) for point in signed]
    return [
        known[i] and not any(known[j] and beats(other, point) for j, other in enumerate(signed) if j != i) for i, point in enumerate(signed)
    ]


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))
