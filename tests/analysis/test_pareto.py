"""Laws of the front."""

import math

from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.pareto import front

POINTS = st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float)), max_size=20)


@given(POINTS)
def test_every_point_is_on_the_front_or_beaten_by_one_that_is(points: list[tuple[float, float]]) -> None:
    """Less of the first is better, more of the second."""
    best = front(points, (False, True))
    leaders = [point for point, on in zip(points, best, strict=True) if on]
    assert bool(leaders) == bool(points)
    for (x, y), on in zip(points, best, strict=True):
        beaten = any(a <= x and b >= y and (a, b) != (x, y) for a, b in leaders)
        assert beaten != on


def test_what_is_not_known_is_not_best() -> None:
    assert front([(1.0, math.nan), (2.0, 0.5), (3.0, 0.5)], (False, True)) == [False, True, False]
