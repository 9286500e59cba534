"""Which method forecasts a series best: all of them tried on its own past, from rolling origins, against seasonal naive.

Series that are forecast together speak for each other: with few origins, one series alone would choose by luck. What must not live here:
methods, and intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.conformal import Misses
from roteiro.analysis.methods import LEARNED, MEMBERS, YARDSTICK, predict_all
from roteiro.analysis.past import Past

__all__ = ["SEVERAL", "Choice", "Tried", "choose", "choose_all", "origins_of"]

Floats = npt.NDArray[np.float64]
OnProgress = Callable[[float, str], None]

ORIGINS: Final = 10
FEWEST_ORIGINS: Final = 3
"""Fewer tell nothing about which method is better."""
MANY: Final = 20
"""Series, from which on fewer origins are taken of each."""
CANDIDATES: Final = ("mstl", "ets", "theta", "regression", "boosting")
"""What is looked at, besides the ensemble: those that are fast on long pasts too. The others run where they are asked for."""
MOST_POINTS: Final = 400_000
"""Series × periods × fits, beyond which only methods are looked at that learn from all series at once: the others would take minutes."""
APART: Final = 0.5
"""Of an origin, that counts as one of its own: they are half a horizon apart, and share half of what came."""
SEVERAL: Final = "ensemble"
"""The median of several methods."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One method on the past. `error`: its mean absolute error in units of the yardstick's over the same steps; below 1 it is better."""

    method: str
    error: float
    misses: Misses


@dataclass(frozen=True, slots=True)
class Choice:
    """`tried` is in order, the best first. `why` is a code: `best`, `steady` (the ensemble: no method alone beats it by more than chance),
    `no_better` (none beats seasonal naive), `asked`, `too_short`, `constant`. `origins`: how many times each was tried, over `tested` steps
    ahead. `members`: of the ensemble.
    """

    method: str
    why: str
    tried: tuple[Tried, ...]
    origins: int
    tested: int
    members: tuple[str, ...] = MEMBERS

    @property
    def misses(self) -> Misses | None:
        """Of the method that was chosen."""
        return next((one.misses for one in self.tried if one.method == self.method), None)

    @property
    def error(self) -> float:
        return next((one.error for one in self.tried if one.method == self.method), float("nan"))


