"""Forecasting methods by name: each takes a past and a horizon, and gives the path that it thinks most likely (the median where it can).

The statistical ones are statsforecast's, the learning ones scikit-learn's; both come with the extra `forecast` and are loaded when they are
used. What must not live here: choosing between them, and intervals.
"""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.lags import Rows, rows_ahead, rows_to_learn
from roteiro.analysis.past import Past
from roteiro.analysis.prophet_method import prophet
from roteiro.terms.error import SettingsError

__all__ = ["CANDIDATES", "METHODS", "YARDSTICK", "library", "predict"]

Floats = npt.NDArray[np.float64]
Method = Callable[[Past, int], Floats]

YARDSTICK: Final = "seasonal_naive"
CANDIDATES: Final = ("mstl", "ets", "theta", "regression", "boosting", "ensemble")
"""What the choice looks at: those that are fast on long pasts too. The others run where they are asked for."""
MEMBERS: Final = ("mstl", "theta", "regression", "boosting")
"""Of the ensemble."""
LONGEST_ETS: Final = 24
"""Seasons that exponential smoothing has states for (Hyndman and others, 2008); longer ones are taken out by STL first."""
LONGEST_ARIMA: Final = 12
LONGEST_FIT: Final = 600
"""Steps that ARIMA's search is given; it takes seconds on more and hardly learns from them."""
RIDGE: Final = 30.0
TREES: Final = 120
LEAST_ROWS: Final = 60


def library(name: str) -> Any:
    """A module of the extra `forecast`. Raises SettingsError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        message = f"this forecast needs {name.split('.')[0]}, which is not installed; install the extra: pip install 'roteiro[forecast]'"
        raise SettingsError(f"{message}, or ask for --method {YARDSTICK}, which needs nothing") from error


def predict(name: str, past: Past, horizon: int) -> Floats:
    """The path (horizon,) of one method, never below zero where the past never is.

    A method that cannot be fitted to this past gives the yardstick's path. Raises SettingsError for an unknown name or a missing extra.
    """
    if name not in METHODS:
        raise SettingsError(f"there is no forecasting method {name!r}; there are: {', '.join(METHODS)}")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        path = np.asarray(METHODS[name](past, horizon), np.float64)
        if not np.isfinite(path).all():
            path = seasonal_naive(past, horizon)
    return np.maximum(path, 0.0) if len(past) and past.values.min() >= 0.0 else path


def seasonal_naive(past: Past, horizon: int) -> Floats:
    """What was one season ago, again and again; without a season the last value."""
    last = past.values[-past.season :]
    return np.resize(last, horizon).astype(np.float64)


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
    ets = models.AutoETS(model="ZZN")
    return statistical(without_seasons(past, ets) if past.seasons else ets, past, horizon)


def ets(past: Past, horizon: int) -> Floats:
    """Exponential smoothing with a season of its own; of longer seasons, damped, on what STL leaves."""
    models = library("statsforecast.models")
    if past.seasons and past.season > LONGEST_ETS:
        return statistical(without_seasons(past, models.AutoETS(model="ZZN", damped=True)), past, horizon)
    return statistical(models.AutoETS(season_length=past.season), past, horizon, 40 * past.season if past.seasons else None)


def arima(past: Past, horizon: int) -> Floats:
    """ARIMA by AICc (Hyndman and Khandakar, 2008), seasonal for short seasons; long ones are taken out by STL first."""
    models = library("statsforecast.models")
    search: dict[str, Any] = {"max_p": 3, "max_q": 3, "approximation": True}
    if past.seasons and past.season > LONGEST_ARIMA:
        longest = max(LONGEST_FIT, 4 * past.season)
        return statistical(without_seasons(past.until(len(past)), models.AutoARIMA(**search)), past, horizon, longest)
    return statistical(models.AutoARIMA(season_length=past.season, **search), past, horizon, LONGEST_FIT)


def theta(past: Past, horizon: int) -> Floats:
    """The dynamic optimised theta method (Fiorucci and others, 2016)."""
    return statistical(library("statsforecast.models").DynamicOptimizedTheta(season_length=past.season), past, horizon)


def learned(make: Callable[[int], Any], past: Past, horizon: int) -> Floats:
    """A learner that is taught all steps at once on the past's own rows; NaN where they are too few."""
    return learned_together(make, [past], horizon)[0]


