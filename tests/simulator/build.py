"""Plans, demands and service worlds for the simulator's tests."""

import hashlib
import math
from typing import Any

import numpy as np

from roteiro.plan.compile import Compiled, RingSizes, compile_plan
from roteiro.plan.read import read_text
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.groups import Lengths
from roteiro.simulator.records import CLASSES
from roteiro.simulator.service import ServiceWorld, Slice, TargetService
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass

BUSY = """
roteiro: 1
providers:
  primary: {name: sandbox, model: m1, base_url: "http://127.0.0.1:9", weight: 70, on_premises: false,
            price: {input: $1/1M tokens, output: $2/1M tokens}, limits: {concurrency: 40, requests: 6000/min},
            breaker: {window: 5s, minimum_calls: 10, open_for: 1s}, timeouts: {first_token: 2s, attempt: 6s}}
  secondary: {name: sandbox, model: m2, base_url: "http://127.0.0.1:9", weight: 20, on_premises: false,
            price: {input: $2/1M tokens, output: $4/1M tokens}, limits: {concurrency: 20}}
  spare: {name: sandbox, model: m3, base_url: "http://127.0.0.1:9", weight: 10, on_premises: true, limits: {concurrency: 10}}
models:
  chat: {targets: {primary: 70, secondary: 20, spare: 10}, fallbacks: [spare], timeouts: {total: 20s}}
routing_logic:
  - {condition: "primary.latency > 3000ms", action: route_to_secondary}
  - {condition: "all_cloud_unavailable", action: route_to_spare}
tenants:
  acme: {workloads: [chat], tier: gold, limits: {requests: 900/min, tokens: 3M/min, burst: 5s}, budgets: {daily: $0.3/hour}}
  beta: {workloads: [bulk], tier: gold, limits: {requests: 3000/min}}
  cleo: {workloads: [chat]}
workloads:
  chat: {priority: interactive, concurrency: 50, queue: {size: 30, max_wait: 2s}, model: chat}
  bulk: {priority: batch, concurrency: 30, queue: {size: 30, max_wait: 3s}, model: chat}
sla_tiers:
  gold: {availability: 99%, latency_p95: 3s, ttft_p95: 1s}
demand:
  arrivals: {process: gamma, rate: 60/s, cv: 2}
  input_tokens: {median: 300, p95: 1200}
  output_tokens: {median: 60, p95: 300}
"""
"""A little of everything, too much for its capacity, so that every policy has to act."""

QUEUE = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: SERVERS},
        timeouts: {first_token: 4w, attempt: 4w}, breaker: {minimum_calls: 1000000}}
models:
  chat: {targets: {one: 1}, timeouts: {total: 4w}}
queue: {size: 50000, max_wait: 4w}
workloads:
  chat: {priority: interactive, queue: {size: 50000, max_wait: 4w}, model: chat}
"""
"""An M/M/c queue: the target's slots are the servers."""


SIZES = RingSizes(2048, 4096, 1 << 16)


def compiled(text: str = BUSY, sizes: RingSizes = SIZES) -> Compiled:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    return compile_plan(reading.plan, reading.digest, sizes=sizes)


def troubled(plan: Compiled) -> ServiceWorld:
    """The plan's service with an outage of the first target from 20 s to 40 s, some failures of each kind, and slow times after it."""
    always, outage, after = np.zeros(CLASSES), np.zeros(CLASSES), np.zeros(CLASSES)
    always[[ErrorClass.SERVER, ErrorClass.RATE_LIMIT, ErrorClass.BAD_REQUEST, ErrorClass.CONNECTION]] = 0.02, 0.01, 0.003, 0.004
    outage[ErrorClass.SERVER], after[ErrorClass.PROTOCOL] = 0.8, 0.01
    weather = (Slice(0.0, failing=always), Slice(20.0, 2.0, 1.5, outage), Slice(40.0, 3.0, 1.0, after, 0.5))
    world = services.of_plan(plan)
    first = world.targets[0]
    failure = {error_class: table.lognormal(0.1, 0.4) for error_class in ErrorClass if error_class}
    changed = TargetService(
        ttft=first.ttft,
        itl=first.itl,
        output=first.output,
        weather=weather,
        failure=failure,
        gaps_differ=True,
        midstream=0.3,
        quota=first.quota,
    )
    return ServiceWorld("troubled", (changed, *world.targets[1:]))


def busy(seed: int = 1, *, journal: bool = False) -> Simulation:
    plan = compiled()
    return Simulation(plan, demands.of_plan(plan), troubled(plan), seed, journal=journal)


def run(simulation: Simulation, requests: int) -> tuple[Any, Any]:
    """(events, decisions) of a run to its end, packed rows."""
    events: list[Any] = []
    decisions: list[Any] = []
    simulation.run(requests, on_events=lambda rows: events.append(rows.copy()), on_decisions=lambda rows: decisions.append(rows.copy()))
    return np.concatenate(events), np.concatenate(decisions) if decisions else np.zeros(0, simulation.state.decisions.dtype)


def fingerprint(rows: Any) -> str:
    """Of every column's bytes; what lies between columns does not count."""
    digest = hashlib.sha256()
    for name in rows.dtype.names:
        digest.update(np.ascontiguousarray(rows[name]).tobytes())
    return digest.hexdigest()


def queue(servers: int, rho: float, seed: int) -> Simulation:
    """M/M/c with a mean service time of 1 s, to within the table's accuracy."""
    plan = compiled(QUEUE.replace("SERVERS", str(servers)), RingSizes(1 << 16, 1 << 17, 16))
    service = table.exponential(1.0)
    one = TargetService(ttft=service, itl=table.constant(0.0), output=table.constant(1.0))
    rate = rho * servers / table.mean(service)
    demand = demands.drawn(plan, "poisson", 0, rate, 1.0)
    demand = demand.with_lengths(Lengths(demand.streams[0].lengths.input, table.constant(1.0)))
    return Simulation(plan, demand, ServiceWorld("M/M/c", (one,)), seed)


def erlang_c_wait(servers: int, rho: float) -> float:
    """Mean wait in the queue of M/M/c, in mean service times."""
    load = servers * rho
    last = load**servers / math.factorial(servers) / (1.0 - rho)
    waits = last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)
    return waits / (servers * (1.0 - rho))
