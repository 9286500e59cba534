"""A batching server is found again from what its answers tell, and foretells another load."""

from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled, run
from tests.simulator.test_demand import recorded

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand, service
from roteiro.simulator.fit import fitted
from roteiro.simulator.fit_batching import NAMES, seats_of, solve
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

PLAN = """
roteiro: 1
providers:
  own: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: 200},
        servers: {batch: 4, queue: 1000, alpha: 10ms, beta: 3ms, prefill: 200us, gamma: 2us, network: 5ms, chunk: 2048},
        timeouts: {first_token: 60s, attempt: 300s}}
models:
  chat: {targets: {own: 1}, timeouts: {total: 300s}}
workloads:
  chat: {priority: interactive, queue: {size: 1000, max_wait: 60s}, model: chat}
demand:
  arrivals: {process: poisson, rate: RATE/s}
  input_tokens: {median: 150, p95: 500}
  output_tokens: {median: 40, p95: 120}
  stream: STREAM
"""
TRUTH = {"alpha_s": 0.010, "beta_s": 0.003, "prefill_s": 0.0002, "network_s": 0.005}


@pytest.mark.parametrize("seed", range(4))
def test_uneven_times_do_not_bend_the_fit(seed: int) -> None:
    """Times that vary by two fifths about the truth: fitted times add up to what was measured, and no part comes out below the truth by the
    sixth that errors relative to the measured times make it."""
    draw = np.random.default_rng(seed)
    rows = draw.lognormal(0.0, 0.7, (4000, len(NAMES)))
    truth = np.array([0.02, 0.01, 0.004, 0.03, 0.01])
    times = rows @ truth * draw.lognormal(-0.08, 0.4, len(rows))
    values, _ = solve(rows, times, list(range(len(NAMES))))
    assert float((rows @ values).sum()) == pytest.approx(float(times.sum()))
    assert float(np.median(rows @ values / (rows @ truth))) == pytest.approx(1.0, abs=0.04)


def served(rate: float, seed: int, stream: str = "80%") -> tuple[Simulation, Any, Any]:
    plan = compiled(PLAN.replace("RATE", str(rate)).replace("STREAM", stream))
    simulation = Simulation(plan, demand.of_plan(plan), service.of_plan(plan), seed, journal=True)
    events, decisions = run(simulation, 1200 if JIT else 60)
    return simulation, events, decisions


@pytest.mark.parametrize("stream", ["100%", "50%"])
def test_an_iterations_parts_come_back(stream: str) -> None:
    simulation, events, decisions = served(2.5, 1, stream)
    _, report = fitted(simulation.compiled, recorded(events, decisions, simulation), "run-1", weather=False)
    (own,) = report.targets
    assert own.kind == "own"
    if not JIT:  # a few dozen answers tell that it works, not how well
        return
    for name, tolerance in (("alpha_s", 0.05), ("beta_s", 0.05), ("prefill_s", 0.05), ("network_s", 0.5)):
        found = own.parameter(name)
        assert found is not None and found.value == pytest.approx(TRUTH[name], rel=tolerance), (name, found)


@pytest.mark.skipif(not JIT, reason="takes many answers")
def test_another_load_is_foretold() -> None:
    """Fitted at half of what it can serve, foretold at a tenth and at nine tenths: medians and tails within a few per cent."""
    simulation, events, decisions = served(2.5, 1)
    world, _ = fitted(simulation.compiled, recorded(events, decisions, simulation), "run-1", weather=False)
    for rate in (0.5, 4.5):
        other, truth, _ = served(rate, 2)
        again = Simulation(other.compiled, demand.of_plan(other.compiled), world, 2)
        foretold, _ = run(again, 1200)
        for share, tolerance in ((0.5, 0.05), (0.95, 0.10)):
            figures = [float(np.quantile(rows["total_ms"][rows["outcome"] == Outcome.SUCCESS], share)) for rows in (foretold, truth)]
            assert figures[0] == pytest.approx(figures[1], rel=tolerance), (rate, share)


def test_seats_are_given_first_come_first_served() -> None:
    sent, ended = np.array([0.0, 1.0, 2.0, 3.0, 20.0]), np.array([10.0, 5.0, 12.0, 15.0, 21.0])
    assert seats_of(sent, ended, 2).tolist() == [0.0, 1.0, 5.0, 10.0, 20.0]
