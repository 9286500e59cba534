"""What a decision costs from Python, and how long the kernel takes to compile and to load. Prints one JSON object.

Method: `step` is called for BEGIN and END on the plan of examples/chapter.yaml, with limits, budgets, breaker, meters and journal on;
the rings are emptied by moving their tails, outside the time taken. Rounds are repeated; medians and spreads are printed. Start times
are of whole processes (`python -m roteiro.journey.warm`), with an empty cache of machine code and with a full one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from roteiro.journey import step
from roteiro.plan.compile import RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read
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


def start_s(cache: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "roteiro.journey.warm"], env=dict(os.environ, ROTEIRO_CACHE_DIR=cache), check=True)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        first, later = start_s(cache), [start_s(cache) for _ in range(3)]
    figures = {
        name: {"median": round(statistics.median(v), 3), "min": round(min(v), 3), "max": round(max(v), 3)} for name, v in call_us().items()
    }
    print(json.dumps({"us_a_call": figures, "first_start_s": round(first, 1), "later_start_s": round(statistics.median(later), 2)}))


if __name__ == "__main__":
    main()
