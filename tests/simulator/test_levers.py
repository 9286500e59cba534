"""Caches, tiers, hedges, rescues, credentials and contexts in the simulated world: every lever at once, under an unkind sky."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import SIZES, compiled, fingerprint, run
from tests.simulator.test_demand import recorded
from tests.simulator.test_replay import ledger_of

from roteiro.plan.version import save_version
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.demand import of_run
from roteiro.simulator.fit import attempts_of, fit
from roteiro.simulator.records import CLASSES
from roteiro.simulator.replay import replay
from roteiro.simulator.result import measure
from roteiro.simulator.service import ServiceWorld, Slice
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import CacheKind, Complexity, ErrorClass, Operation, Outcome, Reason, Step

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 3000 if JIT else 300

PLAN = """
roteiro: 1
providers:
  first: {name: sandbox, model: m1, base_url: "http://127.0.0.1:9", on_premises: false, key_env: [K1, K2], context_tokens: 1900, limits: {concurrency: 40},
          price: {input: $1/M, output: $2/M, off_peak: {from: "00:00", to: "00:01", discount: 50%}}, timeouts: {first_token: 2s, idle: 1s, attempt: 20s}}
  second: {name: sandbox, model: m2, base_url: "http://127.0.0.1:9", on_premises: false, price: {input: $2/M, output: $4/M}, limits: {concurrency: 40},
           timeouts: {first_token: 2s, idle: 1s, attempt: 20s}}
  little: {name: sandbox, model: m3, base_url: "http://127.0.0.1:9", on_premises: true, assistant_prefix: false}
  texts: {name: sandbox, model: m4, kind: embedding, base_url: "http://127.0.0.1:9", on_premises: true}
models:
  chat: {targets: {first: 1}, fallbacks: [second], retry: {attempts: 4}, hedge: {after: p90, at_most: 10%}, timeouts: {total: 60s},
         complexity: {medium: small}, cache: {exact: true, expected_hits: 20%}}
  small: {targets: {little: 1}, fallbacks: [second], retry: {attempts: 3}}
  search: {targets: {texts: 1}, cache: {embeddings: true, expected_hits: 50%}}
tenants:
  acme: {workloads: [chat, vectors], budgets: {daily: $50/day}}
workloads:
  chat: {priority: interactive, queue: {size: 50, max_wait: 2s}, model: chat}
  vectors: {priority: batch, queue: {size: 50, max_wait: 5s}, model: search}
scaling_policies:
  cost_based: {max_budget: 1, fallback_model: small, cooldown: 10}
demand:
  arrivals: {process: poisson, rate: 20/s}
  stream: 70%
  input_tokens: {median: 1200, p95: 4000}
  output_tokens: {median: 60, p95: 300}
  mix:
    - {tenant: acme, workload: chat, model: chat, share: 75%}
    - {tenant: acme, workload: vectors, model: search, share: 25%}
