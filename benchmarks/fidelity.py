"""How well the simulator foretells live runs of the real gateway: service fitted on one run, predicted on others at other loads.

    python benchmarks/fidelity.py [--only sandbox|local] [--loads 10,30,50,70,90] [--fit 50] [--seconds S] [--seeds 5] [--json]

Each run is a gateway in processes of its own, open-loop Poisson arrivals by `testing.load`, and a provider: `sandbox`, whose times are
drawn from a known distribution and of which the plan uses so many at once, so that requests wait in the gateway; and `local`, the real
model of the extra `local`, which waits and batches by itself. Loads are shares of the capacity: of the sandbox by its distribution, of
the local model as a first run finds it. Predictions take the recorded arrivals and lengths, or (`drawn`) what `fit_demand` makes of the
run that was fitted, at the judged run's rate. The cost of a drawn demand is off by what two runs' lengths happened to add up to: beside it
stands how much that is (95 %, bootstrap); it shrinks with the root of the requests, to 1 % at some 30,000 of these in both runs.
Gateway, load and sandbox compete for the cores of one machine: what one takes from another is in the measured times, and
`machine_load` tells how busy it was with all else. The local model has the last core
to itself, and its defaults take some nine minutes.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from roteiro.analysis.fidelity import Fidelity, compare, edges_of, facts
from roteiro.ledger import Ledger
from roteiro.plan.compile import Compiled, RingSizes, compile_plan
from roteiro.plan.read import read
from roteiro.plan.version import load_version
from roteiro.providers.local import find_weights
from roteiro.simulator import demand as demands
from roteiro.simulator.demand import Demand
from roteiro.simulator.demand_fit import fit_demand
from roteiro.simulator.fit import fitted
from roteiro.simulator.fit_report import FitReport
from roteiro.tasks.demo import client_keys
from roteiro.tasks.rehearse import Foretold, foretell, promised
from roteiro.tasks.server_process import ServerProcess
from roteiro.terms.codes import Outcome
from roteiro.terms.error import SettingsError
from roteiro.testing.load import Caller, Load, LoadPlan
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

MODEL_SERVER = b"roteiro.providers.local_server"
PEOPLE = """
tenants:
  t: {workloads: [chat], tier: gold, budgets: {daily: $1000/day}}
workloads:
  chat: {priority: interactive, concurrency: 400, queue: {size: 400, max_wait: 60s}, model: chat}
"""
SANDBOX = (
    """
roteiro: 1
providers:
  one: {name: sandbox, model: m, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}, limits: {concurrency: 8},
        timeouts: {first_token: 30s, attempt: 60s}}
models:
  chat: {targets: {one: 1}, timeouts: {total: 120s}}
queue: {size: 400, max_wait: 60s}
sla_tiers:
  gold: {availability: 99%, latency_p95: 500ms, ttft_p95: 200ms}
"""
    + PEOPLE
)
LOCAL = (
    """
roteiro: 1
providers:
  one: {name: local, model: smollm2, on_premises: true, price: {input: $1/1M tokens, output: $2/1M tokens}, limits: {concurrency: 64},
        local: {gguf: smollm2, context: 2048, slots: 2, threads: 1}, timeouts: {first_token: 60s, attempt: 120s}}
models:
  chat: {targets: {one: 1}, timeouts: {total: 120s}}
sla_tiers:
  gold: {availability: 99%, latency_p95: 3s, ttft_p95: 1s}
