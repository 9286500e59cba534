"""Pools of model servers of one's own, as a plan describes them, put into a world's tables and read from them again.

What must not live here: how a batch is served (`batching`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.servers import Servers
from roteiro.policy.state import NONE
from roteiro.simulator.server_records import Phase
from roteiro.terms.codes import ErrorClass

__all__ = ["NO_ROWS", "OwnServers", "PoolCounts", "capacities", "pool_counts", "put_servers"]

ERRORS: Final = {429: ErrorClass.RATE_LIMIT, 503: ErrorClass.SERVER}
HOUR_S: Final = 3600.0
NUSD: Final = 1e9
NO_ROWS: Final = 1 << 40
"""Where a world has no rows of replicas."""


@dataclass(frozen=True, slots=True)
class OwnServers:
    """One pool. Times in seconds; `prefill_s` NaN is beta; `cost_nusd_per_h` of a replica.

    The form of an iteration's time stands in `batching`.
    """

    replicas: int = 1
    most: int = 1
    batch: int = 48
    queue: int = 128
    refusal: int = 503
    alpha_s: float = 0.012
    beta_s: float = 0.00005
    prefill_s: float = math.nan
    gamma_s: float = 0.0
    network_s: float = 0.0
    chunk: int = 512
    kv_tokens: int = 0
    round_robin: bool = False
    start_up_s: float = 90.0
    cost_nusd_per_h: int | None = None

    @classmethod
    def of_plan(cls, servers: Servers) -> "OwnServers":
        return cls(
            servers.replicas, servers.highest, servers.batch, servers.queue, servers.refusal, servers.alpha_s, servers.beta_s,
            math.nan if servers.prefill_s is None else servers.prefill_s, servers.gamma_s, servers.network_s, servers.chunk,
            servers.kv_tokens or 0, servers.dispatch == "round_robin", servers.start_up_s, servers.cost_nusd_per_h,
        )  # fmt: skip

    def thinned(self, share: float) -> "OwnServers":
        """The pool for a demand of which only a `share` is simulated: as many replicas the fewer, at least one."""
        return replace(self, replicas=max(round(self.replicas * share), 1), most=max(round(self.most * share), 1))


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """What a pool did until now. `replica_s` and `busy_s`: seconds of replicas that were paid for, and that iterated. `cost_usd` of the
    former, to the second; NaN where the plan tells no cost of a replica."""

    target: int
    replica_s: float
    busy_s: float
    cost_usd: float
    most: int
    started: int
    stopped: int
    ready: int
    waiting: int
    entered: int
    refused: int
    preempted: int
    iterations: int
    tokens: int


def capacities(pools: Sequence[OwnServers | None], rows: int) -> dict[str, int]:
    """Capacities of the tables that pools need, in a world whose work has `rows` rows without theirs."""
    own = [pool for pool in pools if pool is not None]
    if not own:
        return dict.fromkeys(("servers", "replicas", "seats", "spots", "told"), 1)
    return {
        "servers": len(own),
        "replicas": sum(pool.most for pool in own),
        "seats": sum(2 * pool.batch * pool.most for pool in own),
        "spots": rows,
        "told": 2 * max(pool.batch for pool in own),
    }


def put_servers(world: Any, pools: Sequence[OwnServers | None], rows: int) -> None:
    """Write the pools, each target's or None, into the tables of a new world; replicas that there are serve from the beginning."""
    own = [(target, pool) for target, pool in enumerate(pools) if pool is not None]
    world.loop["pools"], world.loop["turning"] = len(own), NONE
    world.loop["replica_rows"] = rows if own else NO_ROWS
    first = seats = 0
    for s, (target, pool) in enumerate(own):
        world.services["pool"][target] = s + 1
        row = world.servers[s]
        for ours, theirs in (
            ("alpha", "alpha_s"), ("beta", "beta_s"), ("gamma", "gamma_s"), ("network", "network_s"), ("start_up", "start_up_s"),
            ("chunk", "chunk"), ("batch", "batch"), ("kv", "kv_tokens"), ("queue", "queue"), ("count", "most"),
            ("wanted", "replicas"), ("ready", "replicas"), ("known", "replicas"), ("running", "replicas"), ("most", "replicas"),
        ):  # fmt: skip
            row[ours] = getattr(pool, theirs)
        row["prefill"] = pool.beta_s if math.isnan(pool.prefill_s) else pool.prefill_s
        row["target"], row["in_turn"], row["first"] = target, pool.round_robin, first
        row["status"], row["error"] = pool.refusal, int(ERRORS[pool.refusal])
        row["head"] = row["tail"] = NONE
        row["slow"] = 1.0
        row["cost_nusd_per_h"] = NONE if pool.cost_nusd_per_h is None else pool.cost_nusd_per_h
        replicas = world.replicas[first : first + pool.most]
        replicas["server"], replicas["seats"] = s, seats + 2 * pool.batch * np.arange(pool.most)
        replicas["next_finish"] = 1 << 60
        replicas["phase"][: pool.replicas] = Phase.READY
        first += pool.most
        seats += 2 * pool.batch * pool.most


def pool_counts(world: Any, now_s: float) -> list[PoolCounts]:
    """How each pool stands at `now_s`, in the order of the targets."""
    found = []
    for row in world.servers[: int(world.loop["pools"][0])]:
        replicas = world.replicas[int(row["first"]) : int(row["first"]) + int(row["count"])]
        running: npt.NDArray[Any] = replicas[replicas["phase"] != Phase.OFF]
        replica_s, price = float(row["replica_s"]) + float((now_s - running["begun"]).sum()), int(row["cost_nusd_per_h"])
        found.append(
            PoolCounts(
                int(row["target"]), replica_s, float(row["busy_s"]), replica_s / HOUR_S * price / NUSD if price != NONE else math.nan,
                *(int(row[name]) for name in (
                    "most", "started", "stopped", "ready", "waiting", "entered", "refused", "preempted", "iterations", "tokens",
                )),
            )
        )  # fmt: skip
    return found