"""


def unkind(plan: Any) -> ServiceWorld:
    """The two cloud targets fail in every way, most streams in the middle; some attempts fall silent."""
    failing = np.zeros(CLASSES)
    failing[[ErrorClass.AUTH, ErrorClass.RATE_LIMIT, ErrorClass.SERVER, ErrorClass.CONNECTION]] = 0.001, 0.01, 0.05, 0.05
    failure = {error_class: table.lognormal(0.3, 0.9) for error_class in ErrorClass if error_class}
    world = services.of_plan(plan)
    targets = [
        replace(one, weather=(Slice(failing=failing),), failure=failure, midstream=0.7, stall=0.02) if name in ("first", "second") else one
        for name, one in zip(plan.names.targets, world.targets, strict=True)
    ]
    return ServiceWorld("unkind", tuple(targets))


def all_at_once(seed: int = 1, *, journal: bool = False) -> Simulation:
    plan = compiled(PLAN)
    return Simulation(plan, demands.of_plan(plan), unkind(plan), seed, journal=journal)


@pytest.fixture(scope="module")
def journaled() -> tuple[Simulation, Any, Any]:
    simulation = all_at_once(journal=True)
    events, decisions = run(simulation, REQUESTS)
    return simulation, events, decisions


def test_every_lever_is_pulled_and_nothing_is_lost(journaled: tuple[Simulation, Any, Any]) -> None:
    simulation, events, decisions = journaled
    state, names = simulation.state, simulation.compiled.names
    assert sorted(events["request"].tolist()) == list(range(REQUESTS))
    assert not state.targets["in_flight"].any() and not state.budgets["reserved_nusd"].any()
    spent = int(state.budgets["spent_nusd"][names.budgets.index("tenant/acme/daily")])
    assert spent == int(events["cost_nusd"].sum() + events["lost_nusd"].sum()) > 0
    if JIT:
        wanted = {Reason.HEDGED, Reason.RESCUED, Reason.KEY_ROTATED, Reason.COMPLEXITY, Reason.CACHE_EXACT, Reason.COST_DEGRADED}
        assert wanted | {Reason.CREDENTIAL_REFUSED} <= set(decisions["reason"].tolist())
        assert (events["hedged"] == 2).any() and (events["hedged"] == 1).any()
        assert (events["rescues"][events["outcome"] == Outcome.SUCCESS] > 0).any(), "a rescued stream may end well"
        assert (events["lost_nusd"][events["rescues"] > 0] > 0).all()
    hedges = int((events["hedged"] > 0).sum())
    assert hedges <= 0.1 * REQUESTS


def test_a_hit_is_a_success_that_took_no_time(journaled: tuple[Simulation, Any, Any]) -> None:
    simulation, events, _ = journaled
    names = simulation.compiled.names
    for model, share, kind, operation in (
        ("chat", 0.2, CacheKind.EXACT, Operation.CHAT),
        ("search", 0.5, CacheKind.EMBEDDING, Operation.EMBEDDINGS),
    ):
        mine = events[events["model"] == names.routes.index(model)]
        hits = mine[mine["cache"] != CacheKind.NONE]
        assert len(hits) / len(mine) == pytest.approx(share, abs=0.03 if JIT else 0.12)
        assert (hits["cache"] == kind).all() and (mine["operation"] == operation).all()
        assert (hits["outcome"] == Outcome.SUCCESS).all() and not hits["attempts"].any() and not hits["total_ms"].any()
    assert not events["stream"][events["operation"] == Operation.EMBEDDINGS].any()
    assert (events["complexity"][events["operation"] == Operation.CHAT] != Complexity.UNKNOWN).all()
    found = measure(simulation)
    assert found.cached == pytest.approx((events["cache"] != 0).mean())
    assert (found.hedged, found.rescues) == ((events["hedged"] > 0).sum(), events["rescues"].sum())
    assert found.saved_usd == pytest.approx(events["saved_nusd"].sum() / 1e9) and found.lost_usd > 0.0


def test_the_journal_changes_no_event(journaled: tuple[Simulation, Any, Any]) -> None:
    assert fingerprint(run(all_at_once(), REQUESTS)[0]) == fingerprint(journaled[1])


def test_a_run_with_every_lever_comes_again_to_the_bit(journaled: tuple[Simulation, Any, Any], tmp_path: Path) -> None:
    simulation, events, decisions = journaled
    save_version(tmp_path / "run" / "r", simulation.compiled, simulation.epoch_unix_s)
    told = events.copy()
    told["trace_hi"], told["parent_span"] = 7, 9  # what clients send is no part of any decision
    found = replay(tmp_path, ledger_of(told, decisions, simulation.compiled.names), "r")
    assert found.identical, found.first_difference


def test_arrivals_and_lengths_are_the_same_without_a_cache() -> None:
    plain = compiled(
        PLAN.replace("cache: {exact: true, expected_hits: 20%}", "rescue: true").replace("expected_hits: 50%", "expected_hits: 0%")
    )
    with_cache, _ = run(all_at_once(), 400)
    without, _ = run(Simulation(plain, demands.of_plan(plain), unkind(plain), 1), 400)
    assert not without["cache"].any()
    assert sorted(with_cache["arrival_s"].tolist()) == sorted(without["arrival_s"].tolist())


def test_attempts_are_followed_in_both_lanes(journaled: tuple[Simulation, Any, Any]) -> None:
    _, events, decisions = journaled
    attempts = attempts_of(decisions)
    lost = int(events["attempts"].sum() - len(attempts))
    assert 0 <= lost <= (events["hedged"] > 0).sum(), "only a lane that lost tells nothing"
    answered = (events["outcome"] == Outcome.SUCCESS) & (events["cache"] == 0)
    assert (attempts["error_class"] == 0).sum() == answered.sum()
    ends = decisions[decisions["step"] == Step.END]
    assert sorted(attempts["output"][attempts["error_class"] == 0].tolist()) == sorted(ends["c"].tolist())


@pytest.mark.skipif(not JIT, reason="needs many requests")
def test_hit_shares_come_back_from_the_record_and_complexity_stays(journaled: tuple[Simulation, Any, Any]) -> None:
    simulation, events, decisions = journaled
    ledger = recorded(events, decisions, simulation)
    hopeful = compiled(PLAN.replace("expected_hits: 20%", "expected_hits: 90%"))
    world = fit(hopeful, ledger, "run-1")
    assert world.hits is not None and world.hits["chat"] == pytest.approx(0.2, abs=0.03)
    again, _ = run(Simulation(hopeful, of_run(hopeful, ledger, "run-1"), world, 5), REQUESTS)
    assert (again["cache"] != 0).mean() == pytest.approx((events["cache"] != 0).mean(), abs=0.03)
    assert np.bincount(again["complexity"]).tolist() == np.bincount(events["complexity"]).tolist()
    rows = events.copy()
    rows["cache"] = 0
    hitless = fit(hopeful, ledger_of_events(rows, decisions, simulation), "run-1")
    assert hitless.hits is not None and hitless.hits["chat"] == 0.9 and any("no hit" in one for one in hitless.assumed)


def ledger_of_events(events: Any, decisions: Any, simulation: Simulation) -> Any:
    return recorded(events, decisions, simulation)


def test_what_is_longer_than_a_context_fails_there_and_goes_on() -> None:
    """The journey passes over what is too small by its estimate; here the estimate is wrong."""
    plan = compiled(PLAN.replace(", cache: {exact: true, expected_hits: 20%}", "").replace("complexity: {medium: small}", "rescue: true"))
    wanted = demands.of_plan(plan)
    simulation = Simulation(plan, wanted, services.of_plan(plan), 1, journal=True)
    simulation.state.targets["context_tokens"] = 0  # nobody knows
    simulation.state.targets["context_tokens"][plan.names.targets.index("second")] = 1 << 30
    events, decisions = run(simulation, 300)
    assert not (decisions["a"][decisions["step"] == Step.FAILED] == ErrorClass.CONTEXT).any()
    simulation = Simulation(plan, wanted, services.of_plan(plan), 1, journal=True)
    simulation.state.targets["context_tokens"][:] = 1000
    events, decisions = run(simulation, 300)
    failed = decisions[decisions["step"] == Step.FAILED]
    assert (failed["a"] == ErrorClass.CONTEXT).any()
    assert (events["reason"] == Reason.CONTEXT_TOO_LONG).any(), "an estimate refuses nobody, the provider does"
    assert (events["status"][events["reason"] == Reason.CONTEXT_TOO_LONG] == 400).all()


def test_who_falls_silent_is_given_up_in_time() -> None:
    plan = compiled(PLAN.replace("hedge: {after: p90, at_most: 10%}, ", ""))
    world = services.of_plan(plan)
    mute = ServiceWorld("mute", tuple(replace(one, stall=0.5) for one in world.targets))
    _, decisions = run(Simulation(plan, demands.of_plan(plan), mute, 1, journal=True), 400)
    failed = decisions[decisions["step"] == Step.FAILED]
    silent = failed[failed["a"] == ErrorClass.TIMEOUT]
    assert len(silent) > 50 and (silent["d"] > 0).any() and (silent["d"] == 0).any()
    attempts = attempts_of(decisions)
    late = attempts[(attempts["error_class"] == ErrorClass.TIMEOUT) & (attempts["stream"] == 1) & (attempts["midstream"] == 0)]
    targets = plan.names.targets
    cloud = late[np.isin(late["target"], [targets.index("first"), targets.index("second")])]
    assert (cloud["ended_s"] - cloud["sent_s"]).tolist() == pytest.approx([2.0] * len(cloud))


def test_shares_of_complexity_can_be_given() -> None:
    plan = compiled(PLAN)
    wanted = replace(demands.of_plan(plan), complexity=(0.2, 0.3, 0.5))
    events, _ = run(Simulation(plan, wanted, services.of_plan(plan), 1), 1500)
    chat = events[events["operation"] == Operation.CHAT]
    shares = np.bincount(chat["complexity"], minlength=4) / len(chat)
    assert shares.tolist() == pytest.approx([0.0, 0.2, 0.3, 0.5], abs=0.04)


@pytest.mark.skipif(not JIT, reason="compares with plain Python")
def test_plain_python_simulates_the_same_bytes() -> None:
    program = "from tests.simulator.test_levers import *; rows = run(all_at_once(journal=True), 500); print(*map(fingerprint, rows))"
    plain = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "ROTEIRO_JIT": "0"}, capture_output=True, text=True, timeout=240, check=True
    )  # fmt: skip
    assert plain.stdout.split() == [fingerprint(rows) for rows in run(all_at_once(journal=True), 500)]


assert SIZES.flows >= 1000
