"""What is put in comes out, and what is not there is not found."""

import numpy as np
import pytest

from roteiro.simulator.fit_times import gaps_are_independent, tokens_and_load

N = 1500


def made(per_token: float, load: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-normal times around 0.2 s with slopes, and one in fifty ten times as long."""
    draw = np.random.default_rng(seed)
    tokens, in_flight = draw.lognormal(6.0, 1.0, N), draw.integers(0, 20, N).astype(float)
    base = draw.lognormal(np.log(0.2), 0.3, N) * np.where(draw.random(N) < 0.02, 10.0, 1.0)
    return (base + per_token * tokens) * (1.0 + load * in_flight), tokens, in_flight


@pytest.mark.parametrize(("per_token", "load"), [(2e-4, 0.03), (2e-4, 0.0), (0.0, 0.03)])
def test_slopes_are_found_within_their_errors(per_token: float, load: float) -> None:
    line = tokens_and_load(*made(per_token, load))
    assert line.per_token.value == pytest.approx(per_token, abs=4.0 * line.per_token.error if per_token else 0.0, rel=0.0)
    assert line.load.value == pytest.approx(load, abs=4.0 * line.load.error if load else 0.0, rel=0.0)
    assert np.median(line.draws) == pytest.approx(0.2, rel=0.06)


def test_what_is_not_there_is_not_found() -> None:
    false = [tokens_and_load(*made(0.0, 0.0, seed)) for seed in range(20)]
    assert sum(line.per_token.value > 0.0 or line.load.value > 0.0 for line in false) <= 1
    assert all(line.way.value == 0.0 for line in false)


def test_few_answers_have_no_slopes() -> None:
    y, tokens, in_flight = (values[:20] for values in made(2e-4, 0.03))
    line = tokens_and_load(y, tokens, in_flight)
    assert (line.per_token.value, line.load.value) == (0.0, 0.0) and (line.draws == y).all() and (line.relative == 1.0).all()


def test_a_way_is_told_from_the_draw_where_tokens_and_load_are_both_there() -> None:
    y, tokens, in_flight = made(2e-4, 0.06)
    line = tokens_and_load(y + 0.3, tokens, in_flight)
    assert line.way.value == pytest.approx(0.3, abs=4.0 * line.way.error) and line.way.error < 0.06
    assert line.load.value == pytest.approx(0.06, abs=4.0 * line.load.error)
    assert line.per_token.value == pytest.approx(2e-4, abs=4.0 * line.per_token.error)


def test_a_slow_while_that_fills_a_target_is_no_load() -> None:
    """Half of the time all is twice as slow, which fills the target: many in flight and slow answers together, none because of the other."""
    found = []
    for seed in range(10):
        y, tokens, in_flight = made(0.0, 0.0, seed)
        slow = (np.arange(N) // 250) % 2 == 1
        found.append(tokens_and_load(y * np.where(slow, 2.0, 1.0), tokens, in_flight * np.where(slow, 2.0, 1.0)).load)
    assert all(load.tried > 3.5 * 0.003 for load in found)
    assert sum(load.value > 0.0 for load in found) <= 1


def test_independent_gaps_are_told_from_a_pace_of_ones_own() -> None:
    draw = np.random.default_rng(3)
    gaps = draw.integers(2, 200, 400).astype(float)
    assert gaps_are_independent(0.01 + 0.004 * draw.standard_normal(400) / gaps**0.5, gaps)
    assert not gaps_are_independent(0.01 + 0.001 * draw.standard_normal(400), gaps)
    assert not gaps_are_independent(np.full(10, 0.01), np.arange(10.0))
