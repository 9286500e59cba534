"""Capacity that must be decided a lead time before it is used: a newsvendor whose idea of what comes is several rules at once.

Capacity is paid for whether used or not, and demand that finds none costs several times as much, so what is right is the quantile of what
comes at which the two prices meet (the newsvendor's fractile, as in `analysis.reserve`). Which forecast that quantile should be of, nobody
knows beforehand, and it changes: the last that is known, as yesterday moved from here, a regression of the quantile itself, the joint paths
of a forecaster. Each is followed, with the quantile of its own past errors; they are averaged, the more of those that cost least of late
(exponential weights: N. Cesa-Bianchi and G. Lugosi, "Prediction, Learning, and Games", 2006). Nothing is used before it is known.

What must not live here: forecasting methods, and what starts and stops capacity (`policy.scaling`).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["brought_up_to_date", "standing"]

Floats = npt.NDArray[np.float64]

ERRORS: Final = 3
"""Seasons of past errors that a quantile is taken of."""
JUDGED: Final = 2
"""Seasons of past cost that weights follow."""
EAGER: Final = 30.0
"""How fast weight falls with cost: a rule that cost a tenth more of late weighs e⁻³ of the best."""
FURTHEST: Final = 2.0
"""Other rules are listened to as far as so many times beyond the range of this module's."""
LEAST_ROWS: Final = 100
"""With fewer known rows no regression is fitted."""
LEAST_THROUGH: Final = 0.2
NEAR: Final = ((0, 1), (0, 3))
"""(first, count) of the last known values that a rule takes the geometric mean of."""
MOVES: Final = ((2, 0.5), (2, 1.0), (6, 0.5), (6, 1.0))
"""(half width of smoothing, share) of how the last season moved over the lead, which a rule takes on top of the last known."""


def standing(
    values: Floats, lead: int, capacity: float, missed: float, season: int, begin: int, *, extra: Sequence[Floats] = ()
) -> tuple[Floats, Floats]:
    """(capacity, weights): for each period from `begin` on, decided when periods up to `lead` before it were known.

    `values` (n,), above 0; NaN where not known. `capacity` and `missed`: prices of a unit that stands ready, and of one of demand that
    finds none, the dearer. `season`: periods of a day. `extra`: capacities (n,) of further rules, as quantiles of a forecaster's paths are;
    NaN where they say nothing. Weights are (rules, n − begin), the rules of this module first. Raises ValueError for prices or a past that
    cannot be: two seasons and a lead must lie before `begin`.
    """
    if not (0.0 < capacity < missed and lead >= 1 and season >= 2 and begin >= 2 * season + lead):
        raise ValueError(
            f"capacity {capacity:g} and missed {missed:g}: above 0, the latter more; begin {begin}: at least {2 * season + lead}"
        )
    filled, share = known_by(values, season), 1.0 - capacity / missed
    rules = [with_errors(rule, filled, values, lead, share, season, begin) for rule in guesses(filled, lead, season)]
    rules += regressed(filled, values, lead, share, season, begin)
    own = np.array(rules)
    low, high = np.nanmin(own[:, begin:], axis=0) / FURTHEST, np.nanmax(own[:, begin:], axis=0) * FURTHEST
    together = np.concatenate([own[:, begin:], *(np.clip(one[None, begin:], low, high) for one in extra)])
    # Before anything is known of what rules cost, those of others are only listened to.
    first = np.arange(len(together)) < len(rules)
    paid = capacity * together + missed * np.maximum(values[begin:] - together, 0.0)
    told = np.isfinite(paid)
    spent = np.cumsum(np.where(told, paid, 0.0), axis=1)
    heard = np.cumsum(told & np.isfinite(values[begin:]), axis=1)
    weights = np.zeros(together.shape)
    for at in range(together.shape[1]):
        usable = np.isfinite(together[:, at])
        until, since = at - lead, max(at - lead - JUDGED * season, -1)
        if until > 0:
            cost = spent[:, until] - (spent[:, since] if since >= 0 else 0.0)
            count = heard[:, until] - (heard[:, since] if since >= 0 else 0)
            mean = np.where(usable & (count >= 0.8 * count.max()) & (count > 0), cost / np.maximum(count, 1), np.inf)
            least = float(mean.min())
            weights[:, at] = np.exp(-EAGER * (mean / least - 1.0)) if np.isfinite(least) and least > 0.0 else usable & first
        else:
            weights[:, at] = usable & first
    weights /= weights.sum(axis=0)
    logs = np.log(np.where(weights > 0.0, np.maximum(together, 1e-300), 1.0))
    return np.exp((weights * logs).sum(axis=0)), weights


