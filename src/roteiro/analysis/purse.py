"""Budgets as the ledger sees them: whose requests a budget pays for, when its period began, what is left of it.

What must not live here: reserving and refusing (`policy.budget` does, on the live state, which also knows what is in flight).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from roteiro.analysis.column import is_word, sum_of

__all__ = ["COLUMNS", "Purse", "PurseUse", "ended_micros", "paid_by", "period_end", "period_start", "purse_use"]

COLUMNS: Final = ("time", "total_ms", "tenant", "workload", "cost_nusd", "lost_nusd")
"""The columns of `events` that are read."""


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget. It pays for requests of `tenants` and of `workloads`; None stands for all of them.

    `period` is hour, day, week (from Monday) or month, by the calendar of `timezone`.
    """

    name: str
    amount_nusd: int
    period: str
    timezone: str = "UTC"
    tenants: Collection[str] | None = None
    workloads: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class PurseUse:
    """What a budget's period has cost so far. `share_used` is None where the budget is of no money."""

    name: str
    period: str
    since: datetime
    amount_nusd: int
    spent_nusd: int
    left_nusd: int
    share_used: float | None


def period_start(period: str, at: datetime, timezone: str) -> datetime:
    """The instant at which the period that holds `at` (with a time zone) began, by the clocks of `timezone`."""
    local = at.astimezone(ZoneInfo(timezone)).replace(minute=0, second=0, microsecond=0)
    if period != "hour":
        local = local.replace(hour=0)
    if period == "week":
        local -= timedelta(days=local.weekday())
    if period == "month":
        local = local.replace(day=1)
    return local


def period_end(period: str, start: datetime) -> datetime:
    """When the period that began at `start` (of `period_start`) ends, by the same clocks."""
    if period == "hour":
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)
    if period == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + timedelta(days=7 if period == "week" else 1)


def ended_micros(events: pa.Table) -> npt.NDArray[np.int64]:
    """When each request ended, microseconds since 1970."""
    took = pc.cast(pc.multiply(pc.cast(events.column("total_ms"), pa.float64()), 1000.0), pa.int64(), safe=False)
    ended: npt.NDArray[np.int64] = pc.add(pc.cast(events.column("time"), pa.int64()), pc.fill_null(took, 0)).to_numpy()
    return ended


def paid_by(events: pa.Table, purse: Purse) -> npt.NDArray[np.bool_]:
    """Which requests the purse pays for, whenever they were."""
    mine = np.ones(len(events), bool)
    if purse.tenants is not None:
        mine &= is_word(events, "tenant", *purse.tenants)
    if purse.workloads is not None:
        mine &= is_word(events, "workload", *purse.workloads)
    return mine


def purse_use(events: pa.Table, purses: Iterable[Purse], at: datetime) -> tuple[PurseUse, ...]:
    """What is spent of each purse in its period that holds `at`. A request counts in the period in which it ended.

    `events` holds at least COLUMNS, and all events of those periods.
    """
    ended = ended_micros(events)
    used = []
    for purse in purses:
        since = period_start(purse.period, at, purse.timezone)
        mine = paid_by(events, purse) & (ended >= micros(since)) & (ended <= micros(at))
        its = events.filter(pa.array(mine, pa.bool_())) if np.any(mine) else None
        spent = 0 if its is None else sum_of(its, "cost_nusd") + sum_of(its, "lost_nusd")
        share = spent / purse.amount_nusd if purse.amount_nusd else None
        used.append(PurseUse(purse.name, purse.period, since, purse.amount_nusd, spent, purse.amount_nusd - spent, share))
    return tuple(used)


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)
