"""What learners are told: nothing that comes after the origin, and the same of a series in another unit."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from roteiro.analysis.lags import Unit, rows_ahead, rows_at, rows_to_learn, seasonal
from roteiro.analysis.panel import Panel, panel_of
from roteiro.analysis.past import past_of
from roteiro.analysis.series import Series

DAY = 6


def panel_with(values: np.ndarray, lengths: tuple[int, ...] = ()) -> Panel:
    lengths = lengths or (values.shape[1],) * len(values)
    series = [Series(str(row), "tenant", 0.0, 14_400, one[-length:], "requests") for row, (one, length) in enumerate(zip(values, lengths, strict=True))]  # fmt: skip
    return panel_of([past_of(one) for one in series])


@given(seed=st.integers(0, 10**6), origin=st.integers(13, 39), step=st.integers(1, 12), unit=st.sampled_from(["level", "change"]))
@settings(max_examples=60, deadline=None)
def test_nothing_after_the_origin_is_told(seed: int, origin: int, step: int, unit: Unit) -> None:
    chance = np.random.default_rng(seed)
    values = 50 + 20 * np.sin(2 * np.pi * np.arange(40) / DAY) + chance.normal(size=(3, 40))
    later = values.copy()
    later[:, origin:] += chance.uniform(3.0, 9.0, size=later[:, origin:].shape)
    panels = [panel_with(one) for one in (values, later)]
    rows = [rows_at(panel, np.array([origin]), np.array([step]), unit) for panel in panels]
    assume(np.array_equal(*(seasonal(panel) for panel in panels)))  # which base a series suggests is seen on all of its past
    assert np.array_equal(rows[0].features, rows[1].features, equal_nan=True)


@given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 1000.0))
@settings(max_examples=30, deadline=None)
def test_a_series_in_another_unit_teaches_the_same(seed: int, factor: float) -> None:
    values = 50 + 20 * np.sin(2 * np.pi * np.arange(60) / DAY) + np.random.default_rng(seed).normal(size=(2, 60))
    plain, scaled = (rows_to_learn(panel_with(one), 4) for one in (values, values * factor))
    assert np.allclose(plain.features, scaled.features, rtol=1e-3, atol=1e-4, equal_nan=True)
    assert np.allclose(plain.targets, scaled.targets, rtol=1e-6, atol=1e-9)


def test_targets_are_what_came_and_only_what_was_measured() -> None:
    values = np.tile(np.arange(DAY, dtype=np.float64) + 1, (2, 8))
    values[0, 30:33] = np.nan
    panel = panel_with(values)
    rows = rows_to_learn(panel, 5)
    whole = rows_to_learn(panel_with(np.tile(np.arange(DAY, dtype=np.float64) + 1, (2, 8))), 5)
    assert len(rows.targets) < len(whole.targets)
    assert set(np.round(rows.values(rows.targets), 6)) <= set(range(1, DAY + 1))


def test_series_of_unlike_length_are_ended_alike() -> None:
    values = np.random.default_rng(1).uniform(1.0, 9.0, size=(3, 48))
    together = np.concatenate([rows.features for rows in rows_ahead(panel_with(values, (48, 30, 40)), 4)])
    alone = np.concatenate([rows.features for rows in rows_ahead(panel_with(values[1:2], (30,)), 4)])
    assert np.allclose(together[4:8], alone, equal_nan=True, rtol=1e-5)
    assert together.shape[0] == 12


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_past_too_short_teaches_nothing_and_breaks_nothing(count: int) -> None:
    panel = panel_with(np.ones((1, count)))
    assert len(rows_to_learn(panel, 3).targets) <= 3
    assert next(rows_ahead(panel, 3)).base.shape == (3,)
