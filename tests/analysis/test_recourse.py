"""Serving an hour at least cost, against a linear program that knows nothing of polymatroids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from roteiro.analysis.recourse import Supply, Tiers, serve

LOAD = st.integers(0, 9).map(float)
SUPPLIES = st.lists(st.builds(Supply, st.integers(0, 9).map(float), st.integers(0, 3), LOAD, st.booleans()), min_size=1, max_size=7)
DEMAND = st.lists(LOAD, min_size=3, max_size=3)
MISSED = 1000.0


def by_program(at_once: list[float], patient: list[float], supplies: list[Supply]) -> float:
    """Every supply to every demand as a flow; what is not served costs MISSED."""
    demands = [(tier, False, load) for tier, load in enumerate(at_once)] + [(tier, True, load) for tier, load in enumerate(patient)]
    flows = [
        (s, d)
        for s, supply in enumerate(supplies)
        for d, (tier, waits, _) in enumerate(demands)
        if tier < supply.rank and (waits or not supply.batch)
    ]
    costs = [supplies[s].price for s, _ in flows] + [MISSED] * len(demands)
    served = np.zeros((len(demands), len(costs)))
    limited = np.zeros((len(supplies), len(costs)))
    for n, (s, d) in enumerate(flows):
        served[d, n] = limited[s, n] = 1.0
    for d in range(len(demands)):
        served[d, len(flows) + d] = 1.0
    found = linprog(costs, limited, [one.limit for one in supplies], served, [load for _, _, load in demands])
    return float(found.fun)


@given(DEMAND, DEMAND, SUPPLIES)
@settings(max_examples=150, deadline=None)
def test_no_flow_is_cheaper(at_once: list[float], patient: list[float], supplies: list[Supply]) -> None:
    found = serve(Tiers(np.array([at_once]), np.array([patient])), supplies)
    assert found.cost[0] + MISSED * found.short[0] == pytest.approx(by_program(at_once, patient, supplies), abs=1e-6)


@given(st.lists(st.tuples(DEMAND, DEMAND), min_size=1, max_size=5), SUPPLIES)
def test_hours_are_served_one_by_one(hours: list[tuple[list[float], list[float]]], supplies: list[Supply]) -> None:
    together = serve(Tiers(*(np.array(part) for part in zip(*hours, strict=True))), supplies)
    for i, (at_once, patient) in enumerate(hours):
        alone = serve(Tiers(np.array([at_once]), np.array([patient])), supplies)
        assert together.cost[i] == alone.cost[0]
        assert together.short[i] == alone.short[0]
    assert together.amounts.sum(axis=0) + together.short == pytest.approx(np.array(hours).sum(axis=(1, 2)))


@given(DEMAND, DEMAND, SUPPLIES, st.sampled_from([0, 1, 2]))
def test_a_demand_that_bears_less_costs_no_more(at_once: list[float], patient: list[float], supplies: list[Supply], tier: int) -> None:
    """Less quality, or patience, opens supplies and closes none."""
    priced = [*supplies, Supply(MISSED, 3)]

    def cost(first: list[float], second: list[float]) -> float:
        return float(serve(Tiers(np.array([first]), np.array([second])), priced).cost[0])

    waits = [*patient]
    waits[tier] += at_once[tier]
    assert cost([0.0 if i == tier else load for i, load in enumerate(at_once)], waits) <= cost(at_once, patient) + 1e-9
    assert cost([sum(at_once), 0.0, 0.0], patient) <= cost(at_once, patient) + 1e-9


def test_an_hour_by_hand() -> None:
    """8 of the low tier, 4 of the high: the cheap model serves the low tier only, 2 of it wait for batch, quota ends at 5."""
    tiers = Tiers(np.array([[6.0, 4.0]]), np.array([[2.0, 0.0]]))
    found = serve(tiers, [Supply(5.0, 2), Supply(1.0, 1, 5.0), Supply(0.5, 1, batch=True)])
    assert found.amounts[:, 0].tolist() == [5.0, 5.0, 2.0]
    assert (found.cost[0], found.short[0]) == (25.0 + 5.0 + 1.0, 0.0)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        Tiers(np.ones((2, 1)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="missing"):
        Tiers(np.array([[np.nan]]), np.zeros((1, 1)))
