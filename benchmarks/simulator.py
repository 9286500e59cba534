"""The simulator's figures, as one JSON object: requests a second with every policy on, against a bare loop; the same M/M/4 against SimPy
and ciw; waits against Erlang C; first and later starts.

    python benchmarks/simulator.py [--quick] [--no-start]

Rates are medians of rounds in which the contenders take turns; `cpu` counts the process's own processor time, which a busy machine disturbs
less than the clock.
"""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import ciw
import numba
import numpy as np
import simpy

from roteiro.plan.compile import Compiled, RingSizes, compile_plan
from roteiro.plan.read import read_text
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator import table
from roteiro.simulator.arriving import POISSON
from roteiro.simulator.groups import Lengths
from roteiro.simulator.records import CLASSES
from roteiro.simulator.service import ServiceWorld, Slice, TargetService
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import ErrorClass

GOVERNED = """
roteiro: 1
providers:
  primary: {name: sandbox, model: a, base_url: "http://127.0.0.1:9", weight: 70, on_premises: false,
            price: {input: $1/1M tokens, output: $2/1M tokens}, limits: {concurrency: 4000, requests: 300000/min}}
  secondary: {name: sandbox, model: b, base_url: "http://127.0.0.1:9", weight: 20, on_premises: false,
            price: {input: $2/1M tokens, output: $4/1M tokens}, limits: {concurrency: 2000}}
  fallback: {name: sandbox, model: c, base_url: "http://127.0.0.1:9", weight: 10, on_premises: true, limits: {concurrency: 2000}}
models:
  chat: {targets: {primary: 70, secondary: 20, fallback: 10}, retry: {attempts: 3}}
routing_logic:
  - {condition: "primary.latency > 4000ms", action: route_to_secondary}
  - {condition: "primary.error_rate > 20%", action: circuit_break_primary}
  - {condition: "all_cloud_unavailable", action: route_to_fallback}
tenants:
TENANTS
workloads:
  chat: {priority: interactive, concurrency: 6000, queue: {size: 500, max_wait: 5s}, model: chat, limits: {requests: 600000/min}}
sla_tiers:
  gold: {availability: 99.9%, latency_p95: 2s, ttft_p95: 1s}
demand:
  arrivals: {process: poisson, rate: 2000/s}
  input_tokens: {median: 500, p95: 2000}
  output_tokens: {median: 150, p95: 500}
"""
RETRY_AFTER_S = 0.01
"""Short, because a target that asks for a pause gets it from all requests, and one that is never asked costs nothing."""
TENANT = """  t{n}: {{workloads: [chat], tier: gold, concurrency: 2000, limits: {{requests: 60000/min, tokens: 100M/min}},
       budgets: {{daily: $50000/day}}}}"""
QUEUE = """
roteiro: 1
providers:
  one: {name: sandbox, model: m, base_url: "http://127.0.0.1:9", on_premises: true, limits: {concurrency: SERVERS},
        timeouts: {first_token: 4w, attempt: 4w}, breaker: {minimum_calls: 1000000}}
models: {chat: {targets: {one: 1}, timeouts: {total: 4w}}}
queue: {size: 5000, max_wait: 4w}
workloads: {chat: {priority: interactive, queue: {size: 5000, max_wait: 4w}, model: chat}}
"""


def compiled(text: str, sizes: RingSizes) -> Compiled:
    reading = read_text(text)
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    return compile_plan(reading.plan, reading.digest, sizes=sizes)


