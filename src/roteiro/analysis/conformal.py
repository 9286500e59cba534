"""Intervals that are true: bands from what the method missed by on the past, and joint paths from whole stretches of such misses.

Split conformal prediction over rolling origins (Vovk and others, 2005), adapted as the past went (adaptive conformal inference, Gibbs and
Candès, 2021): where bands of the past held too little, those of the future are wider. Nothing is assumed about the shape of errors.
What must not live here: forecasting.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.chance import Chance

__all__ = ["LEVELS", "Misses", "bands", "coverage", "paths"]

Floats = npt.NDArray[np.float64]

LEVELS: Final = (0.5, 0.8, 0.9)
POOL: Final = 60
"""Misses that a step's band is made of, at least: those of its neighbours count too."""
LEAST_POOL: Final = 8
"""Fewer misses near a step, and those of all steps stand for them."""
LEARNING: Final = 0.08
"""How fast the level follows what the past held (Gibbs and Candès use 0.005 a step; here a step is a whole origin)."""
BURN_IN: Final = 2
"""Origins that are only learned from."""
LEAST_SCALE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Misses:
    """`paths` (K, h): what was forecast at each of K past origins, the earliest first; `truth` (K, h): what came, NaN where not known.

    `whole`: the mean level of the past, which keeps relative misses of small values from becoming huge. `at` (K,): how many periods were
    known at each origin; what came later than the next origin was not known there.
    """

    paths: Floats
    truth: Floats
    whole: float
    at: npt.NDArray[np.int64]

    @property
    def relative(self) -> Floats:
        return (self.truth - self.paths) / self.scale(self.paths)

    def scale(self, path: Floats) -> Floats:
        """What a miss is measured in: half the forecast's own height, half the usual one."""
        return np.maximum(0.5 * np.abs(path) + 0.5 * abs(self.whole), LEAST_SCALE)


def pools(relative: Floats) -> list[Floats]:
    """For each step the misses of its neighbourhood, ascending."""
    origins, horizon = relative.shape
    whole = np.sort(relative[np.isfinite(relative)])
    reach = max(0, int(np.ceil((POOL / max(origins, 1) - 1) / 2)))
    result = []
    for step in range(horizon):
        low = max(0, min(step - reach, horizon - 1 - 2 * reach))
        near = relative[:, low : max(step, low + 2 * reach) + 1]
        known = near[np.isfinite(near)]
        result.append(np.sort(known) if len(known) >= LEAST_POOL else whole)
    return result


def between(pool: Floats, share: float) -> tuple[float, float]:
    """The edges that hold `share` of the pool in the middle, with the finite-sample correction of conformal prediction."""
    if not len(pool):
        return 0.0, 0.0
    tail = (1.0 - share) / 2
    n = len(pool)
    low, high = np.floor(tail * (n + 1)) - 1, np.ceil((1 - tail) * (n + 1)) - 1
    return float(pool[int(np.clip(low, 0, n - 1))]), float(pool[int(np.clip(high, 0, n - 1))])


def adapted(misses: Misses, level: float) -> tuple[float, float, int]:
    """(the share to aim at for the next origin, the share that bands held on the past, how many values that is of).

    Every origin is judged by bands made of what was known there.
    """
    relative, aim, held, of = misses.relative, level, 0, 0
    came_at = misses.at[:, None] + np.arange(relative.shape[1])
    for k in range(BURN_IN, len(relative)):
        came = relative[k]
        good = np.isfinite(came)
        if not good.any():
            continue
        then = np.where(came_at[:k] < misses.at[k], relative[:k], np.nan)
        if np.isfinite(then).sum() < LEAST_POOL:
            continue
        edges = np.array([between(pool, aim) for pool in pools(then)])
        inside = (came >= edges[:, 0]) & (came <= edges[:, 1]) & good
        held, of = held + int(inside.sum()), of + int(good.sum())
        aim = float(np.clip(aim + LEARNING * (level - inside.sum() / good.sum()), 0.02, 0.995))
    return aim, held / of if of else float("nan"), of


def coverage(misses: Misses, levels: tuple[float, ...] = LEVELS) -> dict[float, float]:
    """What bands made at each past origin held of what came then; NaN where origins are too few to tell."""
    return {level: adapted(misses, level)[1] for level in levels}


def bands(path: Floats, misses: Misses, levels: tuple[float, ...] = LEVELS, floor: float | None = 0.0) -> tuple[Floats, Floats]:
    """(low, high), each (levels, h), around a path of the same horizon; never below `floor`, wider levels never narrower."""
    scale, all_pools = misses.scale(path), pools(misses.relative)
    low, high = np.empty((len(levels), len(path))), np.empty((len(levels), len(path)))
    for row, level in enumerate(levels):
        aim = adapted(misses, level)[0]
        edges = np.array([between(pool, aim) for pool in all_pools])
        low[row], high[row] = path + scale * np.minimum(edges[:, 0], 0.0), path + scale * np.maximum(edges[:, 1], 0.0)
    low, high = np.minimum.accumulate(low, axis=0), np.maximum.accumulate(high, axis=0)
    return (low, high) if floor is None else (np.maximum(low, floor), np.maximum(high, floor))


def paths(
    path: Floats, misses: Misses, count: int, chance: Chance, levels: tuple[float, ...] = LEVELS, floor: float | None = 0.0
) -> Floats:
    """(count, h) futures that may come together: each takes the ranks of the misses of one past origin, begun at a random place and taken
    round, and gives each step the miss of that rank (ensemble copula coupling, Schefzik and others, 2013), stretched as the bands are.
    """
    relative, all_pools, scale = misses.relative, pools(misses.relative), misses.scale(path)
    origins, horizon = relative.shape
    ranks = np.full((origins, horizon), 0.5)
    for step, pool in enumerate(all_pools):
        if len(pool):
            good = np.isfinite(relative[:, step])
            ranks[good, step] = (np.searchsorted(pool, relative[good, step], "left") + 0.5) / len(pool)
    stretched = stretch(misses, levels)
    drawn = np.empty((count, horizon))
    for row in range(count):
        ranked = np.roll(ranks[chance.integers(origins)], -int(chance.integers(horizon)))
        drawn[row] = np.clip(stretched(ranked + chance.uniform(-0.5, 0.5, horizon) / POOL), 0.001, 0.999)
    result = np.empty((count, horizon))
    for step, pool in enumerate(all_pools):
        missed = np.quantile(pool, drawn[:, step]) if len(pool) else 0.0
        result[:, step] = path[step] + scale[step] * missed
    return result if floor is None else np.maximum(result, floor)


def stretch(misses: Misses, levels: tuple[float, ...]) -> "Stretch":
    aims = [adapted(misses, level)[0] for level in levels]
    return Stretch(np.array([0.0, *levels, 1.0]), np.maximum.accumulate(np.array([0.0, *aims, 1.0])))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ranks moved outwards or inwards, so that paths spread as wide as the adapted bands."""

    nominal: Floats
    aimed: Floats

    def __call__(self, ranks: Floats) -> Floats:
        off = 2 * ranks - 1
        result: Floats = 0.5 + 0.5 * np.sign(off) * np.interp(np.abs(off), self.nominal, self.aimed)
        return result
