"""When an attempt is late, and how many may be hedged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.compiled import callable_from_python

from roteiro.policy import hedge
from roteiro.policy.kernel import JIT
from roteiro.policy.state import ROUTE

pytestmark = pytest.mark.kernel

earn, spend, delay, observe = (callable_from_python(function) for function in (hedge.earn, hedge.spend, hedge.delay, hedge.observe))


def route(share: float = 0.05, percentile: float = 0.0, after_s: float = 0.0):  # type: ignore[no-untyped-def]
    rows = np.zeros(1, ROUTE) if JIT else np.zeros(1, ROUTE).view(np.recarray)
    rows["hedge_share"], rows["hedge_percentile"], rows["hedge_after_s"] = share, percentile, after_s
    return rows[0]


@given(st.lists(st.booleans(), max_size=400), st.sampled_from([0.01, 0.05, 0.3, 1.0]))
def test_hedges_never_exceed_their_share_of_requests(late: list[bool], share: float) -> None:
    row = route(share)
    hedges = 0
    for requests, one in enumerate(late, 1):
        earn(row)
        hedges += bool(one and spend(row))
        assert hedges <= share * requests + 1e-9
        assert 0.0 <= row["hedge_balance"] <= hedge.MOST_SAVED


def test_a_fixed_delay_needs_no_history_and_no_share_means_never() -> None:
    assert delay(route(after_s=0.8), 0) == 0.8
    assert delay(route(share=0.0, after_s=0.8), 0) == 0.0
    assert delay(route(percentile=0.9), 0) == 0.0


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.95, 0.99])
def test_a_percentile_is_found_whatever_the_scale_and_followed_when_it_moves(percentile: float) -> None:
    draws = np.random.default_rng(4)
    for scale in (0.02, 3.0):
        row = route(percentile=percentile)
        for scale_now in (scale, 4.0 * scale):
            estimates = []
            for i, took in enumerate(scale_now * draws.lognormal(0.0, 0.5, 6000)):
                observe(row, 1, took)
                assert i + 1 < hedge.ENOUGH or delay(row, 1) > 0.0
                if i >= 3000:
                    estimates.append(delay(row, 1))
            told = np.quantile(scale_now * draws.lognormal(0.0, 0.5, 50_000), percentile)
            assert np.median(estimates) == pytest.approx(told, rel=0.12)
    assert delay(row, 0) == 0.0, "whole answers have times of their own"