def timed(work: Callable[[], int]) -> tuple[float, float]:
    """(things a second by the clock, by processor time)."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done / (time.perf_counter() - wall), done / (time.process_time() - cpu)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 4), "least": round(min(values), 4), "most": round(max(values), 4)}


# --- every policy on -----------------------------------------------------------------------------------------------------------


def governed(requests: int) -> Callable[[], int]:
    plan = compiled(GOVERNED.replace("TENANTS", "\n".join(TENANT.format(n=n) for n in range(8))), RingSizes(8192, 1 << 14, 16))
    always, outage = np.zeros(CLASSES), np.zeros(CLASSES)
    always[[ErrorClass.SERVER, ErrorClass.RATE_LIMIT, ErrorClass.CONNECTION]] = 0.015, 0.001, 0.002
    outage[ErrorClass.SERVER] = 0.95
    world = services.of_plan(plan)
    itl = table.lognormal(0.002, 0.004)
    targets = []
    for name, target in zip(plan.names.targets, world.targets, strict=True):
        weather = [Slice(0.0, failing=always, retry_after_s=RETRY_AFTER_S)]
        if name == "primary":
            for k in range(1, 200):
                weather += [Slice(200.0 * k, 2.0, 1.0, outage), Slice(200.0 * k + 20.0, failing=always, retry_after_s=RETRY_AFTER_S)]
        failure = {error_class: table.lognormal(0.1, 0.4) for error_class in ErrorClass if error_class}
        targets.append(
            TargetService(ttft=target.ttft, itl=itl, output=target.output, weather=tuple(weather), failure=failure, quota=target.quota)
        )
    wanted = demands.of_plan(plan)
    last: dict[str, Any] = {}

    def run() -> int:
        simulation = Simulation(plan, wanted, ServiceWorld("benchmark", tuple(targets)))
        tally = simulation.run(requests)
        last.update(
            outcomes=tally.outcomes[0].tolist(), breakers=tally.breakers.sum(axis=0).tolist(),
            attempts=int(tally.extra[0]), simulated_s=simulation.now_s
        )  # fmt: skip
        simulation.close()
        return tally.requests

    run.last = last  # type: ignore[attr-defined]
    return run


# --- a loop with no policy, no event and no state, for scale -----------------------------------------------------------------------


@numba.njit
def bare(requests: int, rate: float, seed: int) -> int:
    """Arrivals, a drawn service time, a binary heap of ends, and nothing else."""
    np.random.seed(seed)
    times = np.empty(1 << 16)
    n, arrived, ended, now, coming = 0, 0, 0, 0.0, 0.0
    while ended < requests:
        if arrived < requests and (n == 0 or coming <= times[0]):
            now = coming
            coming += np.random.exponential(1.0 / rate)
            arrived += 1
            t = now + 0.4 * np.exp(0.6 * np.random.normal()) + np.exp(np.random.normal(5.0, 0.7)) * 0.002
            k = n
            while k > 0 and times[(k - 1) >> 1] > t:
                times[k] = times[(k - 1) >> 1]
                k = (k - 1) >> 1
            times[k] = t
            n += 1
        else:
            now = times[0]
            ended += 1
            n -= 1
            t, k = times[n], 0
            while 2 * k + 1 < n:
                c = 2 * k + 1
                if c + 1 < n and times[c + 1] < times[c]:
                    c += 1
                if times[c] >= t:
                    break
                times[k] = times[c]
                k = c
            times[k] = t
    return ended


# --- queues ------------------------------------------------------------------------------------------------------------------------


SERVICE_S = 0.05
"""Mean of the queue's service times. The plan's meters, windows and rules are tended four times a second of simulated time, as a gateway
tends them: with services of seconds that would be most of what is measured here, and of nothing that SimPy or ciw do."""


def queue(servers: int, rho: float, seed: int) -> Simulation:
    plan = compiled(QUEUE.replace("SERVERS", str(servers)), RingSizes(1 << 13, 1 << 14, 16))
    service = table.exponential(SERVICE_S)
    one = TargetService(ttft=service, itl=table.constant(0.0), output=table.constant(1.0))
    base = demands.drawn(plan, "poisson", POISSON, rho * servers / table.mean(service), 1.0)
    wanted = base.with_lengths(Lengths(base.streams[0].lengths.input, table.constant(1.0)))
    return Simulation(plan, wanted, ServiceWorld("M/M/c", (one,)), seed)


def waited(servers: int, rho: float, requests: int, seed: int) -> float:
    total = 0.0

    def hear(rows: Any) -> None:
        nonlocal total
        total += float(rows["queue_ms"].sum(dtype=float)) / 1e3

    simulation = queue(servers, rho, seed)
    simulation.run(requests, on_events=hear)
    return total / requests


def in_simpy(servers: int, rho: float, requests: int, seed: int) -> float:
    """The same queue → mean wait."""
    draw, world = random.Random(seed), simpy.Environment()
    desk = simpy.Resource(world, servers)
    waits = 0.0

    def customer() -> Any:
        nonlocal waits
        came = world.now
        with desk.request() as turn:
            yield turn
            waits += world.now - came
            yield world.timeout(draw.expovariate(1.0 / SERVICE_S))

    def source() -> Any:
        for _ in range(requests):
            yield world.timeout(draw.expovariate(rho * servers / SERVICE_S))
            world.process(customer())

    world.process(source())
    world.run()
    return waits / requests


def in_ciw(servers: int, rho: float, requests: int, seed: int) -> float:
    """The same queue → mean wait. ciw keeps a record of each customer in any case."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rho * servers / SERVICE_S)],
        service_distributions=[ciw.dists.Exponential(1.0 / SERVICE_S)],
        number_of_servers=[servers],
    )
    ciw.seed(seed)
    world = ciw.Simulation(network)
    world.simulate_until_max_customers(requests, method="Finish")
    return statistics.fmean(record.waiting_time for record in world.get_all_records())


