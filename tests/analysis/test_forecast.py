"""Forecasts: laws of bands and paths, the choice of a method, and what is said of a past that tells little."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.analysis.conformal import LEVELS, Misses, bands, coverage, paths
from roteiro.analysis.forecast import Forecast, forecast_series, forecast_together
from roteiro.analysis.methods import METHODS, predict
from roteiro.analysis.past import past_of
from roteiro.analysis.series import Series
from roteiro.terms.error import PlanError, SettingsError

DAY = 24


def series_of(values: object, step_s: int = 3600) -> Series:
    return Series("total", "total", 1_767_225_600.0, step_s, np.asarray(values, np.float64), "requests")


def daily(days: int, noise: float = 5.0, seed: int = 1) -> Series:
    chance = np.random.default_rng(seed)
    at = np.arange(days * DAY)
    return series_of(np.maximum(0.0, 100 + 60 * np.sin(2 * np.pi * at / DAY) + noise * chance.normal(size=len(at))))


def made(series: Series, horizon: int = DAY, method: str = "seasonal_naive") -> Forecast:
    return forecast_series(series, horizon, np.random.default_rng(3), method=method)


@given(
    values=st.lists(st.one_of(st.floats(0.0, 1e9), st.just(float("nan"))), min_size=3, max_size=120),
    horizon=st.integers(1, 30),
)
@settings(max_examples=60)
def test_whatever_the_past_the_shapes_hold_and_nothing_is_negative(values: list[float], horizon: int) -> None:
    if sum(np.isfinite(values)) < 3:
        with pytest.raises(PlanError, match="E933"):
            made(series_of(values), horizon)
        return
    found = made(series_of(values), horizon)
    assert found.median.shape == (horizon,) and found.low.shape == (3, horizon) and found.paths.shape == (200, horizon)
    assert np.isfinite(found.paths).all() and found.paths.min() >= 0.0 and found.low.min() >= 0.0
    assert (np.diff(found.high, axis=0) >= 0.0).all() and (np.diff(found.low, axis=0) <= 0.0).all()
    assert (found.low <= found.median).all() and (found.median <= found.high).all()
    assert found.at_s[0] == found.series.end_s


def test_bands_hold_what_they_say_where_the_past_is_like_the_future() -> None:
    chance = np.random.default_rng(2)
    truth = 100.0 + 10.0 * chance.normal(size=(60, 12))
    misses = Misses(np.full((60, 12), 100.0), truth, 100.0, np.arange(60) * 12)
    held = coverage(misses)
    assert all(abs(held[level] - level) < 0.05 for level in LEVELS)
    low, high = bands(np.full(12, 100.0), misses)
    assert high[2].mean() == pytest.approx(116.4, abs=3.0) and low[2].mean() == pytest.approx(83.6, abs=3.0)
    drawn = paths(np.full(12, 100.0), misses, 2000, np.random.default_rng(1))
    inside = ((drawn >= low[2]) & (drawn <= high[2])).mean()
    assert 0.87 < inside < 0.97


def test_paths_keep_what_misses_have_in_common() -> None:
    """A past that missed by whole days gives paths that miss by whole days: their sum spreads as the past's sums did."""
    chance = np.random.default_rng(4)
    off = 10.0 * chance.normal(size=(40, 1))
    misses = Misses(np.full((40, 24), 100.0), 100.0 + off + chance.normal(size=(40, 24)), 100.0, np.arange(40) * 24)
    drawn = paths(np.full(24, 100.0), misses, 1000, np.random.default_rng(1))
    assert drawn.sum(axis=1).std() == pytest.approx(24 * off.std(), rel=0.15)


def test_coverage_looks_at_nothing_that_was_not_known() -> None:
    """What comes after an origin changes no band that is judged at it."""
    chance = np.random.default_rng(5)
    shown, truth, at = np.full((8, 12), 100.0), 100.0 + chance.normal(size=(8, 12)), np.arange(8) * 6
    before = coverage(Misses(shown, truth, 100.0, at), (0.9,))
    later = truth.copy()
    later[-2, 6:] = 1e6  # of the last origin but one, what comes after the last origin
    assert coverage(Misses(shown, later, 100.0, at), (0.9,))[0.9] >= before[0.9] - 6 / (6 * 12) - 1e-9


def test_the_best_on_the_past_is_taken_and_all_that_was_tried_is_told() -> None:
    found = made(daily(8, noise=15.0), method="auto")
    assert found.why[0] == "steady" and found.method == "ensemble" and found.score < 1.0
    assert {one.method for one in found.choice.tried} >= {"seasonal_naive", "mstl", "boosting", "ensemble"}
    assert [one.error for one in found.choice.tried] == sorted(one.error for one in found.choice.tried)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_used_alone(method: str) -> None:
    if method == "prophet" and find_spec("prophet") is None:
        pytest.skip("the extra prophet is not installed")
    path = predict(method, past_of(daily(14)), DAY)
    truth = 100 + 60 * np.sin(2 * np.pi * np.arange(DAY) / DAY)
    assert path.shape == (DAY,) and float(np.abs(path - truth).mean()) < 20.0


def test_a_past_that_tells_little_is_said_to() -> None:
    assert made(series_of([5.0, 6.0, 7.0]), 24, "auto").why[0] == "too_short"
    same = made(series_of([5.0] * 100), 24, "auto")
    assert same.why[0] == "constant" and "W942" in [one.code for one in same.problems] and np.ptp(same.paths) == 0.0
    short = made(daily(3), 7 * DAY, "seasonal_naive")
    assert "horizon_cut" in short.why and "W941" in [one.code for one in short.problems]
    holed = daily(10)
    holed.values[30:110] = np.nan
    assert "W943" in [one.code for one in made(holed).problems]


def test_holes_are_filled_from_the_days_around() -> None:
    whole = daily(6, noise=0.0)
    holed = series_of(whole.values.copy())
    holed.values[[30, 60, 61]] = np.nan
    past = past_of(holed)
    assert np.allclose(past.values, whole.values) and past.known.sum() == len(whole) - 3


def test_a_seed_repeats_the_paths_and_an_unknown_method_is_refused() -> None:
    assert np.array_equal(made(daily(10)).paths, made(daily(10)).paths)
    with pytest.raises(SettingsError, match="ensemble"):
        predict("crystal_ball", past_of(daily(3)), 3)


def test_series_forecast_together_are_each_their_own() -> None:
    """As many as were given, in their order, each with bands in its own size, of past and luck alone."""
    series = [daily(12), series_of(50.0 * daily(12, seed=2).values), daily(6, seed=3)]
    found = list(forecast_together(series, DAY, [np.random.default_rng(at) for at in range(3)], method="regression"))
    assert [one.series for one in found] == series
    assert 20 < found[1].median.mean() / found[0].median.mean() < 100
    assert all(np.isfinite(one.paths).all() and (one.low <= one.median).all() for one in found)
    again = list(forecast_together(series, DAY, [np.random.default_rng(at) for at in range(3)], method="regression"))
    assert all(np.array_equal(one.paths, other.paths) for one, other in zip(found, again, strict=True))


def test_what_others_missed_widens_what_three_origins_know() -> None:
    shown = np.full((3, 12), 100.0)
    few = Misses(shown, shown + np.array([[1.0], [-1.0], [0.5]]), 100.0, np.arange(3) * 12)
    chance = np.random.default_rng(3)
    beside = replace(few, others=2.0 * chance.normal(size=(30, 12)), others_at=np.repeat(np.arange(3) * 12, 10))
    alone, helped = (bands(shown[0], one)[1][2].mean() for one in (few, beside))
    assert helped > alone
