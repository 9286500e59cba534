"""The gateway against nginx as a reverse proxy, in one run: CPU time, added latency, streams, memory. Prints one JSON object.

Method: README.md beside this file. The gateway is one worker on `governed.yaml` with 10,001 keys, limits, budgets, bulkheads, breakers,
routing rules, meters, journal and events on; this process empties the rings as the ledger's writer would. Nothing looks into texts: there
is no guard yet. Wants nginx, wrk and a C compiler (`scripts/install-bench-tools`), and two cores.

`python benchmarks/gateway.py [--rounds 7] [--seconds 3] [--requests 1000000] [--only requests latency streams at_once memory]`
"""

import argparse
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig import (
    Load,
    Machine,
    Worker,
    body,
    cpu_s,
    fixed_provider,
    free_port,
    memory_mb,
    missing,
    over_the_wire,
    pin,
    reverse_proxy,
    show,
    summary,
    worker,
    wrk,
    wrk_script,
)
from roteiro.journey.warm import warm

SECTIONS = ("requests", "latency", "streams", "at_once", "memory")
FRAMES, INTERVAL_MS = 53, 5.0
AT_ONCE = 64
CROWDS, CROWD_FRAMES = (512, 1024), 50
RATE, LATENCY_S = 200.0, 5.0
MARKS = (0.1, 0.5, 1.0)
"""Shares of `--requests` at which memory is looked at."""


@dataclass
class Options:
    rounds: int
    seconds: int
    requests: int


def turns(names: list[str], i: int) -> list[str]:
    """The order of a round: each second one backwards."""
    return names[:: 1 if i % 2 == 0 else -1]


def requests(folder: Path, options: Options) -> dict[str, Any]:
    """As fast as it goes, 32 connections: CPU µs a request, requests/s, and requests per second of CPU, which is requests/s a core."""
    script, provider, proxy_port = folder / "chat.lua", free_port(), free_port()
    script.write_text(wrk_script(body()))
    rows: dict[str, list[tuple[float, float]]] = {"roteiro": [], "nginx": []}
    with (
        fixed_provider(folder, provider),
        reverse_proxy(folder, "proxy", provider, proxy_port) as proxy,
        worker(folder, "whole", provider) as ours,
    ):
        at = {"roteiro": (ours.port, ours.pid), "nginx": (proxy_port, proxy.pid)}
        for port, _ in at.values():
            wrk(port, script, 1.0)
        for i in range(options.rounds):
            for name in turns(list(at), i):
                port, pid = at[name]
                before = cpu_s(pid)
                answered = wrk(port, script, options.seconds)
                rows[name].append((answered / options.seconds, (cpu_s(pid) - before) / answered * 1e6))
    pairs = list(zip(rows["roteiro"], rows["nginx"], strict=True))
    return {
        "cpu_us_a_request": {name: summary(r[1] for r in found) for name, found in rows.items()},
        "cpu_ours_over_nginx": summary((a[1] / b[1] for a, b in pairs), 2),
        "requests_per_s": {name: summary((r[0] for r in found), 0) for name, found in rows.items()},
        "requests_per_s_ours_over_nginx": summary((a[0] / b[0] for a, b in pairs), 3),
    }


def latency(folder: Path, options: Options) -> dict[str, Any]:
    """Whole answers at 200 a second: through each, and from the provider directly, which is what load, provider and system take."""
    with Load(folder) as load, contextlib.ExitStack() as stack:
        proxy_port = free_port()
        stack.enter_context(reverse_proxy(folder, "slow", load.port, proxy_port))
        ours = stack.enter_context(worker(folder, "slow", load.port))
        request = load.write("open.http", over_the_wire(body()))
        ports = {"direct": load.port, "nginx": proxy_port, "roteiro": ours.port}
        for port in ports.values():
            load.mix(port, [(request, RATE)], seconds=1.0)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ports}
        for i in range(options.rounds):
            for name in turns(list(ports), i):
                row = load.mix(ports[name], [(request, RATE)], seconds=LATENCY_S)
                rows[name].append({**row, **row["kinds"][0]})
    return {
        "requests": sum(row["asked"] for row in rows["roteiro"]),
        "not_answered": sum(row["asked"] - row["answered"] for row in rows["roteiro"]),
        "ms": {name: quantiles(found, "us") for name, found in rows.items()},
        "added_ms": added(rows, "us"),
        "noise": {
            "direct_p99_ms_between_rounds": quantiles(rows["direct"], "us")["p99"],
            "late_to_ask_p99_ms": summary((row["late_us"]["p99"] / 1e3 for row in rows["direct"]), 3),
        },
    }