def erlang_c(servers: int, rho: float) -> float:
    load = servers * rho
    last = load**servers / math.factorial(servers) / (1.0 - rho)
    return SERVICE_S * last / (sum(load**k / math.factorial(k) for k in range(servers)) + last) / (servers * (1.0 - rho))


# --- starts --------------------------------------------------------------------------------------------------------------------------

START = """
import time
begun = time.perf_counter()
from benchmarks.simulator import queue
queue(1, 0.5, 1).run(100)
print(time.perf_counter() - begun)
"""


def starts() -> dict[str, float]:
    """Seconds from nothing to the first simulated requests: with no machine code on disk, and with it."""
    with tempfile.TemporaryDirectory() as folder:
        took = []
        for _ in range(3):
            command = [sys.executable, "-c", START]
            environment = {**os.environ, "ROTEIRO_CACHE_DIR": folder, "PYTHONPATH": os.pathsep.join(["src", "."])}
            answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            took.append(float(answer.stdout))
    return {"first_s": round(took[0], 2), "later_s": round(min(took[1:]), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    parser.add_argument("--no-start", action="store_true", help="leave the starts out, which compile everything anew")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    requests, customers, few = 3_000_000 // scale, 200_000 // scale, 20_000 // scale  # ciw is slow, and no faster with more
    policies = governed(requests)
    governed(1000)(), bare(1000, 2000.0, 1), waited(4, 0.8, 1000, 1)  # warm
    ours: list[tuple[float, float]] = []
    bares: list[tuple[float, float]] = []
    queues: list[tuple[float, float]] = []
    simpys: list[tuple[float, float]] = []
    ciws: list[tuple[float, float]] = []
    for turn in range(5):
        ours.append(timed(policies))
        bares.append(timed(lambda seed=turn: bare(requests, 2000.0, seed)))  # type: ignore[misc]
        queues.append(timed(lambda seed=turn: [waited(4, 0.8, customers * 10, seed), customers * 10][1]))  # type: ignore[misc]
        simpys.append(timed(lambda seed=turn: [in_simpy(4, 0.8, customers, seed), customers][1]))  # type: ignore[misc]
        ciws.append(timed(lambda seed=turn: [in_ciw(4, 0.8, few, seed), few][1]))  # type: ignore[misc]
    waits = {}
    for servers, rho in ((1, 0.5), (1, 0.8), (2, 0.7), (4, 0.8), (4, 0.9), (16, 0.9)):
        exact = erlang_c(servers, rho)
        found = statistics.mean(waited(servers, rho, 8_000_000 // scale, seed) for seed in (1, 2))
        waits[f"M/M/{servers} rho {rho}"] = {
            "erlang_c_s": round(exact, 5),
            "simulated_s": round(found, 5),
            "error": round(found / exact - 1, 5),
        }
    print(
        json.dumps(
            {
                "governed_requests_per_s": {"clock": spread([a for a, _ in ours]), "cpu": spread([b for _, b in ours])},
                "governed_run": {"requests": requests, **policies.last},  # type: ignore[attr-defined]
                "bare_loop_per_s": {"clock": spread([a for a, _ in bares]), "cpu": spread([b for _, b in bares])},
                "governed_to_bare": spread([a[1] / b[1] for a, b in zip(ours, bares, strict=True)]),
                "mm4_per_s": spread([b for _, b in queues]),
                "simpy_mm4_per_s": spread([b for _, b in simpys]),
                "times_simpy": spread([a[1] / b[1] for a, b in zip(queues, simpys, strict=True)]),
                "ciw_mm4_per_s": spread([b for _, b in ciws]),
                "times_ciw": spread([a[1] / b[1] for a, b in zip(queues, ciws, strict=True)]),
                "erlang_c": {"largest_error": max(abs(one["error"]) for one in waits.values()), **waits},
                "start": None if options.no_start else starts(),
                "machine": {
                    "cores": os.cpu_count(),
                    "python": sys.version.split()[0],
                    "numba": numba.__version__,
                    "load": os.getloadavg()[0],
                },
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
