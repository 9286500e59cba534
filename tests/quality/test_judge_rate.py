"""The corrected rate: known vectors, its edges, and how often its interval holds the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.quality.judge_rate import Counts, bootstrap_interval, corrected_rate, delta_interval

PERFECT = Counts(10**7, 10**7)


def test_the_estimate_is_rogan_and_gladens() -> None:
    # 4 of 80 under Se 0.90 and Sp 0.99: (0.05 + 0.99 - 1) / 0.89.
    found = corrected_rate(4, 80, Counts(900_000, 1_000_000), Counts(990_000, 1_000_000))
    assert found is not None
    assert found.rate == pytest.approx(0.04494382)
    found = corrected_rate(30, 100, Counts(40, 50), Counts(45, 50))
    assert found is not None
    assert found.rate == pytest.approx((0.30 + 0.90 - 1) / 0.70)


def test_a_perfect_judge_leaves_agresti_and_coulls_interval() -> None:
    found = corrected_rate(10, 100, PERFECT, PERFECT)
    assert found is not None
    assert found == pytest.approx((0.10, 0.0535, 0.1761), abs=2e-4)  # (10 + 1.92) / (100 + 3.84), and 1.96 of its errors around it


def test_the_delta_method_by_hand() -> None:
    found = delta_interval(30, 100, Counts(40, 50), Counts(45, 50))
    assert found is not None
    p = 2 / 7
    error = (0.3 * 0.7 / 100 + p**2 * 0.8 * 0.2 / 50 + (1 - p) ** 2 * 0.9 * 0.1 / 50) ** 0.5 / 0.7
    assert found == pytest.approx((p, p - 1.959964 * error, p + 1.959964 * error), abs=1e-6)


@pytest.mark.parametrize("judge", [(Counts(5, 10), Counts(5, 10)), (Counts(2, 10), Counts(7, 10)), (Counts(0, 0), Counts(9, 10))])
def test_a_judge_no_better_than_a_coin_tells_nothing(judge: tuple[Counts, Counts]) -> None:
    assert corrected_rate(5, 100, *judge) is None
    assert delta_interval(5, 100, *judge) is None
    assert bootstrap_interval(5, 100, *judge, np.random.default_rng(1)) is None


def test_nothing_judged_is_no_rate() -> None:
    assert corrected_rate(0, 0, PERFECT, PERFECT) is None


@given(st.integers(1, 400), st.floats(0, 1), st.integers(1, 60), st.floats(0, 1), st.integers(1, 60), st.floats(0, 1))
def test_the_interval_holds_the_estimate_within_0_and_1(n: int, q: float, a: int, se: float, b: int, sp: float) -> None:
    found = corrected_rate(round(q * n), n, Counts(round(se * a), a), Counts(round(sp * b), b))
    if found is not None:
        assert 0.0 <= found.low <= found.rate <= found.high <= 1.0


def test_three_ways_agree_where_counts_are_large() -> None:
    given_ = (600, 4000, Counts(450, 500), Counts(470, 500))
    ways = (corrected_rate(*given_), delta_interval(*given_), bootstrap_interval(*given_, np.random.default_rng(2)))
    first = ways[0]
    assert first is not None
    assert all(way == pytest.approx(first, abs=0.006) for way in ways)


@pytest.mark.parametrize("truth", [0.02, 0.10, 0.35])
def test_the_interval_holds_the_truth_as_often_as_it_says(truth: float) -> None:
    # A judge measured on 40 items as the starter set has them: 2,000 worlds, each with its own labelled set and its own sample.
    random, se, sp, held = np.random.default_rng(7), 0.85, 0.92, 0
    worlds = 2000
    for _ in range(worlds):
        positives = int(random.binomial(300, truth * se + (1 - truth) * (1 - sp)))
        found = corrected_rate(positives, 300, Counts(int(random.binomial(20, se)), 20), Counts(int(random.binomial(20, sp)), 20))
        held += found is not None and found.low <= truth <= found.high
    assert held / worlds >= 0.94
