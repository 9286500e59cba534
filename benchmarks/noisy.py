"""A noisy neighbour, and load beyond capacity: who feels it, who is turned away, and how soon it is over. Prints one JSON object.

*Noisy*: a critical tenant asks at a steady rate, alone and beside one that sends ten times its limit, in turns; the p95 of the critical
one is compared round by round. *Overload*: four tenants of four priorities send twice what the provider has room for; what each got, the
longest the queue was against its bound, memory, and the time from the end of the load until the others are served as before. One worker
between the client and the provider of `load.c`, whose whole answers take their time. Wants a C compiler and two cores.

`python benchmarks/noisy.py [--rounds 7] [--seconds 5]`
"""

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rig import Load, Machine, Worker, body, memory_mb, missing, over_the_wire, pin, show, summary, worker
from roteiro.journey.warm import warm

ANSWER_MS, SLOTS = 20.0, 16
"""The provider's time for an answer, and its room: 800 answers a second."""
LIMIT, NOISE = 100, 1000
"""Requests a second that the noisy tenant may send, and sends."""
STEADY: Final = 50.0
QUEUE: Final = 200
PRIORITIES: Final = ("critical", "interactive", "batch", "sandbox")
OFFERED: Final = {"critical": 200.0, "interactive": 300.0, "batch": 550.0, "sandbox": 550.0}
"""Requests a second in the overload: 1,600, twice the room, while the first two fit."""
CONNECTIONS: Final = 1500
WINDOW_S: Final = 0.5
GIVE_UP_S: Final = 30.0
PLAN: Final = f"""
roteiro: 1
name: noisy
providers:
  one: {{name: sandbox, model: m, base_url: "http://127.0.0.1:9/v1", weight: 1, on_premises: true, limits: {{concurrency: {SLOTS}}}}}
models:
  auto: {{targets: {{one: 1}}, on_exhausted: queue, timeouts: {{total: 30s}}}}
queue: {{size: {QUEUE}, max_wait: 5s}}
workloads:
  critical: {{priority: critical, model: auto, queue: {{size: 64, max_wait: 5s}}}}
  interactive: {{priority: interactive, model: auto, queue: {{size: 64, max_wait: 5s}}}}
  batch: {{priority: batch, model: auto, queue: {{size: 64, max_wait: 5s}}}}
  sandbox: {{priority: sandbox, model: auto, queue: {{size: 64, max_wait: 5s}}}}
tenants:
  of-critical: {{workloads: [critical]}}
  of-interactive: {{workloads: [interactive]}}
  of-batch: {{workloads: [batch]}}
  of-sandbox: {{workloads: [sandbox]}}
  noisy: {{workloads: [interactive], limits: {{requests: {LIMIT}/s}}, concurrency: 6}}
"""


class Rig:
    """A worker on the plan, load, and a request of each tenant."""

    def __init__(self, load: Load, ours: Worker) -> None:
        self._load, self.ours = load, ours
        self._requests = {
            name: load.write(f"{name}.http", over_the_wire(body(), {"Authorization": f"Bearer sk-of-{name}", "x-roteiro-workload": of}))
            for name, of in [("noisy", "interactive"), *((priority, priority) for priority in PRIORITIES)]
        }

    def mix(self, seconds: float, **rates: float) -> dict[str, Any]:
        """What became of requests at these rates a second: per tenant, and `drained_s` until the last was answered."""
        row = self._load.mix(
            self.ours.port, [(self._requests[name], rate) for name, rate in rates.items()], seconds=seconds, connections=CONNECTIONS
        )
        if row["failed"] or row["unanswered"]:
            raise SystemExit(f"requests without an answer: {row}")
        return {**row, "of": dict(zip(rates, row["kinds"], strict=True))}


def noisy(rig: Rig, rounds: int, seconds: float) -> dict[str, Any]:
    """p95 of the critical tenant, alone and with noise."""
    p95: dict[str, list[float]] = {"alone": [], "alone_again": [], "with_noise": []}
    told: list[dict[str, Any]] = []
    for i in range(rounds):
        for name in list(p95)[:: 1 if i % 2 == 0 else -1]:
            row = rig.mix(seconds, critical=STEADY, **({"noisy": float(NOISE)} if name == "with_noise" else {}))
            p95[name].append(row["of"]["critical"]["us"]["p95"] / 1e3)
            if name == "with_noise":
                told.append(row["of"]["noisy"])
    asked = sum(row["asked"] for row in told)
    return {
        "critical_p95_ms": {name: summary(rows, 2) for name, rows in p95.items()},
        "moved_by": summary((b / a - 1 for a, b in zip(p95["alone"], p95["with_noise"], strict=True)), 3),
        "moved_by_beyond_the_provider": summary(
            ((b - ANSWER_MS) / (a - ANSWER_MS) - 1 for a, b in zip(p95["alone"], p95["with_noise"], strict=True)), 2
        ),
        "moved_by_chance": summary((b / a - 1 for a, b in zip(p95["alone"], p95["alone_again"], strict=True)), 3),
        "goal": "at most 0.2",
        "noisy": {
            "asked_per_s": round(asked / rounds / seconds),
            "limit_per_s": LIMIT,
            "answered_per_s": round(sum(row["answered"] for row in told) / rounds / seconds),
            "refused": sum(row["429"] + row["503"] for row in told),
            "refused_without_retry_after": sum(row["without_retry_after"] for row in told),
        },
    }


