"""What budgets have spent in their current periods, as the ledger and the ring of the running run tell.

A request's cost is booked when it ends, and counts for the budgets that held for it: those of all, of its tenant's team, of its tenant and
of its workload. What must not live here: when budgets are restored, and how the kernel books.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from roteiro.gateway.child import run_to_end
from roteiro.gateway.data_directory import DataDirectory
from roteiro.gateway.spent import Cut, Spent
from roteiro.plan.compile import MONDAY_S, PERIOD_S, Compiled, local_offset_s
from roteiro.plan.model import Plan
from roteiro.policy.state import State
from roteiro.terms.error import LedgerError

__all__ = ["ask_ledger", "booked_to", "period_start", "spent_before", "spent_in_ring", "starts", "sums"]


def period_start(period_s: float, offset_s: float, unix_s: float) -> float:
    """Start of the period that holds a moment, in Unix seconds; `period_s` 0 means calendar months, `offset_s` is local time less UTC.

    The beginning of what `policy.budget.period_end` is the end of.
    """
    local = unix_s + offset_s
    if period_s == 0.0:
        day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=local)
        return day.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() - offset_s
    return local // period_s * period_s - offset_s


def booked_to(budget: str, plan: Plan, tenant: str, workload: str) -> bool:
    """Whether a request of a tenant and a workload counts for a budget, by its name in the tables (`team/research/month`)."""
    scope, _, rest = budget.partition("/")
    owner = rest.partition("/")[0]
    if scope == "team":
        return tenant in plan.tenants and plan.tenants[tenant].team == owner
    return scope == "all" or owner == (tenant if scope == "tenant" else workload)


def starts(compiled: Compiled, budgets: Iterable[str], epoch_unix_s: float, unix_s: float) -> dict[str, float]:
    """Budget → start of its current period, in Unix seconds, with the offset from UTC that its run has."""
    offset_s, found = local_offset_s(compiled.plan.timezone, epoch_unix_s), {}
    for name in budgets:
        period = compiled.budgets[name].period
        found[name] = period_start(PERIOD_S[period], offset_s - (MONDAY_S if period == "week" else 0.0), unix_s)
    return found


def sums(compiled: Compiled, starts_s: Mapping[str, float], spent: Iterable[Spent]) -> dict[str, int]:
    """Budget → nano-dollars, of the rows that are since its start and of its own."""
    total = dict.fromkeys(starts_s, 0)
    for row in spent:
        for budget, start_s in starts_s.items():
            if row.since_s == start_s and booked_to(budget, compiled.plan, row.tenant, row.workload):
                total[budget] += row.cost_nusd
    return total


async def spent_before(data: DataDirectory, compiled: Compiled, epoch_unix_s: float) -> dict[str, int]:
    """What each budget has spent in its current period before a run that begins now. Raises LedgerError."""
    starts_s = starts(compiled, compiled.budgets, epoch_unix_s, epoch_unix_s)
    return sums(compiled, starts_s, await ask_ledger(data, starts_s.values()) if starts_s else [])


async def ask_ledger(data: DataDirectory, since_s: Iterable[float], cut: Cut | None = None) -> list[Spent]:
    """Costs since each of the moments, by tenant and workload. Raises LedgerError where the ledger cannot be read."""
    arguments = ["--directory", str(data.path), *(f"--since={moment!r}" for moment in sorted(set(since_s)))]
    if cut is not None:
        arguments += ["--run", cut.run, "--below", str(cut.seq)]
    code, said = await run_to_end("roteiro.gateway.spent", arguments)
    if code:
        raise LedgerError(f"what was spent cannot be read from the ledger in {data.path}: {said.decode(errors='replace').strip()}")
    return msgspec.json.decode(said, type=list[Spent])


def spent_in_ring(compiled: Compiled, state: State, first: int, starts_s: Iterable[float]) -> list[Spent] | None:
    """The same of the running run's events from `first` on, read in the block; None where the ring has gone round meanwhile.

    To be called while no other process takes steps.
    """
    head, capacity = int(state.header["event_head"][0]), len(state.events)
    if head - first > capacity:
        return None
    names, epoch_s = compiled.names, float(state.header["epoch_unix_s"][0])
    rows = [state.events[seq % capacity] for seq in range(first, head)]
    return [
        Spent(start_s, names.tenants[row["tenant"]], names.workloads[row["workload"]], int(row["cost_nusd"]) + int(row["lost_nusd"]))
        for start_s in set(starts_s)
        for row in rows
        if epoch_s + float(row["ended_s"]) >= start_s
    ]
