"""Report on money: what a unit costs, when budgets will be spent, what could be saved, read from a ledger.

What must not live here: summing and drawing (`analysis`), and showing (`report`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from roteiro.analysis.column import sum_of
from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.exhaustion import COLUMNS as EXHAUSTION_COLUMNS
from roteiro.analysis.exhaustion import HISTORY_DAYS, Exhaustion, SpendingPaths, exhaustion
from roteiro.analysis.foreseen import foreseen
from roteiro.analysis.purse import period_start
from roteiro.analysis.savings import COLUMNS as SAVINGS_COLUMNS
from roteiro.analysis.savings import Prefixes, Saving, savings
from roteiro.analysis.unit_cost import COLUMNS as UNIT_COST_COLUMNS
from roteiro.analysis.unit_cost import UnitCostReport, UnitTargets, unit_costs
from roteiro.plan.model import UnitCosts
from roteiro.tasks.kept_plan import currencies_of, prices_of, purses_of
from roteiro.tasks.report import Period, Question
from roteiro.terms.error import SettingsError
from roteiro.terms.units import NUSD

__all__ = [
    "BudgetAnswer",
    "CostForecast",
    "SavingsAnswer",
    "UnitCostAnswer",
    "report_budgets",
    "report_savings",
    "report_unit_costs",
]


class CostForecast(Protocol):
    """What a forecast of dollars shows: `paths` of the shape (paths, steps), each step beginning at `at_s`, seconds since 1970."""

    @property
    def at_s(self) -> npt.NDArray[np.float64]: ...
    @property
    def paths(self) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class UnitCostAnswer:
    """`plan_known`: whether the plan in force last is still at hand; without it the targets are the defaults, and teams unknown."""

    period: Period
    plan_known: bool
    unit_costs: UnitCostReport
    currencies: tuple[ExchangeRate, ...]


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """`no_forecast`: why budgets that could have been forecast were not."""

    period: Period
    budgets_known: bool
    budgets: tuple[Exhaustion, ...]
    currencies: tuple[ExchangeRate, ...]
    no_forecast: str | None = None


@dataclass(frozen=True, slots=True)
class SavingsAnswer:
    """`prices_known`: whether the plan in force last, whose prices are compared, is still at hand. `cost_nusd`: all that was spent."""

    period: Period
    prices_known: bool
    cost_nusd: int
    savings: tuple[Saving, ...]
    currencies: tuple[ExchangeRate, ...]
    prefixes: Prefixes | None = None


def report_savings(
    data: str | Path, since: datetime | None = None, run: str | None = None, prefixes: str | Path | None = None
) -> SavingsAnswer:
    """What could have been saved, and what proves it. `prefixes`: a trace of the same traffic that names its prompts' prefixes.

    Raises SettingsError, LedgerError, and PlanError for a trace that cannot be read.
    """
    question = Question(Path(data), since, run)
    period = question.period()
    plan = question.plan(period)
    events = question.ask("events", SAVINGS_COLUMNS)
    shared = None if prefixes is None else prefixes_of(Path(prefixes))
    found = savings(events, {} if plan is None else prices_of(plan), shared)
    spent = sum_of(events, "cost_nusd") + sum_of(events, "lost_nusd")
    return SavingsAnswer(period, plan is not None, spent, found, currencies_of(plan), shared)


def prefixes_of(path: Path) -> Prefixes:
    """How far the prompts of a trace begin alike. Raises SettingsError where it names no prefixes, and PlanError where it is no trace."""
    from roteiro.simulator.demand_measure import ideal_hits
    from roteiro.simulator.trace import read_trace

    if not path.is_file():
        raise SettingsError(f"there is no trace {path}")
    trace, _ = read_trace(path)
    if trace.chains is None:
        raise SettingsError(f"{path.name} names no prefixes; give a trace that has hash_ids, as those of Mooncake")
    return Prefixes(path.name, len(trace.at_s), ideal_hits(trace.chains))


def report_unit_costs(data: str | Path, since: datetime | None = None, run: str | None = None, seed: int = 1) -> UnitCostAnswer:
    """What units cost in the live traffic, or in one run. Raises SettingsError and LedgerError."""
    question = Question(Path(data), since, run)
    period = question.period()
    plan = question.plan(period)
    goals = plan.unit_costs if plan is not None else UnitCosts()
    per_1k = None if goals.per_1k_tokens is None else goals.per_1k_tokens // 1000
    targets = UnitTargets(per_1k, goals.per_user, goals.per_transaction, goals.token_efficiency)
    teams = None if plan is None or not plan.teams else {name: tenant.team for name, tenant in plan.tenants.items()}
    found = unit_costs(question.ask("events", UNIT_COST_COLUMNS), targets, np.random.default_rng(seed), teams)
    return UnitCostAnswer(period, plan is not None, found, currencies_of(plan))


def report_budgets(
    data: str | Path,
    run: str | None = None,
    forecasts: Mapping[str, CostForecast] | None = None,
    seed: int = 1,
    *,
    ahead: bool = False,
    on_progress: Callable[[float, str], None] = lambda share, label: None,
) -> BudgetAnswer:
    """How the current period of each budget will go: of the live traffic as of now, of a run as of its end.

    `forecasts`: of dollars, by the budget's name (`team/payments/daily`), in place of what the past suggests. `ahead`: budgets whose
    record is long enough are forecast here, which takes some seconds for each payer; where no library that forecasts is installed, all
    are told from their past. Raises SettingsError and LedgerError.
    """
    question = Question(Path(data), None, run)
    period = question.period()
    plan = question.plan(period)
    if plan is None:
        return BudgetAnswer(period, False, (), ())
    purses = purses_of(plan)
    unknown = sorted(set(forecasts or {}) - {purse.name for purse in purses})
    if unknown:
        raise SettingsError(f"there is no budget {unknown[0]!r}; the plan's are {', '.join(purse.name for purse in purses) or 'none'}")
    at = datetime.now(UTC) if run is None else question.ended()
    start = min((period_start(one.period, at, one.timezone) for one in purses), default=at)
    # What ended in the period may have arrived before it, but by no more than a day: no deadline is that long.
    start = min(start - timedelta(days=1), at - timedelta(days=HISTORY_DAYS))
    named = ", ".join(f'"{column}"' for column in EXHAUSTION_COLUMNS)
    simulated = period.world != "live"
    values: dict[str, Any] = {"start": start} | ({"run": run} if simulated else {})
    mine = "run = $run" if simulated else "world = 'live'"
    events = question.ledger.sql(f"SELECT {named} FROM events WHERE {mine} AND time >= $start", values)  # noqa: S608 (words of ours)
    paths, missing = dict[str, SpendingPaths](), None
    if ahead:
        try:
            paths |= foreseen(events, purses, at, lambda number: np.random.default_rng([seed, number]), on_progress)
        except SettingsError as error:  # the extra is not installed
            missing = str(error)
    paths |= {name: paths_of(one) for name, one in (forecasts or {}).items()}
    found = exhaustion(events, purses, at, np.random.default_rng(seed), paths)
    return BudgetAnswer(period, True, found, currencies_of(plan), missing)


def paths_of(forecast: CostForecast) -> SpendingPaths:
    """Sample paths in dollars as spending in nano-dollars. Raises SettingsError where the length of a step is unknown."""
    starts = np.asarray(forecast.at_s, np.float64)
    drawn = np.asarray(forecast.paths, np.float64)
    if len(starts) < 2 or drawn.ndim != 2 or drawn.shape[1] != len(starts):
        raise SettingsError(f"a forecast of spending has at least 2 steps and one path in a row; this has {len(starts)} and {drawn.shape}")
    return SpendingPaths(starts, float(starts[1] - starts[0]), drawn * NUSD)
