"""Quality in the simulated world: what is good is drawn, what is judged is observed, and rules act upon it as they would live."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled

from roteiro.plan.compile import Compiled, RingSizes
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.result import Measured, measure
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Signal

PLAN = """
roteiro: 1
providers:
  poor: {name: openai, model: gpt-4, base_url: "http://127.0.0.1:1", weight: 90, service: {quality: {good: 60%, judged: 50%}}}
  fine: {name: local, model: small, base_url: "http://127.0.0.1:2", weight: 10, service: {quality: {good: 100%, judged: 50%}}}
  mute: {name: local, model: other, base_url: "http://127.0.0.1:3", weight: 0.001}
tenants: {acme: {tier: gold}}
demand: {arrivals: {process: poisson, rate: 4/s}}
sla_tiers: {gold: {quality_score: "0.9", availability: 99%}}
"""
RULE = 'routing_logic: [{condition: "poor.quality over 1h < 0.85", action: "route_to_fine"}]\n'


@dataclass(frozen=True)
class Simulated:
    compiled: Compiled
    events: Any
    signals: Any
    measured: Measured[float]


def simulated(text: str, requests: int) -> Simulated:
    plan = compiled(text, RingSizes(2048, 4096, 16, 128))
    simulation = Simulation(plan, demands.of_plan(plan), services.of_plan(plan), 1)
    events: list[Any] = []
    signals: list[Any] = []
    simulation.run(requests, on_events=lambda rows: events.append(rows.copy()), on_signals=lambda rows: signals.append(rows.copy()))
    found = measure(simulation, batches=False)
    simulation.close()
    return Simulated(plan, np.concatenate(events), np.concatenate(signals), found)


def test_so_many_are_judged_and_so_many_of_those_are_good() -> None:
    it = simulated(PLAN, requests=4000)
    signals, events = it.signals, it.events
    assert set(signals["kind"]) == {Signal.JUDGE} and len(np.unique(signals["request"])) == len(signals)
    by_request = {int(row["request"]): row for row in events}
    names = it.compiled.names
    for name, good in (("poor", 0.6), ("fine", 1.0)):
        t = names.targets.index(name)
        mine, answered = signals[signals["target"] == t], events[(events["target"] == t) & (events["outcome"] == 0)]
        assert len(mine) / len(answered) == pytest.approx(0.5, abs=0.07) and mine["value"].mean() == pytest.approx(good, abs=0.06)
    assert names.targets.index("mute") not in signals["target"], "what nothing tells of is not observed"
    one = signals[17]
    of = by_request[int(one["request"])]
    assert all(one[column] == of[column] for column in ("tenant", "key", "workload", "tier", "model", "target", "region"))
    quality = it.measured.objectives["gold.quality"]
    assert quality.events == len(signals) and quality.good == signals["value"].mean()


def test_a_rule_on_quality_moves_what_comes_after() -> None:
    kept, moved = simulated(PLAN, requests=3000), simulated(PLAN + RULE, requests=3000)
    poor = kept.compiled.names.targets.index("poor")
    assert (kept.events["target"] == poor).mean() > 0.8 > 0.2 > (moved.events["target"] == poor).mean()
    assert moved.measured.objectives["gold.quality"].good > kept.measured.objectives["gold.quality"].good