def learned_together(make: Callable[[int], Any], pasts: Sequence[Past], horizon: int, most: int | None = None) -> list[Floats]:
    """The same with one learner for many pasts, which must have the same seasons. `most` rows of each."""
    taught = [rows_to_learn(past, horizon, most) if most else rows_to_learn(past, horizon) for past in pasts]
    features = np.vstack([one.features for one in taught])
    targets = np.concatenate([one.targets for one in taught])
    good = np.isfinite(targets)
    kept = np.isfinite(features[good]).any(axis=0)  # a column that nobody knows has no bins to be put in
    if good.sum() < LEAST_ROWS:
        return [np.full(horizon, np.nan)] * len(pasts)
    model = make(int(good.sum()))
    edge = np.quantile(np.abs(targets[good]), 0.995) + 1e-9  # a freak must not teach all others
    # One thread: on busy cores OpenMP's threads wait for each other, and a fit of 0.3 s was seen to take 25.
    with library("threadpoolctl").threadpool_limits(1):
        model.fit(features[good][:, kept], np.clip(targets[good], -edge, edge))
        return [told(model, rows_ahead(past, horizon), kept) for past in pasts]


def told(model: Any, ahead: Rows, kept: npt.NDArray[np.bool_]) -> Floats:
    return ahead.values(np.asarray(model.predict(ahead.features[:, kept]), np.float64))


def ridge(_: int) -> Any:
    impute, linear = library("sklearn.impute"), library("sklearn.linear_model")
    pipeline, preprocessing = library("sklearn.pipeline"), library("sklearn.preprocessing")
    fill = impute.SimpleImputer(strategy="constant", fill_value=0.0)
    return pipeline.make_pipeline(fill, preprocessing.StandardScaler(), linear.Ridge(alpha=RIDGE))


def trees(rows: int) -> Any:
    ensemble = library("sklearn.ensemble")
    return ensemble.HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=TREES, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=max(10, min(60, rows // 100)),
        l2_regularization=1.0, early_stopping=False, random_state=0,
    )  # fmt: skip


def network(_: int) -> Any:
    impute, neural = library("sklearn.impute"), library("sklearn.neural_network")
    pipeline, preprocessing = library("sklearn.pipeline"), library("sklearn.preprocessing")
    layers = neural.MLPRegressor(hidden_layer_sizes=(32, 16), alpha=0.01, max_iter=60, early_stopping=True, random_state=0)
    return pipeline.make_pipeline(impute.SimpleImputer(strategy="constant", fill_value=0.0), preprocessing.StandardScaler(), layers)


def regression(past: Past, horizon: int) -> Floats:
    """Ridge regression on lags, levels and calendar."""
    return learned(ridge, past, horizon)


def boosting(past: Past, horizon: int) -> Floats:
    """Gradient-boosted trees on the same, for the median."""
    return learned(trees, past, horizon)


def mlp(past: Past, horizon: int) -> Floats:
    """A small neural network on the same."""
    return learned(network, past, horizon)


def ensemble(past: Past, horizon: int) -> Floats:
    """The median, step by step, of several methods (Petropoulos and Svetunkov, 2020); of those that could be fitted."""
    return median_of([METHODS[name](past, horizon) for name in MEMBERS], past, horizon)


def median_of(paths: Sequence[Floats], past: Past, horizon: int) -> Floats:
    good = [path for path in paths if np.isfinite(path).all()]
    return np.median(np.vstack(good), axis=0) if good else seasonal_naive(past, horizon)


METHODS: Final[Mapping[str, Method]] = {
    "seasonal_naive": seasonal_naive, "arima": arima, "ets": ets, "theta": theta, "mstl": mstl, "regression": regression,
    "boosting": boosting, "mlp": mlp, "prophet": prophet, "ensemble": ensemble,
}  # fmt: skip
