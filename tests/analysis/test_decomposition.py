"""Decomposition: parts add up, strengths tell which part is there, and odd pasts are not refused."""

from dataclasses import replace

import numpy as np
import pytest
from tests.analysis.test_forecast import daily, series_of

from roteiro.analysis.decomposition import decomposed

pytest.importorskip("statsforecast")


def test_parts_add_up_and_a_clear_season_is_strong() -> None:
    series = daily(21)
    found = decomposed(series)
    whole = found.trend + sum(one.values for one in found.seasons) + found.remainder
    assert whole == pytest.approx(series.values)
    day = next(one for one in found.seasons if one.period == 24)
    assert day.strength > 0.9 and found.strength < 0.9
    assert np.argmax(day.values[:24]) in (5, 6, 7)


def test_a_trend_is_strong_where_there_is_one() -> None:
    series = daily(21)
    found = decomposed(replace(series, values=series.values + 2.0 * np.arange(len(series))))
    assert found.strength > 0.98 and found.trend[-1] > found.trend[0] + 800


def test_what_is_left_out_stays_in_the_remainder() -> None:
    series = daily(21)
    values = series.values.copy()
    values[240:246] += 5000.0
    strange = np.zeros(len(values), np.bool_)
    strange[240:246] = True
    found = decomposed(replace(series, values=values), strange)
    assert found.remainder[240:246] == pytest.approx(5000.0, rel=0.05)
    assert found.trend == pytest.approx(decomposed(series).trend, rel=0.1)


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [5.0] * 40, [float("nan")] * 30, [0.0, 1.0] * 20])
def test_whatever_the_past_its_parts_are_as_long(values: list[float]) -> None:
    found = decomposed(series_of(values))
    assert len(found.trend) == len(found.remainder) == len(values) and 0.0 <= found.strength <= 1.0
