"""What budgets have spent in their current periods, asked of the ledger.

A request's cost is booked when it ends, and counts for the budgets that held for it: those of all, of its tenant's team, of its tenant and
of its workload. The ledger is asked in a process of its own (`python -m roteiro.gateway.spending`), because DuckDB and Arrow would
treble the supervisor's memory for one question.

What must not live here: when budgets are restored, and how the kernel books.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from roteiro.gateway.child import run_to_end
from roteiro.gateway.data_directory import DataDirectory
from roteiro.plan.compile import MONDAY_S, PERIOD_S, Compiled, local_offset_s
from roteiro.plan.model import Plan
from roteiro.policy.state import State
from roteiro.terms.error import LedgerError

if TYPE_CHECKING:
    from roteiro.ledger.query import Queries

__all__ = ["Cut", "Spent", "ask_ledger", "booked_to", "main", "period_start", "spent_before", "spent_in_ring", "starts", "sums"]


class Spent(msgspec.Struct, frozen=True):
    """Cost of the requests of one tenant and workload that ended at `since_s` (Unix seconds) or later."""

    since_s: float
    tenant: str
    workload: str
    cost_nusd: int


class Cut(msgspec.Struct, frozen=True):
    """Up to which event of a run the ledger is asked; later ones are counted in the ring."""

    run: str
    seq: int


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
    code, said = await run_to_end("roteiro.gateway.spending", arguments)
    if code:
        raise LedgerError(f"what was spent cannot be read from the ledger in {data.path}: {said.decode(errors='replace').strip()}")
    return await asyncio.to_thread(msgspec.json.decode, said, type=list[Spent])


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
        Spent(start_s, names.tenants[row["tenant"]], names.workloads[row["workload"]], int(row["cost_nusd"]))
        for start_s in set(starts_s)
        for row in rows
        if epoch_s + float(row["ended_s"]) >= start_s
    ]


def read_ledger(ledger: "Queries", since_s: Iterable[float], cut: Cut | None) -> list[Spent]:
    """The question itself."""
    found = []
    for moment in since_s:
        rows = ledger.sql(
            """SELECT tenant, workload, sum(cost_nusd)::BIGINT AS cost_nusd FROM events
               WHERE world = 'live' AND cost_nusd > 0 AND epoch_us(time) / 1e6 + (ended_s - arrival_s) >= $since
                 AND NOT (run = $run AND seq >= $below)
               GROUP BY tenant, workload ORDER BY tenant, workload""",
            {"since": moment, "run": cut.run if cut else "", "below": cut.seq if cut else 0},
        )
        found += [Spent(moment, row["tenant"] or "", row["workload"] or "", row["cost_nusd"]) for row in rows.to_pylist()]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Answers on standard output: JSON rows, or one line on what is wrong and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m roteiro.gateway.spending", description="What was spent since some moments.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--since", type=float, action="append", default=[], help="Unix seconds")
    parser.add_argument("--run")
    parser.add_argument("--below", type=int, default=0)
    options: Any = parser.parse_args(arguments)
    from roteiro.ledger import Ledger

    cut = Cut(options.run, options.below) if options.run else None
    try:
        answer = msgspec.json.encode(read_ledger(Ledger(options.directory), options.since, cut)).decode()
    except LedgerError as error:
        answer = str(error)
    sys.stdout.write(answer + "\n")
    return 0 if answer.startswith("[") else 1


if __name__ == "__main__":
    sys.exit(main())
