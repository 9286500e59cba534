"""The laws of conservation hold on every run, change nothing in it, and say which is broken."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulator.build import BUSY, compiled, fingerprint, run, troubled

from roteiro.simulator import demand, laws
from roteiro.simulator.world import Simulation
from roteiro.terms.error import InvariantError


def checked(seed: int, text: str = BUSY, *, check: bool = True) -> Simulation:
    plan = compiled(text)
    return Simulation(plan, demand.of_plan(plan), troubled(plan), seed, check=check)


@given(seed=st.integers(0, 2**31), requests=st.integers(1, 4000), spend=st.sampled_from(["$0.3/hour", "$0.02/hour", "$100/day"]))
@settings(max_examples=12, deadline=None)
def test_the_laws_hold_under_any_seed(seed: int, requests: int, spend: str) -> None:
    simulation = checked(seed, BUSY.replace("$0.3/hour", spend))
    simulation.run(requests)
    assert simulation.tally.requests == requests
    simulation.close()


def test_looking_changes_nothing() -> None:
    assert fingerprint(run(checked(5), 1500)[0]) == fingerprint(run(checked(5, check=False), 1500)[0])


def test_the_limits_were_put_to_the_test() -> None:
    simulation = checked(1)
    simulation.run(3000)
    names = simulation.compiled.names.limits
    used = {name: int(units) for name, units in zip(names, simulation.tally.limits, strict=True)}
    assert used["tenant/acme/requests"] > 100 and used["tenant/acme/tokens"] > 10_000


@pytest.mark.parametrize(
    ("law", "breaking"),
    [
        ("arrivals = outcomes", lambda s: s.world.loop.__setitem__("arrived", 1501)),
        ("Little's law", lambda s: s.world.loop.__setitem__("flow_s", s.world.loop["flow_s"][0] * 1.0001)),
        ("money in events = money in budgets", lambda s: s.state.budgets["spent_nusd"].__iadd__(1)),
        ("the hour's ring", lambda s: s.header.__setitem__("hour_nusd", s.header["hour_nusd"][0] + 1)),
        ("tokens of limits", lambda s: s.state.limits["arrival"].__iadd__(1e6)),
        ("time runs forward", lambda s: s.world.loop.__setitem__("ran_back", 1)),
        ("all is given back", lambda s: s.state.targets["in_flight"].__iadd__(1)),
        ("the timeline counts all", lambda s: s.world.moments["ended"].__iadd__(1)),
    ],
)
def test_a_broken_law_is_named_with_its_numbers_and_the_seed(law: str, breaking: Any) -> None:
    simulation = checked(7)
    simulation.run(1500)
    laws.hold(simulation, 7)
    breaking(simulation)
    with pytest.raises(InvariantError, match=law) as caught:
        laws.hold(simulation, 7)
    assert "seed 7" in str(caught.value) and any(character.isdigit() for character in str(caught.value).split(law)[1])


def test_little_s_law_says_what_a_recording_says() -> None:
    simulation = checked(3)
    events, _ = run(simulation, 2000)
    there = float(simulation.world.loop["flow_s"][0]) / simulation.now_s
    rate, time = 2000 / simulation.now_s, float((events["ended_s"] - events["arrival_s"]).mean())
    assert there == pytest.approx(rate * time) and not np.isnan(there)
