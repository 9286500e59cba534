"""Clients who were refused and come again: bounded, in time, and never to the cost of what arrives by itself."""

from typing import Any

import numpy as np
import pytest
from tests.simulator.build import BUSY, compiled, run, troubled

from roteiro.policy.kernel import JIT
from roteiro.simulator.demand import of_plan
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

REQUESTS = 4000 if JIT else 150
REFUSED = (Outcome.LIMITED, Outcome.SHED, Outcome.UNAVAILABLE)


def simulated(retry: str, plan_text: str = BUSY, seed: int = 3) -> tuple[Any, Simulation]:
    plan = compiled(plan_text + (f"  clients: {{retry: {retry}}}\n" if retry else ""))
    simulation = Simulation(plan, of_plan(plan), troubled(plan), seed)
    events, _ = run(simulation, REQUESTS)
    return events, simulation


def returned(simulation: Simulation) -> int:
    return int(simulation.world.loop["returned"][0])


def test_nobody_returns_unless_the_plan_says_so() -> None:
    events, simulation = simulated("")
    assert len(events) == REQUESTS and returned(simulation) == 0


def test_each_return_is_a_request_more_and_no_client_comes_too_often() -> None:
    events, simulation = simulated("{attempts: 4, backoff: 1s}")
    assert len(events) == REQUESTS + returned(simulation)
    refused = int(np.isin(events["outcome"], REFUSED).sum())
    assert 0 < returned(simulation) <= refused
    # Of those refused, only who came for the last time stays away.
    assert returned(simulation) >= refused - refused // 4 - REQUESTS // 50
    assert sorted(events["request"].tolist()) == list(range(len(events)))


def test_two_attempts_are_one_return_at_most() -> None:
    _, simulation = simulated("{attempts: 2, backoff: 1s}")
    assert 0 < returned(simulation) <= REQUESTS
    _, never = simulated("{attempts: 1, backoff: 1s}")
    assert returned(never) == 0


def test_a_share_returns() -> None:
    events, simulation = simulated("{share: 30%, attempts: 2, backoff: 1s}")
    first = int(np.isin(events["outcome"], REFUSED).sum())
    assert returned(simulation) / first == pytest.approx(0.3 / 1.15, abs=0.06 if JIT else 0.25)


def test_failures_bring_clients_back_only_where_asked() -> None:
    only_refused = returned(simulated("{attempts: 2, backoff: 1s}")[1])
    also_failed = returned(simulated("{attempts: 2, backoff: 1s, after_failures: true}")[1])
    assert also_failed > only_refused


@pytest.mark.parametrize("other", ["concurrency: 40, requests: 6000/min", "concurrency: 1, requests: 60/min"])
def test_law_what_arrives_by_itself_is_the_same_whatever_the_plan_refuses(other: str) -> None:
    alone, _ = simulated("")
    changed, simulation = simulated("{attempts: 5, backoff: 500ms}", BUSY.replace("concurrency: 40, requests: 6000/min", other))
    assert returned(simulation) > 0
    times = sorted(changed["arrival_s"].tolist())
    own = alone["arrival_s"].tolist()
    assert set(own) <= set(times) and len(times) == len(own) + returned(simulation)


def test_who_is_told_to_wait_waits() -> None:
    """All are refused by a limit of one a minute, and told when to come: nobody comes before it."""
    tight = BUSY.replace("limits: {requests: 900/min, tokens: 3M/min, burst: 5s}", "limits: {requests: 1/min, burst: 1min}")
    plan = compiled(
        tight.replace("rate: 60/s, cv: 2", "rate: 2/s")
        + "  mix: [{tenant: acme, share: 100%}]\n  clients: {retry: {attempts: 2, backoff: 10ms}}\n"
    )
    simulation = Simulation(plan, of_plan(plan), troubled(plan), 3)
    events, _ = run(simulation, 12)
    assert returned(simulation) >= 8
    own, later = np.sort(events["arrival_s"])[:12], np.sort(events["arrival_s"])[12:]
    assert own[-1] < 30.0 < later[0]
