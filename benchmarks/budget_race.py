"""A budget under workers that race for it and are killed at random: how far it was passed, and whether anything was settled twice.

Each round is a fresh tenant with a budget of its own. Clients ask until the budget refuses them for good, without a maximum in their
requests, so that answers cost more than was reserved and the bound is put to the test; meanwhile workers are killed (SIGKILL) at random
moments. What is counted comes from the ledger alone. The published bound: a budget is passed by at most what the requests in flight cost
above their reservations; here the sum of as many of the largest excesses of the round as there are clients. Wants nothing but Roteiro.

`python benchmarks/budget_race.py [--workers 8] [--clients 32] [--rounds 4] [--kills 4] [--seed 0]`
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from roteiro.ledger import Ledger
from roteiro.tasks.server_process import ServerProcess
from roteiro.testing.client import BrokenAnswerError, HttpClient
from roteiro.testing.quantiles import Latency, Quantiles
from roteiro.testing.sandbox_process import SandboxProcess
from roteiro.testing.sandbox_settings import SandboxSettings

BUDGET_NUSD = 100_000_000
NUSD_A_TOKEN = 1000  # at $1 a million tokens, in and out alike, so that reserved tokens tell what money was reserved
REFUSALS = 10  # in a row, until a client believes that the budget is spent
PLAN = """
roteiro: 1
providers:
  one: {{name: sandbox, model: upstream, weight: 1, on_premises: true, price: {{input: $1/1M tokens, output: $1/1M tokens}}}}
models:
  chat: {{targets: {{one: 1}}}}
request: {{output_tokens: 4}}
tenants:
{tenants}
workloads:
  chat: {{priority: interactive, model: chat}}
"""


async def client(port: int, key: str, statuses: Counter[str]) -> None:
    """Asks until the budget is spent, or the server is gone."""
    refused = 0
    body = {"model": "chat", "messages": [{"role": "user", "content": "vento e mar " * 12}]}
    async with HttpClient(f"http://127.0.0.1:{port}") as http:
        while refused < REFUSALS:
            try:
                status, answer = await http.post("/v1/chat/completions", body, {"authorization": f"Bearer {key}"})
            except BrokenAnswerError as error:
                statuses[str(error).partition(":")[0]] += 1
                continue
            statuses[str(status)] += 1
            refused = 0 if status == 200 else refused + 1
            if status not in (200, 402, 429):
                raise SystemExit(f"an answer that does not belong here: {status} {answer}")
            if status != 200:
                await asyncio.sleep(0.02)


async def killer(server: ServerProcess, kills: int, draw: random.Random, over: asyncio.Event, deaths: list[int]) -> None:
    """Kills that many workers, one at a time at random moments, while others still ask."""
    for _ in range(kills):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), draw.uniform(0.1, 0.5))
            return
        state = await asyncio.to_thread(server.administration.state)
        alive = [worker["pid"] for worker in state["workers"] if worker["pid"] and worker["restarts"] < 4]  # no crash loop: that ends it
        if alive:
            os.kill(draw.choice(alive), signal.SIGKILL)
            deaths.append(1)


async def race(server: ServerProcess, tenant: str, clients: int, kills: int, draw: random.Random) -> dict[str, Any]:
    key = server.administration.create_key(tenant)["key"]
    await asyncio.sleep(0.5)  # all workers have read it
    statuses: Counter[str] = Counter()
    over, deaths = asyncio.Event(), list[int]()
    killing = asyncio.create_task(killer(server, kills, draw, over, deaths))
    began = time.monotonic()
    await asyncio.gather(*(client(server.ready["port"], key, statuses) for _ in range(clients)))
    took_s = time.monotonic() - began
    over.set()
    await killing
    return {"tenant": tenant, "seconds": round(took_s, 1), "kills": len(deaths), "answers": dict(statuses)}


def judged(events: list[dict[str, Any]], clients: int) -> dict[str, Any]:
    """Of one tenant's events: what was spent, the excess over the budget, and its bound."""
    spent = sum(event["cost_nusd"] for event in events)
    excesses = sorted((max(0, event["cost_nusd"] - event["reserved_tokens"] * NUSD_A_TOKEN) for event in events), reverse=True)
    return {
        "spent_nusd": spent,
        "overshoot_nusd": max(0, spent - BUDGET_NUSD),
        "bound_nusd": sum(excesses[:clients]),
        "outcomes": dict(Counter(event["outcome"] for event in events)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kills", type=int, default=4, help="workers killed in a round, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    tenants = [f"racer-{n}" for n in range(options.rounds)]
    sandbox = SandboxSettings(
        name="one", latency=Latency(Quantiles(0.05, 0.12), Quantiles(0.0001, 0.0002)), output_tokens=Quantiles(60.0, 160.0)
    )
    with tempfile.TemporaryDirectory() as folder, SandboxProcess(sandbox) as provider:
        plan, data = Path(folder) / "plan.yaml", Path(folder) / "data"
        budget = f"${BUDGET_NUSD / 1e9:.3f}/month"
        plan.write_text(PLAN.format(tenants="\n".join(f"  {name}: {{workloads: [chat], budgets: {{all: {budget}}}}}" for name in tenants)))
        with ServerProcess(plan, data, {"one": provider.base_url}, workers=options.workers) as server:
            rounds = [asyncio.run(race(server, tenant, options.clients, options.kills, draw)) for tenant in tenants]
            while (state := server.administration.state())["in_flight"]:
                time.sleep(0.05)
            requests, run = state["requests"], server.run
        events = Ledger(data).events(run=run).to_pylist()
    settled = Counter(event["request"] for event in events)
    restored = {row["name"]: row["spent_nusd"] for row in state["budgets"]}
    for found in rounds:
        found.update(judged([event for event in events if event["tenant"] == found["tenant"]], options.clients))
        found["block_agrees"] = restored[f"tenant/{found['tenant']}/all"] == found["spent_nusd"]
    report = {
        "benchmark": "budget_race",
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "workers": options.workers,
        "clients": options.clients,
        "budget_nusd": BUDGET_NUSD,
        "kills": sum(found["kills"] for found in rounds),
        "requests": requests,
        "settled_twice": sum(count > 1 for count in settled.values()),
        "never_settled": requests - len(settled),
        "worst_overshoot_nusd": max(found["overshoot_nusd"] for found in rounds),
        "worst_overshoot_share_of_bound": max(found["overshoot_nusd"] / max(1, found["bound_nusd"]) for found in rounds),
        "within_bound": all(found["overshoot_nusd"] <= found["bound_nusd"] for found in rounds),
        "reserved_left_nusd": sum(row["reserved_nusd"] for row in state["budgets"]),
        "rounds": rounds,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