def brought_up_to_date(paths: Floats, known: float, at: int, ahead: int, share: float) -> float:
    """The quantile `share` of what joint paths (n, h) say of step `at` + `ahead`, each scaled to go through what is known of step `at`.

    A path that was next to nothing there says little of growth: it is scaled as if it had been LEAST_THROUGH of the mean of all.
    """
    through = np.maximum(paths[:, at], max(LEAST_THROUGH * float(np.mean(paths)), 1e-300))
    return float(np.quantile(known * paths[:, at + ahead] / through, share))


def known_by(values: Floats, season: int) -> Floats:
    """Holes filled by what was known before them: a season earlier, else the last. Nothing from after a hole is used."""
    filled = np.array(values, np.float64)
    for at in np.flatnonzero(~np.isfinite(filled) | (filled <= 0.0)):
        earlier = filled[at - season] if at >= season else filled[at - 1] if at else np.nan
        filled[at] = earlier if np.isfinite(earlier) else np.nanmedian(filled[: season + 1])
    return filled


def lagged(values: Floats, by: int) -> Floats:
    moved = np.full(len(values), np.nan)
    moved[by:] = values[: len(values) - by]
    return moved


def smoothed(values: Floats, half: int) -> Floats:
    """Geometric mean over `half` periods to either side; at the ends over those there are."""
    width = 2 * half + 1
    padded = np.pad(np.log(values), (half, half), "edge")
    result: Floats = np.exp(np.convolve(padded, np.ones(width) / width, "valid"))
    return result


def guesses(filled: Floats, lead: int, season: int) -> Iterator[Floats]:
    """What comes, by simple rules: the last known, and as the last season moved from there. Smoothing looks no further than is known."""
    last = lagged(filled, lead)
    for first, count in NEAR:
        yield np.exp(np.mean([np.log(lagged(filled, lead + first + k)) for k in range(count)], axis=0))
    whole = -(-lead // season) * season
    for half, share in MOVES:
        if whole + lead >= len(filled) or whole - half < lead:
            continue
        smooth = smoothed(filled, half)
        yield last * (lagged(smooth, whole) / lagged(smooth, whole + lead)) ** share


def with_errors(rule: Floats, filled: Floats, values: Floats, lead: int, share: float, season: int, begin: int) -> Floats:
    """A rule times the quantile of its own past ratios, of the last ERRORS seasons."""
    ratios = np.where(np.isfinite(values), np.log(filled) - np.log(np.where(rule > 0.0, rule, np.nan)), np.nan)
    made = np.full(len(filled), np.nan)
    for at in range(begin, len(filled)):
        past = ratios[max(at - lead + 1 - ERRORS * season, 0) : at - lead + 1]
        past = past[np.isfinite(past)]
        if len(past) and np.isfinite(rule[at]):
            made[at] = rule[at] * np.exp(np.quantile(past, share))
    return made


def regressed(filled: Floats, values: Floats, lead: int, share: float, season: int, begin: int) -> list[Floats]:
    """Two regressions of the quantile itself on what is known, linear and boosted, fitted anew each half season on all that was known.

    Without scikit-learn there are none.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.linear_model import QuantileRegressor
        from threadpoolctl import threadpool_limits
    except ImportError:
        return []
    whole = -(-lead // season) * season
    lags = [lead, lead + 1, lead + 2, lead + 5, lead + 11, whole, whole + 2, whole + lead, *([whole - 2] if whole - 2 >= lead else [])]
    base = np.log(lagged(filled, lead))
    angle = 2.0 * np.pi * np.arange(len(filled)) / season
    columns = np.column_stack([*(np.log(lagged(filled, lag)) - base for lag in lags[1:]), np.sin(angle), np.cos(angle)])
    target = np.log(filled) - base
    usable = np.isfinite(columns).all(axis=1) & np.isfinite(values)
    made = [np.full(len(filled), np.nan) for _ in range(2)]
    for start in range(begin, len(filled), max(season // 2, 1)):
        rows = np.flatnonzero(usable[: max(start - lead + 1, 0)])
        if len(rows) < LEAST_ROWS:
            continue
        models: list[Any] = [
            QuantileRegressor(quantile=share, alpha=1e-3, solver="highs"),
            HistGradientBoostingRegressor(
                loss="quantile", quantile=share, max_iter=60, learning_rate=0.06, max_leaf_nodes=8, min_samples_leaf=25,
                l2_regularization=1.0, early_stopping=False, random_state=0,
            ),
        ]  # fmt: skip
        part = slice(start, min(start + max(season // 2, 1), len(filled)))
        with threadpool_limits(1):  # a few hundred rows: threads would only wait for each other
            fitted = [model.fit(columns[rows], target[rows]).predict(np.nan_to_num(columns[part])) for model in models]
        for moved, told in zip(fitted, made, strict=True):
            told[part] = np.exp(base[part] + moved)
    return made
