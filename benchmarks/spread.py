"""How a burst of connections is spread over the workers: one listening socket for all of them, and one each.

A real server for each form and number of workers; bursts of connections that stay open, one request on each; which worker served it is in
the ledger. Of each burst: the share of the busiest worker (even would be one in the number of workers) and how many got none. The forms
take turns. Wants nothing but Roteiro.

`python benchmarks/spread.py [--connections 64] [--bursts 5]`
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from roteiro.ledger import Ledger
from roteiro.tasks.server_process import ServerProcess
from roteiro.testing.client import HttpClient
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

PLAN = """
roteiro: 1
providers:
  one: {name: sandbox, model: upstream, weight: 1, on_premises: true}
models:
  chat: {targets: {one: 1}}
tenants:
  free: {workloads: [chat]}
workloads:
  chat: {priority: interactive, model: chat}
"""


async def burst(port: int, key: str, connections: int) -> None:
    """So many connections at once, and a request on each."""
    clients = [HttpClient(f"http://127.0.0.1:{port}") for _ in range(connections)]
    body = {"model": "chat", "messages": [{"role": "user", "content": "oi"}], "max_tokens": 4}
    answers = await asyncio.gather(*(c.post("/v1/chat/completions", body, {"authorization": f"Bearer {key}"}) for c in clients))
    for client in clients:
        await client.close()
    if any(status != 200 for status, _ in answers):
        raise SystemExit(f"not all were answered: {Counter(status for status, _ in answers)}")


def measured(provider: str, workers: int, apart: bool, connections: int, bursts: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        plan, data = Path(folder) / "plan.yaml", Path(folder) / "data"
        plan.write_text(PLAN)
        form = {"ROTEIRO_REUSE_PORT": str(int(apart))}
        with ServerProcess(plan, data, {"one": provider}, keys=form, workers=workers) as server:
            key = server.administration.create_key("free")["key"]
            asyncio.run(asyncio.sleep(0.5))  # all workers have read it
            for _ in range(bursts):
                asyncio.run(burst(server.ready["port"], key, connections))
            run = server.run
        rows = sorted(Ledger(data).events(run=run).to_pylist(), key=lambda row: row["request"])
    found = [Counter(row["worker"] for row in rows[n : n + connections]) for n in range(0, len(rows), connections)]
    busiest = [max(counts.values()) / connections for counts in found]
    return {
        "sockets": "one each" if apart else "one for all",
        "workers": workers,
        "even_share": round(1 / workers, 3),
        "busiest_share_median": round(statistics.median(busiest), 3),
        "busiest_share_worst": round(max(busiest), 3),
        "workers_without_a_connection": sum(workers - len(counts) for counts in found),
        "bursts": [[counts[worker] for worker in range(workers)] for counts in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--bursts", type=int, default=5)
    options = parser.parse_args()
    with SandboxProcess(SandboxSettings(name="one", fixed=True)) as provider:
        forms = [
            measured(provider.base_url, workers, apart, options.connections, options.bursts)
            for workers in (2, 4)
            for apart in (False, True)
        ]
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    print(json.dumps({"benchmark": "spread", "machine": machine, "connections": options.connections, "forms": forms}, indent=1))


if __name__ == "__main__":
    main()
