"""Forecasts of many series: some at a time, on all cores of the machine.

What must not live here: forecasting (`analysis`), and which series are forecast.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from roteiro.analysis.forecast import Forecast, forecast_together
from roteiro.analysis.series import Series

__all__ = ["BLOCK", "forecast_blocks"]

Hidden = Sequence[npt.NDArray[np.bool_] | None]
OnProgress = Callable[[float, str], None]

BLOCK: Final = 1_700
"""Series that teach each other; more of them take memory, and teach little more."""


def forecast_blocks(
    series: Sequence[Series], horizon: int, seed: int, *, method: str, count: int, left_out: Hidden, on_progress: OnProgress
) -> Iterator[Forecast]:
    """As `forecast_together`, BLOCK series at a time, in their order; from two blocks on in processes of their own.

    All series have the same luck: their paths take the ranks of one past origin together, and so go up and down as they did. Raises what
    `forecast_together` raises.
    """
    if len(series) <= BLOCK:
        chances = [np.random.default_rng([seed, 0]) for _ in series]
        yield from forecast_together(series, horizon, chances, method=method, count=count, left_out=left_out, on_progress=on_progress)
        return
    parts = [slice(first, first + BLOCK) for first in range(0, len(series), BLOCK)]
    work = (delayed(block)(series[part], horizon, seed, method, count, left_out[part]) for part in parts)
    done = 0
    for made in Parallel(n_jobs=-1, return_as="generator", batch_size=1)(work):
        done += len(made)
        on_progress(done / len(series), f"{done}/{len(series)}")
        yield from made


def block(series: Sequence[Series], horizon: int, seed: int, method: str, count: int, left_out: Hidden) -> list[Forecast]:
    chances = [np.random.default_rng([seed, 0]) for _ in series]
    return list(forecast_together(series, horizon, chances, method=method, count=count, left_out=left_out))
