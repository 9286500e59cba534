"""Forecasts: laws of bands and paths, the choice of a method, and what is said of a past that tells little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.analysis.choice import choose, origins_of
from roteiro.analysis.conformal import LEVELS, Misses, bands, coverage, paths
from roteiro.analysis.forecast import Forecast, forecast_series
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


@given(count=st.integers(1, 500), season=st.integers(1, 60), horizon=st.integers(1, 100))
def test_origins_leave_a_past_and_a_future(count: int, season: int, horizon: int) -> None:
    origins, tested = origins_of(count, season, horizon)
    assert 1 <= tested <= max(1, min(horizon, count)) and list(origins) == sorted(set(origins))
    assert all(3 <= at <= count - tested for at in origins)


def test_a_method_that_loses_on_the_past_is_not_taken() -> None:
    """A past that repeats itself exactly is seasonal naive's; the reason is told."""
    repeated = series_of(np.tile(100 + 50 * np.sin(2 * np.pi * np.arange(DAY) / DAY), 12))
    chosen = choose(past_of(repeated), DAY)
    assert chosen.method == "seasonal_naive" and chosen.why == "no_better"


def test_the_best_on_the_past_is_taken_and_all_that_was_tried_is_told() -> None:
    found = made(daily(20, noise=15.0), method="auto")
    assert found.why[0] == "best" and found.score < 1.0 and found.choice.tried[0].method == found.method
    assert {one.method for one in found.choice.tried} >= {"seasonal_naive", "mstl", "boosting", "ensemble"}
    assert found.score == min(one.error for one in found.choice.tried)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_used_alone(method: str) -> None:
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
