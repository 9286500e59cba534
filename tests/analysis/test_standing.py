"""Capacity decided beforehand: nothing from the future is used, it follows the best of its rules, and the prices set how much."""

import numpy as np
import pytest

from roteiro.analysis.standing import brought_up_to_date, known_by, standing

DAY = 24


def demand(days: int = 8, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hour = np.arange(days * DAY)
    walk = np.exp(np.cumsum(rng.normal(0, 0.03, len(hour))) * 0.5)
    return 100 * walk * (1.6 + np.sin(2 * np.pi * hour / DAY)) * np.exp(rng.normal(0, 0.05, len(hour)))


def cost(capacity: np.ndarray, came: np.ndarray, missed: float) -> float:
    return float((capacity + missed * np.maximum(came - capacity, 0.0)).sum())


def test_what_comes_later_changes_nothing() -> None:
    values, begin, lead = demand(), 5 * DAY, 3
    found, _ = standing(values, lead, 1.0, 10.0, DAY, begin)
    other = values.copy()
    other[7 * DAY :] *= np.random.default_rng(2).uniform(0.2, 5.0, len(other) - 7 * DAY)
    again, _ = standing(other, lead, 1.0, 10.0, DAY, begin)
    until = 7 * DAY - begin + lead
    assert np.array_equal(found[:until], again[:until]) and not np.allclose(found[until:], again[until:])


@pytest.mark.parametrize("missed", [3.0, 10.0])
def test_it_costs_less_than_what_is_usually_done(missed: float) -> None:
    values, begin, lead = demand(), 5 * DAY, 3
    found, weights = standing(values, lead, 1.0, missed, DAY, begin)
    came = values[begin:]
    reactive = values[begin - lead : -lead] / 0.8
    seasonal = values[begin - DAY : -DAY] * 1.2
    ours = cost(found, came, missed)
    assert ours < cost(reactive, came, missed) and ours < cost(seasonal, came, missed)
    assert np.allclose(weights.sum(axis=0), 1.0) and (weights >= 0.0).all()
    assert np.mean(came > found) == pytest.approx(1.0 / missed, abs=0.12), "the prices set how often it is too little"


def test_a_rule_that_knows_is_soon_followed() -> None:
    values, begin = demand(), 5 * DAY
    _, weights = standing(values, 3, 1.0, 10.0, DAY, begin, extra=[values * 1.001])
    assert np.median(weights[-1, DAY:]) > 0.95
    silent, _ = standing(values, 3, 1.0, 10.0, DAY, begin, extra=[np.full(len(values), np.nan)])
    assert np.allclose(silent, standing(values, 3, 1.0, 10.0, DAY, begin)[0])


def test_gaps_are_filled_from_before_them_and_cost_nothing() -> None:
    values = demand()
    values[6 * DAY : 6 * DAY + 5] = np.nan
    filled = known_by(values, DAY)
    assert np.array_equal(filled[6 * DAY : 6 * DAY + 5], values[5 * DAY : 5 * DAY + 5])
    assert np.isfinite(standing(values, 2, 1.0, 5.0, DAY, 5 * DAY)[0]).all()


def test_paths_go_through_what_is_known() -> None:
    paths = np.array([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
    assert brought_up_to_date(paths, 10.0, 0, 1, 0.0) == 10.0 and brought_up_to_date(paths, 10.0, 0, 1, 1.0) == 20.0
    paths[0, 0] = 0.0
    assert brought_up_to_date(paths, 10.0, 0, 1, 1.0) == pytest.approx(10.0 * 2.0 / (0.2 * 2.5)), (
        "one that was nothing is no endless growth"
    )


@pytest.mark.parametrize("wrong", [{"missed": 1.0}, {"lead": 0}, {"begin": 30}])
def test_what_cannot_be_asked(wrong: dict[str, float]) -> None:
    asked = {"lead": 2, "capacity": 1.0, "missed": 10.0, "season": DAY, "begin": 5 * DAY, **wrong}
    with pytest.raises(ValueError, match="begin"):
        standing(demand(), **asked)  # type: ignore[arg-type]
