"""Laws of order statistics and of Wilson's interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.spread import Interval, quantile, times, wilson

VALUES = st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=300)
PERCENT = st.integers(1, 100)


@given(VALUES, PERCENT)
def test_a_quantile_is_a_measured_value_and_agrees_with_counting(values: list[float], percent: int) -> None:
    ordered = np.sort(np.array(values))
    at = quantile(ordered, percent)
    assert at in values
    assert 100 * np.count_nonzero(ordered <= at) >= percent * len(values)
    assert 100 * np.count_nonzero(ordered < at) < percent * len(values)


@given(VALUES, PERCENT, st.floats(0, 1e6, width=32))
def test_a_percentile_is_within_a_bound_exactly_when_that_share_is(values: list[float], percent: int, bound: float) -> None:
    ordered = np.sort(np.array(values))
    at = quantile(ordered, percent)
    assert at is not None
    assert (at <= bound) == (100 * np.count_nonzero(ordered <= bound) >= percent * len(values))


def test_nothing_has_no_quantile() -> None:
    assert quantile(np.zeros(0), 95) is None
    assert times(np.array([np.nan, np.nan])).p95_ms is None
    assert times(np.array([np.nan, 3.0])).count == 1


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_share_and_stays_a_share(good: int, total: int) -> None:
    good = min(good, total)
    interval = wilson(good, total)
    assert interval is not None
    assert 0.0 <= interval.low <= good / total <= interval.high <= 1.0


@given(st.integers(1, 60), st.integers(2, 20))
def test_more_data_narrows_the_interval(total: int, times_more: int) -> None:
    few, many = wilson(total, 2 * total), wilson(total * times_more, 2 * total * times_more)
    assert few is not None and many is not None
    assert many.high - many.low < few.high - few.low


def test_wilson_as_published() -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I: 81 of 263 and 15 of 148."""
    first, second = wilson(81, 263), wilson(15, 148)
    assert first is not None and second is not None
    assert (first.low, first.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (second.low, second.high) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 0) is None


def test_an_interval_knows_what_is_in_it() -> None:
    assert 0.5 in Interval(0.4, 0.5)
    assert 0.51 not in Interval(0.4, 0.5)
