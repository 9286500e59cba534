"""The simulator against queueing theory, within 1 %: one server and several, any service times, a bounded room, batches.

Numbers of customers are such that chance alone rarely makes a third of that.
"""

import math
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import QUEUE, compiled
from tests.simulator.pool import plan_of

from roteiro.analysis.queueing import BatchServer, Queueing, batch_queue, mg1, mmc, mmck, state_dependent
from roteiro.plan.compile import RingSizes
from roteiro.policy.kernel import JIT
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.groups import Lengths
from roteiro.simulator.service import ServiceWorld, TargetService
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import Outcome

pytestmark = pytest.mark.skipif(not JIT, reason="millions of customers")
WITHIN = 0.01


def queue(service: table.Table, servers: int, rate: float, seed: int, room: int = 50_000) -> Simulation:
    """A queue before `servers` slots of one target, whose answers take as long as `service` says; at most `room` wait."""
    text = QUEUE.replace("SERVERS", str(servers)).replace("size: 50000", f"size: {room}")
    plan = compiled(text, RingSizes(1 << 16, 1 << 17, 16))
    one = TargetService(ttft=service, itl=table.constant(0.0), output=table.constant(1.0))
    demand = demands.drawn(plan, "poisson", 0, rate, 1.0).with_lengths(Lengths(table.constant(1.0), table.constant(1.0)))
    return Simulation(plan, demand, ServiceWorld("queue", (one,)), seed)


def measured(simulation: Simulation, customers: int) -> tuple[float, float, float]:
    """(mean wait, mean response in seconds of those served, share turned away)."""
    sums = np.zeros(3)

    def hear(rows: Any) -> None:
        done = rows[rows["outcome"] == Outcome.SUCCESS]
        sums[:] += len(done), done["queue_ms"].sum(dtype=float), done["total_ms"].sum(dtype=float)

    simulation.run(customers, on_events=hear)
    return sums[1] / sums[0] / 1e3, sums[2] / sums[0] / 1e3, 1.0 - sums[0] / customers


def second_moment(service: table.Table) -> float:
    """Of what is drawn from the table: uniform between two knots."""
    low, high = service[:-1], service[1:]
    return float(((low * low + low * high + high * high) / 3.0) @ np.diff(table.SHARES))


def agrees(found: tuple[float, float, float], theory: Queueing) -> None:
    assert found[0] == pytest.approx(theory.wait, rel=WITHIN)
    assert found[1] == pytest.approx(theory.response, rel=WITHIN)
    assert found[2] == pytest.approx(theory.lost, rel=WITHIN, abs=1e-9)


@pytest.mark.parametrize(("servers", "rho", "seed"), [(1, 0.5, 1), (2, 0.6, 2), (8, 0.75, 3)])
def test_exponential_service_waits_as_erlang_says(servers: int, rho: float, seed: int) -> None:
    service = table.exponential(1.0)
    mean = table.mean(service)
    agrees(measured(queue(service, servers, rho * servers / mean, seed), 3_000_000), mmc(rho * servers / mean, mean, servers))


@pytest.mark.parametrize("spread", [(1.0, 1.0), (1.0, 2.5)])
def test_any_service_waits_as_pollaczek_and_khinchine_say(spread: tuple[float, float]) -> None:
    """A constant, and a log-normal."""
    service = table.lognormal(*spread)
    mean = table.mean(service)
    variation = math.sqrt(max(second_moment(service) / mean**2 - 1.0, 0.0))
    agrees(measured(queue(service, 1, 0.5 / mean, 5), 2_500_000), mg1(0.5 / mean, mean, variation))


def test_a_bounded_room_turns_away_as_it_should() -> None:
    service = table.exponential(1.0)
    mean = table.mean(service)
    agrees(measured(queue(service, 3, 2.7 / mean, 7, room=5), 2_500_000), mmck(2.7 / mean, mean, 3, 8))


def batching(text: str, prompt: float, output: table.Table) -> Simulation:
    """A pool under the plan's arrivals, with these lengths."""
    plan = compiled(text, RingSizes(1 << 13, 1 << 14, 16))
    demand = demands.of_plan(plan).with_lengths(Lengths(table.constant(prompt), output))
    return Simulation(plan, demand, services.of_plan(plan), 4)


def test_a_batch_is_served_at_the_rate_of_its_size() -> None:
    """Memoryless lengths, and iterations of α + β × batch: the state-dependent queue, but for joining at an iteration's end."""
    simulation = batching(plan_of("batch: 12, queue: 100, alpha: 1ms, beta: 0.2ms", 12.0), 1.0, table.exponential(200.0))
    # An answer of n tokens takes n iterations, the first of which reads the prompt's one token.
    rates = [n / (200.0 * (0.001 + 0.0002 * n)) for n in range(1, 13)]
    assert measured(simulation, 1_000_000)[1] == pytest.approx(state_dependent(12.0, rates, 112).response, rel=WITHIN)


def test_the_outside_oracles_server_is_met_by_the_machine_itself() -> None:
    """llm-inferno's example, in our form of its equation: 128 tokens read and 512 written, 3 requests a second."""
    simulation = batching(plan_of("batch: 48, queue: 128, alpha: 12ms, beta: 0.05ms, gamma: 0.0005ms", 3.0), 128.0, table.constant(512.0))
    found = measured(simulation, 400_000)[1]
    theory = batch_queue(3.0, BatchServer(0.012, 0.00005, 0.0000005, 48, 128, 128, 512))
    assert found == pytest.approx(theory.response, rel=WITHIN)
    assert found == pytest.approx(10.348, rel=WITHIN)
