"""Adaptive windows: where the rate of arrivals changes, and how fast they come in between.

Edges are chosen by dynamic programming, so that the likelihood of a piecewise constant rate less a penalty for each edge is the largest
there is (J. Scargle et al., "Studies in astronomical time series analysis VI: Bayesian block representations", 2013; pruned as in
R. Killick et al., "Optimal detection of changepoints with a linear computational cost", 2012). How large the penalty must be depends on how
bursty arrivals are by themselves, so several are tried, and the windows kept whose whole process (rate and gaps) has the least BIC.
What must not live here: draws of a run.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.demand_gaps import Gaps, fit_gaps, log_density

__all__ = ["Windows", "operational", "spread_out", "windows_of"]

MOST_CELLS: Final = 1500
MOST_PAUSES: Final = 400
PAUSE: Final = 5.0
"""Gaps longer than so many mean ones may be windows of their own."""
PENALTIES: Final = (6.0, 12.0, 25.0, 50.0, 100.0, 200.0)
"""Log-likelihood that an edge must be worth. Poisson arrivals by themselves ask for 6 to 12, burstier ones for more."""
Z95: Final = 1.959964

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one rate each: `edges` (n + 1, seconds), rates a second with 95 % intervals, and how many arrivals each had.

    `gaps` is the process of all gaps in operational time. Intervals count with its dispersion: arrivals that come in bursts tell less.
    """

    edges: Floats
    count: npt.NDArray[np.int64]
    rate_per_s: Floats
    low_per_s: Floats
    high_per_s: Floats
    gaps: Gaps
    bic: float


def windows_of(at_s: Floats, horizon_s: float) -> Windows:
    """The windows of arrivals in order, from 0 to `horizon_s`."""
    if len(at_s) < 2 or horizon_s <= 0.0:
        return rated(at_s, np.array([0.0, max(horizon_s, 1e-9)]))
    cells = cells_of(at_s, horizon_s)
    counts = np.diff(np.searchsorted(at_s, cells, side="left"))
    counts[-1] += len(at_s) - int(counts.sum())  # what comes at the very end
    found: list[Windows] = [rated(at_s, np.array([0.0, horizon_s]))]
    for penalty in PENALTIES:
        edges = cells[segments(counts, cells, penalty)]
        if len(edges) == 2:
            break
        found.append(rated(at_s, edges))
    return min(found, key=lambda windows: windows.bic)


def cells_of(at_s: Floats, horizon_s: float) -> Floats:
    """Where edges may be: between every few arrivals, and at both ends of long pauses."""
    n = len(at_s)
    every = -(-n // MOST_CELLS)
    inner = np.arange(every, n, every)
    middles = (at_s[inner - 1] + at_s[inner]) / 2.0
    gaps = np.diff(at_s)
    longest = np.argsort(gaps)[::-1][:MOST_PAUSES]
    longest = longest[gaps[longest] > PAUSE * horizon_s / n]
    margin = np.minimum(0.02 * gaps[longest], 0.5 * horizon_s / n)
    ends = np.concatenate([at_s[longest] + margin, at_s[longest + 1] - margin])
    return np.unique(np.concatenate([[0.0, horizon_s], middles, ends]).clip(0.0, horizon_s))


def segments(counts: npt.NDArray[np.int64], cells: Floats, penalty: float) -> npt.NDArray[np.int64]:
    """The edges (places in `cells`) of the best segmentation."""
    total = np.concatenate([[0.0], np.cumsum(counts)])
    n = len(counts)
    best = np.zeros(n + 1)
    before = np.zeros(n + 1, np.int64)
    open_ = np.array([0])
    for j in range(1, n + 1):
        arrived, length = total[j] - total[open_], cells[j] - cells[open_]
        gain = best[open_] + np.where(arrived > 0.0, arrived * np.log(np.maximum(arrived, 1.0) / length), 0.0)
        k = int(np.argmax(gain))
        best[j], before[j] = gain[k] - penalty, open_[k]
        # A start that is behind by more than the penalty now stays behind: splitting a segment never lowers the likelihood.
        open_ = np.append(open_[gain >= gain[k] - penalty], j)
    edges = [n]
    while edges[-1] > 0:
        edges.append(int(before[edges[-1]]))
    return np.array(edges[::-1])


def rated(at_s: Floats, edges: Floats) -> Windows:
    """Rates of given windows, and the process of what is between arrivals."""
    places = np.searchsorted(at_s, edges, side="left")
    places[0], places[-1] = 0, len(at_s)
    count = np.diff(places)
    rate = count / np.diff(edges)
    gaps = fit_gaps(np.diff(operational(at_s, edges, rate)))
    shown = gaps.cv**2
    bic = math.inf
    if len(at_s) > 1:
        x = np.diff(operational(at_s, edges, rate))
        own = np.log(np.maximum(np.repeat(rate, count)[1:], 1e-300))
        likelihood = float((log_density(x, gaps.process, gaps.shape) + own).sum())
        bic = -2.0 * likelihood + (2.0 * len(rate) + 1.0) * math.log(len(at_s))
    low, high = limits(count, shown)
    return Windows(edges, count, rate, low / np.diff(edges), high / np.diff(edges), gaps, bic)


def operational(at_s: Floats, edges: Floats, rate: Floats) -> Floats:
    """Times in operational time: the integral of the rate up to each."""
    passed = np.concatenate([[0.0], np.cumsum(np.diff(edges) * rate)])
    found: Floats = np.interp(at_s, edges, passed)
    return found


def limits(count: npt.NDArray[np.int64], dispersion: float) -> tuple[Floats, Floats]:
    """95 % limits of expected counts: Byar's approximation to the exact ones of Poisson (N. Breslow and N. Day, 1987), on the count
    that a Poisson process would need to tell as much.
    """
    n = count / max(dispersion, 1e-6)
    low = n * np.maximum(1.0 - 1.0 / (9.0 * np.maximum(n, 1e-9)) - Z95 / (3.0 * np.sqrt(np.maximum(n, 1e-9))), 0.0) ** 3
    high = (n + 1.0) * (1.0 - 1.0 / (9.0 * (n + 1.0)) + Z95 / (3.0 * np.sqrt(n + 1.0))) ** 3
    return low * dispersion, high * dispersion


def spread_out(at_s: Floats, step_s: float) -> Floats:
    """Times that were rounded to steps, laid at random within each: how they lay is not known, and a crowd at each step was not there.

    Where `step_s` is 0, only arrivals of one and the same time are laid apart, within the least distance that the record tells.
    """
    distinct, count = np.unique(at_s, return_counts=True)
    if len(distinct) == len(at_s) or len(distinct) < 2:
        return at_s
    if step_s > 0.0:
        room = np.minimum(np.append(np.diff(distinct), step_s), 2.0 * step_s)
    else:
        room = np.where(count > 1, float(np.diff(distinct).min()), 0.0)
    spread: Floats = np.sort(at_s + np.repeat(room, count) * np.random.default_rng(0).random(len(at_s)))
    return spread
