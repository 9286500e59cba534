"""Learning methods: one learner is taught by all series of a panel at once (scikit-learn's, of the extra `forecast`).

What must not live here: what learners are told (`lags`), and methods of one series (`methods`).
"""

import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.lags import rows_ahead, rows_to_learn
from roteiro.analysis.panel import panel_of
from roteiro.analysis.past import Past
from roteiro.terms.error import SettingsError

__all__ = ["boosting", "library", "mlp", "regression"]

Floats = npt.NDArray[np.float64]

LEAST_ROWS: Final = 60
RIDGE: Final = 0.3
"""Of the number of rows: columns say much the same, and a past is short."""
MANY_ROWS: Final = 50_000
"""From here on trees may be larger."""
FREAK: Final = 0.002


def library(name: str) -> Any:
    """A module of the extra `forecast`. Raises SettingsError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        message = f"this forecast needs {name.split('.')[0]}, which is not installed; install the extra: pip install 'roteiro[forecast]'"
        raise SettingsError(f"{message}, or ask for --method seasonal_naive, which needs nothing") from error


def learned(make: Callable[[int], Any], pasts: Sequence[Past], horizon: int) -> list[Floats]:
    """Paths (horizon,) of pasts that have the same seasons; NaN where all of them together are too short to learn from."""
    panel = panel_of(pasts)
    taught = rows_to_learn(panel, horizon)
    if len(taught.targets) < LEAST_ROWS:
        return [np.full(horizon, np.nan)] * len(pasts)
    kept = np.isfinite(taught.features).any(axis=0)  # a column that nobody knows has no bins to be put in
    edge = np.quantile(np.abs(taught.targets), 1 - FREAK) + 1e-9  # a freak must not teach all others
    model = make(len(taught.targets))
    # One thread: on busy cores OpenMP's threads wait for each other, and a fit of 0.3 s was seen to take 25.
    with library("threadpoolctl").threadpool_limits(1):
        model.fit(taught.features[:, kept], np.clip(taught.targets, -edge, edge))
        told = [rows.values(np.asarray(model.predict(rows.features[:, kept]), np.float64)) for rows in rows_ahead(panel, horizon)]
    return list(np.concatenate(told).reshape(-1, horizon))


def ridge(rows: int) -> Any:
    return after_scaling(library("sklearn.linear_model").Ridge(alpha=RIDGE * rows))


def trees(rows: int) -> Any:
    many = rows >= MANY_ROWS
    return library("sklearn.ensemble").HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=150, learning_rate=0.1 if many else 0.05, max_leaf_nodes=31 if many else 8,
        min_samples_leaf=60 if many else max(10, min(100, rows // 100)), l2_regularization=1.0 if many else 5.0,
        max_features=1.0 if many else 0.5, early_stopping=False, random_state=0,
    )  # fmt: skip


def network(_: int) -> Any:
    layers = library("sklearn.neural_network").MLPRegressor(
        hidden_layer_sizes=(32, 16), alpha=0.01, max_iter=60, early_stopping=True, random_state=0
    )
    return after_scaling(layers)


def after_scaling(model: Any) -> Any:
    fill = library("sklearn.impute").SimpleImputer(strategy="constant", fill_value=0.0)
    return library("sklearn.pipeline").make_pipeline(fill, library("sklearn.preprocessing").StandardScaler(), model)


def regression(pasts: Sequence[Past], horizon: int) -> list[Floats]:
    """Ridge regression on lags, levels and calendar."""
    return learned(ridge, pasts, horizon)


def boosting(pasts: Sequence[Past], horizon: int) -> list[Floats]:
    """Gradient-boosted trees on the same, for the median."""
    return learned(trees, pasts, horizon)


def mlp(pasts: Sequence[Past], horizon: int) -> list[Floats]:
    """A small neural network on the same."""
    return learned(network, pasts, horizon)
