"""Prophet as a forecasting method: a curve of trend and seasons (Taylor and Letham, 2018), of the extra `prophet`.

It is never tried unless it is asked for, since it takes seconds a fit. What must not live here: other methods.
"""

import importlib
import logging
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.past import Past
from roteiro.analysis.series import DAY_S
from roteiro.terms.error import SettingsError

__all__ = ["prophet"]

Floats = npt.NDArray[np.float64]

MOST_WAVES: Final = 10
"""Of a season's Fourier series; Prophet itself has 4 for a day and 3 for a week, and 10 for a year."""
LEAST: Final = 3


def prophet(past: Past, horizon: int) -> Floats:
    """The path that Prophet thinks most likely, fitted to what is known; seasons multiply where the past is above zero throughout.

    NaN where too little is known. Raises SettingsError where the extra is missing.
    """
    if past.known.sum() < LEAST:
        return np.full(horizon, np.nan)
    quiet()
    made, frame = module("prophet"), module("pandas")
    quiet()  # its own parts raise their voice again when they are loaded
    steps = np.arange(len(past) + horizon)
    at = frame.to_datetime(past.start_s + past.step_s * steps.astype(np.float64), unit="s")
    kind = "multiplicative" if past.values.min() > 0.0 else "additive"
    model: Any = made.Prophet(
        daily_seasonality=False, weekly_seasonality=False, yearly_seasonality=False, seasonality_mode=kind, uncertainty_samples=0
    )
    for season in past.seasons:
        days = season * past.step_s / DAY_S
        model.add_seasonality(name=f"every {days:g} days", period=days, fourier_order=max(1, min(MOST_WAVES, season // 2)))
    model.fit(frame.DataFrame({"ds": at[: len(past)][past.known], "y": past.values[past.known]}), seed=1)
    found: Floats = model.predict(frame.DataFrame({"ds": at[len(past) :]}))["yhat"].to_numpy(np.float64)
    return found


def quiet() -> None:
    """What its libraries log of each fit is no news to whoever asked for a forecast."""
    for loud in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(loud).setLevel(logging.CRITICAL)


def module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"the method prophet needs {name}, which is not installed; install the extra: pip install 'roteiro[prophet]'"
        raise SettingsError(message) from error
