"""What a usage costs, by day and by night."""

import numpy as np
import pytest
from tests.policy.compiled import callable_from_python

from roteiro.policy import price
from roteiro.policy.kernel import JIT
from roteiro.policy.state import HEADER, TARGET

pytestmark = pytest.mark.kernel

cost = callable_from_python(price.cost)
HOUR = 3600.0


def rows(from_h: float = 0.0, to_h: float = 0.0, share: float = 0.0, offset_h: float = 0.0):  # type: ignore[no-untyped-def]
    target, header = np.zeros(1, TARGET), np.zeros(1, HEADER)
    target["price_input"], target["price_cached"], target["price_output"], target["price_reasoning"] = 10**10, 10**9, 3 * 10**10, 4 * 10**10
    target["off_peak_from_s"], target["off_peak_to_s"], target["off_peak_share"] = from_h * HOUR, to_h * HOUR, share
    header["epoch_unix_s"], header["offset_s"] = 1_769_904_000.0, offset_h * HOUR
    return (target[0], header[0]) if JIT else (target.view(np.recarray)[0], header.view(np.recarray)[0])


def test_cached_and_reasoning_have_their_own_prices_and_halves_round_up() -> None:
    assert cost(*rows(), 100, 40, 50, 20, 0.0) == 60 * 10_000 + 40 * 1_000 + 30 * 30_000 + 20 * 40_000
    assert cost(*rows(), 10, 99, 0, 99, 0.0) == 10 * 1_000
    target, header = rows()
    target["price_input"] = 500_000
    assert [cost(target, header, n, 0, 0, 0, 0.0) for n in (0, 1, 3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("window", "offset_h", "hours"),
    [((9, 17), 0, range(9, 17)), ((22, 6), 0, [22, 23, *range(6)]), ((22, 6), -3, [*range(1, 9)]), ((5, 5), 0, [])],
)
def test_the_window_is_of_the_local_day_and_may_run_past_midnight(window: tuple[int, int], offset_h: int, hours: range) -> None:
    target, header = rows(*window, 0.5, offset_h)
    cheap = [hour for hour in range(24) if cost(target, header, 100, 0, 0, 0, hour * HOUR) == 500_000]
    assert cheap == sorted(hours)
    assert cost(target, header, 100, 0, 0, 0, (window[0] - offset_h) % 24 * HOUR - 0.001) == (1_000_000)


def test_a_large_sum_keeps_its_last_digits() -> None:
    target, header = rows(0, 24, 0.3)
    assert cost(target, header, 100_000_000, 0, 0, 0, 0.0) == 300_000_000_000
    target["price_input"] = 10_000_000_001
    assert cost(target, header, 100_000_000, 0, 0, 0, 0.0) == 300_000_000_030
