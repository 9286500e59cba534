"""Arrivals come at the mean rate that was asked for, in order, and as evenly or as bursty as asked."""

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.testing.arrivals import arrivals


@given(rate=st.floats(0.1, 50), duration=st.floats(0.1, 20), cv=st.floats(0, 4) | st.floats(0, 100), seed=st.integers())
def test_they_come_in_order_within_the_time(rate: float, duration: float, cv: float, seed: int) -> None:
    moments = list(arrivals(rate, duration, cv, random.Random(seed)))
    assert moments == sorted(moments)
    assert all(0 <= moment < duration for moment in moments)
    assert moments == list(arrivals(rate, duration, cv, random.Random(seed)))


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 2.0])
def test_rate_and_variation_are_as_asked(cv: float) -> None:
    moments = list(arrivals(10.0, 2000.0, cv, random.Random(3)))
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert statistics.mean(gaps) == pytest.approx(0.1, rel=0.06)
    assert statistics.pstdev(gaps) / statistics.mean(gaps) == pytest.approx(cv, rel=0.06, abs=1e-6)


@pytest.mark.parametrize(("rate", "cv"), [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (1.0, 101.0), (1.0, float("nan"))])
def test_what_cannot_arrive_is_refused(rate: float, cv: float) -> None:
    with pytest.raises(ValueError, match="cannot arrive"):
        next(arrivals(rate, 1.0, cv, random.Random(0)))
