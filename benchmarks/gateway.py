"""The gateway against nginx as a reverse proxy, in one run; added latency; streams; memory. Prints one JSON object.

Method: the contender has core 0 to itself; load (`wrk`, 32 connections, a chat body of 1 KB) and upstream (nginx, a fixed answer)
share core 1. The contenders take turns in short rounds. The gateway is one worker on the plan of examples/chapter.yaml with keys,
limits, budgets, breakers, meters, journal and events on; its amounts are raised so that nothing is refused, and this process empties
the rings as the ledger's writer would. CPU time is the contender's own, from /proc. Wants nginx and wrk
(`scripts/install-bench-tools`) and two cores.

`python benchmarks/gateway.py [--rounds 5] [--seconds 3]`
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from roteiro.journey.warm import warm
from roteiro.plan.compile import Grant, RingSizes, compile_plan, fresh_block
from roteiro.plan.read import read
from roteiro.policy.state import State, block_size

PLAN = Path(__file__).parent.parent / "examples" / "chapter.yaml"
KEY = "sk-of-the-benchmark"
CONTENDER, OTHERS = 0, 1  # cores
TICKS_S = 1.0 / os.sysconf("SC_CLK_TCK")
STREAMS, FRAMES = 64, 300
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A fixed answer."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 230, "completion_tokens": 9, "total_tokens": 239},
    }
)  # fmt: skip
BODY = json.dumps(
    {"model": "auto", "messages": [{"role": "user", "content": "vento e mar " * 76}], "max_tokens": 64}, separators=(",", ":")
)

NGINX = """
worker_processes 1; daemon off; master_process off; error_log stderr crit; pid FOLDER/NAME.pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_max_body_size 32m;
  client_body_temp_path FOLDER/NAME.1; proxy_temp_path FOLDER/NAME.2; fastcgi_temp_path FOLDER/NAME.3;
  uwsgi_temp_path FOLDER/NAME.4; scgi_temp_path FOLDER/NAME.5;
  CONTENT
}
"""
FIXED = "server { listen 127.0.0.1:PORT backlog=4096; location / { default_type application/json; return 200 'ANSWER'; } }"
PROXY = """
  upstream provider { server 127.0.0.1:UP; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:PORT backlog=4096;
    location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
"""
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer KEY"
wrk.body = '{BODY}'
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(arguments: list[str], core: int, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A process pinned to a core, once it listens on `port`."""
    with subprocess.Popen(["taskset", "-c", str(core), *arguments], stdout=subprocess.DEVNULL) as child:
        try:
            for _ in range(2000):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                    break
                if child.poll() is not None:
                    raise SystemExit(f"{arguments[0]} ended with {child.returncode}")
                time.sleep(0.01)
            yield child
        finally:
            child.terminate()


@contextlib.contextmanager
def nginx(folder: Path, name: str, content: str, core: int, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    text = NGINX.replace("CONTENT", content).replace("FOLDER", str(folder)).replace("NAME", name).replace("PORT", str(port))
    (folder / f"{name}.conf").write_text(text)
    with process(["nginx", "-c", str(folder / f"{name}.conf")], core, port) as child:
        yield child


@contextlib.contextmanager
def worker(folder: Path, name: str, upstream: int) -> Iterator[tuple["subprocess.Popen[bytes]", int, State]]:
    """A governed gateway worker; its rings are emptied as long as it runs."""
    reading = read(PLAN)
    assert reading.plan is not None, reading.problems
    grant = Grant("bench", hashlib.sha256(KEY.encode()).hexdigest(), next(iter(reading.plan.tenants)))
    compiled = compile_plan(reading.plan, reading.digest, [grant], sizes=RingSizes(events=1 << 16, decisions=1 << 19))
    block = folder / f"{name}.block"
    with block.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, block_size(compiled.capacities))
    _, state = fresh_block(compiled, time.time(), time.monotonic(), np.memmap(block, np.uint8, "r+"))
    for table, column in (
        ("targets", "slots"),
        ("workloads", "slots"),
        ("tenants", "slots"),
        ("limits", "burst_s"),
        ("budgets", "amount_nusd"),
    ):
        getattr(state, table)[column] = 1 << 60  # everything is asked and nothing refused
    base = f"http://127.0.0.1:{upstream}/v1"
    targets = [msgspec.structs.replace(target, base_url=base, key_env=None, key_envs=[]) for target in compiled.edge.targets]
    (folder / f"{name}.edge").write_bytes(msgspec.json.encode(msgspec.structs.replace(compiled.edge, targets=targets)))
    port = free_port()
    spec = {"block": str(block), "edge": str(folder / f"{name}.edge"), "port": port, "drain_s": 1.0}
    (folder / f"{name}.spec").write_text(json.dumps(spec))
    done = threading.Event()

    def drain() -> None:
        header = state.header[0]
        while not done.wait(0.02):
            header["event_tail"], header["decision_tail"] = header["event_head"], header["decision_head"]

    threading.Thread(target=drain, daemon=True).start()
    try:
        with process([sys.executable, "-m", "roteiro.gateway.worker", "--spec", str(folder / f"{name}.spec")], CONTENDER, port) as child:
            yield child, port, state
    finally:
        done.set()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICKS_S


def memory_mb(pid: int) -> dict[str, float]:
    """Resident, and what of it is the process's own and not shared with another."""
    rows = dict(re.findall(r"^(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    own = int(rows["Private_Clean"]) + int(rows["Private_Dirty"])
    return {
        "resident": round(int(rows["Rss"]) / 1024, 1),
        "private": round(own / 1024, 1),
        "proportional": round(int(rows["Pss"]) / 1024, 1),
    }


def load(port: int, pid: int, script: Path, seconds: float) -> tuple[float, float]:
    """(requests/s, µs of the contender's CPU a request) of one round. Any answer but 200 ends the benchmark."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    before = cpu_s(pid)
    said = subprocess.run(
        ["taskset", "-c", str(OTHERS), "wrk", "-t1", "-c32", f"-d{seconds:g}s", "-s", str(script), url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    spent = cpu_s(pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"the load did not get its answers:\n{said}")
    requests = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), spent / requests * 1e6  # type: ignore[index]


def paced(port: int, script: Path, seconds: float) -> tuple[float, float]:
    """(p50, p99) in ms of 200 requests/s: four connections that think for 15 to 25 ms between an answer and the next request."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    said = subprocess.run(
        ["taskset", "-c", str(OTHERS), "wrk", "-t1", "-c4", f"-d{seconds:g}s", "--latency", "-s", str(script), url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    shares = dict(re.findall(r"(\d\d)%\s+([\d.]+[mu]?s)", said))
    scale = {"us": 1e-3, "ms": 1.0}
    return tuple(float(shares[q][:-2]) * scale[shares[q][-2:]] for q in ("50", "99"))  # type: ignore[return-value]


def frame(stream: str, i: int) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%b-%d"},"finish_reason":null}]}\n\n' % (stream.encode(), i)


async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Streams FRAMES numbered frames, in bursts of odd sizes."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]
            name = json.loads(body)["user"]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
            whole = b"".join(frame(name, i) for i in range(FRAMES)) + end
            for at in range(0, len(whole), 777):  # frames are cut anywhere
                part = whole[at : at + 777]
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                await writer.drain()
                await asyncio.sleep(0.001)
            writer.write(b"0\r\n\r\n")
    writer.close()


async def streams(port: int) -> dict[str, Any]:
    """STREAMS streams at once, each compared with what was sent."""

    async def one(name: str) -> bool:
        body = json.dumps({**json.loads(BODY), "stream": True, "user": name}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await reader.readuntil(b"\r\n\r\n")
        parts = []
        while size := int((await reader.readline()).strip(), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        writer.close()
        frames = b"".join(parts).split(b"\n\n")
        return frames[:FRAMES] == [frame(name, i)[:-2] for i in range(FRAMES)] and frames[FRAMES + 1] == b"data: [DONE]"

    start = time.perf_counter()
    whole = sum(await asyncio.gather(*(one(f"s{n}") for n in range(STREAMS))))
    return {"at_once": STREAMS, "frames": STREAMS * FRAMES, "whole": whole, "seconds": round(time.perf_counter() - start, 2)}


def summary(values: list[float], digits: int = 1) -> dict[str, float]:
    return {"median": round(statistics.median(values), digits), "least": round(min(values), digits), "most": round(max(values), digits)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", "taskset") if shutil.which(tool) is None]
    if missing or len(os.sched_getaffinity(0)) < 2:
        print(json.dumps({"skipped": f"wants {', '.join(missing) or 'two cores'}; scripts/install-bench-tools installs the tools"}))
        return
    os.sched_setaffinity(0, {OTHERS})
    warm()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        folder, up, proxy_port = Path(temporary), free_port(), free_port()
        (folder / "chat.lua").write_text(SCRIPT.replace("KEY", KEY).replace("{BODY}", BODY))
        stack.enter_context(nginx(folder, "provider", FIXED.replace("ANSWER", ANSWER), OTHERS, up))
        proxy = stack.enter_context(nginx(folder, "proxy", PROXY.replace("UP", str(up)), CONTENDER, proxy_port))
        child, port, state = stack.enter_context(worker(folder, "whole", up))
        idle = memory_mb(child.pid)

        rounds: dict[str, list[tuple[float, float]]] = {"roteiro": [], "nginx": []}
        contenders: list[tuple[str, int, int]] = [("roteiro", port, child.pid), ("nginx", proxy_port, proxy.pid)]
        for _, at, pid in contenders:
            load(at, pid, folder / "chat.lua", 1.0)
        for i in range(options.rounds):
            for name, at, pid in contenders[:: 1 if i % 2 == 0 else -1]:
                rounds[name].append(load(at, pid, folder / "chat.lua", options.seconds))

        (folder / "paced.lua").write_text((folder / "chat.lua").read_text() + "function delay() return math.random(15, 25) end")
        late: dict[str, list[tuple[float, float]]] = {"direct": [], "nginx": [], "roteiro": []}
        for _ in range(max(3, options.rounds // 2)):
            for name, at in (("direct", up), ("nginx", proxy_port), ("roteiro", port)):
                late[name].append(paced(at, folder / "paced.lua", 5.0))

        async def streamed() -> dict[str, Any]:
            server = await asyncio.start_server(provider, "127.0.0.1", 0)
            with worker(folder, "streams", server.sockets[0].getsockname()[1]) as (_, stream_port, _):
                return await streams(stream_port)

        streaming = asyncio.run(streamed())
        shares = [a[0] / b[0] for a, b in zip(rounds["roteiro"], rounds["nginx"], strict=True)]
        costs = [a[1] / b[1] for a, b in zip(rounds["roteiro"], rounds["nginx"], strict=True)]
        p = {
            name: {q: round(statistics.median(row[i] for row in rows), 2) for i, q in enumerate(("p50", "p99"))}
            for name, rows in late.items()
        }
        print(
            json.dumps(
                {
                    "share_of_nginx": summary(shares, 3),
                    "cpu_against_nginx": summary(costs, 2),
                    "requests_per_s": {name: summary([r[0] for r in rows], 0) for name, rows in rounds.items()},
                    "cpu_us_per_request": {name: summary([r[1] for r in rows]) for name, rows in rounds.items()},
                    "latency_ms_at_200_per_s": {**p, "added_p99": round(p["roteiro"]["p99"] - p["direct"]["p99"], 2)},
                    "streams": streaming,
                    "events": int(state.header["event_head"][0]),
                    "memory_mb": {"idle": idle, "after": memory_mb(child.pid)},
                    "machine": {"cores": os.cpu_count(), "python": sys.version.split()[0]},
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    main()
