"""Forecasting methods by name: each takes pasts and a horizon, and gives for each past the path that it thinks most likely.

The statistical ones look at one series at a time (statsforecast's), the learning ones at all together (`learners`); both come with the
extra `forecast` and are loaded when they are used. What must not live here: choosing between them, and intervals.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.learners import boosting, library, mlp, regression
from roteiro.analysis.past import Past
from roteiro.analysis.prophet_method import prophet
from roteiro.terms.error import SettingsError

__all__ = ["LEARNED", "MEMBERS", "METHODS", "STATISTICAL", "YARDSTICK", "ensemble", "predict", "predict_all"]

Floats = npt.NDArray[np.float64]
Together = Callable[[Sequence[Past], int], list[Floats]]

YARDSTICK: Final = "seasonal_naive"
MEMBERS: Final = ("mstl", "theta", "regression", "boosting")
"""Of the ensemble."""
LONGEST_ETS: Final = 24
"""Seasons that exponential smoothing has states for (Hyndman and others, 2008); longer ones are taken out by STL first."""
LONGEST_SEASONS: Final = 20
"""That exponential smoothing with a season is given: older ones have no weight left."""
LONGEST_ARIMA: Final = 12
LONGEST_FIT: Final = 600
"""Steps that ARIMA's search is given; it takes seconds on more and hardly learns from them."""


def predict(name: str, past: Past, horizon: int) -> Floats:
    """The path (horizon,) of one method for one past; see `predict_all`."""
    return predict_all(name, [past], horizon)[0]


def predict_all(name: str, pasts: Sequence[Past], horizon: int) -> list[Floats]:
    """The paths (horizon,) of one method, never below zero where a past never is. Pasts of equal seasons teach each other.

    A past that the method cannot be fitted to gets the yardstick's path. Raises SettingsError for an unknown name or a missing extra.
    """
    if name not in METHODS:
        raise SettingsError(f"there is no forecasting method {name!r}; there are: {', '.join(METHODS)}")
    if name == "ensemble":
        return ensemble([predict_all(member, pasts, horizon) for member in MEMBERS])
    if name in STATISTICAL:
        return [alone(name, past, horizon) for past in pasts]
    found: list[Floats] = [np.empty(0)] * len(pasts)
    for seasons in dict.fromkeys(past.seasons for past in pasts):
        rows = [row for row, past in enumerate(pasts) if past.seasons == seasons]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = LEARNED[name]([pasts[row] for row in rows], horizon)
        for row, path in zip(rows, made, strict=True):
            found[row] = sound(path, pasts[row], horizon)
    return found


def alone(name: str, past: Past, horizon: int) -> Floats:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return sound(np.asarray(STATISTICAL[name](past, horizon), np.float64), past, horizon)


def sound(path: Floats, past: Past, horizon: int) -> Floats:
    if not np.isfinite(path).all():
        path = seasonal_naive(past, horizon)
    return np.maximum(path, 0.0) if len(past) and past.values.min() >= 0.0 else path


def ensemble(paths: Sequence[Sequence[Floats]]) -> list[Floats]:
    """The median, step by step, of several methods' paths (Petropoulos and Svetunkov, 2020)."""
    return [np.median(np.vstack(each), axis=0) for each in zip(*paths, strict=True)]


def seasonal_naive(past: Past, horizon: int) -> Floats:
    """What was one season ago, again and again: of the season that repeats itself best; without a season the last value."""
    lengths = [length for length in past.seasons if len(past) > length] or [past.season]
    off = [float(np.abs(past.values[length:] - past.values[:-length]).mean()) if len(past) > length else 0.0 for length in lengths]
    return np.resize(past.values[-lengths[int(np.argmin(off))] :], horizon).astype(np.float64)


def statistical(model: Any, past: Past, horizon: int, longest: int | None = None) -> Floats:
    """What a model of statsforecast says; where it cannot be fitted, NaN."""
    values = past.values if longest is None else past.values[-longest:]
    try:
        found: Floats = model.forecast(y=values.astype(np.float64), h=horizon)["mean"]
    except Exception:  # what its compiled parts raise on odd pasts is of every kind; `predict` then takes the yardstick
        return np.full(horizon, np.nan)
    return found


def without_seasons(past: Past, trend: Any) -> Any:
    """STL by all seasons, the last cycle of each repeated, and `trend` for what is left."""
    return library("statsforecast.models").MSTL(season_length=list(past.seasons), trend_forecaster=trend)


def mstl(past: Past, horizon: int) -> Floats:
    """Multiple seasonal-trend decomposition by loess (Bandara and others, 2021), exponential smoothing on what is left."""
    models = library("statsforecast.models")
    ets = models.AutoETS(model="ZZN", damped=True)
    return statistical(without_seasons(past, ets) if past.seasons else ets, past, horizon)


def ets(past: Past, horizon: int) -> Floats:
    """Exponential smoothing with a season of its own; of longer seasons, without trend, on what STL leaves."""
    models = library("statsforecast.models")
    if past.seasons and past.season > LONGEST_ETS:
        return statistical(without_seasons(past, models.AutoETS(model="ZNN")), past, horizon)
    if past.seasons:  # additive: all thirty models would take a second on a month of hours
        return statistical(models.AutoETS(season_length=past.season, model="AZA"), past, horizon, LONGEST_SEASONS * past.season)
    return statistical(models.AutoETS(), past, horizon)


def arima(past: Past, horizon: int) -> Floats:
    """ARIMA by AICc (Hyndman and Khandakar, 2008), seasonal for short seasons; long ones are taken out by STL first."""
    models = library("statsforecast.models")
    search: dict[str, Any] = {"max_p": 3, "max_q": 3, "approximation": True}
    if past.seasons and past.season > LONGEST_ARIMA:
        longest = max(LONGEST_FIT, 4 * past.season)
        return statistical(without_seasons(past, models.AutoARIMA(**search)), past, horizon, longest)
    return statistical(models.AutoARIMA(season_length=past.season, **search), past, horizon, LONGEST_FIT)


def theta(past: Past, horizon: int) -> Floats:
    """The dynamic optimised theta method (Fiorucci and others, 2016)."""
    return statistical(library("statsforecast.models").DynamicOptimizedTheta(season_length=past.season), past, horizon)


STATISTICAL: Final[Mapping[str, Callable[[Past, int], Floats]]] = {
    "seasonal_naive": seasonal_naive, "arima": arima, "ets": ets, "theta": theta, "mstl": mstl, "prophet": prophet,
}  # fmt: skip
LEARNED: Final[Mapping[str, Together]] = {"regression": regression, "boosting": boosting, "mlp": mlp}
METHODS: Final = (*STATISTICAL, *LEARNED, "ensemble")
