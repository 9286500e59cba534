"""What holidays do: measured on the past, brought into the forecast, and never invented."""

from datetime import date

import numpy as np
import pytest
from tests.analysis.test_forecast import made

from roteiro.analysis.forecast import forecast_series
from roteiro.analysis.holiday_effect import holiday_effect, on_holidays, with_holidays
from roteiro.analysis.series import Series

MONDAY = date(2026, 3, 2)
WEEK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.4])
OFF = frozenset(MONDAY.toordinal() + at for at in (10, 22, 37, 57))
"""A Thursday, two Tuesdays, and one day of the forecast."""


def record(days: int, share: float = 0.5, off: frozenset[int] = OFF) -> Series:
    at = np.arange(days)
    values = 1000.0 * WEEK[at % 7] * (1 + 0.02 * np.random.default_rng(1).normal(size=days))
    values[[MONDAY.toordinal() + int(one) in off for one in at]] *= share
    return Series("total", "total", (MONDAY.toordinal() - date(1970, 1, 1).toordinal()) * 86_400.0, 86_400, values, "requests")


def test_the_share_is_measured_on_the_past() -> None:
    effect = holiday_effect(record(56), OFF)
    assert (effect.why, effect.of) == ("measured", 3) and effect.share == pytest.approx(0.5, abs=0.03)


def test_too_few_holidays_are_taken_as_sundays_and_no_week_as_nothing() -> None:
    few = frozenset([max(OFF)])
    effect = holiday_effect(record(56), few)
    assert effect.why == "sundays" and effect.share == pytest.approx(0.4, abs=0.03)
    assert holiday_effect(record(5), few).why == "unknown"
    assert holiday_effect(record(56), frozenset()).why == "sundays"


def test_a_forecast_with_holidays_is_nearer_to_what_comes() -> None:
    past, truth = record(56), record(70).values[56:]
    chance = np.random.default_rng(1)
    usual = made(past, 14)
    left_out = on_holidays(past, past.at_s, OFF)
    found = forecast_series(past, 14, chance, method="seasonal_naive", left_out=left_out)
    told = with_holidays(found, holiday_effect(past, OFF), OFF, chance)
    assert np.abs(told.median - truth).mean() < 0.5 * np.abs(usual.median - truth).mean()
    assert told.median[1] == pytest.approx(500.0, rel=0.1) and np.array_equal(told.median[2:], found.median[2:])
    assert (told.low <= told.median).all() and (told.median <= told.high).all() and told.paths.min() >= 0.0
    assert told.paths[:, 1].mean() == pytest.approx(500.0, rel=0.15)


def test_weekends_stay_as_they_are() -> None:
    sunday = frozenset([MONDAY.toordinal() + 62])
    found = made(record(56), 14)
    assert with_holidays(found, holiday_effect(record(56), OFF), sunday, np.random.default_rng(1)) is found
