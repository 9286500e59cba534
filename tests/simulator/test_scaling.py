"""Scaling from end to end: demand rises, replicas start, serve, and drain again; every second of them by hand."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled, fingerprint, run
from tests.simulator.test_batching import emptied

from roteiro.plan.compile import RingSizes
from roteiro.simulator import demand as demands
from roteiro.simulator import outages
from roteiro.simulator import service as services
from roteiro.simulator.records import ARRIVAL, DRAWN
from roteiro.simulator.result import measure
from roteiro.simulator.world import EPOCH_UNIX_S, Simulation
from roteiro.terms.codes import Outcome, Reason, Step

PLAN = """
roteiro: 1
providers:
  house: {name: local, model: m, base_url: "http://127.0.0.1:9", price: {input: $0/M, output: $0/M}, timeouts: {first_token: 4w, attempt: 4w},
          servers: {replicas: 1, least: 1, most: 3, start_up: 20s, batch: 2, queue: 50, alpha: 100ms, beta: 0ms, chunk: 512, cost: $36/h}}
models:
  chat: {targets: {house: 1}, retry: {attempts: 1}, timeouts: {total: 4w}}
workloads:
  chat: {model: chat, concurrency: 1000}
scaling_policies:
  mode: active
  step: 1
  stabilisation: 10s
  token_based: {scale_up_threshold: 1000, scale_down_threshold: 500, cooldown: 15}
