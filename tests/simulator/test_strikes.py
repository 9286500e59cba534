"""Outages of servers of one's own: what is in them stops as they begin, machines come back after their start-up; and ways between regions."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import compiled, fingerprint, run
from tests.simulator.pool import plan_of
from tests.simulator.test_batching import emptied

from roteiro.plan.compile import RingSizes
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import outages
from roteiro.simulator import service as services
from roteiro.simulator.records import ARRIVAL, DRAWN
from roteiro.simulator.servers import pool_counts
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass, Outcome, Reason

ROOT = Path(__file__).resolve().parents[2]
START, LONG, START_UP = 10.0, 5.0, 3.0
SERVERS = "replicas: 2, batch: 8, queue: 500, start_up: 3s, alpha: 20ms, beta: 1ms"
PLAN = plan_of(SERVERS, 8.0, attempt="9s", first="4s", stream="50%")
ENDLESS = plan_of(SERVERS, 8.0)
REQUESTS = 200


def struck(
    text: str, kind: str = "hard", share: float = 1.0, slow: float = 5.0, *, at: float = START, long: float = LONG, journal: bool = False
) -> Simulation:
    """A run with one outage."""
    plan = compiled(text, RingSizes(1 << 13, 1 << 14, 1 << 16 if journal else 16))
    world = outages.with_outage(services.of_plan(plan), ["one"], at, long, kind, share, slow)
    return Simulation(plan, demands.of_plan(plan), world, 1, journal=journal, check=True)


def alone(text: str, rows: list[tuple[float, int, int]], **outage: Any) -> Any:
    """Events of requests of (seconds, input, output), in order, under a slow outage where one is given."""
    plan = compiled(text, RingSizes(1 << 10, 1 << 11, 16))
    arrivals = np.zeros(len(rows), ARRIVAL)
    arrivals["at"], arrivals["input"], arrivals["output"] = zip(*rows, strict=True)
    arrivals["key"], arrivals["input_estimate"], arrivals["output_estimate"] = DRAWN, 1, 1
    world = services.of_plan(plan)
    if outage:
        world = outages.with_outage(world, ["one"], **outage)
    events, _ = run(Simulation(plan, demands.recorded(plan, "rows", arrivals), world, 1), len(rows))
    return np.sort(events, order="request")


def test_a_hard_outage_breaks_what_is_under_way_and_machines_come_back_after_their_start_up() -> None:
    simulation = struck(ENDLESS)
    events, _ = run(simulation, REQUESTS)
    emptied(simulation)
    lost, answered = events[events["error_class"] != 0], events[events["outcome"] == Outcome.SUCCESS]
    assert set(lost["error_class"].tolist()) == {ErrorClass.CONNECTION} and len(lost) + len(answered) == REQUESTS
    before = lost[lost["arrival_s"] < START]
    assert len(before) > 16, "those in both batches, and those in the queue"
    assert before["ended_s"] == pytest.approx(START, abs=1e-6)
    back = START + LONG + START_UP
    inside = events[(events["arrival_s"] >= START) & (events["arrival_s"] < back)]
    assert len(inside) > 20 and (inside["error_class"] == ErrorClass.CONNECTION).all()
    assert not ((answered["ended_s"] > START) & (answered["ended_s"] <= back)).any()
    assert answered["arrival_s"].max() > back and not lost["arrival_s"].max() >= back
    (counts,) = pool_counts(simulation.world, simulation.now_s)
    assert (counts.started, counts.stopped, counts.ready, counts.most) == (2, 2, 2, 2)
    assert counts.replica_s == pytest.approx(2.0 * (simulation.now_s - LONG)), "nothing is paid for while they are off"


def test_errors_end_the_work_and_leave_the_machines() -> None:
    simulation = struck(ENDLESS, "errors")
    events, _ = run(simulation, REQUESTS)
    emptied(simulation)
    lost = events[events["error_class"] != 0]
    assert set(lost["error_class"].tolist()) == {ErrorClass.SERVER} and (lost["status"] >= 500).all()
    assert lost["ended_s"][lost["arrival_s"] < START] == pytest.approx(START, abs=1e-6)
    later = events[events["arrival_s"] >= START + LONG]
    assert len(later) and (later["outcome"] == Outcome.SUCCESS).all(), "no start-up: they were there all the time"
    (counts,) = pool_counts(simulation.world, simulation.now_s)
    assert (counts.started, counts.stopped) == (0, 0)
    assert counts.replica_s == pytest.approx(2.0 * simulation.now_s)


def test_what_falls_silent_does_so_until_a_timeout() -> None:
    simulation = struck(PLAN, "silent")
    events, _ = run(simulation, REQUESTS)
    emptied(simulation)
    caught = events[(events["arrival_s"] < START) & (events["ended_s"] >= START)]
    assert len(caught) > 16 and (caught["error_class"] == ErrorClass.TIMEOUT).all()
    waited = caught["ended_s"] - caught["arrival_s"]
    whole, heard = caught["stream"] == 0, ~np.isnan(caught["ttft_ms"])
    assert waited[whole] == pytest.approx([9.0] * whole.sum())
    unheard = ~whole & ~heard
    assert unheard.any() and waited[unheard] == pytest.approx([4.0] * unheard.sum())
    idle = simulation.compiled.edge.targets[0].idle_s
    assert (caught["ended_s"][heard] <= np.minimum(caught["arrival_s"][heard] + 9.0, START + idle) + 1e-6).all()


@pytest.mark.parametrize("kind", ["hard", "errors"])
def test_a_part_of_the_work_is_struck_by_its_own_luck(kind: str) -> None:
    simulation = struck(ENDLESS, kind, 0.5)
    events, _ = run(simulation, REQUESTS)
    emptied(simulation)
    caught = events[(events["arrival_s"] < START) & (events["ended_s"] >= START)]
    lost = caught["error_class"] != 0
    assert 0.3 < lost.mean() < 0.7 and caught["ended_s"][lost] == pytest.approx(START, abs=1e-6)
    assert (caught["ended_s"][~lost] > START + 1e-6).all()
    (counts,) = pool_counts(simulation.world, simulation.now_s)
    assert (counts.started, counts.stopped) == (0, 0), "machines go with a whole outage only"


def test_a_slow_outage_slows_from_the_next_iteration_on() -> None:
    """One prompt token and 100 answer tokens, each iteration 10 ms. At 0.505 s the 51st is under way, which ends at 0.51; 49 follow at
    three times 10 ms, as it lasts: 0.51 + 49 × 0.03 = 1.98. Where it ends at 1.005, the iteration that began at 0.99 ends at 1.02, which is
    the 68th, and 32 follow at 10 ms: 1.34."""
    text = plan_of("batch: 4, alpha: 10ms, beta: 0ms", 1.0)
    plain = alone(text, [(0.0, 1, 100)])
    assert plain["ended_s"][0] == pytest.approx(1.0)
    slow = {"start_s": 0.505, "kind": "slow", "slow": 3.0}
    assert alone(text, [(0.0, 1, 100)], for_s=9.0, **slow)["ended_s"][0] == pytest.approx(1.98)
    assert alone(text, [(0.0, 1, 100)], for_s=0.5, **slow)["ended_s"][0] == pytest.approx(1.34)


def test_an_outage_that_is_to_come_does_not_prolong_a_run() -> None:
    simulation = struck(ENDLESS, at=5e6, long=100.0)
    run(simulation, 50)
    assert simulation.now_s < 1000.0
    assert pool_counts(simulation.world, simulation.now_s)[0].stopped == 0


def test_an_outage_from_the_beginning() -> None:
    simulation = struck(ENDLESS, at=0.0)
    events, _ = run(simulation, REQUESTS)
    early = events["arrival_s"] < LONG + START_UP
    assert (events["error_class"][early] == ErrorClass.CONNECTION).all() and (events["outcome"][~early] == Outcome.SUCCESS).all()
    assert pool_counts(simulation.world, simulation.now_s)[0].replica_s == pytest.approx(2.0 * (simulation.now_s - LONG))


def test_who_is_on_the_way_as_it_begins_does_not_get_in() -> None:
    """Half a second of network: sent at 9.8, there at 10.3."""
    text = plan_of("batch: 4, alpha: 10ms, beta: 0ms, network: 500ms", 1.0)
    events = alone(text, [(9.3, 1, 10), (9.8, 1, 10)], start_s=10.0, for_s=5.0, kind="errors")
    assert events["outcome"][0] == Outcome.SUCCESS and events["ended_s"][0] == pytest.approx(9.9)
    assert events["error_class"][1] == ErrorClass.SERVER and events["ended_s"][1] == pytest.approx(10.3)


ABROAD = (
    ENDLESS.replace("providers:", "regions: {sa: {latency: {us: 110ms}}, us: {latency: {us: 2ms}}}\nproviders:")
    .replace("model: m,", "model: m, region: us,")
)  # fmt: skip


@pytest.mark.parametrize(("region", "way_s"), [("us", 0.002), ("sa", 0.110)])
def test_the_way_between_regions_is_added(region: str, way_s: float) -> None:
    text = ABROAD.replace(SERVERS, "batch: 64, alpha: 20ms, beta: 0ms, network: 30ms")
    here = text.replace("stream: 100%", f"stream: 100%, mix: [{{workload: chat, model: chat, share: 100%, region: {region}}}]")
    plain = here.replace("region: us, ", "").replace("regions: {sa: {latency: {us: 110ms}}, us: {latency: {us: 2ms}}}\n", "")
    plain = plain.replace(f", region: {region}", "")
    rows, near = (alone(one, [(0.0, 300, 20), (5.0, 2000, 20)]) for one in (here, plain))
    assert near["ttft_ms"] == pytest.approx([30.0 + 20.0, 30.0 + 4 * 20.0])
    assert rows["ttft_ms"] == pytest.approx(near["ttft_ms"] + way_s * 1e3, rel=1e-5)
    assert rows["total_ms"] == pytest.approx(near["total_ms"] + way_s * 1e3, rel=1e-5)


def test_a_request_without_a_stream_that_breaks_is_tried_again() -> None:
    """Nobody has seen a token of it, so that another attempt may answer it: a stream that was heard is not begun anew."""
    text = ENDLESS.replace("attempts: 1", "attempts: 4").replace("stream: 100%", "stream: 50%")
    events, _ = run(struck(text), REQUESTS)
    caught = events[(events["arrival_s"] < START) & (events["ended_s"] >= START)]
    whole, heard = caught["stream"] == 0, (caught["stream"] == 1) & (caught["arrival_s"] + caught["ttft_ms"] / 1e3 < START)
    assert heard.any() and (caught["reason"][heard] == Reason.NOT_RETRYABLE).all()
    assert (caught["attempts"][whole] > 1).any()
    assert set(caught["reason"][whole].tolist()) <= {Reason.OUT_OF_ATTEMPTS, Reason.RETRY_BUDGET, Reason.NO_HEALTHY_TARGET}


def test_a_journal_changes_no_event_of_an_outage() -> None:
    told = [run(struck(PLAN, kind, journal=journal), REQUESTS)[0] for kind in ("hard", "silent") for journal in (False, True)]
    assert fingerprint(told[0]) == fingerprint(told[1]) and fingerprint(told[2]) == fingerprint(told[3])


@pytest.mark.skipif(not JIT, reason="compares with plain Python")
def test_plain_python_is_struck_to_the_same_bytes() -> None:
    program = (
        "from tests.simulator.test_strikes import *; print(*(fingerprint(run(struck(PLAN, *how), 150)[0]) for how in "
        "(('hard',), ('silent', 0.7), ('slow',))))"
    )
    plain = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "ROTEIRO_JIT": "0"}, capture_output=True, text=True, timeout=150,
        check=True,
    )  # fmt: skip
    assert plain.stdout.split() == [fingerprint(run(struck(PLAN, *how), 150)[0]) for how in (("hard",), ("silent", 0.7), ("slow",))]
