"""Ways between regions in a simulation: each answer takes the round trip from its client to its target longer, and the nearest is chosen."""

from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled, run

from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

PLAN = """
roteiro: 1
regions: {sa: {latency: {us: 110ms, eu: 190ms}}, us: {latency: {eu: 80ms}}, eu: {}}
providers:
  here: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", region: sa, weight: 20, service: SERVICE}
  north: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", region: us, weight: 40, service: SERVICE}
  across: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", region: eu, weight: 40, service: SERVICE}
models: {chat: {targets: {here: 20, north: 40, across: 40}, balance: BALANCE}}
tenants: {all: {workloads: [ask]}}
workloads: {ask: {model: chat}}
demand:
  arrivals: {process: poisson, rate: 5/s}
  stream: 50%
  input_tokens: {median: 100, p95: 100}
  output_tokens: {median: 1, p95: 1}
  mix: [{region: sa, share: 50%}, {region: eu, share: 30%}, {share: 20%}]
""".replace("SERVICE", "{ttft: {median: 100ms, p95: 100ms}, itl: {median: 1ms, p95: 1ms}, output_tokens: {median: 1, p95: 1}}")
TRIPS_MS = {("sa", "us"): 110.0, ("sa", "eu"): 190.0, ("us", "eu"): 80.0}


def simulated(balance: str, seed: int = 1) -> tuple[Any, tuple[str, ...]]:
    """(events of answers, names of regions)."""
    plan = compiled(PLAN.replace("BALANCE", balance))
    simulation = Simulation(plan, demands.of_plan(plan), services.of_plan(plan), seed)
    rows, _ = run(simulation, 400)
    simulation.close()
    assert (rows["outcome"] == Outcome.SUCCESS).all()
    return rows, tuple(plan.names.regions)


def between(rows: Any, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """(client's region, target's region) of each; nobody knows where some clients are."""
    return [
        (names[here] if here >= 0 else "", names[there])
        for here, there in zip(rows["client_region"].tolist(), rows["region"].tolist(), strict=True)
    ]


def test_an_answer_takes_the_way_there_and_back_longer() -> None:
    rows, names = simulated("weights")
    pairs = between(rows, names)
    known = [k for k, (here, _) in enumerate(pairs) if here]
    expected = np.array([TRIPS_MS.get((here, there), TRIPS_MS.get((there, here), 0.0)) for here, there in pairs])
    assert {pairs[k] for k in known} == {(here, there) for here in ("sa", "eu") for there in ("sa", "us", "eu")}
    assert rows["total_ms"][known] == pytest.approx(100.0 + expected[known], abs=0.5)
    streams = [k for k in known if rows["stream"][k]]
    assert rows["ttft_ms"][streams] == pytest.approx(100.0 + expected[streams], abs=0.5)


def test_the_nearest_is_chosen_and_so_no_way_is_taken() -> None:
    rows, names = simulated("nearest")
    far, _ = simulated("weights")
    pairs = between(rows, names)
    assert {pair for pair in pairs if pair[0] in ("sa", "eu")} == {("sa", "sa"), ("eu", "eu")}
    at_home = np.array([here in ("sa", "eu") for here, _ in pairs])
    assert rows["total_ms"][at_home] == pytest.approx(100.0, abs=0.5)
    assert far["total_ms"].mean() > rows["total_ms"].mean() + 30.0


def test_clients_are_where_the_mix_says() -> None:
    rows, names = simulated("weights")
    found = [here for here, _ in between(rows, names)]
    assert found.count("sa") / len(found) == pytest.approx(0.5, abs=0.08)
    assert found.count("eu") / len(found) == pytest.approx(0.3, abs=0.08)
