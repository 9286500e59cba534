"""Scenarios: the chapter's formula to the digit, laws of factors and events, and what cannot be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.test_forecast import daily, made, series_of

from roteiro.analysis.forecast import Forecast
from roteiro.analysis.scenarios import CHAPTER, MONTH_S, Event, Factor, Scenario, apply, projected
from roteiro.terms.error import PlanError

FORECAST = made(daily(14), 48)
EXACT = tuple(replace(one, spread=0.0) for one in CHAPTER["base"].factors)


def in_scenario(*factors: Factor, events: tuple[Event, ...] = (), of: Forecast = FORECAST, seed: int = 7) -> Forecast:
    return apply(of, Scenario("mine", factors, events), np.random.default_rng(seed))


def test_the_chapters_formula_to_the_digit() -> None:
    """projected_tokens = baseline_tokens * 1.15 * 1.08 * 0.95 * 1.20, one month on."""
    baseline_tokens = 10_000_000
    factors = {"user_growth": 1.15, "usage_per_user": 1.08, "model_efficiency": 0.95, "seasonality": 1.20}
    projected_tokens = (
        baseline_tokens * factors["user_growth"] * factors["usage_per_user"] * factors["model_efficiency"] * factors["seasonality"]
    )
    assert projected(baseline_tokens, CHAPTER["base"].factors) == projected_tokens
    assert projected_tokens == pytest.approx(14_158_800.0, abs=1e-6)
    assert {one.name: one.value for one in CHAPTER["base"].factors} == factors


def test_months_compound_and_a_season_does_not() -> None:
    assert projected(1.0, CHAPTER["base"].factors, 6.0) == pytest.approx((1.15 * 1.08 * 0.95) ** 6 * 1.20)
    literal = tuple(replace(one, kind="monthly") for one in CHAPTER["base"].factors)
    assert projected(1.0, literal, 6.0) == pytest.approx(1.41588**6)


def test_a_forecast_of_months_follows_the_formula() -> None:
    month = made(replace(series_of(np.full(24, 100.0), round(MONTH_S)), unit="tokens"), 3)
    found = in_scenario(*EXACT, of=month)
    assert found.median == pytest.approx([projected(100.0, EXACT, at) for at in (0.5, 1.5, 2.5)], rel=1e-6)
    assert found.low == pytest.approx(month.low * found.median / month.median) and found.scenario == "mine"


def test_what_supposes_nothing_changes_nothing() -> None:
    found = in_scenario(Factor("user_growth", 1.0), events=())
    for name in ("mean", "median", "low", "high", "paths"):
        assert np.array_equal(getattr(found, name), getattr(FORECAST, name)), name
    assert all(np.isnan(held) for held in found.coverage.values())


def test_efficiency_of_models_changes_tokens_and_no_requests() -> None:
    assert np.array_equal(in_scenario(Factor("model_efficiency", 0.5)).median, FORECAST.median)
    tokens = replace(FORECAST, series=replace(FORECAST.series, unit="tokens"))
    assert (in_scenario(Factor("model_efficiency", 0.5), of=tokens).median < tokens.median).all()


@given(value=st.floats(0.5, 2.0), spread=st.floats(0.0, 0.5), peak=st.floats(0.0, 20.0), after=st.floats(0.0, 2e5))
@settings(max_examples=40, deadline=None)
def test_whatever_is_supposed_shapes_and_order_hold(value: float, spread: float, peak: float, after: float) -> None:
    event = Event("crowd", peak, after_s=after, ramp_s=600.0, plateau_s=3600.0, decay_s=7200.0)
    found = in_scenario(Factor("growth", value, spread), events=(event,))
    assert found.paths.shape == FORECAST.paths.shape and found.paths.min() >= 0.0 and found.low.min() >= 0.0
    assert (np.diff(found.high, axis=0) >= -1e-9).all() and (np.diff(found.low, axis=0) <= 1e-9).all()
    assert (found.low <= found.median + 1e-9).all() and (found.median <= found.high + 1e-9).all()


def test_more_of_everything_is_more_on_every_path_of_the_same_luck() -> None:
    found = {name: apply(FORECAST, one, np.random.default_rng(5)) for name, one in CHAPTER.items()}
    assert (found["pessimistic"].median <= found["base"].median).all() and (found["base"].median <= found["optimistic"].median).all()
    assert (found["base"].paths <= found["stress"].paths).all()
    again = apply(FORECAST, CHAPTER["stress"], np.random.default_rng(5))
    assert np.array_equal(again.paths, found["stress"].paths)


def test_uncertainty_is_as_large_as_it_is_said_to_be() -> None:
    flat = made(series_of(100.0 + 0.001 * np.arange(72) % 2), 24)
    flat = replace(
        flat, paths=np.full((400, 24), 100.0), median=np.full(24, 100.0), low=np.full((3, 24), 100.0), high=np.full((3, 24), 100.0)
    )
    found = in_scenario(Factor("x", 2.0, 0.2, "level"), of=flat)
    assert np.log(found.paths[:, 0]).std() == pytest.approx(0.2, rel=0.02)
    assert found.high[2] == pytest.approx(200.0 * np.exp(1.645 * 0.2), rel=0.02)


@given(ramp=st.floats(0.0, 9e4), plateau=st.floats(0.0, 9e4), decay=st.floats(1.0, 9e4), begins=st.floats(-9e4, 9e4))
@settings(max_examples=40, deadline=None)
def test_an_event_brings_the_same_however_finely_it_is_looked_at(ramp: float, plateau: float, decay: float, begins: float) -> None:
    event = Event("crowd", 2.0, ramp_s=ramp, plateau_s=plateau, decay_s=decay)
    hours = event.heights(3600.0 * np.arange(240), 3600.0, begins)
    days = event.heights(86_400.0 * np.arange(10), 86_400.0, begins)
    assert hours.reshape(10, 24).mean(axis=1) == pytest.approx(days, abs=1e-9)
    assert hours.min() >= -1e-9 and hours.max() <= 1.0 + 1e-9


def test_an_events_course() -> None:
    event = Event("launch", 3.0, ramp_s=100.0, plateau_s=200.0, decay_s=50.0, lasting=0.25)
    at = np.array([-1.0, 50.0, 250.0, 350.0, 1e5])
    assert event.heights(at, 1e-3, 0.0) == pytest.approx([0.0, 0.5, 1.0, 0.25 + 0.75 / 2, 0.25], abs=1e-3)


def test_an_event_without_a_time_meets_the_peak() -> None:
    found = in_scenario(events=(Event("viral", 4.0, ramp_s=3600.0, plateau_s=7200.0),))
    assert np.argmax(found.median) == np.argmax(FORECAST.median)
    assert found.median.max() == pytest.approx(4.0 * FORECAST.median.max())


@pytest.mark.parametrize(
    ("scenario", "code", "words"),
    [
        (Scenario("s", (Factor("user_growth", -0.2),)), "E935", "user_growth is -0.2; at least 0"),
        (Scenario("s", (Factor("user_growth", 1.1, -1.0),)), "E935", "spread"),
        (Scenario("s", (), (Event("e", -1.0, plateau_s=9.0),)), "E935", "peak of event e is -1"),
        (Scenario("s", (), (Event("e", 2.0),)), "E935", "length of event e"),
    ],
)
def test_what_cannot_be_is_refused(scenario: Scenario, code: str, words: str) -> None:
    with pytest.raises(PlanError, match=code) as raised:
        apply(FORECAST, scenario, np.random.default_rng(1))
    assert words in str(raised.value)


def test_an_event_beyond_the_horizon_is_told_and_changes_nothing() -> None:
    found = in_scenario(events=(Event("late", 4.0, after_s=10 * 86_400.0, plateau_s=60.0),))
    assert np.array_equal(found.paths, FORECAST.paths)
    (problem,) = found.problems[len(FORECAST.problems) :]
    assert problem.code == "W945" and "10.0 days after" in str(problem) and "2.0 days" in str(problem)


def test_a_date_needs_dates() -> None:
    dateless = replace(FORECAST, series=replace(FORECAST.series, dated=False))
    with pytest.raises(PlanError, match="E936"):
        in_scenario(events=(Event("e", 4.0, begins_s=2e9, plateau_s=9.0),), of=dateless)
