"""Reconciliation: sums hold in every path, nothing falls below zero, what adds up stays, and parts that err most give way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.test_forecast import daily, made, series_of

from roteiro.analysis.forecast import Forecast
from roteiro.analysis.reconciliation import reconciled, shrunken

PLAIN = made(daily(10), 6)


def of(median: list[float], spread: float, seed: int) -> Forecast:
    chance = np.random.default_rng(seed)
    path = np.array(median)
    paths = np.maximum(0.0, path * (1.0 + spread * chance.normal(size=(50, len(path)))))
    low, high = (np.quantile(paths, at, axis=0) for at in ((0.25, 0.1, 0.05), (0.75, 0.9, 0.95)))
    low, high = np.minimum(low, path), np.maximum(high, path)
    choice = replace(PLAIN.choice, tried=())
    return replace(PLAIN, median=path, paths=paths, mean=paths.mean(axis=0), low=low, high=high, choice=choice)


@given(
    sizes=st.lists(st.floats(0.0, 1e6), min_size=2, max_size=5),
    models=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=3),
    total=st.floats(0.0, 3e6),
    spread=st.floats(0.0, 2.0),
)
@settings(max_examples=60, deadline=None)
def test_sums_hold_and_nothing_is_negative(sizes: list[float], models: list[float], total: float, spread: float) -> None:
    forecasts = [of([size, size / 2], spread, seed) for seed, size in enumerate([total, *sizes, *models])]
    tenants, of_models = tuple(range(1, 1 + len(sizes))), tuple(range(1 + len(sizes), len(forecasts)))
    found = reconciled(forecasts, [(0, tenants), (0, of_models)])
    largest = max(float(one.paths.max()) for one in found) + 1e-6
    for name in ("paths", "mean", "median"):
        for parts in (tenants, of_models):
            added = sum(getattr(found[at], name) for at in parts)
            assert added == pytest.approx(getattr(found[0], name), rel=1e-6, abs=1e-7 * largest), name
    for one in found:
        assert one.paths.min() >= 0.0 and one.low.min() >= 0.0
        assert (one.low <= one.median + 1e-6 * largest).all() and (one.median <= one.high + 1e-6 * largest).all()
        assert (np.diff(one.high, axis=0) >= 0.0).all() and (np.diff(one.low, axis=0) <= 0.0).all()
    again = reconciled(found, [(0, tenants), (0, of_models)])
    for one, other in zip(found, again, strict=True):
        assert other.paths == pytest.approx(one.paths, rel=1e-6, abs=1e-7 * largest)


def test_what_adds_up_stays() -> None:
    one, two = of([10.0, 20.0], 0.2, 1), of([5.0, 5.0], 0.2, 2)
    whole = replace(one, median=one.median + two.median, paths=one.paths + two.paths)
    assert reconciled([whole, one, two], [(0, (1, 2))]) == (whole, one, two)


def test_who_misses_most_gives_way() -> None:
    sure, unsure = of([100.0], 0.01, 1), of([100.0], 0.5, 2)
    total = of([260.0], 0.01, 3)
    _, one, two = reconciled([total, sure, unsure], [(0, (1, 2))])
    assert one.median[0] == pytest.approx(100.0, abs=1.0) and two.median[0] == pytest.approx(160.0, abs=2.0)


def test_forecasts_of_a_real_past_are_nearer_together() -> None:
    big, small = daily(14, noise=3.0, seed=1), daily(14, noise=20.0, seed=2)
    whole = series_of(big.values + small.values)
    forecasts = [made(one, 24, "seasonal_naive") for one in (whole, big, small)]
    total, one, two = reconciled([replace(forecasts[0], median=forecasts[0].median * 1.1), *forecasts[1:]], [(0, (1, 2))])
    assert total.median == pytest.approx(one.median + two.median) and total.paths == pytest.approx(one.paths + two.paths)
    moved = [np.abs(new.median - old.median).mean() for new, old in zip((one, two), forecasts[1:], strict=True)]
    assert moved[1] > 2 * moved[0]


def test_a_shrunken_covariance_lies_between() -> None:
    chance = np.random.default_rng(3)
    common = chance.normal(size=(400, 1))
    samples = np.hstack([common + 0.1 * chance.normal(size=(400, 1)), 2 * common + 0.1 * chance.normal(size=(400, 1))])
    found, plain = shrunken(samples), samples.T @ samples / 400
    assert np.diag(found) == pytest.approx(np.diag(plain)) and 0.9 * plain[0, 1] < found[0, 1] < plain[0, 1]
    few = shrunken(chance.normal(size=(8, 5)))
    assert np.linalg.eigvalsh(few).min() > 0.0
