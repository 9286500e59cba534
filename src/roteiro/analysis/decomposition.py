"""Decomposition of a past: trend, seasons and what remains, and how strong each is.

By multiple seasonal-trend decomposition with loess (Bandara, Hyndman and Bergmeir, 2021), of statsforecast; loess alone where there is no
season. Anomalies are left out of the
fit and found again in what remains. What must not live here: forecasts.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.learners import library
from roteiro.analysis.past import past_of
from roteiro.analysis.series import Series

__all__ = ["Decomposition", "Season", "decomposed"]

Floats = npt.NDArray[np.float64]

LEAST: Final = 8
SMOOTH: Final = 0.3
"""Of a past without seasons, the share of it that a point of the trend is made of."""


@dataclass(frozen=True, slots=True)
class Season:
    """A cycle of `period` steps. `values` (n,): what it adds to each period of the past. `strength`: 0 to 1."""

    period: int
    values: Floats
    strength: float


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`trend + seasons + remainder` are the past (n,), NaN where it is not known. `strength` of the trend, 0 to 1."""

    trend: Floats
    seasons: tuple[Season, ...]
    remainder: Floats
    strength: float

    @property
    def seasonless(self) -> Floats:
        """Trend and remainder; NaN where the past is not known."""
        return self.trend + self.remainder


def decomposed(series: Series, left_out: npt.NDArray[np.bool_] | None = None) -> Decomposition:
    """The parts of a past; without a season, a trend and a remainder. `left_out`: periods that must not shape them.

    Strengths as Wang, Smith and Hyndman (2006): 1 − Var(remainder) / Var(part + remainder), at least 0. Raises SettingsError where the
    extra `forecast` is missing.
    """
    past = past_of(series, left_out)
    if len(past) < LEAST or np.ptp(past.values) == 0.0:
        level = np.full(len(past), float(np.mean(past.values)) if len(past) else 0.0)
        return Decomposition(level, (), series.values - level, 0.0)
    if past.seasons:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = library("statsforecast.mstl").mstl(past.values, list(past.seasons))
        trend = parts["trend"].to_numpy(np.float64)
        courses = [parts[name].to_numpy(np.float64) for name in parts.columns if name.startswith("seasonal")]
    else:
        lowess = library("statsmodels.nonparametric.smoothers_lowess").lowess
        trend, courses = lowess(past.values, np.arange(len(past)), frac=SMOOTH, return_sorted=False), []
    remainder = series.values - trend - np.sum(courses, axis=0) if courses else series.values - trend
    judged = np.isfinite(remainder) if left_out is None else np.isfinite(remainder) & ~left_out
    seasons = tuple(
        Season(period, course, strength_of(course[judged], remainder[judged])) for period, course in zip(past.seasons, courses, strict=True)
    )
    return Decomposition(trend, seasons, remainder, strength_of(trend[judged], remainder[judged]))


def strength_of(part: Floats, remainder: Floats) -> float:
    whole = float(np.var(part + remainder)) if len(part) else 0.0
    return max(0.0, 1.0 - float(np.var(remainder)) / whole) if whole > 0.0 else 0.0