demand: {arrivals: {rate: 1/s}, input_tokens: {median: 1, p95: 2}, output_tokens: {median: 50, p95: 60}}
"""


def of(at_s: list[float], *, journal: bool = False, text: str = PLAN, outage: tuple[float, float] | None = None) -> Simulation:
    """Requests of one prompt token and 50 of answer, which reserve 100: 50 iterations of 100 ms."""
    plan = compiled(text, RingSizes(1 << 10, 1 << 11, 1 << 16 if journal else 16))
    rows = np.zeros(len(at_s), ARRIVAL)
    rows["at"], rows["key"], rows["input"], rows["output"] = at_s, DRAWN, 1, 50
    rows["input_estimate"], rows["output_estimate"] = 1, 99
    world = services.of_plan(plan)
    if outage is not None:
        world = outages.with_outage(world, ["house"], outage[0], outage[1] - outage[0])
    return Simulation(plan, demands.recorded(plan, "rows", rows), world, 1, journal=journal, check=True)


RISE = [10.0] * 34
BUSY = [60.0 + 1.25 * k for k in range(32)]
QUIET = [110.0 + 6.0 * k for k in range(10)]
ALL = [*RISE, *BUSY, *QUIET]


def told(decisions: Any, *, reasons: tuple[Reason, ...] = (), step: Step | None = None) -> list[tuple[float, float]]:
    """(seconds, replicas) of what was decided, or of what the journey was told."""
    if step is not None:
        return [(row["now_s"], row["b"]) for row in decisions[decisions["step"] == step]]
    return [(row["now_s"], row["argument"]) for row in decisions[np.isin(decisions["reason"], reasons)]]


def test_replicas_start_serve_and_drain_as_demand_rises_and_falls() -> None:
    """At 10 s come 34 requests; one replica works at 2. At 10.25, the next tick, 32 wait, which is 3,200 tokens, above 1,000: a second
    replica starts, and serves at 30.25. At 30.5 8 are done and 4 are worked at: 22 wait, 2,200 tokens, the cooldown of 15 s is over: a third
    one, which serves at 50.5. From 55.75 on what is in flight fits two replicas; ten seconds later, at 65.75, the third is given up. It
    works at the request of 62.5, which ends at 67.5, and so does the replica. While a request comes every 1.25 s four are in flight, too
    many for one. From 101.5 on there are at most 2: at 111.5 the second goes, which has nothing to do.

    Paid for: 169 s, to the end, of the first, 111.5 - 10.25 = 101.25 s of the second, 67.5 - 30.5 = 37 s of the third: 307.25 s, of which
    each costs a cent.
    """
    simulation = of(ALL, journal=True)
    events, decisions = run(simulation, len(ALL))
    emptied(simulation)
    assert (events["outcome"] == Outcome.SUCCESS).all() and (events["output_tokens"] == 50).all(), "no answer is broken"
    changes = told(decisions, reasons=(Reason.SCALED_UP, Reason.SCALED_DOWN))
    assert changes == [(10.25, 2.0), (30.5, 3.0), (65.75, 2.0), (111.5, 1.0)]
    assert told(decisions, step=Step.CAPACITY) == [(30.25, 2), (50.5, 3), (65.75, 2), (111.5, 1)]
    ends = np.sort(events["ended_s"])
    assert ends[-1] == pytest.approx(169.0)
    early = ends[ends < 30.25]
    assert len(early) == 8, "one replica, two at a time, five seconds each"
    assert ((ends > 30.25) & (ends < 50.5)).sum() == pytest.approx(16, abs=2), "two replicas"
    pool = measure(simulation).pools["house"]
    assert (pool.started, pool.stopped, pool.replicas_most) == (2.0, 2.0, 3.0)
    assert pool.replica_hours * 3600.0 == pytest.approx(169.0 + 101.25 + 37.0)
    assert pool.replicas_mean == pytest.approx(307.25 / 169.0)
    assert pool.cost_usd == measure(simulation).servers_usd == pytest.approx(3.0725)


def test_a_floor_by_the_calendar_has_its_replicas_serve_when_it_begins() -> None:
    """From 60 s on there are to be three: they are asked for at 40 s, as a start takes 20, and given up one by one once it is over."""
    begins = datetime.fromtimestamp(EPOCH_UNIX_S + 60.0, UTC).isoformat()
    text = PLAN.replace("  step: 1\n", f"  step: 1\n  floor: {{house: {{from: '{begins}', step: 30s, replicas: [3, 2]}}}}\n")
    simulation = of(QUIET, text=text, journal=True)
    _, decisions = run(simulation, len(QUIET))
    changes = told(decisions, reasons=(Reason.SCALED_UP, Reason.SCALED_DOWN))
    assert changes[0] == (40.0, 3.0) and [count for _, count in changes[1:]] == [2.0, 1.0]
    assert told(decisions, step=Step.CAPACITY)[:2] == [(60.0, 2), (60.0, 3)]
    assert changes[1][0] > 90.0 and changes[2][0] > 120.0, "the floor of the second half minute holds, and then none"


def test_policies_that_only_advise_start_nothing() -> None:
    simulation = of(ALL, text=PLAN.replace("mode: active", "mode: advisory"), journal=True)
    _, decisions = run(simulation, len(ALL))
    assert told(decisions, reasons=(Reason.SCALED_UP,))[0] == (10.25, 2.0)
    pool = measure(simulation).pools["house"]
    assert (pool.started, pool.stopped, pool.replicas_mean) == (0.0, 0.0, 1.0)


def test_what_an_outage_takes_comes_back_as_many_as_are_wanted_then() -> None:
    """As above to 40.1 s: two replicas serve, a third has been starting since 30.5. All are lost until 45.1, when three are started, which
    are to serve at 65.1. With nothing to do one is given up at 50.25, before it ever serves, another at 65.25.

    Paid for: 40.1 + (40.1 - 10.25) + (40.1 - 30.5) = 79.55 s, then 169 - 45.1 = 123.9 s, 50.25 - 45.1 = 5.15 s and 65.25 - 45.1 = 20.15 s.
    """
    simulation = of(ALL, journal=True, outage=(40.1, 45.1))
    events, decisions = run(simulation, len(ALL))
    emptied(simulation)
    changes = told(decisions, reasons=(Reason.SCALED_UP, Reason.SCALED_DOWN))
    assert changes == [(10.25, 2.0), (30.5, 3.0), (50.25, 2.0), (65.25, 1.0)]
    broken = events[events["arrival_s"] == 10.0]["ended_s"] > 40.05
    assert broken.sum() == 34 - 13 and events["ended_s"][events["arrival_s"] == 10.0].max() == pytest.approx(40.1, abs=1e-6)
    pool = measure(simulation).pools["house"]
    assert (pool.started, pool.stopped, pool.replicas_most) == (5.0, 5.0, 3.0)
    assert pool.replica_hours * 3600.0 == pytest.approx(79.55 + 123.9 + 5.15 + 20.15)


def test_a_journal_changes_no_event_of_a_pool_that_scales() -> None:
    first, second = (run(of(ALL, journal=journal, outage=(40.1, 45.1)), len(ALL))[0] for journal in (False, True))
    assert fingerprint(first) == fingerprint(second)
