"""What reading along costs the supervisor: CPU time a second of traffic at a rate of events, of metrics and of the live view.

Rings are filled as the kernel would, a quarter second's rows at a time, with two and a half decisions an event, and read along by the very
object that the server has. Rows are drawn over sixty tenants, five models and six targets, half of them with a trace, so that far more
distinct label sets meet in a batch than traffic has. Prints one JSON object. Wants nothing but Roteiro.

`python benchmarks/telemetry.py [--rate 30000] [--seconds 10]`
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from roteiro.gateway.block import Block
from roteiro.gateway.telemetry import EVERY_S, Telemetry
from roteiro.plan.compile import RingSizes, compile_plan
from roteiro.plan.read import read
from roteiro.terms.event import DECISION, EVENT

PLAN = Path(__file__).parent.parent / "examples" / "chapter.yaml"


def rows_of(count: int, draw: np.random.Generator) -> tuple[Any, Any]:
    """A batch of events and its decisions."""
    events, decisions = np.zeros(count, EVENT), np.zeros(count * 5 // 2, DECISION)
    for name, most in (("tenant", 60), ("model", 5), ("target", 6), ("workload", 5), ("stream", 2), ("trace_hi", 2)):
        events[name] = draw.integers(0, most, count)
    events["outcome"] = draw.choice([0, 0, 0, 0, 0, 1, 2], count)
    events["attempts"] = 1
    events["total_ms"] = draw.lognormal(6, 1, count)
    events["ttft_ms"] = events["total_ms"] / 4
    events["input_tokens"], events["output_tokens"] = draw.integers(50, 4000, count), draw.integers(1, 500, count)
    for name, most in (("step", 6), ("command", 6), ("reason", 30), ("target", 6), ("a", 6)):
        decisions[name] = draw.integers(0, most, len(decisions))
    return events, decisions


def put(table: Any, header: Any, word: str, rows: Any) -> None:
    """Append rows to a ring, durable at once."""
    head = int(header[f"{word}_head"])
    at = (head + np.arange(len(rows))) % len(table)
    rows["seq"] = head + np.arange(len(rows))
    table[at] = rows
    header[f"{word}_head"] = header[f"{word}_tail"] = head + len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=int, default=30_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=10, help="of traffic")
    options = parser.parse_args()
    plan = read(PLAN).plan
    assert plan is not None
    compiled = compile_plan(plan, "digest", [], sizes=RingSizes(flows=64))
    draw, now_s = np.random.default_rng(0), 0.0
    with tempfile.TemporaryDirectory() as folder:
        block = Block.create(Path(folder) / "block", Path(folder) / "lock", compiled, time.time(), time.monotonic())
        telemetry = Telemetry(block, lambda: compiled.names, lambda: now_s)
        ticks = round(options.seconds / EVERY_S)
        took = []
        for _ in range(ticks):
            events, decisions = rows_of(round(options.rate * EVERY_S), draw)
            now_s += EVERY_S
            events["ended_s"] = now_s - draw.uniform(0, EVERY_S, len(events))
            put(block.state.events, block.state.header[0], "event", events)
            put(block.state.decisions, block.state.header[0], "decision", decisions)
            began = time.process_time()
            while telemetry.read():
                pass
            took.append(time.process_time() - began)
        read_rows, missed = telemetry.tally.rows, telemetry.missed
        block.close()
    median = float(np.median(took))
    report = {
        "benchmark": "telemetry",
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "events_a_second": options.rate,
        "events_read": read_rows,
        "missed": missed,
        "cpu_ms_a_tick_median": round(median * 1e3, 2),
        "cpu_ms_a_tick_worst": round(max(took) * 1e3, 2),
        "share_of_a_core": round(median / EVERY_S, 4),
        "cpu_us_an_event": round(median / (options.rate * EVERY_S) * 1e6, 2),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