def origins_of(count: int, season: int, horizon: int, most: int = ORIGINS) -> tuple[tuple[int, ...], int]:
    """(how much of a past of `count` periods is known at each origin, the earliest first; how many steps ahead they are tested over).

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


def choose(past: Past, horizon: int, asked: str = "auto", on_progress: OnProgress | None = None) -> Choice:
    """The method for one past; see `choose_all`."""
    return choose_all([past], horizon, asked, on_progress)[0]


def choose_all(pasts: Sequence[Past], horizon: int, asked: str = "auto", on_progress: OnProgress | None = None) -> list[Choice]:
    """The method for each past: the one that was `asked` for, or by `auto` the one that did best on the past, on its own and on that of the
    series beside it. None that loses to seasonal naive on these pasts is taken unless it was asked for."""
    found: dict[int, Choice] = {}
    groups = list(alike(pasts, horizon))
    for number, rows in enumerate(groups):

        def progress(share: float, label: str, number: int = number) -> None:
            if on_progress is not None:
                on_progress((number + share) / len(groups), label)

        chosen = choose_alike([pasts[row] for row in rows], horizon, asked, progress)
        found.update(zip(rows, chosen, strict=True))
    return [found[row] for row in range(len(pasts))]


def alike(pasts: Sequence[Past], horizon: int) -> Iterator[list[int]]:
    """Rows of pasts that can be tried at the same origins: equal seasons, tested equally far, all of them long enough or none; those that
    never change apart."""
    groups: dict[object, list[int]] = {}
    for row, past in enumerate(pasts):
        origins, tested = origins_of(len(past), past.season, horizon)
        measured = past.values[past.known]
        constant = bool(len(measured)) and float(np.ptp(measured)) == 0.0
        groups.setdefault((past.seasons, tested, len(origins) >= FEWEST_ORIGINS or len(origins), constant), []).append(row)
    yield from groups.values()


def choose_alike(pasts: Sequence[Past], horizon: int, asked: str, on_progress: OnProgress) -> list[Choice]:
    shortest = min(pasts, key=len)
    most = ORIGINS if len(pasts) <= MANY else max(FEWEST_ORIGINS, round(ORIGINS * (MANY / len(pasts)) ** 0.5))
    origins, tested = origins_of(len(shortest), shortest.season, horizon, most)
    backs = [len(shortest) - at for at in origins]
    measured = shortest.values[shortest.known]
    why, names = "", list[str]()
    if len(measured) and np.ptp(measured) == 0.0:
        why, backs = "constant", backs[-FEWEST_ORIGINS:]
    elif asked != "auto":
        why, names = "asked", [asked]
    elif len(backs) < FEWEST_ORIGINS:
        why = "too_short"
    else:
        points = sum(len(past) for past in pasts) * (len(backs) + 1)
        names = [name for name in CANDIDATES if name in LEARNED or points <= MOST_POINTS]
    tried = try_all(pasts, backs, tested, names, on_progress) if backs else [()] * len(pasts)
    if why:
        return [Choice(asked if why == "asked" else YARDSTICK, why, each, len(backs), tested) for each in tried]
    members = worth(tried, [name for name in MEMBERS if name in names])
    tried = [with_several(each, members) for each in tried]
    return [Choice(*best, each, len(backs), tested, members) for best, each in zip(bests(tried), tried, strict=True)]


def worth(tried: Sequence[tuple[Tried, ...]], members: Sequence[str]) -> tuple[str, ...]:
    """The members of the ensemble that beat seasonal naive on these pasts; all where fewer than two do."""
    won = leads(tried, members, YARDSTICK)[0].mean(axis=0)
    kept = tuple(name for name, more in zip(members, won, strict=True) if more > 0.0)
    return kept if len(kept) > 1 else tuple(members)


def with_several(tried: tuple[Tried, ...], members: Sequence[str]) -> tuple[Tried, ...]:
    """With the ensemble of these `members` tried too: its paths follow from theirs."""
    paths = {one.method: one.misses.paths for one in tried}
    paths[SEVERAL] = np.median(np.stack([paths[name] for name in members]), axis=0)
    misses = tried[0].misses
    return judged(paths, misses.truth, misses.whole, misses.at)


def try_all(
    pasts: Sequence[Past], backs: Sequence[int], tested: int, methods: Sequence[str], on_progress: OnProgress
) -> list[tuple[Tried, ...]]:
    """For each past each method at each origin (`backs` steps before its end), told only what came before it; the yardstick always among
    them. The best first."""
    names = tuple(dict.fromkeys((YARDSTICK, *methods)))
    shown = {name: np.empty((len(pasts), len(backs), tested)) for name in names}
    for row, back in enumerate(backs):
        before = [past.until(len(past) - back) for past in pasts]
        for number, name in enumerate(names):
            on_progress((row + number / len(names)) / len(backs), name)
            shown[name][:, row] = predict_all(name, before, tested)
    result = []
    for at, past in enumerate(pasts):
        known = np.where(past.known, past.values, np.nan)
        truth = np.vstack([known[len(past) - back :][:tested] for back in backs])
        whole, when = float(np.mean(past.values)), len(past) - np.array(backs)
        result.append(judged({name: shown[name][at] for name in names}, truth, whole, when))
    return result


def judged(shown: Mapping[str, Floats], truth: Floats, whole: float, when: npt.NDArray[np.int64]) -> tuple[Tried, ...]:
    came = np.isfinite(truth)
    missed = {name: float(np.abs(truth - paths)[came].mean()) if came.any() else np.inf for name, paths in shown.items()}
    yardstick = missed[YARDSTICK]
    tried = []
    for name, paths in shown.items():
        error = 1.0 if name == YARDSTICK else missed[name] / yardstick if 0.0 < yardstick < np.inf else np.inf
        tried.append(Tried(name, error, Misses(paths, truth, whole, when)))
    return tuple(sorted(tried, key=lambda one: (one.error, one.method != YARDSTICK)))


def bests(tried: Sequence[tuple[Tried, ...]]) -> list[tuple[str, str]]:
    """(method, why) for each series: the ensemble, unless a method alone beats it by more than a standard error over origins and series;
    then the best of those. Seasonal naive where it beats what would be taken, and all else. What a series' own past says is taken as far
    as it is more than luck, the rest from the other series."""
    names = [one.method for one in tried[0] if one.method not in (YARDSTICK, SEVERAL)]
    on_ensemble, error = leads(tried, names, SEVERAL)
    on_yardstick, _ = leads(tried, [*names, SEVERAL], YARDSTICK)
    result = []
    for own, errors, won in zip(on_ensemble, error, on_yardstick, strict=True):
        sure = [(float(own[at]), name) for at, name in enumerate(names) if own[at] > errors[at] and won[at] > 0.0]
        first = int(np.argmax(won))
        if sure:
            result.append((max(sure)[1], "best"))
        elif won[-1] > 0.0:
            result.append((SEVERAL, "steady"))
        else:
            result.append((names[first], "best") if won[first] > 0.0 else (YARDSTICK, "no_better"))
    return result


def leads(tried: Sequence[tuple[Tried, ...]], names: Sequence[str], rival: str) -> tuple[Floats, Floats]:
    """(series, methods) twice: by how much each method's error is below the `rival`'s, in units of the yardstick's; its standard error."""
    found = np.array([[lead(each, name, rival) for name in names] for each in tried])
    own, error = np.clip(found[:, :, 0], -1.0, 1.0), found[:, :, 1]
    return shrunk(own, error) if len(tried) > 1 else (own, error)


def shrunk(own: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Means and errors (series, methods), each moved towards that of all series by as much as it is less sure than series are unlike
    (empirical Bayes; Efron and Morris, 1975)."""
    sure = np.isfinite(error)
    count = np.maximum(sure.sum(axis=0), 1)
    variance = np.where(sure, error, 0.0) ** 2
    unlike = np.maximum(own.var(axis=0) - variance.sum(axis=0) / count, 1e-9)
    share = np.where(sure, unlike / (unlike + variance), 0.0)
    left = np.where(sure, np.sqrt(share * variance), np.sqrt(unlike))
    return share * own + (1 - share) * own.mean(axis=0), np.hypot(left, (1 - share) * own.std(axis=0) / np.sqrt(count))


def lead(tried: tuple[Tried, ...], name: str, rival: str) -> tuple[float, float]:
    """(by how much a method's error on one past is below the rival's, in units of the yardstick's; its standard error over origins)."""
    paths = {one.method: one.misses for one in tried}
    truth = paths[name].truth
    came = np.isfinite(truth)
    count, known = came.sum(axis=1), came.any(axis=1)
    missed = {
        key: np.where(came, np.abs(truth - paths[key].paths), 0.0).sum(axis=1) / np.maximum(count, 1) for key in (name, rival, YARDSTICK)
    }
    unit = float(missed[YARDSTICK][known].mean()) if known.any() else 0.0
    if unit <= 0.0 or known.sum() < 2:
        return 0.0, np.inf
    won = (missed[rival] - missed[name])[known] / unit
    return float(won.mean()), float(won.std(ddof=1) / np.sqrt(len(won) * APART))
