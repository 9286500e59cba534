"""Intervals: Student's over seeds, Wilson's for shares, which stay in 0 to 1, and batch means of one run."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.simulator.estimate import estimate, estimates, from_batches

SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@given(values=SHARES, trials=st.floats(1.0, 1e9))
def test_a_share_s_interval_holds_it_and_never_leaves_0_to_1(values: list[float], trials: float) -> None:
    found = estimate(values, share=True, trials=trials)
    assert 0.0 <= found.low <= found.mean <= found.high <= 1.0


@given(values=st.lists(st.floats(0.0, 1e12), min_size=1, max_size=12))
def test_no_interval_is_below_zero(values: list[float]) -> None:
    found = estimate(values, floor=0.0)
    assert 0.0 <= found.low <= found.mean * (1 + 1e-12) and found.mean <= found.high * (1 + 1e-12)


def test_a_share_of_one_under_every_seed_is_not_certain() -> None:
    """Wilson with all of n trials kept: the lower bound is n / (n + z²)."""
    found = estimate([1.0, 1.0, 1.0], share=True, trials=3000)
    assert found.high == 1.0 and found.low == pytest.approx(3000 / (3000 + 4.303**2))


def test_a_wide_spread_of_shares_is_as_student_has_it_in_the_middle() -> None:
    values = np.linspace(0.45, 0.55, 21)
    found = estimate(values.tolist(), share=True)
    half = 2.086 * values.std(ddof=1) / math.sqrt(21)
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), rel=2e-3)


def test_a_difference_may_be_below_zero() -> None:
    found = estimate([-1.0, -2.0, -3.0])
    assert (found.low, found.high) == pytest.approx((-2.0 - 4.303 / 3**0.5, -2.0 + 4.303 / 3**0.5))


def test_many_numbers_at_once_are_one_by_one() -> None:
    table = np.random.default_rng(1).random((7, 5))
    table[2, 3] = math.nan
    assert estimates(table) == [estimate(column.tolist()) for column in table.T]


def test_batches_of_independent_requests_cover_the_mean() -> None:
    draw = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        batches = draw.exponential(1.0, (20, 50)).mean(axis=1)
        found = from_batches(float(batches.mean()), batches.tolist())
        hits += found.low <= 1.0 <= found.high
    assert hits >= 370  # of 380 expected, and the correction only widens


def test_batches_that_follow_each_other_widen_the_interval() -> None:
    draw = np.random.default_rng(3)
    apart, drift = draw.normal(10.0, 1.0, 24), 10.0 + 0.3 * np.cumsum(draw.normal(0.0, 1.0, 24))
    width = {}
    for name, values in (("apart", apart), ("drift", (drift - drift.mean()) / drift.std() * apart.std() + 10.0)):
        found = from_batches(float(values.mean()), values.tolist())
        width[name] = found.high - found.low
    assert width["drift"] > 1.5 * width["apart"]


def test_too_few_batches_tell_no_interval() -> None:
    assert from_batches(3.0, [3.0] * 7).low == 3.0
    found = from_batches(80.0, [9.0, 11.0] * 4, total=True)
    assert found.mean == 80.0 and found.high - 80.0 == pytest.approx(8 * 2.365 * np.std([9, 11] * 4, ddof=1) / math.sqrt(8))
