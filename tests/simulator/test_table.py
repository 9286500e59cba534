"""Tables of quantiles are as exact as they say."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from roteiro.policy.kernel import entry
from roteiro.simulator import table
from roteiro.simulator.records import records_of


@entry
def look(tables: Any, shares: Any, out: Any) -> None:
    for i in range(shares.shape[0]):
        out[i] = table.at(tables[0], shares[i])


def looked(one: table.Table, shares: Any) -> Any:
    rows, out = records_of(1, table.TABLE), np.empty(len(shares))
    rows["quantiles"][0] = one
    look(rows, np.asarray(shares, float), out)
    return out


def quantile(sigma: float) -> Any:
    return lambda share: math.exp(sigma * NormalDist().inv_cdf(share))


@pytest.mark.parametrize("sigma", [0.2, 0.6, 1.0])
def test_a_lognormal_is_within_the_error_it_states(sigma: float) -> None:
    made = table.lognormal(1.0, math.exp(sigma * NormalDist().inv_cdf(0.95)))
    assert table.error(made, quantile(sigma)) < 0.005
    assert table.mean(made) == pytest.approx(math.exp(sigma * sigma / 2), rel=5e-4)


@pytest.mark.kernel
def test_a_look_up_gives_the_knots_and_lines_between_them() -> None:
    made = table.lognormal(0.4, 1.2)
    assert looked(made, table.SHARES[:-1]) == pytest.approx(made[:-1])
    middles = (table.SHARES[1:] + table.SHARES[:-1]) / 2
    assert looked(made, middles) == pytest.approx((made[1:] + made[:-1]) / 2)
    assert looked(made, [0.5, 0.95]) == pytest.approx([0.4, 1.2], rel=2e-3)
    assert looked(made, [1.0 - 2.0**-53])[0] <= made[-1]


def test_an_exponential_has_its_mean() -> None:
    assert table.mean(table.exponential(3.0)) == pytest.approx(3.0, rel=1e-3)


def test_a_sample_comes_back_as_it_was() -> None:
    sample = np.random.default_rng(1).gamma(2.0, 1.0, 5000)
    made = table.measured(sample)
    drawn = looked(made, np.random.default_rng(2).random(50_000))
    assert np.quantile(drawn, [0.1, 0.5, 0.95, 0.99]) == pytest.approx(np.quantile(sample, [0.1, 0.5, 0.95, 0.99]), rel=0.04)
    assert drawn.max() <= sample.max() and drawn.min() >= sample.min()


def test_a_spread_without_width_is_constant() -> None:
    assert set(table.lognormal(0.3, 0.3).tolist()) == {0.3}
