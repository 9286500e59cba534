"""Which method forecasts this series best: all of them tried on its own past, from rolling origins, against seasonal naive.

What must not live here: methods, and intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.conformal import Misses
from roteiro.analysis.methods import CANDIDATES, MEMBERS, YARDSTICK, median_of, predict
from roteiro.analysis.past import Past

__all__ = ["Choice", "Tried", "choose", "origins_of", "try_all"]

Floats = npt.NDArray[np.float64]

ORIGINS: Final = 10
LEAST: Final = 3
"""Origins; fewer tell nothing about which method is better."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One method on the past. `error`: its mean absolute error in units of the yardstick's over the same steps; below 1 it is better."""

    method: str
    error: float
    misses: Misses


@dataclass(frozen=True, slots=True)
class Choice:
    """`tried` is in order, the best first. `why` is a code: `best`, `no_better` (none beats seasonal naive), `asked`, `too_short`,
    `constant`. `origins`: how many times each was tried, over `tested` steps ahead.
    """

    method: str
    why: str
    tried: tuple[Tried, ...]
    origins: int
    tested: int

    @property
    def misses(self) -> Misses | None:
        """Of the method that was chosen."""
        return next((one.misses for one in self.tried if one.method == self.method), None)

    @property
    def error(self) -> float:
        return next((one.error for one in self.tried if one.method == self.method), float("nan"))


def origins_of(count: int, season: int, horizon: int, most: int = ORIGINS) -> tuple[tuple[int, ...], int]:
    """(how much of the past is known at each origin, the earliest first; how many steps ahead they are tested over).

    Half a horizon apart where the past allows `most` of them, closer where it is short; the horizon is cut where it is longer than a third
    of the past. A method has two seasons to learn from at least.
    """
    tested = max(1, min(horizon, count // 3))
    first = max(2 * season + 1 if count >= 3 * season + tested else season, 3)
    room = count - tested - first
    if room < 0:
        return (), tested
    apart = max(1, min(max(1, tested // 2), room // max(most - 1, 1)))
    wanted = [count - tested - apart * back for back in range(most)]
    return tuple(at for at in reversed(wanted) if at >= first), tested


def try_all(
    past: Past, origins: Sequence[int], tested: int, methods: Sequence[str], on_progress: Callable[[float, str], None] | None = None
) -> tuple[Tried, ...]:
    """Each method at each origin, told only what came before it; the yardstick always among them. The best first."""
    names = list(dict.fromkeys((YARDSTICK, *methods)))
    shown = {name: np.empty((len(origins), tested)) for name in names}
    truth = np.vstack([np.where(past.known, past.values, np.nan)[at : at + tested] for at in origins])
    for row, at in enumerate(origins):
        before = past.until(at)
        made: dict[str, Floats] = {}
        for name in names:
            if on_progress is not None:
                on_progress((row + len(made) / len(names)) / len(origins), name)
            if name == "ensemble" and all(member in made for member in MEMBERS):
                made[name] = median_of([made[member] for member in MEMBERS], before, tested)
            else:
                made[name] = predict(name, before, tested)
            shown[name][row] = made[name]
    whole = float(np.mean(past.values))
    came = np.isfinite(truth)
    missed = {name: float(np.abs(truth - shown[name])[came].mean()) if came.any() else np.inf for name in names}
    yardstick = missed[YARDSTICK]
    tried = []
    for name in names:
        error = 1.0 if name == YARDSTICK else missed[name] / yardstick if 0.0 < yardstick < np.inf else np.inf
        tried.append(Tried(name, error, Misses(shown[name], truth, whole, np.array(origins))))
    return tuple(sorted(tried, key=lambda one: (one.error, one.method != YARDSTICK)))


def choose(past: Past, horizon: int, asked: str = "auto", on_progress: Callable[[float, str], None] | None = None) -> Choice:
    """The method for a past: the one that was `asked` for, or by `auto` the one that did best on the past. None that loses to seasonal
    naive there is taken unless it was asked for."""
    origins, tested = origins_of(len(past), past.season, horizon)
    measured = past.values[past.known]
    if len(measured) and np.ptp(measured) == 0.0:
        origins = origins[-LEAST:]
        return Choice(YARDSTICK, "constant", try_all(past, origins, tested, ()) if origins else (), len(origins), tested)
    if len(origins) < LEAST:
        tried = try_all(past, origins, tested, () if asked == "auto" else (asked,)) if origins else ()
        return Choice(YARDSTICK if asked == "auto" else asked, "too_short" if asked == "auto" else "asked", tried, len(origins), tested)
    tried = try_all(past, origins, tested, CANDIDATES if asked == "auto" else (asked,), on_progress)
    if asked != "auto":
        return Choice(asked, "asked", tried, len(origins), tested)
    best = tried[0]
    return Choice(best.method, "no_better" if best.method == YARDSTICK else "best", tried, len(origins), tested)