"""
    + PEOPLE
)
SERVERS, SLOTS = 8, 2
PACE = Latency(Quantiles(0.06, 0.14), Quantiles(0.004, 0.010))
BOOTSTRAPS = 1000
MOST_S = 600.0
USUAL_S = {"sandbox": 40.0, "local": 90.0}
TOO_FEW = 100
"""Answers below which what is fitted is mostly chance; below 30 the local model is not fitted as a server with a batch at all."""
KEYS = ("total.p50", "total.mean", "total.p95", "ttft.p50", "ttft.p95", "cost", "tier.gold.availability", "tier.gold.in_time")
GOALS = {"total.p50": 0.05, "total.mean": 0.05, "total.p95": 0.10, "ttft.p50": 0.10, "ttft.p95": 0.10, "cost": 0.01}


@dataclass(frozen=True)
class World:
    """Where requests go: the plan, what is asked, and how many a second it can serve (0: a first run finds it)."""

    name: str
    plan: str
    prompt: Quantiles
    output: Quantiles
    capacity_per_s: float


def mean_of(spread: Quantiles) -> float:
    shares = (np.arange(2000) + 0.5) / 2000
    return float(np.mean([spread.at(share) for share in shares]))


def worlds(only: str | None) -> Iterator[World]:
    output = Quantiles(20.0, 60.0)
    service_s = mean_of(PACE.ttft_s) + (mean_of(output) - 1.0) * mean_of(PACE.itl_s)
    if only in (None, "sandbox"):
        yield World("sandbox", SANDBOX, Quantiles(60.0, 200.0), output, SERVERS / service_s)
    if only in (None, "local"):
        try:
            find_weights("smollm2")
            yield World("local", LOCAL, Quantiles(20.0, 60.0), Quantiles(12.0, 36.0), 0.0)
        except SettingsError as error:
            print(f"local: left out: {error}", file=sys.stderr)


@contextmanager
def provider(world: World) -> Iterator[Mapping[str, str]]:
    """Base URLs by provider; the local model is the gateway's own."""
    if world.name == "local":
        yield {}
        return
    settings = SandboxSettings(name="one", latency=PACE, output_tokens=Quantiles(1000.0, 1000.0), cached_share=0.0, seed=11)
    with SandboxProcess(settings) as one:
        yield {"one": one.base_url}


@contextmanager
def apart(world: World) -> Iterator[list[int]]:
    """The cores left for a model server: the last of several, which what begins in here does not use. It would otherwise take turns with
    the load and the gateway, where a model server has a machine of its own."""
    cores = sorted(os.sched_getaffinity(0))
    if world.name != "local" or len(cores) < 2:
        yield cores
        return
    os.sched_setaffinity(0, cores[:-1])
    try:
        yield cores[-1:]
    finally:
        os.sched_setaffinity(0, cores)


def put_model_on(cores: list[int]) -> None:
    """Move the model servers among this process's descendants to these cores."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        with suppress(OSError):
            if above == os.getpid() and MODEL_SERVER in Path(f"/proc/{process}/cmdline").read_bytes():
                for thread in Path(f"/proc/{process}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)


def serve(world: World, folder: Path, key: str, rate_per_s: float, seconds: float, seed: int, in_flight: int = 2000) -> tuple[str, float]:
    """One live run → (its name, requests a second that were answered from the first to the last end)."""
    with (
        apart(world) as cores,
        provider(world) as urls,
        ServerProcess(folder / "plan.yaml", folder / "data", urls, workers=1, drain_s=60.0) as server,
    ):
        put_model_on(cores)
        plan = LoadPlan(
            base_url=server.base_url, duration_s=seconds, rate_per_s=rate_per_s, seed=seed, callers=(Caller(key),), models=(("chat", 1.0),),
            stream_share=0.8, prompt_tokens=world.prompt, output_tokens=world.output, max_in_flight=in_flight, timeout_s=120.0,
        )  # fmt: skip
        asyncio.run(Load(plan).run())
        run = server.run
        server.stop()
    events = Ledger(folder / "data").rows("events", run)
    good = events[events["outcome"] == int(Outcome.SUCCESS)]
    span = float(good["ended_s"].max() - good["arrival_s"].min()) if len(good) else math.inf
    return run, len(good) / span


def drawn_demand(compiled: Compiled, other: Demand, rate_per_s: float) -> Demand:
    """What `fit_demand` makes of another run's arrivals, from time 0 on, at another rate."""
    rows = other.arrivals.copy()
    rows["at"] -= rows["at"].min()
    own = fit_demand(compiled, replace(other, arrivals=rows))[0]
    return fit_demand(compiled, replace(other, arrivals=rows), factor=rate_per_s / own.rate_per_s)[0]


