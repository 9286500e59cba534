"""A forecast of one series: the method that its past speaks for, bands whose coverage was measured, and joint paths of what may come.

What must not live here: methods, conformal prediction, and reading records.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.chance import Chance
from roteiro.analysis.choice import SEVERAL, Choice, choose_all
from roteiro.analysis.conformal import LEVELS, Misses, bands, coverage, paths
from roteiro.analysis.methods import LEARNED, YARDSTICK, predict, predict_all
from roteiro.analysis.past import Past, past_of
from roteiro.analysis.series import Series, remark
from roteiro.terms.error import PlanError
from roteiro.terms.problem import Problem, Severity

__all__ = ["Forecast", "forecast_series", "forecast_together", "quiet"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
OnProgress = Callable[[float, str], None]

LEAST: Final = 3
"""Periods that must be known; with fewer there is nothing to go by."""
LEAST_MISSES: Final = 8
"""With fewer, bands are a guess from the past's own steps."""
PATHS: Final = 200
OTHERS: Final = 30
"""Origins of other series that stand beside a series' own."""
TRYING: Final = 0.8
"""Of the time, that choosing takes."""


def quiet(share: float, label: str) -> None:
    """Tells nobody of progress."""


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
    left_out: npt.NDArray[np.bool_] | None = None,
    on_progress: OnProgress = quiet,
) -> Forecast:
    """Forecast one series; see `forecast_together`."""
    told = forecast_together([series], horizon, [chance], method=method, count=count, left_out=[left_out], on_progress=on_progress)
    return next(iter(told))


def forecast_together(
    series: Sequence[Series],
    horizon: int,
    chances: Sequence[Chance],
    *,
    method: str = "auto",
    count: int = PATHS,
    left_out: Sequence[npt.NDArray[np.bool_] | None] | None = None,
    on_progress: OnProgress = quiet,
) -> Iterator[Forecast]:
    """Forecast `horizon` periods of several series of one record, whose pasts teach each other. `chances`: one for each series; `left_out`:
    periods that the fit must not see, for each; `count`: paths of each.

    Raises PlanError (E933) where fewer than LEAST periods of a series are known, and SettingsError for a method that is not there.
    """
    hidden = left_out if left_out is not None else [None] * len(series)
    pasts = [past_of(one, periods) for one, periods in zip(series, hidden, strict=True)]
    for one, past in zip(series, pasts, strict=True):
        known = int(past.known.sum())
        if known < LEAST:
            what = "all of its periods are missing" if not known else f"only {known} of its {len(one)} periods are known"
            raise PlanError([remark("E933", called(one), f"cannot be forecast: {what}", f"it takes {LEAST} at least, and two weeks for a good one; shorter periods (--step) make more of them", severity=Severity.ERROR)])  # fmt: skip # noqa: E501
    chosen = choose_all(pasts, horizon, method, lambda share, label: on_progress(TRYING * share, label))
    medians = chosen_paths(pasts, chosen, horizon, lambda share, label: on_progress(TRYING + (1 - TRYING) * share, label))
    for one, past, choice, median, misses, chance in zip(series, pasts, chosen, medians, side_by_side(chosen), chances, strict=True):
        yield banded(one, past, choice, median, misses, horizon, count, chance)


def chosen_paths(pasts: Sequence[Past], chosen: Sequence[Choice], horizon: int, on_progress: OnProgress) -> list[Floats]:
    """The path of each past by its own choice. A learner is taught by all series all the same, whoever takes its path."""
    names = tuple(dict.fromkeys(name for choice in chosen for name in parts(choice)))
    made: dict[str, dict[int, Floats]] = {}
    for number, name in enumerate(names):
        on_progress(number / len(names), name)
        rows = [row for row, choice in enumerate(chosen) if name in LEARNED or name in parts(choice)]
        made[name] = dict(zip(rows, predict_all(name, [pasts[row] for row in rows], horizon), strict=True))
    return [np.median(np.vstack([made[name][row] for name in parts(choice)]), axis=0) for row, choice in enumerate(chosen)]


