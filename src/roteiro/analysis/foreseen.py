"""Budgets' spending as a forecast has it: a series of dollars for who pays, and sample paths of the rest of the period.

Two weeks of record are the least: a forecast has to see a week twice to know it. Budgets of the same payers share a forecast; where there
are more payers than is quick, those with the largest budgets have one. What has none is told from its past (`exhaustion`).
What must not live here: forecasting itself, and what follows for a budget.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roteiro.analysis.chance import Chance
from roteiro.analysis.column import numbers
from roteiro.analysis.exhaustion import HISTORY_DAYS, SpendingPaths
from roteiro.analysis.forecast import forecast_series
from roteiro.analysis.purse import Purse, ended_micros, paid_by, period_end, period_start
from roteiro.analysis.series import DAY_S, Series
from roteiro.terms.error import PlanError
from roteiro.terms.units import NUSD

__all__ = ["LEAST_DAYS", "foreseen", "spending_series"]

LEAST_DAYS: Final = 14
MOST_AHEAD: Final = 192
"""Steps of a forecast: hours of a week, and quarters of a day of a month."""
STEPS_S: Final = (3600, 10_800, 21_600)
MOST_FORECASTS: Final = 6
PATHS: Final = 1000

Floats = npt.NDArray[np.float64]
Payers = tuple[frozenset[str] | None, frozenset[str] | None]


def spending_series(ends_s: Floats, spent_nusd: Floats, at_s: float, until_s: float, name: str) -> Series | None:
    """Dollars in whole steps up to `at_s`, of requests that ended then; None where the record is shorter than LEAST_DAYS."""
    if not len(ends_s) or at_s - ends_s.min() < LEAST_DAYS * DAY_S:
        return None
    step_s = next((step for step in STEPS_S if until_s - at_s <= MOST_AHEAD * step), STEPS_S[-1])
    steps = min(int((at_s - ends_s.min()) // step_s), HISTORY_DAYS * DAY_S // step_s)
    back = ((at_s - ends_s) // step_s).astype(np.int64)
    mine = (back >= 0) & (back < steps)
    values = np.bincount(steps - 1 - back[mine], spent_nusd[mine] / NUSD, steps)
    return Series(name, "total", at_s - steps * step_s, step_s, values.astype(np.float64), "cost_usd")


def foreseen(
    events: pa.Table,
    purses: Sequence[Purse],
    at: datetime,
    chance: Callable[[int], Chance],
    on_progress: Callable[[float, str], None] = lambda share, label: None,
) -> Mapping[str, SpendingPaths]:
    """Sample paths by the name of the budget, of those whose record is long enough. `chance(n)`: luck for the n-th forecast.

    `events`: as of `exhaustion`. Raises SettingsError where a library that forecasts is missing.
    """
    groups: dict[Payers, list[Purse]] = {}
    for purse in sorted(purses, key=lambda one: -one.amount_nusd):
        if purse.period != "hour":
            groups.setdefault((frozen(purse.tenants), frozen(purse.workloads)), []).append(purse)
    ended, money = ended_micros(events) / 1e6, numbers(events, "cost_nusd") + numbers(events, "lost_nusd")
    at_s, found = at.timestamp(), dict[str, SpendingPaths]()
    taken = list(groups.values())[:MOST_FORECASTS]
    for number, mine in enumerate(taken):
        until_s = max(period_end(one.period, period_start(one.period, at, one.timezone)).timestamp() for one in mine)
        rows = paid_by(events, mine[0]) & (ended <= at_s)
        series = spending_series(ended[rows], money[rows], at_s, until_s, mine[0].name)
        if series is None:
            continue

        def progress(share: float, label: str, number: int = number, name: str = mine[0].name) -> None:
            on_progress((number + share) / len(taken), f"{name} · {label}")

        ahead = max(1, math.ceil((until_s - at_s) / series.step_s))
        try:
            told = forecast_series(series, ahead, chance(number), count=PATHS, on_progress=progress)
        except PlanError:  # nothing but zeros, or the like: the past says as much
            continue
        paths = SpendingPaths(told.at_s, float(series.step_s), told.paths * NUSD)
        found |= {one.name: paths for one in mine}
    return found


def frozen(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
