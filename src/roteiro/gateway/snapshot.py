"""How a run stands at this moment: the block's live columns under their names, as plain data for the administration and the live view.

Read beside the workers' steps, without their lock: each number is true, and two of them may be a step apart.
What must not live here: history (the ledger has it) and processes.
"""

from collections.abc import Iterator
from typing import Any

from roteiro.plan.compile import UNBOUNDED, Compiled
from roteiro.policy.state import State
from roteiro.terms.codes import BreakerState, Priority

__all__ = ["snapshot"]

Row = dict[str, Any]


def snapshot(compiled: Compiled, state: State, now_s: float) -> Row:
    """The counters. Times in seconds, money in nano-dollars. `now_s` is on the run's clock."""
    header = state.header[0]
    return {
        "epoch_unix_s": float(header["epoch_unix_s"]),
        "now_s": now_s,
        "requests": int(header["requests"]),
        "in_flight": int(header["live"]),
        "waiting": int(header["waiting"]),
        "queue_bound": int(header["queue_bound"]),
        "refused": int(header["refused"]),
        "queues": {priority.name.lower(): int(state.queues["waiting"][priority]) for priority in Priority},
        "retry_balance": float(header["retry_balance"]),
        "targets": list(targets(compiled, state, now_s)),
        "pools": list(pools(compiled, state)),
        "tenants": [
            {"name": name, "in_flight": int(row["in_flight"]), "slots": slots(row)}
            for name, row in zip(compiled.names.tenants, state.tenants, strict=False)
            if not row["retired"]
        ],
        "workloads": [
            {"name": name, "in_flight": int(row["in_flight"]), "slots": slots(row), "waiting": int(row["waiting"])}
            for name, row in zip(compiled.names.workloads, state.workloads, strict=False)
            if not row["retired"]
        ],
        "budgets": list(budgets(compiled, state)),
        "limits": list(limits(compiled, state, now_s)),
        "hour": {
            "cost_nusd": int(header["hour_nusd"]),
            "bound_nusd": int(header["hour_bound_nusd"]) or None,
            "degrading": bool(header["cost_degrading"]),
        },
        "rules": [
            {"name": name, "active": bool(row["active"]), "measured": float(row["measured"])}
            for name, row in zip(compiled.program.names, state.rules, strict=False)
            if row["ops"]
        ],
        "rings": {
            table: ring(header, table, word) for table, word in (("events", "event"), ("decisions", "decision"), ("signals", "signal"))
        },
        "unjournaled": int(header["unjournaled"]),
        "lag_s": lag_s(state, now_s),
    }


def ring(header: Any, table: str, word: str) -> Row:
    return {"written": int(header[f"{word}_head"]), "durable": int(header[f"{word}_tail"]), "capacity": int(header[f"n_{table}"])}


def lag_s(state: State, now_s: float) -> float:
    """How long ago the oldest event that is not on disk was written; 0.0 where all are."""
    header = state.header[0]
    head, tail = int(header["event_head"]), int(header["event_tail"])
    return max(0.0, now_s - float(state.events["ended_s"][tail % len(state.events)])) if head > tail else 0.0


def slots(row: Any) -> int | None:
    """Slots of a bulkhead; None where it has no bound."""
    return None if row["slots"] >= UNBOUNDED else int(row["slots"])


def targets(compiled: Compiled, state: State, now_s: float) -> Iterator[Row]:
    for i, name in enumerate(compiled.names.targets):
        target, breaker = state.targets[i], state.breakers[i]
        if target["retired"] and not target["in_flight"]:
            continue
        yield {
            "name": name,
            "in_flight": int(target["in_flight"]),
            "slots": slots(target),
            "tokens": int(target["tokens"]),
            "calls": int(target["calls"]),
            "failures": int(target["failures"]),
            "failure_share": float(target["failure_share"]),
            "breaker": BreakerState(int(breaker["state"])).name.lower(),
            "breaker_opened": int(breaker["opened"]),
            "paused_s": max(0.0, float(target["paused_until"]) - now_s),
            "avoided": bool(target["avoid"]),
            "redirected_to": compiled.names.targets[target["redirect"]] if target["redirect"] >= 0 else None,
            "retired": bool(target["retired"]),
            "credentials": max(1, int(target["credentials"])),
            "credentials_resting": int((target["credential_until"][: max(1, int(target["credentials"]))] > now_s).sum()),
        }


def pools(compiled: Compiled, state: State) -> Iterator[Row]:
    """Servers of one's own, as scaling saw them at the last tick."""
    for row in state.pools[: int(state.header["pool_count"][0])]:
        yield {
            "name": compiled.names.targets[int(row["target"])],
            "active": bool(row["active"]),
            "ready": int(row["ready"]),
            "wanted": int(row["wanted"]),
            "least": int(row["least"]),
            "most": int(row["most"]),
            "queued_tokens": float(row["queued_tokens"]),
            "waiting_tokens": float(row["waiting_tokens"]),
            "start_up_s": float(row["start_up_s"]),
        }


def limits(compiled: Compiled, state: State, now_s: float) -> Iterator[Row]:
    """Limits of the plan, without those of single keys. `used`: the share of the burst that is taken; above 1 it is in debt."""
    for name, row in zip(compiled.names.limits, state.limits, strict=False):
        if name in compiled.limits and not name.startswith("key/"):
            burst_s = float(row["burst_s"])
            used = max(0.0, float(row["arrival"]) - now_s) / burst_s if burst_s else 0.0
            yield {"name": name, "per_minute": float(row["per_minute"]), "used": used}


def budgets(compiled: Compiled, state: State) -> Iterator[Row]:
    epoch_s = float(state.header["epoch_unix_s"][0])
    for name, row in zip(compiled.names.budgets, state.budgets, strict=False):
        if name not in compiled.budgets:
            continue
        amount, spent, reserved = int(row["amount_nusd"]), int(row["spent_nusd"]), int(row["reserved_nusd"])
        yield {
            "name": name,
            "amount_nusd": amount,
            "spent_nusd": spent,
            "reserved_nusd": reserved,
            "share": (spent + reserved) / amount if amount else None,
            "ends_unix_s": epoch_s + float(row["ends_s"]),
        }
