"""The last hour's cost and its bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.compiled import callable_from_python

from roteiro.policy import hour_cost
from roteiro.policy.kernel import JIT
from roteiro.policy.state import HEADER

pytestmark = pytest.mark.kernel

add, judge, turn = (callable_from_python(function) for function in (hour_cost.add, hour_cost.judge, hour_cost.turn))


def header(bound_nusd: int = 100, cooldown_s: float = 0.0, route: int = 0):  # type: ignore[no-untyped-def]
    rows = np.zeros(1, HEADER) if JIT else np.zeros(1, HEADER).view(np.recarray)
    rows["hour_bound_nusd"], rows["cost_cooldown_s"], rows["cost_route"] = bound_nusd, cooldown_s, route
    return rows[0]


@given(st.lists(st.tuples(st.floats(0.0, 900.0), st.integers(0, 1000)), max_size=60))
def test_it_is_the_sum_of_the_last_sixty_minutes(steps: list[tuple[float, int]]) -> None:
    row, now, spent = header(), 0.0, []
    for wait, nusd in steps:
        now += wait
        add(row, nusd, now)
        spent.append((int(now // 60), nusd))
        assert row["hour_nusd"] == sum(n for minute, n in spent if minute > now // 60 - 60) == row["minute_nusd"].sum()


def test_it_begins_above_the_bound_and_ends_below_it_after_the_cooldown() -> None:
    row = header(bound_nusd=100, cooldown_s=4000.0)
    add(row, 100, 10.0)
    assert judge(row, 11.0) == 0, "the bound itself is within it"
    add(row, 1, 70.0)
    assert [judge(row, t) for t in (71.0, 72.0, 3605.0, 4070.9, 4071.0, 4072.0)] == [1, 0, 0, 0, -1, 0]
    row = header(bound_nusd=100)
    add(row, 101, 0.0)
    add(row, 50, 1800.0)
    assert [judge(row, t) for t in (1801.0, 3599.0, 3600.0)] == [1, 0, -1]


@pytest.mark.parametrize("row", [header(bound_nusd=0), header(route=-1)])
def test_without_a_bound_or_a_model_there_is_none(row) -> None:  # type: ignore[no-untyped-def]
    add(row, 10**15, 1.0)
    assert judge(row, 2.0) == 0
    row["cost_degrading"] = 1  # a plan that took the bound away
    assert judge(row, 3.0) == -1
