"""Reconciliation: forecasts of a whole and of its parts that add up, path by path.

Each is forecast by itself and then all are moved as little as may be, where little is measured by how much each has missed on the past and
how misses go together (MinT with a shrunken covariance; Wickramasuriya, Athanasopoulos and Hyndman, 2019), in the form of a projection onto
what adds up (Di Fonzo and Girolimetto, 2023), which needs no level at the bottom: a total may be the sum of tenants and of models alike.
What must not live here: forecasting.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.forecast import Forecast

__all__ = ["Group", "covariance", "reconciled", "shrunken"]

Floats = npt.NDArray[np.float64]
Group = tuple[int, tuple[int, ...]]
"""Which forecast (by its place) is the sum of which others."""

LEAST_SAMPLES: Final = 8
LEAST_SHARE: Final = 1e-9
"""Of the largest variance: what never missed is hardly moved, and still can be."""


def reconciled(forecasts: Sequence[Forecast], groups: Sequence[Group]) -> tuple[Forecast, ...]:
    """The forecasts so that in every group parts add up to their whole: in each path, in the mean, and in the median's path.

    All must be of the same periods and have as many paths; a whole is in no group as a part. Nothing falls below zero that was not there.
    Bands move as the quantiles of the paths do. What adds up already stays as it is.
    """
    points = np.stack([one.median for one in forecasts])
    paths = np.stack([one.paths for one in forecasts])
    if not groups or all(adds_up(points, group) and adds_up(paths, group) for group in groups):
        return tuple(forecasts)
    constraints = np.zeros((len(groups), len(forecasts)))
    for row, (whole, parts) in enumerate(groups):
        constraints[row, whole] = 1.0
        constraints[row, list(parts)] = -1.0
    weights = covariance(forecasts)
    moved = weights @ constraints.T @ np.linalg.pinv(constraints @ weights @ constraints.T)
    floor = bool(paths.min() >= 0.0)
    new_points, new_paths = (onto(values, constraints, moved, groups, floor) for values in (points, paths))
    return tuple(
        changed(one, point, path) for one, point, path in zip(forecasts, new_points, new_paths, strict=True)
    )  # fmt: skip


def adds_up(values: Floats, group: Group) -> bool:
    whole, parts = group
    return bool(np.allclose(values[whole], values[list(parts)].sum(axis=0), rtol=1e-9, atol=1e-9))


def onto(values: Floats, constraints: Floats, moved: Floats, groups: Sequence[Group], floor: bool) -> Floats:
    """`values` (series, …) projected onto what adds up; with a `floor`, parts below zero become zero and the others give the difference,
    each by its size."""
    flat = values.reshape(len(values), -1)
    result: Floats = flat - moved @ (constraints @ flat)
    if floor:
        result = np.maximum(result, 0.0)
    for whole, parts in groups:
        total = result[list(parts)].sum(axis=0)
        share = np.divide(result[whole], total, out=np.zeros_like(total), where=total > 0.0) if floor else np.ones_like(total)
        result[list(parts)] *= share
        if floor:
            result[list(parts)] += np.where(total > 0.0, 0.0, result[whole] / len(parts))
    return result.reshape(values.shape)


def changed(one: Forecast, median: Floats, paths: Floats) -> Forecast:
    low, high = one.low.copy(), one.high.copy()
    for row, level in enumerate(one.levels):
        tails = ((1 - level) / 2, (1 + level) / 2)
        before, after = np.quantile(one.paths, tails, axis=0), np.quantile(paths, tails, axis=0)
        low[row] = np.minimum(low[row] + after[0] - before[0], median)
        high[row] = np.maximum(high[row] + after[1] - before[1], median)
    low, high = np.minimum.accumulate(low, axis=0), np.maximum.accumulate(high, axis=0)
    if one.paths.min() >= 0.0:
        low = np.maximum(low, 0.0)
    return replace(one, median=median, paths=paths, mean=paths.mean(axis=0), low=low, high=high)


def covariance(forecasts: Sequence[Forecast]) -> Floats:
    """Of what the forecasts missed on the past, shrunken towards its diagonal; where the past is too short, of their paths' spread."""
    known = [one.choice.misses for one in forecasts]
    shapes = {each.truth.shape for each in known if each is not None}
    if None not in known and len(shapes) == 1:
        samples = np.stack([(each.truth - each.paths).ravel() for each in known if each is not None], axis=1)
        samples = samples[np.isfinite(samples).all(axis=1)]
        if len(samples) >= LEAST_SAMPLES:
            return shrunken(samples)
    spread = np.array([float(np.mean(np.var(one.paths, axis=0))) for one in forecasts])
    return np.diag(np.maximum(spread, LEAST_SHARE * max(float(spread.max()), LEAST_SHARE)))


def shrunken(samples: Floats) -> Floats:
    """Covariance about zero of `samples` (n, series), its correlations shrunken to zero by the share that is best in the mean (Schäfer and
    Strimmer, 2005)."""
    n = len(samples)
    scale = np.sqrt(np.mean(samples**2, axis=0))
    scale = np.maximum(scale, np.sqrt(LEAST_SHARE) * max(float(scale.max()), LEAST_SHARE))
    standard = samples / scale
    correlation = standard.T @ standard / n
    variance = (standard**2).T @ standard**2 / n - correlation**2
    off = ~np.eye(len(scale), dtype=bool)
    strength = float((correlation[off] ** 2).sum())
    share = float(np.clip((variance[off] / max(n - 1, 1)).sum() / strength, 0.0, 1.0)) if strength > 0.0 else 1.0
    correlation[off] *= 1.0 - share
    result: Floats = correlation * np.outer(scale, scale)
    return result
