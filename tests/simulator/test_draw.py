"""Laws of the random numbers."""

import math
from typing import Any

import numpy as np
import pytest

from roteiro.policy.kernel import entry
from roteiro.simulator import draw
from roteiro.simulator.records import records_of

pytestmark = pytest.mark.kernel


@entry
def fill(state: Any, out: Any, kind: int, parameter: float) -> None:
    for i in range(out.shape[0]):
        if kind == 0:
            out[i] = draw.uniform(state[0])
        elif kind == 1:
            out[i] = draw.exponential(state[0], parameter)
        else:
            out[i] = draw.gamma(state[0], parameter)


def drawn(words: tuple[int, ...], n: int, kind: int = 0, parameter: float = 0.0) -> Any:
    state, out = records_of(1, draw.GENERATOR), np.empty(n)
    state[0] = words
    fill(state, out, kind, parameter)
    return out


def test_the_generator_is_xoshiro256_plus_plus() -> None:
    """The first words that its authors' program gives for the state 1, 2, 3, 4."""
    words = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162]
    assert drawn((1, 2, 3, 4), 6).tolist() == [(word >> 11) * 2.0**-53 for word in words]


def test_streams_and_seeds_differ() -> None:
    assert len({draw.seeded(seed, stream) for seed in range(50) for stream in range(3)}) == 150
    one, other = drawn(draw.seeded(1, 0), 4000), drawn(draw.seeded(1, 1), 4000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_uniform_is_uniform() -> None:
    values = drawn(draw.seeded(7, 0), 20_000)
    assert values.min() >= 0.0 and values.max() < 1.0
    assert np.histogram(values, 10, (0, 1))[0] == pytest.approx(2000, abs=200)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 4.0])
def test_gamma_has_its_mean_and_variance(shape: float) -> None:
    values = drawn(draw.seeded(3, 0), 20_000, 2, shape)
    assert values.mean() == pytest.approx(shape, rel=0.12)
    assert values.var() == pytest.approx(shape, rel=0.3)


def test_exponential_has_its_mean_and_median() -> None:
    values = drawn(draw.seeded(4, 0), 40_000, 1, 2.5)
    assert values.mean() == pytest.approx(2.5, rel=0.03)
    assert np.median(values) == pytest.approx(2.5 * math.log(2), rel=0.03)