def streams(folder: Path, options: Options) -> dict[str, Any]:
    """64 streams at once, of 53 frames 5 ms apart, one after another: time to the first frame, CPU a stream."""
    with Load(folder) as load, contextlib.ExitStack() as stack:
        load.pace(FRAMES, INTERVAL_MS)
        proxy_port = free_port()
        proxy = stack.enter_context(reverse_proxy(folder, "frames", load.port, proxy_port, buffering=False))
        ours = stack.enter_context(worker(folder, "frames", load.port))
        request = load.write("streams.http", over_the_wire(body(stream=True)))
        at = {"direct": (load.port, 0), "nginx": (proxy_port, proxy.pid), "roteiro": (ours.port, ours.pid)}
        for port, _ in at.values():
            load.streams(port, request, seconds=1.0, at_once=AT_ONCE)
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in at}
        for i in range(options.rounds):
            for name in turns(list(at), i):
                port, pid = at[name]
                before = cpu_s(pid) if pid else 0.0
                row = load.streams(port, request, seconds=max(2.0, options.seconds), at_once=AT_ONCE)
                row["cpu_ms"] = ((cpu_s(pid) - before) if pid else 0.0) / max(1, row["whole"]) * 1e3
                rows[name].append(row)
    return {
        "at_once": AT_ONCE,
        "frames": FRAMES,
        "interval_ms": INTERVAL_MS,
        "streams": sum(row["streams"] for row in rows["roteiro"]),
        "not_whole": sum(row["streams"] - row["whole"] for row in rows["roteiro"]),
        "cpu_ms_a_stream": {name: summary((row["cpu_ms"] for row in rows[name]), 3) for name in ("roteiro", "nginx")},
        "first_frame_ms": {name: quantiles(found, "first_us") for name, found in rows.items()},
        "added_to_first_frame_ms": added(rows, "first_us"),
    }


def at_once(folder: Path, options: Options) -> dict[str, Any]:
    """As many streams as that on one worker, all asked for in the same moment, 50 frames each 5 ms apart; every frame is looked at."""
    found = {}
    with Load(folder) as load, worker(folder, "crowd", load.port) as ours:
        load.pace(CROWD_FRAMES, INTERVAL_MS)
        request = load.write("crowd.http", over_the_wire(body(stream=True)))
        for crowd in CROWDS:
            rows = [load.streams(ours.port, request, at_once=crowd, total=crowd) for _ in range(max(3, options.rounds // 2))]
            found[str(crowd)] = {
                "rounds": len(rows),
                "streams": sum(row["streams"] for row in rows),
                "whole_and_in_order": sum(row["whole"] for row in rows),
                "frames": sum(row["frames"] for row in rows),
                "frames_due": crowd * CROWD_FRAMES * len(rows),
                "seconds": summary((row["seconds"] for row in rows), 2),
                "seconds_at_best": round(CROWD_FRAMES * INTERVAL_MS / 1e3, 2),
            }
    return found


def memory(folder: Path, options: Options) -> dict[str, Any]:
    """Of a worker, idle and after requests. The rings of the block become resident as they are written for the first time."""
    script, provider = folder / "memory.lua", free_port()
    script.write_text(wrk_script(body()))
    with fixed_provider(folder, provider), worker(folder, "memory", provider) as ours:
        found = {"idle": memory_mb(ours.pid)}
        for share in MARKS:
            wanted = round(options.requests * share)
            while (done := events(ours)) < wanted:
                wrk(ours.port, script, min(20.0, max(1.0, (wanted - done) / 20_000)))
            found[f"after_{wanted}"] = memory_mb(ours.pid)
        return {"mb": found, "requests": events(ours)}


def events(ours: Worker) -> int:
    return int(ours.state.header["event_head"][0])


def quantiles(rows: list[dict[str, Any]], what: str) -> dict[str, dict[str, float]]:
    """In ms: of each quantile the median, least and most of the rounds."""
    return {q: summary((row[what][q] / 1e3 for row in rows), 3) for q in ("p50", "p99")}


def added(rows: dict[str, list[dict[str, Any]]], what: str) -> dict[str, dict[str, dict[str, float]]]:
    """In ms: what each adds to the provider alone, round by round."""
    return {
        name: {
            q: summary(((row[what][q] - direct[what][q]) / 1e3 for row, direct in zip(rows[name], rows["direct"], strict=True)), 3)
            for q in ("p50", "p99")
        }
        for name in ("roteiro", "nginx")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of a round")
    parser.add_argument("--requests", type=int, default=1_000_000, help="after which memory is looked at")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    chosen = parser.parse_args()
    if why := missing(["nginx", "wrk", "cc", "taskset"]):
        show({"benchmark": "gateway", "skipped": why})
        return
    machine = Machine()
    pin()
    warm()
    sections: dict[str, Callable[[Path, Options], dict[str, Any]]] = {
        "requests": requests, "latency": latency, "streams": streams, "at_once": at_once, "memory": memory,
    }  # fmt: skip
    options = Options(max(1, chosen.rounds), chosen.seconds, chosen.requests)
    report: dict[str, Any] = {"benchmark": "gateway", "governed": "keys, limits, budgets, bulkheads, breakers, rules, journal, events"}
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.only:
            report[name] = sections[name](Path(folder), options)
    report["machine"] = machine.said()
    show(report)


if __name__ == "__main__":
    main()
