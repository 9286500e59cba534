"""A distribution of durations passes through the numbers it was given, and never falls."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.testing.quantiles import Quantiles

shares = st.floats(0.0, 1.0)


@given(median=st.floats(1e-4, 1e3), ratio=st.floats(1.0, 50.0))
def test_a_lognormal_has_the_median_and_p95_it_was_given(median: float, ratio: float) -> None:
    quantiles = Quantiles(median, median * ratio)
    assert quantiles.at(0.5) == pytest.approx(median)
    assert quantiles.at(0.95) == pytest.approx(median * ratio)


@given(low=shares, high=shares, ratio=st.floats(1.0, 50.0))
def test_it_never_falls_and_stays_finite(low: float, high: float, ratio: float) -> None:
    low, high = sorted((low, high))
    for quantiles in (Quantiles(0.2, 0.2 * ratio), Quantiles(table=((0.0, 0.1), (0.5, 0.2), (1.0, 2.0)))):
        assert 0.0 <= quantiles.at(low) <= quantiles.at(high) < float("inf")


def test_a_table_is_straight_between_its_points() -> None:
    quantiles = Quantiles(table=((0.0, 0.1), (0.5, 0.2), (1.0, 2.0)))
    assert [quantiles.at(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx([0.1, 0.15, 0.2, 1.1, 2.0])


def test_nothing_given_takes_no_time() -> None:
    assert Quantiles().at(0.99) == 0.0


@pytest.mark.parametrize(
    "arguments",
    [
        {"median": 2.0, "p95": 1.0},
        {"median": -1.0, "p95": 1.0},
        {"median": 0.0, "p95": 1.0},
        {"median": float("nan"), "p95": 1.0},
        {"table": ((0.0, 1.0),)},
        {"table": ((0.1, 1.0), (1.0, 2.0))},
        {"table": ((0.0, 1.0), (0.0, 1.5), (1.0, 2.0))},
        {"table": ((0.0, 3.0), (1.0, 2.0))},
    ],
)
def test_what_is_no_distribution_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"median|table"):
        Quantiles(**arguments)
