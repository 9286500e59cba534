"""Reserved against pay-as-you-go: the newsvendor's fractile, brute force, and laws of terms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from roteiro.analysis.reserve import Layer, Term, cost_of, reserve, reserve_terms, worth

DEMAND = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(0, 30) | st.integers(0, 30).map(float))
PRICE = st.floats(0.01, 10.0)


def expected(layers: list[Layer], units: int, price: float) -> float:
    return float(np.mean(cost_of(layers, units, price, 1.0)))


@given(DEMAND, DEMAND, PRICE, PRICE, PRICE, st.integers(1, 6), st.integers(1, 6))
def test_no_other_number_on_sale_is_cheaper(
    demand: np.ndarray, more: np.ndarray, price: float, usual: float, batch: float, least: int, increment: int
) -> None:
    layers = [Layer(usual, demand), Layer(batch, np.resize(more, demand.shape))]
    units = reserve(layers, price, least=least, increment=increment)
    assert units == 0 or (units >= least and (units - least) % increment == 0)
    on_sale = [0, *range(least, 80, increment)]
    costs = [expected(layers, one, price) for one in on_sale]
    assert expected(layers, units, price) == pytest.approx(min(costs), rel=1e-9)


@given(DEMAND, PRICE, PRICE)
def test_the_chosen_number_is_where_demand_passes_it_as_often_as_the_price_ratio(demand: np.ndarray, price: float, usual: float) -> None:
    """The newsvendor's condition, for units sold one by one."""
    demand = np.round(demand)
    units = reserve([Layer(usual, demand)], price)
    ratio = price / usual
    assert np.mean(demand > units) <= ratio + 1e-9
    if units:
        assert np.mean(demand > units - 1) >= ratio - 1e-9


def test_a_known_newsvendor() -> None:
    """Demand 1 … 100 equally likely, reserved at 40 % of pay-as-you-go: P(demand > 60) = 0.4."""
    layer = Layer(10.0, np.arange(1.0, 101.0)[:, None])
    assert reserve([layer], 4.0) == 60
    assert worth([layer], 60) == pytest.approx(4.0)
    assert reserve([layer], 10.0) == 0
    assert reserve([layer], 0.0) == 100
    assert reserve([layer], 4.0, least=50, increment=25) in {50, 75}


@given(DEMAND, DEMAND, PRICE, PRICE, st.integers(0, 40))
def test_worth_is_the_slope_of_the_cost(demand: np.ndarray, more: np.ndarray, usual: float, batch: float, units: int) -> None:
    layers = [Layer(usual, np.round(demand)), Layer(batch, np.round(np.resize(more, demand.shape)))]
    slope = (expected(layers, units, 0.0) - expected(layers, units + 1, 0.0)) / demand.shape[1]
    assert slope == pytest.approx(worth(layers, units), abs=1e-9)


@given(DEMAND, PRICE, PRICE)
def test_demand_that_can_wait_reserves_no_more(demand: np.ndarray, price: float, usual: float) -> None:
    at_once = reserve([Layer(usual, demand)], price)
    half = reserve([Layer(usual, demand / 2), Layer(usual / 2, demand / 2)], price)
    assert half <= at_once


def test_a_short_term_follows_the_season_and_a_long_one_is_paid_whole() -> None:
    demand = np.concatenate([np.full(100, 10.0), np.full(100, 2.0)])[None, :]
    terms = [Term("long", 1.0, 200), Term("short", 1.2, 100), Term("longer", 1.0, 400)]
    found = {one.term: one for one in reserve_terms([Layer(3.0, demand)], terms, 1.0)}
    assert found["short"].units == (10, 2)
    assert found["short"].expected == pytest.approx(1.2 * 1200)
    assert found["short"].used == pytest.approx(1.0)
    assert found["long"].units == (10,) and found["long"].expected == pytest.approx(2000)
    assert found["longer"].units == (2,)
    assert found["longer"].used == pytest.approx(0.5)
    assert found[""].expected == found["long"].unreserved == pytest.approx(3600)


@given(DEMAND, PRICE, PRICE, st.integers(1, 9))
def test_no_term_costs_more_than_reserving_nothing(demand: np.ndarray, usual: float, price: float, hours: int) -> None:
    found = reserve_terms([Layer(usual, demand)], [Term("any", price, hours)], 1.0)
    assert found[0].expected <= found[-1].expected
    assert all(one.expected <= one.unreserved * (1 + 1e-9) + 1e-9 and 0.0 <= one.used <= 1.0 + 1e-9 for one in found)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        reserve([], 1.0)
    with pytest.raises(ValueError, match="shapes"):
        reserve([Layer(1.0, np.ones((2, 2))), Layer(1.0, np.ones((2, 3)))], 1.0)
    with pytest.raises(ValueError, match="missing"):
        reserve([Layer(1.0, np.full((1, 1), np.nan))], 1.0)
    with pytest.raises(ValueError, match="shorter"):
        reserve_terms([Layer(1.0, np.ones((1, 4)))], [Term("m", 1.0, 0.5)], 1.0)
