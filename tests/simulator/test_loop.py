"""Laws of a simulated run: queueing theory, conservation, determinism, and one behaviour compiled or plain."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.simulator.build import BUSY, busy, compiled, erlang_c_wait, fingerprint, queue, run, troubled

from roteiro.policy.kernel import JIT
from roteiro.simulator import demand
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass, Outcome, Reason

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 4000 if JIT else 300
FEWER = 1500 if JIT else 150


@pytest.mark.parametrize(("servers", "rho", "requests"), [(1, 0.5, 600_000), (2, 0.6, 600_000), (8, 0.75, 600_000)])
def test_waits_agree_with_erlang_c(servers: int, rho: float, requests: int) -> None:
    simulation = queue(servers, rho, seed=11)
    waited, outcomes = [], []

    def hear(rows: object) -> None:
        waited.append(rows["queue_ms"].mean(dtype=float) * len(rows))  # type: ignore[index]
        outcomes.append(int((rows["outcome"] == Outcome.SUCCESS).sum()))  # type: ignore[index]

    simulation.run(requests, on_events=hear)  # type: ignore[arg-type]
    assert sum(outcomes) == requests
    assert sum(waited) / requests / 1e3 == pytest.approx(erlang_c_wait(servers, rho), rel=0.025)


@pytest.mark.kernel
def test_every_request_has_one_outcome_and_money_is_conserved() -> None:
    simulation = busy()
    events, _ = run(simulation, REQUESTS)
    header, state = simulation.header, simulation.state
    assert sorted(events["request"].tolist()) == list(range(REQUESTS))
    assert events["seq"].tolist() == list(range(REQUESTS))
    assert int(header["live"][0]) == int(header["waiting"][0]) == int(header["refused"][0]) == 0
    assert not state.targets["in_flight"].any() and not state.tenants["in_flight"].any() and not state.workloads["in_flight"].any()
    assert not state.budgets["reserved_nusd"].any()
    names = simulation.compiled.names
    spent = int(state.budgets["spent_nusd"][names.budgets.index("tenant/acme/daily")])
    mine = events[events["tenant"] == names.tenants.index("acme")]
    assert spent == int(mine["cost_nusd"].sum() + mine["lost_nusd"].sum()) > 0


def test_the_plan_is_put_to_the_test() -> None:
    """The busy plan really meets its limits: else the laws above say little."""
    events, _ = run(busy(5), 12_000)
    wanted = {Outcome.SUCCESS, Outcome.LIMITED, Outcome.BUDGET, Outcome.SHED, Outcome.INVALID, Outcome.FAILED}
    assert wanted <= set(events["outcome"].tolist())
    assert {ErrorClass.SERVER, ErrorClass.TIMEOUT, ErrorClass.RATE_LIMIT} <= set(events["error_class"].tolist())
    assert {Reason.QUEUE_TIMEOUT, Reason.QUEUE_FULL} & set(events["reason"].tolist())
    assert {Reason.FALLBACK, Reason.RETRY, Reason.WEIGHTED} <= set(events["route_reason"].tolist())


@pytest.mark.kernel
def test_times_are_in_order() -> None:
    events, decisions = run(busy(journal=True), REQUESTS)
    assert (np.diff(events["ended_s"]) >= 0.0).all()
    assert (np.diff(decisions["now_s"]) >= 0.0).all()
    assert (events["ended_s"] >= events["arrival_s"]).all()
    streamed = ~np.isnan(events["ttft_ms"])
    assert streamed.any()
    assert (events["ttft_ms"][streamed] <= events["total_ms"][streamed] * 1.00001).all()


@pytest.mark.kernel
def test_a_seed_gives_the_same_events_and_another_seed_others() -> None:
    one, again, other = (fingerprint(run(busy(seed), FEWER)[0]) for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.kernel
def test_a_journal_changes_no_event() -> None:
    plain, journaled = run(busy(), FEWER), run(busy(journal=True), FEWER)
    assert fingerprint(plain[0]) == fingerprint(journaled[0])
    assert len(plain[1]) == 0 < len(journaled[1])


def test_a_run_that_is_stopped_and_resumed_is_the_same() -> None:
    whole, _ = run(busy(), 1500)
    halting, parts = busy(), []
    halting.world.loop["most"], halting.world.loop["last_arrival"] = 1500, 1e18
    for until in (5.0, 9.5, 1e18):
        halting.go(until, lambda rows: parts.append(rows.copy()), None, None)
    assert fingerprint(np.concatenate(parts)) == fingerprint(whole)


def test_arrivals_are_the_same_whatever_a_plan_makes_of_them() -> None:
    """Demand draws from a generator of its own: two plans are compared under the same arrivals."""
    tight = compiled(BUSY.replace("concurrency: 40", "concurrency: 4"))
    simulation = Simulation(tight, demand.of_plan(tight), troubled(tight), 1)
    one, other = run(busy(), 800)[0], run(simulation, 800)[0]
    assert sorted(one["arrival_s"].tolist()) == sorted(other["arrival_s"].tolist())
    assert one["outcome"].tolist() != other["outcome"].tolist()


@pytest.mark.skipif(not JIT, reason="compares with plain Python")
def test_plain_python_simulates_the_same_bytes() -> None:
    program = "from tests.simulator.build import *; rows = run(busy(journal=True), 700); print(*map(fingerprint, rows))"
    plain = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "ROTEIRO_JIT": "0"},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    events, decisions = run(busy(journal=True), 700)
    assert plain.stdout.split() == [fingerprint(events), fingerprint(decisions)]
