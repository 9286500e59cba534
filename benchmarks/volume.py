"""Simulations of great volume, as one JSON object: full events to Parquet, a day of 100 million requests, 200 seeds of a day of a million.

    python benchmarks/volume.py [--quick] [--only parquet|day|seeds]

Each figure stands beside its goal. Peak memory is of a process of its own (`ru_maxrss`), the interpreter and the machine code included.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from roteiro.ledger import Ledger
from roteiro.plan.compile import Compiled, RingSizes, compile_plan
from roteiro.plan.read import read_text
from roteiro.simulator import demand as demands
from roteiro.simulator import service as services
from roteiro.simulator.crew import run_jobs
from roteiro.simulator.job import Job, compile_for, simulate_one

PLAN = """
roteiro: 1
providers:
  primary: {name: sandbox, model: a, base_url: "http://127.0.0.1:9", weight: 70, on_premises: false,
            price: {input: $1/1M tokens, output: $2/1M tokens}, limits: {concurrency: 6000},
            service: {ttft: {median: 200ms, p95: 500ms}, itl: {median: 4ms, p95: 8ms}, error_rate: 1%}}
  secondary: {name: sandbox, model: b, base_url: "http://127.0.0.1:9", weight: 30, on_premises: false,
            price: {input: $2/1M tokens, output: $4/1M tokens}, limits: {concurrency: 4000},
            service: {ttft: {median: 300ms, p95: 700ms}, itl: {median: 4ms, p95: 8ms}, error_rate: 1%}}
models: {chat: {targets: {primary: 70, secondary: 30}, retry: {attempts: 3}}}
tenants:
  acme: {workloads: [chat], tier: gold, limits: {requests: 300000/min}, budgets: {daily: $90000/day}}
  beta: {workloads: [chat], tier: gold, limits: {requests: 300000/min}, budgets: {daily: $90000/day}}
workloads: {chat: {priority: interactive, concurrency: 8000, queue: {size: 500, max_wait: 5s}, model: chat}}
sla_tiers: {gold: {availability: 99.9%, latency_p95: 4s, ttft_p95: 1s}}
demand:
  arrivals: {process: poisson, rate: RATE/s}
  input_tokens: {median: 500, p95: 2000}
  output_tokens: {median: 150, p95: 500}
"""
DAY_S = 86_400.0


def compiled(rate: float) -> Compiled:
    reading = read_text(PLAN.replace("RATE", f"{rate:g}"))
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    return compile_plan(reading.plan, reading.digest, sizes=RingSizes(events=1 << 14, decisions=16))


def job(rate: float, **more: Any) -> Job:
    plan = compiled(rate)
    return Job(plan, demands.of_plan(plan), services.of_plan(plan), **more)


def timed(work: Job) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    told = simulate_one(work, 1, batches=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"requests": told.requests, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "requests_per_s": round(told.requests / wall)}


def parquet(quick: bool) -> dict[str, Any]:
    """The same run with its events to Parquet and without."""
    requests = 300_000 if quick else 5_000_000
    compile_for(job(2000.0))
    plain = timed(job(2000.0, requests=requests))
    with tempfile.TemporaryDirectory() as folder:
        kept = timed(job(2000.0, requests=requests, data=Path(folder)))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        read = Ledger(folder).sql("SELECT count(*) AS n FROM events").to_pylist()[0]["n"]
    assert read == kept["requests"]
    return {"goal_requests_per_s": 700_000, "with_events": kept, "without": plain, "bytes_a_row": round(size / read, 1)}


def day(quick: bool) -> dict[str, Any]:
    """100 million requests in 24 hours, in this process, which does nothing else."""
    work = job(100e6 / DAY_S, requests=None, duration_s=DAY_S / (100 if quick else 1))
    compile_for(work)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = timed(work)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"goal_s": 60, "goal_mb": 2000, **told, "peak_mb": round(after), "peak_before_mb": round(before)}


def seeds(quick: bool) -> dict[str, Any]:
    """200 days of a million requests, on as many processes as there are cores."""
    count, requests = (10, 100_000) if quick else (200, 1_000_000)
    work = job(1e6 / DAY_S, requests=requests)
    compile_for(work)
    begun = time.perf_counter()
    done = sum(1 for _ in run_jobs([(work, seed) for seed in range(1, count + 1)], processes=os.cpu_count()))
    return {"goal_s": 120, "seeds": done, "requests_a_seed": requests, "wall_s": round(time.perf_counter() - begun, 1)}


FIGURES = {"parquet": parquet, "day": day, "seeds": seeds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the requests or so")
    parser.add_argument("--only", choices=FIGURES, help="one figure, in this process")
    options = parser.parse_args()
    if options.only is not None:
        print(json.dumps(FIGURES[options.only](options.quick)))
        return
    found: dict[str, Any] = {}
    for name in FIGURES:  # each in a process of its own, for its memory's sake
        command = [sys.executable, __file__, "--only", name, *(["--quick"] if options.quick else [])]
        found[name] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found["machine"] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
