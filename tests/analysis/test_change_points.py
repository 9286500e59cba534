"""Change points: found where level or trend changed, and not in noise, trends, or what passes."""

import numpy as np
import pytest
from tests.analysis.test_forecast import series_of

from roteiro.analysis.change_points import Change, changes


def found_in(values: object, step_s: int = 86_400) -> tuple[Change, ...]:
    series = series_of(values, step_s)
    return changes(series)


def noise(count: int, seed: int, alike: float = 0.0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    found = np.zeros(count)
    for at in range(count):
        found[at] = alike * found[at - 1] * (at > 0) + chance.normal()
    return found


def test_a_new_level_is_found() -> None:
    values = 1000.0 + 50.0 * noise(90, 1)
    values[45:] += 300.0
    (found,) = found_in(values)
    assert abs(found.at - 45) <= 1 and found.after - found.before == pytest.approx(300.0, abs=60.0)


def test_a_new_trend_is_found() -> None:
    values = 1000.0 + 20.0 * noise(90, 2)
    values[45:] += 15.0 * np.arange(45)
    (found,) = found_in(values)
    assert abs(found.at - 45) <= 6 and abs(found.slope_before) < 0.002 and found.slope_after == pytest.approx(0.015, abs=0.004)


def test_hours_are_taken_by_the_day() -> None:
    values = 100.0 + 5.0 * noise(24 * 40, 3)
    values[24 * 25 :] *= 1.5
    values[300:304] *= 20.0
    (found,) = found_in(values, 3600)
    assert abs(found.at - 24 * 25) <= 24


def test_a_week_with_other_free_days_has_no_change_in_it() -> None:
    hours = np.arange(24 * 35)
    values = 1000.0 * (1 + 0.6 * np.sin(2 * np.pi * hours / 24)) * np.where(hours // 24 % 7 >= 5, 0.5, 1.0) + 20.0 * noise(24 * 35, 4)
    assert found_in(values, 3600) == ()  # 2026-01-01 is a Thursday: Tuesdays and Wednesdays are free here


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.5])
def test_noise_changes_nothing(alike: float) -> None:
    assert sum(len(found_in(1000.0 + 100.0 * noise(90, seed, alike))) for seed in range(30)) <= 3


def test_a_trend_is_no_change_and_neither_is_what_never_does() -> None:
    assert found_in(1000.0 + 10.0 * np.arange(90) + 20.0 * noise(90, 4)) == ()
    assert found_in(np.full(90, 7.0)) == () and found_in(np.zeros(90)) == () and found_in(np.full(90, np.nan)) == ()
    assert found_in(np.arange(10.0)) == ()


def test_the_unit_changes_nothing() -> None:
    values = 1000.0 + 50.0 * noise(90, 1)
    values[45:] += 300.0
    assert [one.at for one in found_in(values * 1e9)] == [one.at for one in found_in(values)]
