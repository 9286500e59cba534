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
Integers = npt.NDArray[np.int64]

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
    known at each origin; what came later than the next origin was not known there. `others` (M, h): relative misses of series that were
    forecast beside this one, in units of each one's own mean miss; `others_at` (M,): their origins, counted as this series counts.
    """

    paths: Floats
    truth: Floats
    whole: float
    at: Integers
    others: Floats | None = None
    others_at: Integers | None = None

    @property
    def relative(self) -> Floats:
        return (self.truth - self.paths) / self.scale(self.paths)

    @property
    def size(self) -> float:
        """The mean relative miss; NaN where nothing came."""
        off = np.abs(self.relative)
        return float(off[np.isfinite(off)].mean()) if np.isfinite(off).any() else float("nan")

    def scale(self, path: Floats) -> Floats:
        """What a miss is measured in: half the forecast's own height, half the usual one."""
        return np.maximum(0.5 * np.abs(path) + 0.5 * abs(self.whole), LEAST_SCALE)

    def known_by(self, when: int) -> Floats:
        """(rows, h): relative misses, own and the others' in own size, of which each came before period `when`; else NaN."""
        ahead = np.arange(self.paths.shape[1])
        own = np.where(self.at[:, None] + ahead < when, self.relative, np.nan)
        if self.others is None or self.others_at is None or not np.isfinite(own).any():
            return own
        size = float(np.abs(own[np.isfinite(own)]).mean())
        return np.vstack([own, np.where(self.others_at[:, None] + ahead < when, self.others * size, np.nan)])

    @property
    def all(self) -> Floats:
        return self.known_by(int(self.at.max()) + 2 * self.paths.shape[1])


@dataclass(frozen=True, slots=True)
class Pools:
    """The misses around each step, ascending: `sorted` (windows, n) with NaN at the end, `count` (windows,), `window` (h,) of each step."""

    sorted: Floats
    count: Integers
    window: Integers

    def between(self, share: float) -> tuple[Floats, Floats]:
        """(low, high), each (h,): the edges that hold `share` of a pool in the middle, with the finite-sample correction of conformal
        prediction."""
        tail = (1.0 - share) / 2
        low, high = np.floor(tail * (self.count + 1)) - 1, np.ceil((1 - tail) * (self.count + 1)) - 1
        last = np.maximum(self.count - 1, 0)
        edges = (self.sorted[np.arange(len(last)), np.clip(rank, 0, last).astype(np.int64)] for rank in (low, high))
        below, above = (np.where(self.count > 0, one, 0.0)[self.window] for one in edges)
        return below, above

    def at(self, ranks: Floats) -> Floats:
        """(paths, h): the misses of `ranks` (paths, h), which are in 0 … 1."""
        last = np.maximum(self.count - 1, 0)[self.window]
        place = ranks * last
        below = np.floor(place).astype(np.int64)
        low, high = (self.sorted[self.window, np.minimum(one, last)] for one in (below, below + 1))
        return np.where(self.count[self.window] > 0, low + (high - low) * (place - below), 0.0)

    def ranks(self, relative: Floats) -> Floats:
        """(rows, h): where in its pool each miss is, in 0 … 1; the middle where it is not known."""
        below = np.stack([(self.sorted[self.window] < row[:, None]).sum(axis=1) for row in relative])
        count = self.count[self.window]
        return np.where(np.isfinite(relative) & (count > 0), (below + 0.5) / np.maximum(count, 1), 0.5)


def pools(relative: Floats) -> Pools:
    """For each step the misses of its neighbourhood; those of all steps where they are too few."""
    rows, horizon = relative.shape
    reach = max(0, int(np.ceil((POOL / max(rows, 1) - 1) / 2)))
    width = min(2 * reach + 1, horizon)
    near = np.lib.stride_tricks.sliding_window_view(relative, width, axis=1).transpose(1, 0, 2).reshape(horizon - width + 1, rows * width)
    count = np.isfinite(near).sum(axis=1)
    if (count < LEAST_POOL).any():
        whole = relative.ravel()
        known = int(np.isfinite(whole).sum())
        wider = np.full((len(near), len(whole)), np.nan)
        wider[:, : near.shape[1]] = near
        wider[count < LEAST_POOL] = whole
        near, count = wider, np.where(count < LEAST_POOL, known, count)
    return Pools(np.sort(near, axis=1), count, np.clip(np.arange(horizon) - reach, 0, horizon - width))


