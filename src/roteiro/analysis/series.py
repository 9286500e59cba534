"""Series of demand: what was asked for in each period of equal length, by level (total, tenant, workload, model) and measure.

What must not live here: reading files (`tasks`), how rows become series (`series_rows`), and forecasting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.terms.problem import Problem, Severity, Where

__all__ = ["DAY_S", "LEVELS", "MEASURES", "STEPS_S", "Series", "SeriesSet", "coarser", "remark", "seasons_of"]

Floats = npt.NDArray[np.float64]

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
YEAR_S: Final = 365.25 * DAY_S
LEVELS: Final = ("total", "tenant", "workload", "model")
MEASURES: Final = ("requests", "input_tokens", "output_tokens", "tokens", "cost_usd", "value")
"""`tokens` are input and output together; `value` is a record's only number, whatever it counts."""
STEPS_S: Final = (300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S)
ENOUGH: Final = 0.75
"""Of the parts of a longer period that must be known for its sum; what is missing is taken as the mean of the others."""
CYCLES: Final = 2
"""A season is one when the past has it twice."""


@dataclass(frozen=True, slots=True)
class Series:
    """`values[i]` is of the period that begins at `start_s + i · step_s` (Unix seconds; seconds since the first where `dated` is false).

    NaN is not known, which is not zero. `name` is `total`, or the tenant, workload or model of its `level`. `unit` is the measure.
    `seasons`: lengths of cycles in steps where they are known from elsewhere; else they follow from `step_s` (`seasons_of`).
    `zone`: whose clock the times are of (`clock`); empty where they are Unix seconds.
    """

    name: str
    level: str
    start_s: float
    step_s: int
    values: Floats
    unit: str
    problems: tuple[Problem, ...] = ()
    dated: bool = True
    seasons: tuple[int, ...] = ()
    zone: str = ""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        return np.isfinite(self.values)

    @property
    def at_s(self) -> Floats:
        """Starts of the periods."""
        return self.start_s + self.step_s * np.arange(len(self.values), dtype=np.float64)

    @property
    def end_s(self) -> float:
        """End of the last period, where a forecast begins."""
        return self.start_s + self.step_s * len(self.values)

    @property
    def additive(self) -> bool:
        """Whether values of neighbours may be added: of what is counted; of a value of unknown kind the mean is taken."""
        return self.unit != "value"

    def until(self, count: int) -> "Series":
        """Its first `count` periods."""
        return replace(self, values=self.values[:count], problems=())


@dataclass(frozen=True, slots=True)
class SeriesSet:
    """All series of one record over the same periods. `parents`: what adds up to what, by (level, name); the total is on top."""

    series: tuple[Series, ...]
    problems: tuple[Problem, ...] = ()
    assumed: tuple[str, ...] = ()
    parents: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.unit for one in self.series))

    def of(self, measure: str, level: str = "total") -> tuple[Series, ...]:
        """The series of one measure at one level, the largest first."""
        found = [one for one in self.series if one.unit == measure and one.level == level]
        return tuple(sorted(found, key=lambda one: (-float(np.nansum(one.values)), one.name)))


def coarser(series: Series, step_s: int) -> Series:
    """The same by longer periods, which begin at whole multiples of `step_s` (so that days are days of UTC).

    A period of which less than ENOUGH is known is not known; a part of one at either end is left out. Raises ValueError where `step_s` is
    no multiple of the series' own.
    """
    if step_s == series.step_s:
        return series
    if step_s % series.step_s:
        raise ValueError(f"{step_s} s is no multiple of {series.step_s} s")
    by = step_s // series.step_s
    skipped = round((-series.start_s % step_s) / series.step_s) % by
    values = series.values[skipped:]
    values = values[: len(values) // by * by].reshape(-1, by)
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean = total / np.maximum(count, 1)
    merged = np.where(count >= ENOUGH * by, mean * by if series.additive else mean, np.nan)
    return replace(series, start_s=series.start_s + skipped * series.step_s, step_s=step_s, values=merged)


def seasons_of(series: Series) -> tuple[int, ...]:
    """Lengths of the cycles, in steps, that the series may have and shows CYCLES times: the day and the week; of days, the week and the
    year; of weeks, the year. The shortest first."""
    if series.seasons:
        asked = [length for length in series.seasons if length > 1]
    else:
        spans = (DAY_S, WEEK_S) if series.step_s < DAY_S else (WEEK_S, YEAR_S) if series.step_s < WEEK_S else (YEAR_S,)
        asked = [round(span / series.step_s) for span in spans if span / series.step_s >= 2]
    return tuple(length for length in sorted(asked) if len(series) >= CYCLES * length)


def remark(code: str, where: str, message: str, remedy: str = "", line: int = 1, severity: Severity = Severity.WARNING) -> Problem:
    """A problem of a record, as a value."""
    return Problem(code, Where(where, line), "", message, remedy, severity)