@contextlib.contextmanager
def watched(ours: Worker) -> Iterator[dict[str, float]]:
    """The most of what was seen meanwhile: waiting requests, requests in flight, MB resident (the block's rings apart)."""
    most = {"waiting": 0.0, "in_flight": 0.0, "resident_mb": 0.0}
    done = threading.Event()

    def look() -> None:
        looks = 0
        while not done.wait(0.02):
            header = ours.state.header[0]
            most["waiting"] = max(most["waiting"], float(ours.state.queues["waiting"].sum()))
            most["in_flight"] = max(most["in_flight"], float(header["live"]))
            if looks % 25 == 0:
                most["resident_mb"] = max(most["resident_mb"], memory_mb(ours.pid)["resident_without_block"])
            looks += 1

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def overload(rig: Rig, rounds: int, seconds: float) -> dict[str, Any]:
    """Twice the capacity, and what comes after."""
    calm = {name: OFFERED[name] for name in ("critical", "interactive")}
    rig.mix(2.0, **calm)
    found: list[dict[str, Any]] = []
    before = memory_mb(rig.ours.pid)["resident_without_block"]
    for _ in range(rounds):
        base = rig.mix(2.0, **calm)["of"]["critical"]["us"]["p95"]
        with watched(rig.ours) as most:
            row = rig.mix(seconds, **OFFERED)
        ended = time.monotonic() - row["drained_s"]
        recovered_s = GIVE_UP_S
        while time.monotonic() - ended < GIVE_UP_S:
            window = rig.mix(WINDOW_S, **calm)["of"]
            if all(kind["answered"] == kind["asked"] for kind in window.values()) and window["critical"]["us"]["p95"] <= 1.2 * base:
                recovered_s = time.monotonic() - ended - WINDOW_S
                break
        found.append({**row, "most": most, "recovered_s": recovered_s, "critical_p95_over_calm": row["of"]["critical"]["us"]["p95"] / base})
    return {
        "capacity_per_s": round(SLOTS * 1000 / ANSWER_MS),
        "offered_per_s": round(sum(OFFERED.values())),
        "by_priority": {name: fate([row["of"][name] for row in found]) for name in PRIORITIES},
        "waiting_at_most": int(max(row["most"]["waiting"] for row in found)),
        "queue_bound": QUEUE,
        "in_flight_at_most": int(max(row["most"]["in_flight"] for row in found)),
        "drained_s": summary((row["drained_s"] for row in found), 2),
        "recovered_s": summary((row["recovered_s"] for row in found), 2),
        "critical_p95_over_calm": summary((row["critical_p95_over_calm"] for row in found), 2),
        "memory_mb_without_block": {
            "before": before,
            "at_most": max(row["most"]["resident_mb"] for row in found),
            "after": memory_mb(rig.ours.pid)["resident_without_block"],
        },
    }


def fate(rows: list[dict[str, Any]]) -> dict[str, Any]:
    asked = sum(row["asked"] for row in rows)
    return {
        "answered": round(sum(row["answered"] for row in rows) / asked, 3),
        "refused_429": round(sum(row["429"] for row in rows) / asked, 3),
        "refused_503": round(sum(row["503"] for row in rows) / asked, 3),
        "refused_without_retry_after": sum(row["without_retry_after"] for row in rows),
        "p95_ms": round(max(row["us"].get("p95", 0.0) for row in rows) / 1e3, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a round")
    options = parser.parse_args()
    if why := missing(["cc", "taskset"]):
        show({"benchmark": "noisy", "skipped": why})
        return
    machine = Machine()
    pin()
    warm()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        plan = folder / "plan.yaml"
        plan.write_text(PLAN)
        keys = {f"sk-of-{name}": f"of-{name}" for name in PRIORITIES} | {"sk-of-noisy": "noisy"}
        with Load(folder) as load, worker(folder, "noisy", load.port, plan, keys) as ours:
            load.delay(ANSWER_MS)
            rig = Rig(load, ours)
            report = {
                "benchmark": "noisy",
                "provider": {"answer_ms": ANSWER_MS, "concurrency": SLOTS},
                "noisy": noisy(rig, max(1, options.rounds), options.seconds),
                "overload": overload(rig, max(1, options.rounds // 2), options.seconds),
            }
    show({**report, "machine": machine.said()})


if __name__ == "__main__":
    main()
