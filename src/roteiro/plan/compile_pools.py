"""Plan → the table of pools: providers with servers of one's own, their bounds, and the policies that scale them.

What must not live here: the decision (`policy.scaling`), and what a server is (`servers`).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from roteiro.plan.aims import DAY_S, WEEK_S, FloorCurve
from roteiro.plan.compile_rules import MeterRow
from roteiro.plan.model import Plan
from roteiro.plan.moment import begins_at
from roteiro.policy import meter as meters
from roteiro.policy import scaling
from roteiro.policy.state import NONE, State

__all__ = ["fill_pools", "floor_steps", "pool_meters", "pooled"]

P95: Final = 0.95
UNBOUNDED: Final = 1 << 40
LONG_AGO_S: Final = -1e18
MONDAY_S: Final = 4 * DAY_S
"""1970-01-01 was a Thursday."""

slots_of: Final = getattr(scaling.slots_of, "py_func", scaling.slots_of)
"""The kernel's own rule, in Python."""


def pooled(plan: Plan) -> dict[str, Any]:
    """Provider → its servers, of those that have some."""
    return {name: servers for name, provider in plan.providers.items() if (servers := getattr(provider, "servers", None)) is not None}


def scaled(plan: Plan, provider: str) -> bool:
    """Whether the plan's policies are for this provider's servers."""
    return not plan.scaling_policies.providers or provider in plan.scaling_policies.providers


def latency_meters(plan: Plan, target: int) -> tuple[MeterRow, MeterRow] | None:
    """What counts the calls above the thresholds up and down."""
    policy = plan.scaling_policies.latency_based
    if policy is None:
        return None
    kind, statistic = int(meters.Metric.LATENCY_MS), int(meters.Statistic.PERCENTILE)
    up, down = (
        MeterRow(target, kind, statistic, policy.window_s, float(threshold), P95, float(policy.minimum_calls))
        for threshold in (policy.scale_up_threshold, policy.scale_down_threshold)
    )
    return up, down


def pool_meters(plan: Plan, targets: Sequence[str]) -> set[MeterRow]:
    """The meters that scaling reads."""
    return {row for name in pooled(plan) if scaled(plan, name) for row in latency_meters(plan, targets.index(name)) or ()}


def floor_steps(plan: Plan) -> list[int]:
    """Fewest replicas in each step of all floors, one provider after another, in order of their names."""
    return [replicas for _, floor in floors(plan) for replicas in floor.replicas]


def floors(plan: Plan) -> list[tuple[str, FloorCurve]]:
    pools = pooled(plan)
    return sorted((name, floor) for name, floor in plan.scaling_policies.floor.items() if name in pools)


def floor_begins(floor: FloorCurve, plan: Plan, epoch_unix_s: float, offset_s: float) -> float:
    """When a floor's first step begins, on the run's clock; of one that repeats, the last such moment before the run."""
    if floor.since is not None:
        return begins_at(floor.since, plan.timezone) - epoch_unix_s
    local_s, is_day = epoch_unix_s + offset_s, floor.step_s * len(floor.replicas) == DAY_S
    return -(local_s % DAY_S) if is_day else -((local_s - MONDAY_S) % WEEK_S)


def fill_floors(plan: Plan, targets: Sequence[str], state: State) -> None:
    """Write the floors, and into the pools where theirs is."""
    state.floors["replicas"][: len(floor_steps(plan))] = floor_steps(plan)
    header, first, where = state.header[0], 0, {}
    for name, floor in floors(plan):
        begins = floor_begins(floor, plan, float(header["epoch_unix_s"]), float(header["offset_s"]))
        where[targets.index(name)] = first, len(floor.replicas), floor.step_s, begins, floor.since is None
        first += len(floor.replicas)
    for row in state.pools[: int(header["pool_count"])]:
        found = where.get(int(row["target"]), (0, 0, 0.0, 0.0, False))
        row["floor_first"], row["floor_count"], row["floor_step_s"], row["floor_from"], row["floor_repeats"] = found


def fill_pools(plan: Plan, targets: Sequence[str], measured: Sequence[MeterRow], state: State) -> None:
    """Write the pools, and the slots of their targets; one that was there before keeps its replicas and its times."""
    live = {int(row["target"]): row.copy() for row in state.pools[: int(state.header["pool_count"][0])]}
    pools = pooled(plan)
    state.header["pool_count"] = len(pools)
    policies = plan.scaling_policies
    for p, (name, servers) in enumerate(sorted(pools.items(), key=lambda item: targets.index(item[0]))):
        row, target, limits = state.pools[p], targets.index(name), plan.providers[name].limits
        if target in live:
            state.pools[p] = live[target]
        else:
            row["ready"], row["wanted"], row["floor"] = servers.replicas, servers.replicas, 0
            row["changed"], row["low_since"], row["start_up_s"] = LONG_AGO_S, np.nan, servers.start_up_s
        row["target"], row["active"] = target, policies.mode == "active"
        row["least"], row["most"], row["batch"], row["queue"] = servers.fewest, servers.highest, servers.batch, servers.queue
        row["cap"] = limits.concurrency if "concurrency" in limits.model_fields_set else UNBOUNDED
        row["step_up"], row["step_down"], row["stabilisation_s"] = policies.step.up, policies.step.down, policies.stabilisation_s
        tokens, latency = (policies.token_based, policies.latency_based) if scaled(plan, name) else (None, None)
        row["token_up"], row["token_down"], row["token_cooldown_s"] = (
            (tokens.scale_up_threshold, tokens.scale_down_threshold, tokens.cooldown_s) if tokens is not None else (0.0, 0.0, 0.0)
        )
        rows = latency_meters(plan, target) if latency is not None else None
        row["latency_up"], row["latency_down"] = (measured.index(rows[0]), measured.index(rows[1])) if rows else (NONE, NONE)
        row["latency_cooldown_s"] = latency.cooldown_s if latency is not None else 0.0
        state.targets[target]["slots"] = slots_of(int(row["ready"]), int(row["batch"]), int(row["queue"]), int(row["cap"]))
    fill_floors(plan, targets, state)
