"""Own servers: the machine that jumps against one that takes every iteration by itself; bounds, refusals, leaving, and determinism."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import fingerprint, run
from tests.simulator.pool import Naive, plan_of, pool

from roteiro.plan.read import read_text
from roteiro.policy.kernel import JIT
from roteiro.simulator.servers import OwnServers, pool_counts
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass, Outcome

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 1500 if JIT else 120

SETTINGS = {
    "one that never fills": ("batch: 64, alpha: 10ms, beta: 1ms", 1.0),
    "memory that slows": ("batch: 16, queue: 1000, alpha: 8ms, beta: 0.2ms, gamma: 0.002ms", 6.0),
    "long prompts in chunks": ("batch: 16, queue: 1000, alpha: 5ms, beta: 0.4ms, gamma: 0.0005ms, chunk: 100", 4.0),
    "prompts at a price of their own": ("batch: 8, queue: 1000, alpha: 5ms, beta: 1ms, prefill: 0.1ms, chunk: 256", 8.0),
    "little memory": ("batch: 32, queue: 5000, alpha: 8ms, beta: 0.2ms, gamma: 0.001ms, kv_tokens: 6000, chunk: 300", 6.0),
    "a small queue": ("batch: 4, queue: 3, alpha: 8ms, beta: 1ms, gamma: 0.001ms", 20.0),
    "several replicas": ("replicas: 3, batch: 4, queue: 9, alpha: 12ms, beta: 1ms, gamma: 0.001ms", 14.0),
    "several with little memory": (
        "replicas: 3, batch: 24, queue: 5000, alpha: 8ms, beta: 0.2ms, gamma: 0.001ms, kv_tokens: 3500, chunk: 300",
        14.0,
    ),
    "two with hardly any memory": ("replicas: 2, batch: 16, queue: 5000, alpha: 8ms, beta: 0.3ms, kv_tokens: 2200, chunk: 512", 4.0),
    "in turn with little memory": (
        "replicas: 4, batch: 24, queue: 300, alpha: 8ms, beta: 0.2ms, gamma: 0.001ms, kv_tokens: 3000, chunk: 200, dispatch: round_robin",
        24.0,
    ),
    "replicas in turn": ("replicas: 3, batch: 6, queue: 9, alpha: 12ms, beta: 1ms, dispatch: round_robin", 14.0),
}


def own(simulation: Simulation) -> OwnServers:
    servers = simulation.compiled.plan.providers["one"].servers
    assert servers is not None
    return OwnServers.of_plan(servers)


@pytest.mark.parametrize("name", SETTINGS)
def test_jumping_agrees_with_taking_every_iteration(name: str) -> None:
    servers, rate = SETTINGS[name]
    simulation = pool(plan_of(servers, rate), seed=3)
    # Lengths of those who are refused are drawn too, so the record of a run that refuses nobody tells them all.
    free = pool(plan_of("replicas: 1000, queue: 0, batch: 100, alpha: 1ms, beta: 1ms", rate), seed=3)
    lengths, _ = run(free, REQUESTS)
    lengths = lengths[np.argsort(lengths["request"])]
    naive = Naive(own(simulation))
    naive.run(zip(lengths["arrival_s"].tolist(), lengths["input_tokens"].tolist(), lengths["output_tokens"].tolist(), strict=True))
    events, _ = run(simulation, REQUESTS)
    done = events[events["outcome"] == Outcome.SUCCESS]
    assert sorted(done["request"].tolist()) == sorted(naive.end)
    assert done["ended_s"] == pytest.approx([naive.end[k] for k in done["request"].tolist()], rel=1e-9)
    firsts = done["arrival_s"] + done["ttft_ms"].astype(float) / 1e3
    assert firsts == pytest.approx([naive.first[k] for k in done["request"].tolist()], rel=1e-6)
    (counts,) = pool_counts(simulation.world, simulation.now_s)
    assert (counts.iterations, counts.preempted) == (naive.iterations, naive.preempted)
    assert counts.tokens == int(done["output_tokens"].sum())
    if own(simulation).kv_tokens and JIT:
        assert naive.preempted > 10
    if name == "a small queue":
        assert 0 < len(naive.end) < REQUESTS


def emptied(simulation: Simulation) -> None:
    """Nobody is left, and no memory is taken."""
    replicas, servers = simulation.world.replicas, simulation.world.servers
    for name in ("decoding", "prompting", "memory", "reserved", "steps"):
        assert not replicas[name].any(), name
    assert not servers["waiting"].any() and not simulation.world.spots["state"].any()


HASTY = plan_of(
    "replicas: 2, batch: 6, queue: 12, alpha: 12ms, beta: 0.1ms, gamma: 0.002ms, kv_tokens: 5000, chunk: 128, network: 3ms",
    16.0, first="700ms", attempt="2500ms", stream="70%",
)  # fmt: skip


def test_whoever_leaves_gives_everything_back() -> None:
    simulation = pool(HASTY, seed=5)
    events, _ = run(simulation, 2 * REQUESTS)
    emptied(simulation)
    late = events[events["error_class"] == ErrorClass.TIMEOUT]
    assert len(late) > REQUESTS // 20
    assert (late["total_ms"][np.isnan(late["ttft_ms"])] <= 2500.5).all()
    done = events[events["outcome"] == Outcome.SUCCESS]
    assert len(done) > REQUESTS // 5
    assert (done["ttft_ms"][~np.isnan(done["ttft_ms"])] <= 700.5).all()
    assert done["ttft_ms"][~np.isnan(done["ttft_ms"])].min() > 3.0 + 12.0
    assert (done["total_ms"] <= 2500.5).all()


def test_a_journal_changes_no_event_of_own_servers() -> None:
    plain, journaled = (run(pool(HASTY, journal=journal), REQUESTS) for journal in (False, True))
    assert fingerprint(plain[0]) == fingerprint(journaled[0])


HEDGED = (
    HASTY.replace("targets: {one: 1}", "targets: {one: 1, two: 1}, hedge: {after: 300ms, at_most: 20%}")
    .replace(
        "models:",
        '  two: {name: sandbox, model: n, base_url: "http://127.0.0.1:9", servers: {batch: 4, alpha: 15ms, kv_tokens: 4000}}\nmodels:',
    )
    .replace("attempts: 1", "attempts: 3")
)


def test_the_attempt_that_lost_a_hedge_leaves_its_batch() -> None:
    simulation = pool(HEDGED, seed=2)
    events, _ = run(simulation, REQUESTS)
    emptied(simulation)
    assert events["hedged"].any()
    assert sorted(events["request"].tolist()) == list(range(REQUESTS))
    journaled, _ = run(pool(HEDGED, seed=2, journal=True), REQUESTS)
    assert fingerprint(events) == fingerprint(journaled)


@pytest.mark.skipif(not JIT, reason="compares with plain Python")
def test_plain_python_serves_the_same_bytes() -> None:
    program = "from tests.simulator.test_batching import *; print(*(fingerprint(run(pool(text, 4), 250)[0]) for text in (HASTY, HEDGED)))"
    plain = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "ROTEIRO_JIT": "0"}, capture_output=True, text=True, timeout=150,
        check=True,
    )  # fmt: skip
    assert plain.stdout.split() == [fingerprint(run(pool(text, 4), 250)[0]) for text in (HASTY, HEDGED)]


def test_a_prompt_that_no_replica_could_hold_is_the_clients_error() -> None:
    events, _ = run(pool(plan_of("batch: 8, queue: 100, alpha: 5ms, kv_tokens: 500", 1.0)), REQUESTS)
    refused = events[events["error_class"] == ErrorClass.CONTEXT]
    done = events[events["outcome"] == Outcome.SUCCESS]
    assert len(refused) > 0 and (refused["input_tokens"] != 0).any() >= 0
    assert (done["input_tokens"] + done["output_tokens"] <= 500).all()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("replicas: 0", "E105"), ("replicas: 3, most: 2", "E105"), ("least: 3", "E105"), ("alpha: 0s, beta: 0s", "E105"),
        ("cost: $2", "E104"), ("cost: $2/month", "E104"), ("refusal: 500", "E106"), ("batch: 5000", "E105"), ("alpa: 1ms", "E101"),
        ("dispatch: random", "E106"), ("queue: -1", "E105"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_in_a_plan_is_told(text: str, code: str) -> None:
    found = [problem for problem in read_text(plan_of(text, 1.0)).problems if problem.severity == "error"]
    assert [problem.code for problem in found] == [code]
    assert "servers" in found[0].path


def test_costs_are_an_hours() -> None:
    plan: Any = read_text(plan_of("cost: $60/day, kv_tokens: 200k", 1.0)).plan
    assert plan.providers["one"].servers.cost_nusd_per_h == 2_500_000_000
    again: Any = read_text(plan_of("cost: $2.50/h, kv_tokens: 200k", 1.0)).plan
    assert again.providers["one"].servers == plan.providers["one"].servers