def adapted(misses: Misses, levels: tuple[float, ...]) -> tuple[Floats, Floats]:
    """(the shares to aim at for the next origin, the shares that bands held on the past), by level; the latter NaN where too few to tell.

    Every origin is judged by bands made of what was known there.
    """
    relative, aims, held, of = misses.relative, np.array(levels), np.zeros(len(levels)), 0
    for k in range(BURN_IN, len(relative)):
        came, then = relative[k], misses.known_by(int(misses.at[k]))
        good = np.isfinite(came)
        if not good.any() or np.isfinite(then).sum() < LEAST_POOL:
            continue
        near, of = pools(then), of + int(good.sum())
        for row, level in enumerate(levels):
            low, high = near.between(float(aims[row]))
            inside = int(((came >= low) & (came <= high) & good).sum())
            held[row] += inside
            aims[row] = np.clip(aims[row] + LEARNING * (level - inside / good.sum()), 0.02, 0.995)
    return aims, held / of if of else np.full(len(levels), np.nan)


def coverage(misses: Misses, levels: tuple[float, ...] = LEVELS) -> dict[float, float]:
    """What bands made at each past origin held of what came then; NaN where origins are too few to tell."""
    return dict(zip(levels, adapted(misses, levels)[1].tolist(), strict=True))


def bands(path: Floats, misses: Misses, levels: tuple[float, ...] = LEVELS, floor: float | None = 0.0) -> tuple[Floats, Floats]:
    """(low, high), each (levels, h), around a path of the same horizon; never below `floor`, wider levels never narrower."""
    scale, near = misses.scale(path), pools(misses.all)
    low, high = np.empty((len(levels), len(path))), np.empty((len(levels), len(path)))
    for row, aim in enumerate(adapted(misses, levels)[0]):
        below, above = near.between(float(aim))
        low[row], high[row] = path + scale * np.minimum(below, 0.0), path + scale * np.maximum(above, 0.0)
    low, high = np.minimum.accumulate(low, axis=0), np.maximum.accumulate(high, axis=0)
    return (low, high) if floor is None else (np.maximum(low, floor), np.maximum(high, floor))


def paths(
    path: Floats, misses: Misses, count: int, chance: Chance, levels: tuple[float, ...] = LEVELS, floor: float | None = 0.0
) -> Floats:
    """(count, h) futures that may come together: each takes the ranks of the misses of one past origin, begun at a random place and taken
    round, and gives each step the miss of that rank (ensemble copula coupling, Schefzik and others, 2013), stretched as the bands are.
    """
    relative = misses.relative  # whose ranks are taken are the series' own origins, so that series with the same luck move together
    near, (rows, horizon) = pools(misses.all), relative.shape
    aims = adapted(misses, levels)[0]
    row, begun = chance.integers(rows, size=count), chance.integers(horizon, size=count)
    ranked = near.ranks(relative)[row[:, None], (begun[:, None] + np.arange(horizon)) % horizon]
    off = 2 * (ranked + chance.uniform(-0.5, 0.5, (count, horizon)) / POOL) - 1
    nominal, aimed = np.array([0.0, *levels, 1.0]), np.maximum.accumulate(np.array([0.0, *aims, 1.0]))
    drawn = np.clip(0.5 + 0.5 * np.sign(off) * np.interp(np.abs(off), nominal, aimed), 0.001, 0.999)
    result = path + misses.scale(path) * near.at(drawn)
    return result if floor is None else np.maximum(result, floor)