def parts(choice: Choice) -> tuple[str, ...]:
    return choice.members if choice.method == SEVERAL else (choice.method,)


def side_by_side(chosen: Sequence[Choice]) -> Iterator[Misses | None]:
    """The misses of each choice, with those of some of the others beside them, where they were tried over as many steps."""
    groups: dict[int, list[int]] = {}
    for row, choice in enumerate(chosen):
        if choice.misses is not None and np.isfinite(choice.misses.truth).sum() >= LEAST_MISSES and choice.misses.size > 0.0:
            groups.setdefault(choice.tested, []).append(row)
    beside = {tested: shared([chosen[row].misses for row in rows]) for tested, rows in groups.items() if len(rows) > 1}
    for row, choice in enumerate(chosen):
        misses = choice.misses
        if misses is None or np.isfinite(misses.truth).sum() < LEAST_MISSES:
            yield None
        elif choice.tested in beside and row in groups[choice.tested]:
            others, back, owner = beside[choice.tested]
            mine = owner != groups[choice.tested].index(row)
            count = int(misses.at.max()) + choice.tested
            yield replace(misses, others=others[mine], others_at=count - back[mine])
        else:
            yield misses


def shared(misses: Sequence[Misses | None]) -> tuple[Floats, Integers, Integers]:
    """(relative misses in units of each series' own, how long before the end each origin was, whose they are), OTHERS of them at most."""
    known = [one for one in misses if one is not None]
    rows = np.vstack([one.relative / one.size for one in known])
    back = np.concatenate([int(one.at.max()) + one.paths.shape[1] - one.at for one in known])
    owner = np.repeat(np.arange(len(known)), [len(one.at) for one in known])
    some = np.unique(np.linspace(0, len(rows) - 1, OTHERS).astype(np.int64))
    return rows[some], back[some], owner[some]


def banded(
    series: Series, past: Past, chosen: Choice, median: Floats, tested: Misses | None, horizon: int, count: int, chance: Chance
) -> Forecast:
    told, floor = warned(series, past, horizon), 0.0 if past.values.min() >= 0.0 else None
    misses = over(tested, horizon) if tested is not None else rough(past, horizon)
    held = coverage(tested) if tested is not None else dict.fromkeys(LEVELS, float("nan"))
    low, high = bands(median, misses, LEVELS, floor)
    drawn = paths(median, misses, count, chance, LEVELS, floor)
    why = (chosen.why, *(("horizon_cut",) if 0 < chosen.tested < horizon else ()), *(("no_season",) if not past.seasons else ()))
    at_s = series.end_s + series.step_s * np.arange(horizon, dtype=np.float64)
    return Forecast(
        series, chosen.method, at_s, drawn.mean(axis=0), median, LEVELS, low, high, drawn, held, chosen.error, why,
        predict(YARDSTICK, past, horizon), chosen, (*series.problems, *told),
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
    others = None if misses.others is None else misses.others[:, taken] * wider
    return replace(misses, paths=paths_, truth=paths_ + (truth - paths_) * wider, others=others)


def rough(past: Past, horizon: int) -> Misses:
    """Where there is no origin to learn from: misses of a walk with the past's own steps."""
    steps = np.diff(past.values)
    size = float(np.std(steps)) if len(steps) > 1 else float(abs(past.values[-1])) or 1.0
    spread = np.array([-2.0, -1.3, -0.7, -0.25, 0.25, 0.7, 1.3, 2.0])[:, None] * size * np.sqrt(np.arange(1, horizon + 1))[None, :]
    flat = np.full(spread.shape, float(past.values[-1]))
    return Misses(flat, flat + spread, float(np.mean(past.values)), np.full(len(spread), -horizon))


def called(series: Series) -> str:
    return series.name if series.name == series.level else f"{series.level} {series.name}"


def warned(series: Series, past: Past, horizon: int) -> tuple[Problem, ...]:
    """What makes this forecast worth less than it looks."""
    found, where = [], called(series)
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
