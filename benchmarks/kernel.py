"""What a decision costs from Python, and how long the kernel takes to compile and to load. Prints one JSON object.

Method: `step` is called for BEGIN and END on the plan of examples/chapter.yaml, with limits, budgets, breaker, meters and journal on;
the rings are emptied by moving their tails, outside the time taken. Rounds are repeated; medians and spreads are printed. Start times
are of whole processes (`python -m roteiro.journey.warm`), with an empty cache of machine code and with a full one.

`objectives`: what END takes more where so many service level objectives are watched (the plan's own 9; 30 more that count every request),
in the same run, against none; `--only objectives` measures nothing else. A tick is one that judges all of them while all burn.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from roteiro.journey import step
from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read, read_text
from roteiro.terms.codes import Command, Step

ROUNDS, PAIRS = 7, 20_000
PLAN = Path(__file__).parent.parent / "examples" / "chapter.yaml"


def call_us() -> dict[str, list[float]]:
    """µs a call of BEGIN and of END, per round; and of a Python function of as many arguments, for comparison."""
    reading = read(PLAN)
    assert reading.plan is not None
    compiled = compile_plan(reading.plan, reading.digest, sizes=RingSizes(events=1 << 16, decisions=1 << 18))
    buffer, state = fresh_block(compiled, 1.7e9)
    for table, column in (
        ("targets", "slots"),
        ("workloads", "slots"),
        ("tenants", "slots"),
        ("limits", "burst_s"),
        ("budgets", "amount_nusd"),
    ):
        getattr(state, table)[column] = 1 << 60  # everything is asked and nothing refused
    header, block, route = state.header[0], int(buffer.ctypes.data), compiled.names.routes.index("auto")
    begin, end, now = int(Step.BEGIN), int(Step.END), 0.0

    def idle(*arguments: float) -> tuple[int, float, int, int, int]:
        return 1, 0.0, 1, 0, 0

    times: dict[str, list[float]] = {"begin": [], "end": [], "python_call": []}
    for _ in range(ROUNDS + 1):
        flows, spent = [], dict.fromkeys(times, 0.0)
        for _ in range(PAIRS // 50):
            start = time.perf_counter()
            for _ in range(50):
                now += 0.01
                answer = step(block, begin, -1, now, 0.5, 0, route, 100, 100, 0, 0)
                flows.append(answer[3])
            spent["begin"] += time.perf_counter() - start
            assert answer[0] == Command.SEND, answer
            start = time.perf_counter()
            for flow in flows:
                step(block, end, flow, now, 0.5, 100, 0, 50, 0, 0, 0)
            spent["end"] += time.perf_counter() - start
            start = time.perf_counter()
            for flow in flows:
                idle(block, end, flow, now, 0.5, 100, 0, 50, 0, 0, 0)
            spent["python_call"] += time.perf_counter() - start
            flows.clear()
            header["event_tail"], header["decision_tail"] = header["event_head"], header["decision_head"]
        for name, seconds in spent.items():
            times[name].append(seconds / PAIRS * 1e6)
    return {name: values[1:] for name, values in times.items()}


def objectives_us() -> dict[str, dict[str, float]]:
    """µs of END with none, with the plan's own and with many objectives, in turn; and of a tick that judges all of the last."""
    more = "".join(
        f"  o{k}: {{sli: {('availability', 'latency')[k % 2]}, objective: 99%{', threshold: 1s' * (k % 2)}}}\n" for k in range(30)
    )
    reading = read_text(PLAN.read_text(encoding="utf-8") + "\nslos:\n" + more)
    assert reading.plan is not None, reading.problems
    compiled = compile_plan(reading.plan, reading.digest, sizes=RingSizes(events=1 << 16, decisions=1 << 18))
    buffer, state = fresh_block(compiled, 1.7e9)
    for table, column in (
        ("targets", "slots"),
        ("workloads", "slots"),
        ("tenants", "slots"),
        ("limits", "burst_s"),
        ("budgets", "amount_nusd"),
    ):
        getattr(state, table)[column] = 1 << 60
    header, block, route = state.header[0], int(buffer.ctypes.data), compiled.names.routes.index("auto")
    own = sum(1 for name in compiled.names.objectives if "." in name)
    counts = {"none": 0, "own": own, "many": len(compiled.names.objectives)}
    own_first = sorted(range(len(compiled.names.objectives)), key=lambda o: "." not in compiled.names.objectives[o])
    state.objectives[: len(own_first)] = state.objectives[own_first].copy()
    state.burn_alerts["objective"] = np.argsort(own_first)[state.burn_alerts["objective"] % len(own_first)]
    begin, end, tend, now = int(Step.BEGIN), int(Step.END), int(Step.TEND), 0.0
    times: dict[str, list[float]] = {name: [] for name in counts}
    for _ in range(ROUNDS + 1):
        spent = dict.fromkeys(times, 0.0)
        for _ in range(PAIRS // 50):
            for name, count in counts.items():
                header["objective_count"] = count
                flows = []
                for _ in range(50):
                    now += 0.01
                    flows.append(step(block, begin, -1, now, 0.5, 0, route, 100, 100, 0, 0)[3])
                start = time.perf_counter()
                for flow in flows:
                    step(block, end, flow, now, 0.5, 100, 0, 50, 0, 0, 0)
                spent[name] += time.perf_counter() - start
                header["event_tail"], header["decision_tail"] = header["event_head"], header["decision_head"]
        for name, seconds in spent.items():
            times[name].append(seconds / PAIRS * 1e6)
    ticks = []
    for _ in range(200):
        now += 11.0
        state.objectives["news"] = 1
        start = time.perf_counter()
        step(block, tend, -1, now, 0.5, 0, 0, 0, 0, 0, 0)
        ticks.append((time.perf_counter() - start) * 1e6)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    spread = {
        f"end, {name} ({counts[name]})": {"median": round(m, 3), "more": round(m - medians["none"], 3)} for name, m in medians.items()
    }
    return {**spread, "tick that judges all": {"median": round(statistics.median(ticks), 1), "max": round(max(ticks), 1)}}


def start_s(cache: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "roteiro.journey.warm"], env=dict(os.environ, ROTEIRO_CACHE_DIR=cache), check=True)
    return time.perf_counter() - began


def main() -> None:
    if "--only" in sys.argv:
        print(json.dumps({"objectives_us": objectives_us()}))
        return
    with tempfile.TemporaryDirectory() as cache:
        first, later = start_s(cache), [start_s(cache) for _ in range(3)]
    figures = {
        name: {"median": round(statistics.median(v), 3), "min": round(min(v), 3), "max": round(max(v), 3)} for name, v in call_us().items()
    }
    print(
        json.dumps(
            {
                "us_a_call": figures,
                "objectives_us": objectives_us(),
                "first_start_s": round(first, 1),
                "later_start_s": round(statistics.median(later), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
