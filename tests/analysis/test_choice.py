"""Choosing: what one past says by luck is held against what all say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.choice import SEVERAL, Tried, bests, choose, choose_all, origins_of, shrunk
from roteiro.analysis.conformal import Misses
from roteiro.analysis.methods import YARDSTICK
from roteiro.analysis.past import Past, past_of
from roteiro.analysis.series import Series

DAY = 24


def past_with(values: np.ndarray) -> Past:
    return past_of(Series("total", "total", 1_767_225_600.0, 3600, values, "requests"))


def tried_with(errors: dict[str, np.ndarray]) -> tuple[Tried, ...]:
    """Methods whose mean errors at each origin are given."""
    rows = next(iter(errors.values())).shape[0]
    truth, at = np.full((rows, 4), 100.0), np.arange(rows)
    unit = float(errors[YARDSTICK].mean())
    return tuple(Tried(name, float(one.mean()) / unit, Misses(truth + one[:, None], truth, 100.0, at)) for name, one in errors.items())


@given(count=st.integers(1, 500), season=st.integers(1, 60), horizon=st.integers(1, 100))
def test_origins_leave_a_past_and_a_future(count: int, season: int, horizon: int) -> None:
    origins, tested = origins_of(count, season, horizon)
    assert 1 <= tested <= max(1, min(horizon, count)) and list(origins) == sorted(set(origins))
    assert all(3 <= at <= count - tested for at in origins)


def test_a_method_that_loses_on_the_past_is_not_taken() -> None:
    """A past that repeats itself exactly is seasonal naive's; the reason is told."""
    chosen = choose(past_with(np.tile(100 + 50 * np.sin(2 * np.pi * np.arange(DAY) / DAY), 6)), DAY)
    assert chosen.method == YARDSTICK and chosen.why == "no_better"


def test_a_method_alone_must_beat_several_by_more_than_chance() -> None:
    chance = np.random.default_rng(1)
    flat, noise = np.full(10, 10.0), chance.normal(size=10)
    near = tried_with({YARDSTICK: flat, SEVERAL: flat * 0.8, "mstl": flat * 0.79 + noise})
    far = tried_with({YARDSTICK: flat, SEVERAL: flat * 0.8, "mstl": flat * 0.5 + 0.1 * noise})
    lost = tried_with({YARDSTICK: flat, SEVERAL: flat * 1.2, "mstl": flat * 1.1 + 0.1 * noise})
    assert [bests([one])[0] for one in (near, far, lost)] == [(SEVERAL, "steady"), ("mstl", "best"), (YARDSTICK, "no_better")]


def test_one_unlucky_past_among_many_is_not_left_to_its_luck() -> None:
    chance = np.random.default_rng(2)

    def drawn(better: float) -> tuple[Tried, ...]:
        flat = np.full(3, 10.0)
        return tried_with({YARDSTICK: flat, SEVERAL: flat * 0.9, "boosting": np.maximum(flat * better + chance.normal(size=3), 0.1)})

    many = [drawn(0.7) for _ in range(60)]
    assert {name for name, _ in bests(many)} == {"boosting"}
    assert bests([drawn(1.3)])[0][0] != "boosting"


@given(seed=st.integers(0, 10**6), series=st.integers(2, 30))
def test_what_is_shrunk_lies_between_itself_and_all(seed: int, series: int) -> None:
    chance = np.random.default_rng(seed)
    own, error = chance.normal(size=(series, 3)), chance.uniform(0.01, 2.0, size=(series, 3))
    found, left = shrunk(own, error)
    pooled = own.mean(axis=0)
    assert (np.abs(found - pooled) <= np.abs(own - pooled) + 1e-9).all()
    assert (left >= 0.0).all()


@pytest.mark.parametrize("asked", ["auto", "regression"])
def test_pasts_of_every_kind_are_chosen_for_side_by_side(asked: str) -> None:
    at = np.arange(8 * DAY)
    usual = 100 + 60 * np.sin(2 * np.pi * at / DAY) + 5 * np.random.default_rng(1).normal(size=len(at))
    chosen = choose_all([past_with(usual), past_with(usual[:5]), past_with(np.full(100, 7.0)), past_with(usual * 3)], DAY, asked)
    assert [one.why for one in chosen[1:3]] == (["too_short", "constant"] if asked == "auto" else ["asked", "constant"])
    assert len(chosen) == 4 and chosen[0].origins == chosen[3].origins > 3
