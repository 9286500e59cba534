"""Shared prefixes: hits as the theory of caches with a time to live has them, and what they cost."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import QUEUE, compiled

from roteiro.plan.compile import RingSizes
from roteiro.policy.kernel import JIT
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.arriving import POISSON
from roteiro.simulator.demand import Demand, drawn
from roteiro.simulator.groups import Lengths, Prefixes
from roteiro.simulator.records import ARRIVAL, DRAWN
from roteiro.simulator.service import ServiceWorld
from roteiro.simulator.world import Simulation

PLAN = compiled(QUEUE.replace("SERVERS", "1000"), RingSizes(2048, 4096, 16))
PRICED = compiled(
    QUEUE.replace("SERVERS", "1000").replace("on_premises: true", "on_premises: true, price: {input: $1/1M tokens, output: $1/1M tokens, cached_input: $0.1/1M tokens}"),
    RingSizes(2048, 4096, 16),
)  # fmt: skip
TTL_S = 300.0


def events_of(demand: Demand, requests: int, plan: Any = PLAN) -> Any:
    world = services.of_plan(plan)
    one = replace(world.targets[0], ttft=table.constant(0.1), itl=table.constant(0.0), output=table.constant(1.0))
    if hasattr(one, "prefix_ttl_s"):
        one = replace(one, prefix_ttl_s=TTL_S)
    simulation = Simulation(plan, demand, ServiceWorld("quick", (one,)), 5)
    rows: list[Any] = []
    simulation.run(requests, on_events=lambda part: rows.append(part.copy()))
    return np.concatenate(rows)


def shared(rate: float, prefixes: Prefixes, plan: Any = PLAN) -> Demand:
    base = drawn(plan, "shared", POISSON, rate, 1.0).with_lengths(Lengths(table.constant(2000.0), table.constant(1.0)))
    return replace(base, streams=(replace(base.streams[0], prefixes=prefixes),))


@pytest.mark.parametrize(("count", "zipf", "rate"), [(1, 0.0, 0.002), (200, 1.0, 0.5), (1000, 0.8, 2.0)])
def test_the_hit_ratio_is_that_of_a_cache_whose_entries_live_on_by_use(count: int, zipf: float, rate: float) -> None:
    """A prefix asked for as a Poisson process of rate λ is there with the probability 1 - exp(-λ TTL) (the gap before was shorter)."""
    n = 40_000 if JIT else 300
    prefixes = Prefixes(count, zipf, 1000)
    events = events_of(shared(rate, prefixes), n)
    hits = (np.sort(events, order="request")["cached_tokens"] > 0)[n // 10 :]
    expected = float((prefixes.shares * (1.0 - np.exp(-prefixes.shares * rate * TTL_S))).sum())
    assert hits.mean() == pytest.approx(expected, abs=0.012 if JIT else 0.12)
    assert set(events["cached_tokens"]) <= {0, 1000}


def test_cached_tokens_are_paid_as_such() -> None:
    events = events_of(shared(10.0, Prefixes(1, 0.0, 1000), PRICED), 50, PRICED)
    cached = events["cached_tokens"] > 0
    assert cached.sum() == 49
    assert set(events["cost_nusd"][cached]) == {1000 * 1000 + 1000 * 100 + 1000}
    assert set(events["cost_nusd"][~cached]) == {2000 * 1000 + 1000}


def test_a_prefix_is_no_longer_than_its_request() -> None:
    events = events_of(shared(10.0, Prefixes(1, 0.0, 5000)), 10)
    assert set(events["cached_tokens"]) == {0, 2000}


def test_a_recorded_chain_hits_as_far_as_it_was_seen() -> None:
    """Chains of 512-token blocks: the unbroken run from the beginning counts, and what lies idle for too long is gone."""
    chains = [(7, 8), (7, 9), (7, 8, 4), (3, 8), (7, 8, 4)]
    rows = np.zeros(len(chains), ARRIVAL)
    rows["at"] = [0.0, 10.0, 20.0, 30.0, 30.0 + TTL_S + 1.0]
    rows["key"], rows["input"], rows["input_estimate"], rows["output"], rows["output_estimate"] = DRAWN, 1600, 1600, 1, 1
    rows["blocks"] = [len(chain) for chain in chains]
    rows["block"] = np.cumsum([0, *rows["blocks"][:-1]])
    base = drawn(PLAN, "x", POISSON, 1.0, 1.0)
    blocks = np.array([block for chain in chains for block in chain])
    events = events_of(Demand("chains", (), rows, base.streams[0].mix, blocks=blocks), len(chains))
    assert np.sort(events, order="request")["cached_tokens"].tolist() == [0, 512, 1024, 0, 0]


def test_a_demand_without_prefixes_has_no_table_of_them() -> None:
    plain = drawn(PLAN, "plain", POISSON, 10.0, 1.0)
    simulation = Simulation(PLAN, plain, services.of_plan(PLAN), 1)
    assert int(simulation.world.loop["known_blocks"][0]) == 0
    assert len(simulation.world.uses) == len(simulation.world.origins) == len(simulation.world.returns) == 1
