"""Reserved units, told anew minute by minute."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roteiro.analysis.savings_units import UnitOffer, reserved_units

DAY_S = 86_400.0
CENT = 10_000_000
OFFER = UnitOffer(tokens_per_min=1000.0, output_ratio=4.0, cached_ratio=0.5, least=2, increment=2, most=None, cost_nusd_per_h=60 * CENT)


def steady(units: float, cents: float, days: float = 8.0) -> tuple[np.ndarray, ...]:
    """A request a minute that takes so many units: half of them input, a quarter of those cached, the rest output."""
    came = np.arange(0.0, days * DAY_S + 1.0, 60.0)
    full = np.full(len(came), 1000.0 * units)
    cached = 0.25 * full
    return came, 0.5 * full + 0.5 * cached, cached, 0.125 * full, np.full(len(came), cents * CENT)


def test_units_that_are_always_used_are_bought_up_to_what_is_always_there() -> None:
    """Four units are wanted each minute, and cost 8 cents as they are paid; reserved they cost 4. The record is 192 hours long."""
    came, tokens, cached, output, cost = steady(4.0, 8.0)
    assert reserved_units(came, tokens, cached, output, cost, OFFER) == (4, 11_521 * 8 * CENT, 192 * 4 * 60 * CENT)
    bounded = UnitOffer(1000.0, 4.0, 0.5, 2, 2, 3, 60 * CENT)
    assert reserved_units(came, tokens, cached, output, cost, bounded) == (2, 11_521 * 8 * CENT, 11_521 * 4 * CENT + 192 * 2 * 60 * CENT)


def test_nothing_is_said_of_what_saves_nothing_or_is_too_short_or_bought() -> None:
    assert reserved_units(*steady(4.0, 3.9), OFFER) is None
    assert reserved_units(*steady(4.0, 8.0, days=6.0), OFFER) is None
    assert reserved_units(*steady(4.0, 8.0), UnitOffer(1000.0, 4.0, 0.5, 2, 2, None, 60 * CENT, reserved=2)) is None
    assert reserved_units(*(np.array([]) for _ in range(5)), OFFER) is None


@given(
    st.lists(st.tuples(st.integers(0, 11_000), st.integers(0, 9000), st.integers(0, 10 * CENT)), min_size=1, max_size=30), st.integers(1, 5)
)
def test_no_other_number_on_sale_would_have_been_cheaper(rows: list[tuple[int, int, int]], increment: int) -> None:
    came = np.array([0.0, 8 * DAY_S, *(60.0 * minute for minute, _, _ in rows)])
    tokens, cost = np.array([0.0, 0.0, *(float(t) for _, t, _ in rows)]), np.array([0.0, 0.0, *(float(c) for _, _, c in rows)])
    offer = UnitOffer(1000.0, 4.0, 0.5, 1, increment, None, CENT // 1000)
    nothing = np.zeros(len(came))
    found = reserved_units(came, tokens, nothing, nothing, cost, offer)
    minutes = {
        minute: (tokens[came // 60 == minute].sum() / 1000.0, cost[came // 60 == minute].sum()) for minute in set((came // 60).tolist())
    }
    costs = {
        units: sum(c * max(0.0, 1 - units / w) for w, c in minutes.values() if w > 0) + units * offer.cost_nusd_per_h * 192
        for units in range(1, 300, increment)
    }
    if found is None:
        assert min(costs.values()) >= cost.sum() - 1
    else:
        assert abs(found[2] - min(costs.values())) <= 1 + 1e-9 * found[2] and found[2] < found[1]
