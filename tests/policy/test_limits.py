"""A limit is a limit: over any stretch of time, no more passes than its rate and its burst allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.compiled import callable_from_python

from roteiro.policy import limits
from roteiro.policy.state import LIMIT

pytestmark = pytest.mark.kernel

wait_for, take, give_back = (callable_from_python(function) for function in (limits.wait_for, limits.take, limits.give_back))


def limit(per_minute: float, burst_s: float) -> np.recarray:
    rows = np.zeros(1, LIMIT).view(np.recarray)
    rows[0].interval_s, rows[0].burst_s, rows[0].per_minute = 60.0 / per_minute, burst_s, per_minute
    return rows


asks = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 100), st.integers(0, 100)), min_size=1, max_size=60)


@given(st.integers(10, 10_000), st.floats(1, 120), asks)
def test_no_window_passes_more_than_rate_and_burst(per_minute: int, burst_s: float, asks: list[tuple[float, int, int]]) -> None:
    rows, now, passed = limit(per_minute, burst_s), 0.0, []
    burst = burst_s * per_minute / 60.0
    for pause, units, used in asks:
        now += pause
        if wait_for(rows[0], float(units), now) == 0.0:
            take(rows[0], float(units), now)
            used = min(used, units)
            give_back(rows[0], float(units - used))
            passed.append((now, used))
    for i in range(len(passed)):
        for j in range(i, len(passed)):
            total = sum(used for _, used in passed[i : j + 1])
            largest = max(used for _, used in passed[i : j + 1])
            assert total <= burst + (passed[j][0] - passed[i][0]) * per_minute / 60.0 + max(0.0, largest - burst) + 1e-6 * total + 1e-6


@given(st.integers(10, 10_000), st.floats(1, 120), asks)
def test_after_the_wait_it_fits_and_a_moment_before_it_does_not(
    per_minute: int, burst_s: float, asks: list[tuple[float, int, int]]
) -> None:
    rows, now = limit(per_minute, burst_s), 0.0
    for pause, units, _ in asks:
        now += pause
        wait = wait_for(rows[0], float(units), now)
        if wait > 1e-6:
            assert wait_for(rows[0], float(units), now + wait * (1 - 1e-9) - 1e-7) > 0.0
            now += wait + 1e-9
        assert wait_for(rows[0], float(units), now) == 0.0
        take(rows[0], float(units), now)


def test_a_request_larger_than_the_burst_passes_when_idle_and_leaves_a_debt() -> None:
    rows = limit(60, 10.0)
    assert wait_for(rows[0], 30.0, 0.0) == 0.0
    take(rows[0], 30.0, 0.0)
    assert wait_for(rows[0], 1.0, 0.0) == pytest.approx(21.0)