def chance_of_cost(events: Any, other: Any, seeds: Sequence[float]) -> float:
    """Half of the 95 % interval of the relative error that a drawn demand's cost has by chance alone, were both runs of one demand.

    Three parts: what the judged run's requests happened to be, and what those happened to be that lengths are drawn from (a bootstrap of
    both: B. Efron, 1979), and the seeds' own (`seeds`: the cost of each), which more seeds make smaller.
    """
    draw = np.random.default_rng(1)
    of_seeds = float(np.std(seeds, ddof=1)) / float(np.mean(seeds)) / len(seeds) ** 0.5 if len(seeds) > 1 else 0.0
    ours, theirs = events["cost_nusd"].astype(float), other["cost_nusd"].astype(float)
    if not len(theirs):  # drawn from the judged run itself
        return 1.96 * of_seeds
    means = [[draw.choice(values, len(values)).mean() for _ in range(BOOTSTRAPS)] for values in (ours, theirs)]
    of_runs = float(np.std(np.array(means[1]) / np.array(means[0]))) * float(ours.mean() / theirs.mean())
    return 1.96 * math.hypot(of_runs, of_seeds)


def judge(folder: Path, run: str, fit_run: str, seeds: int) -> tuple[dict[str, Fidelity], FitReport, float]:
    """A run foretold from another: with its recorded arrivals, and with arrivals drawn; and what the drawn cost is off by chance."""
    data, ledger = folder / "data", Ledger(folder / "data")
    compiled, epoch = load_version(data / "run" / run, 0)
    compiled = compile_plan(
        compiled.plan, compiled.edge.digest, compiled.grants, sizes=RingSizes(compiled.capacities["flows"], 1 << 14, 16)
    )
    service, report = fitted(compiled, ledger, fit_run, weather=False)
    events, others = ledger.rows("events", run), ledger.rows("events", fit_run)
    first, last = float(events["arrival_s"].min()), float(events["arrival_s"].max())
    edges = edges_of(first, last, 1)
    recorded = facts(events, ledger.head(run).names, edges, promised(compiled))
    wanted, other = demands.of_run(compiled, ledger, run), demands.of_run(compiled, ledger, fit_run)
    again = Foretold(compiled, wanted, service, None, epoch_unix_s=epoch, edges_s=tuple(edges.tolist()))
    span = last - first
    drawn = replace(
        again, demand=drawn_demand(compiled, other, len(events) / span), duration_s=span, edges_s=tuple((edges - first).tolist())
    )
    with_recorded, with_drawn = ([foretell(job, seed) for seed in range(1, seeds + 1)] for job in (again, drawn))
    costs = [one.figures["cost"] for one in with_drawn]
    chance = chance_of_cost(events, events[:0] if run == fit_run else others, costs)
    return {"recorded": compare(recorded, with_recorded, edges), "drawn": compare(recorded, with_drawn, edges)}, report, chance


def lengths(loads: Sequence[int], fit_at: int, seconds: float) -> dict[int, float]:
    """Load → seconds of its run: `seconds` on average, longer where less comes, as a run is worth what it has of requests; the one that
    is fitted twice as long, as all others rest on it."""
    weights = {load: load**-0.5 * (2.0 if load == fit_at else 1.0) for load in loads}
    mean = sum(weights.values()) / len(weights)
    return {load: min(seconds * weight / mean, MOST_S) for load, weight in weights.items()}


def parameters(report: FitReport) -> dict[str, list[float | None]]:
    return {one.name: [one.value, None if math.isnan(one.error) else one.error] for target in report.targets for one in target.parameters}


