"""A forecast of one series: the method that its past speaks for, bands whose coverage was measured, and joint paths of what may come.

What must not live here: methods, conformal prediction, and reading records.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.chance import Chance
from roteiro.analysis.choice import Choice, choose
from roteiro.analysis.conformal import LEVELS, Misses, bands, coverage, paths
from roteiro.analysis.methods import YARDSTICK, predict
from roteiro.analysis.past import Past, past_of
from roteiro.analysis.series import Series, remark
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity

__all__ = ["Forecast", "forecast_series"]

Floats = npt.NDArray[np.float64]

LEAST: Final = 3
"""Periods that must be known; with fewer there is nothing to go by."""
LEAST_MISSES: Final = 8
"""With fewer, bands are a guess from the past's own steps."""
PATHS: Final = 200


@dataclass(frozen=True, slots=True)
class Forecast:
    """What may come of a series, in h periods from `at_s` (their starts) on, in its own unit by period.

    `median` (h,) is the method's path; `low` and `high` (levels, h) are bands that hold `levels` of what comes; `paths` (n, h) are futures
    as wholes, non-negative, from which sums over time must be taken; `mean` (h,) is theirs. `coverage`: what such bands held on the past,
    by level; NaN where it is too short to tell. `score`: mean absolute error on the past in units of the yardstick's. `why`: codes, the
    first of `Choice.why`. `yardstick` (h,): what seasonal naive says. `scenario`: in which this is so; empty in none.
    """

    series: Series
    method: str
    at_s: Floats
    mean: Floats
    median: Floats
    levels: tuple[float, ...]
    low: Floats
    high: Floats
    paths: Floats
    coverage: dict[float, float]
    score: float
    why: tuple[str, ...]
    yardstick: Floats
    choice: Choice
    problems: tuple[Problem, ...] = ()
    scenario: str = ""

    def __len__(self) -> int:
        return len(self.at_s)


def forecast_series(
    series: Series,
    horizon: int,
    chance: Chance,
    *,
    method: str = "auto",
    count: int = PATHS,
    holidays: frozenset[int] = frozenset(),
    left_out: npt.NDArray[np.bool_] | None = None,
    on_progress: Callable[[float, str], None] | None = None,
) -> Forecast:
    """Forecast `horizon` periods. `left_out`: periods that the fit must not see. `count`: paths.

    Raises PlanError (E933) where fewer than LEAST periods are known, and SettingsError for a method that is not there.
    """
    past = past_of(series, left_out, holidays)
    known = int(past.known.sum())
    if known < LEAST:
        what = "all of its periods are missing" if not known else f"only {known} of its {len(series)} periods are known"
        raise PlanError([remark("E933", f"{series.level} {series.name}", f"cannot be forecast: {what}", f"it takes {LEAST} at least, and two weeks for a good one", severity=Severity.ERROR)])  # fmt: skip # noqa: E501
    told = warned(series, past, horizon)
    chosen = choose(past, horizon, method, on_progress)
    median = predict(chosen.method, past, horizon)
    yardstick = predict(YARDSTICK, past, horizon)
    floor = 0.0 if past.values.min() >= 0.0 else None
    tested = chosen.misses if chosen.misses is not None and np.isfinite(chosen.misses.truth).sum() >= LEAST_MISSES else None
    misses = over(tested, horizon) if tested is not None else rough(past, horizon)
    held = coverage(tested) if tested is not None else dict.fromkeys(LEVELS, float("nan"))
    low, high = bands(median, misses, LEVELS, floor)
    drawn = paths(median, misses, count, chance, LEVELS, floor)
    why = (chosen.why, *(("horizon_cut",) if 0 < chosen.tested < horizon else ()), *(("no_season",) if not past.seasons else ()))
    at_s = series.end_s + series.step_s * np.arange(horizon, dtype=np.float64)
    return Forecast(
        series, chosen.method, at_s, drawn.mean(axis=0), median, LEVELS, low, high, drawn, held, chosen.error, why, yardstick, chosen,
        (*series.problems, *told),
    )  # fmt: skip


def over(misses: Misses, horizon: int) -> Misses:
    """Misses of a shorter horizon for a longer one: those of its last third stand for what is further, wider by the root of the time."""
    tested = misses.paths.shape[1]
    if tested >= horizon:
        return misses
    at = np.arange(horizon)
    third = max(1, tested // 3)
    taken = np.where(at < tested, at, tested - third + (at - tested) % third)
    wider = np.where(at < tested, 1.0, np.sqrt((at + 1) / tested))
    paths_, truth = misses.paths[:, taken], misses.truth[:, taken]
    return Misses(paths_, paths_ + (truth - paths_) * wider, misses.whole, misses.at)


def rough(past: Past, horizon: int) -> Misses:
    """Where there is no origin to learn from: misses of a walk with the past's own steps."""
    steps = np.diff(past.values)
    size = float(np.std(steps)) if len(steps) > 1 else float(abs(past.values[-1])) or 1.0
    spread = np.array([-2.0, -1.3, -0.7, -0.25, 0.25, 0.7, 1.3, 2.0])[:, None] * size * np.sqrt(np.arange(1, horizon + 1))[None, :]
    flat = np.full(spread.shape, float(past.values[-1]))
    return Misses(flat, flat + spread, float(np.mean(past.values)), np.full(len(spread), -horizon))


def warned(series: Series, past: Past, horizon: int) -> tuple[Problem, ...]:
    """What makes this forecast worth less than it looks."""
    found, where = [], f"{series.level} {series.name}"
    missing = float((~past.known).mean())
    if np.ptp(past.values[past.known]) == 0.0:
        found.append(remark("W942", where, "never changes in the past", "the forecast is that it stays so; no band can be measured"))
    elif len(series) < 3 * horizon:
        message = f"has {len(series)} periods of past for {horizon} of forecast"
        found.append(remark("W941", where, message, "methods are tested over a shorter horizon, and bands beyond it are extrapolated"))
    if missing > 0.2:
        found.append(
            remark(
                "W943", where, f"is not known in {missing:.0%} of its periods", "they are filled from the days around, and not judged by"
            )
        )
    return tuple(found)