def play(world: World, folder: Path, loads: Sequence[int], fit_at: int, seconds: float | None, seeds: int) -> dict[str, Any]:
    """All loads of one world; `seconds` on average for each, None as is usual of the world."""
    (folder / "plan.yaml").write_text(world.plan)
    reading = read(folder / "plan.yaml")
    assert reading.plan is not None, [str(problem) for problem in reading.problems]
    capacity, runs = world.capacity_per_s, {}
    with client_keys(reading.plan, folder / "data") as keys:
        if capacity == 0.0:
            _, capacity = serve(world, folder, keys["t"], 50.0, 15.0, 99, in_flight=2 * SLOTS)  # as many as keep it busy
        for load, length in lengths(sorted({*loads, fit_at}), fit_at, seconds or USUAL_S[world.name]).items():
            busy = os.getloadavg()[0]
            run, answered = serve(world, folder, keys["t"], capacity * load / 100.0, length, load)
            runs[load] = (run, answered, busy)
            print(f"{world.name}: {load} % recorded for {length:.0f} s, {answered:.1f} answers/s, load {busy:.1f}", file=sys.stderr)
            if load == fit_at and answered * length < TOO_FEW:
                print(f"{world.name}: some {answered * length:.0f} answers to fit to are too few; ask for more --seconds", file=sys.stderr)
    rows = []
    for load, (run, answered, busy) in runs.items():
        found, report, chance = judge(folder, run, runs[fit_at][0], seeds)
        for form, fidelity in found.items():
            errors = {figure.key: figure for figure in fidelity.figures if figure.key in KEYS}
            rows.append({
                "world": world.name, "load_percent": load, "arrivals": form, "fitted": load == fit_at, "requests": fidelity.requests,
                "cost_by_chance": round(chance, 4) if form == "drawn" else 0.0,
                "answers_per_s": round(answered, 2), "machine_load": round(busy, 2),
                "errors": {key: None if math.isnan(one.error) else round(one.error, 4) for key, one in errors.items()},
                "measured": {key: round(one.measured, 3) for key, one in errors.items()},
                "predicted": {key: round(one.predicted, 3) for key, one in errors.items()},
                "culprits": [[one.part, round(one.measured_ms, 1), round(one.predicted_ms, 1)] for one in fidelity.culprits[:3]],
            })  # fmt: skip
    return {"world": world.name, "capacity_per_s": round(capacity, 2), "fit_at_percent": fit_at, "fit": parameters(report), "rows": rows}


def medians(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """By figure, over runs that were not fitted, the median size of the error."""
    found = {}
    for key in KEYS:
        sizes = [abs(row["errors"][key]) for row in rows if not row["fitted"] and row["errors"].get(key) is not None]
        if sizes:
            found[key] = round(statistics.median(sizes), 4)
    return found


def table(results: Sequence[dict[str, Any]], summary: Mapping[str, Mapping[str, float]]) -> str:
    heads = ["world", "load", "arrivals", "requests", *KEYS, "cost by chance"]
    lines = [heads]
    for result in results:
        for row in result["rows"]:
            errors = [row["errors"].get(key) for key in KEYS]
            name = f"{row['world']}{' (fitted)' if row['fitted'] else ''}"
            told = ["" if error is None else f"{error * 100:+.1f}" for error in errors]
            lines.append(
                [name, f"{row['load_percent']} %", row["arrivals"], str(row["requests"]), *told, f"±{row['cost_by_chance'] * 100:.1f}"]
            )
    for name, values in summary.items():
        lines.append([f"median {name}", "", "", "", *(f"{values[key] * 100:.1f}" if key in values else "" for key in KEYS), ""])
    lines.append(["goal", "", "", "", *(f"{GOALS.get(key, 0.01) * 100:.0f}" for key in KEYS), ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join("  ".join(value.rjust(width) for value, width in zip(line, widths, strict=True)) for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("sandbox", "local"))
    parser.add_argument("--loads", default="10,30,50,70,90", help="shares of the capacity, per cent")
    parser.add_argument("--fit", type=int, default=50, help="the load that service is fitted at")
    parser.add_argument(
        "--seconds", type=float, help="of a run on average, longer at low loads, 600 at most; else 40, of the local model 90"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for the ledgers, kept")
    options = parser.parse_args()
    loads = [int(load) for load in options.loads.split(",")]
    results = []
    with tempfile.TemporaryDirectory(prefix="roteiro-fidelity-") as temporary:
        for world in worlds(options.only):
            folder = (options.keep or Path(temporary)) / world.name
            folder.mkdir(parents=True, exist_ok=True)
            results.append(play(world, folder, loads, options.fit, options.seconds, options.seeds))
    rows = [row for result in results for row in result["rows"]]
    summary = {form: medians([row for row in rows if row["arrivals"] == form]) for form in ("recorded", "drawn")}
    machine = {"cores": os.cpu_count(), "load_average": [round(value, 2) for value in os.getloadavg()]}
    note = "gateway, load, provider and model share the machine's cores; machine_load is the 1-minute average before each run"
    if options.json:
        print(json.dumps({"machine": machine, "note": note, "worlds": results, "median_error": summary, "goals": GOALS}, indent=1))
        return
    print("errors in per cent (of tiers: points), predicted against measured")
    print(table(results, summary))
    for result in results:
        print(f"{result['world']}: capacity {result['capacity_per_s']}/s; fitted at {result['fit_at_percent']} %: {result['fit']}")
    print(f"machine: {machine}; {note}")


if __name__ == "__main__":
    main()
