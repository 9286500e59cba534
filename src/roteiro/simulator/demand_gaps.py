"""Which renewal process the gaps between arrivals are of: Poisson, Gamma or Weibull, chosen by likelihood in operational time.

Operational time runs as fast as the rate, so gaps in it have a mean of 1 whatever the hour (the time-rescaling theorem: E. Brown et al.,
"The time-rescaling theorem and its application to neural spike train data analysis", 2002); their distribution's distance from the
fitted one (Kolmogorov-Smirnov) is the goodness of the fit. What must not live here: the rate (`demand_windows`), and draws of a run.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL

__all__ = ["Gaps", "draw", "fit_gaps", "log_density", "variation"]

LEAST, MOST = 0.02, 1e3
"""Shapes that are looked at: a Gamma of 0.02 has a variation of 7, a Weibull of 0.2 one of 15."""
WEIBULL_LEAST: Final = 0.15
FLOOR: Final = 1e-9
"""A gap in operational time counts as at least so long: arrivals at the same moment have no density else."""
GRID: Final = 4000
GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gaps:
    """The process chosen for `n` gaps: `shape` of its distribution of mean 1, `cv` that it has, and how well it fits.

    `aic` by process, the least is the best. `ks`: the largest distance between the two distributions; chance alone gives less than
    1.36 / √n in 95 of 100 cases.
    """

    process: int
    shape: float
    cv: float
    n: int
    aic: tuple[float, float, float]
    ks: float

    @property
    def by_chance(self) -> float:
        return 1.36 / math.sqrt(max(self.n, 1))


def fit_gaps(gaps: Floats) -> Gaps:
    """The process of gaps in operational time, which are scaled to a mean of 1 first. Poisson where there are fewer than two."""
    n = len(gaps)
    mean = float(gaps.mean()) if n else 0.0
    if n < 2 or mean <= 0.0:
        return Gaps(POISSON, 1.0, 1.0, n, (0.0, math.inf, math.inf), math.nan)
    x = np.maximum(gaps / mean, FLOOR)
    x /= x.mean()
    logs = np.log(x)
    # A shape of 1 is a Poisson process in both families.
    poisson = float(n)
    mean_log = float(logs.mean())
    gamma, gamma_loss = least(lambda k: n * (math.lgamma(k) - k * math.log(k) - (k - 1.0) * mean_log + k), LEAST, MOST)
    weibull, weibull_loss = least(lambda k: weibull_loss_of(k, logs), WEIBULL_LEAST, MOST)
    aic = (2.0 * poisson, 2.0 * gamma_loss + 2.0, 2.0 * weibull_loss + 2.0)
    best = int(np.argmin(aic))
    process, shape = ((POISSON, 1.0), (GAMMA, gamma), (WEIBULL, weibull))[best]
    return Gaps(process, shape, variation(process, shape), n, aic, distance(np.sort(x), process, shape))


def weibull_loss_of(k: float, logs: Floats) -> float:
    log_scale = -math.lgamma(1.0 + 1.0 / k)
    z = logs - log_scale
    return float(-(math.log(k) - log_scale + (k - 1.0) * z - np.exp(k * z)).sum())


def least(loss: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """The shape of the least loss, by golden section on its logarithm: both losses have one valley."""
    a, b = math.log(low), math.log(high)
    c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    at_c, at_d = loss(math.exp(c)), loss(math.exp(d))
    for _ in range(40):
        if at_c < at_d:
            b, d, at_d = d, c, at_c
            c = b - GOLDEN * (b - a)
            at_c = loss(math.exp(c))
        else:
            a, c, at_c = c, d, at_d
            d = a + GOLDEN * (b - a)
            at_d = loss(math.exp(d))
    shape = math.exp((a + b) / 2.0)
    return shape, loss(shape)


def variation(process: int, shape: float) -> float:
    """The coefficient of variation of a gap: Gamma 1/√k; Weibull √(Γ(1 + 2/k) / Γ(1 + 1/k)² - 1)."""
    if process == POISSON:
        return 1.0
    if process == GAMMA:
        return 1.0 / math.sqrt(shape)
    return math.sqrt(math.expm1(math.lgamma(1.0 + 2.0 / shape) - 2.0 * math.lgamma(1.0 + 1.0 / shape)))


def log_density(x: Floats, process: int, shape: float, floor: float = FLOOR) -> Floats:
    """Of gaps of mean 1."""
    x = np.maximum(x, floor)
    if process == POISSON:
        return -x
    if process == GAMMA:
        found: Floats = shape * math.log(shape) - math.lgamma(shape) + (shape - 1.0) * np.log(x) - shape * x
        return found
    log_scale = -math.lgamma(1.0 + 1.0 / shape)
    z = np.log(x) - log_scale
    found = math.log(shape) - log_scale + (shape - 1.0) * z - np.exp(shape * z)
    return found


def distance(ordered: Floats, process: int, shape: float) -> float:
    """Kolmogorov's distance of a sample in order from the fitted distribution."""
    below = share_below(ordered, process, shape)
    n = len(ordered)
    steps = np.arange(n + 1) / n
    return float(max(np.max(steps[1:] - below), np.max(below - steps[:-1])))


def share_below(x: Floats, process: int, shape: float) -> Floats:
    if process == GAMMA:
        return gamma_below(x, shape)
    k = 1.0 if process == POISSON else shape
    found: Floats = -np.expm1(-((x * math.exp(math.lgamma(1.0 + 1.0 / k))) ** k))
    return found


def gamma_below(x: Floats, shape: float) -> Floats:
    """The distribution of a Gamma of mean 1, summed up over a grid of logarithms; what lies below the grid by the series' first term."""
    low, high = -40.0, math.log(1.0 + 40.0 / min(math.sqrt(shape), shape))
    grid = np.linspace(low, high, GRID)
    density = np.exp(log_density(np.exp(grid), GAMMA, shape, 0.0) + grid)
    below = math.exp(shape * (math.log(shape) + low) - math.lgamma(shape + 1.0))
    summed = below + np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) * 0.5 * np.diff(grid))])
    found: Floats = np.interp(np.log(x), grid, summed / summed[-1])
    return found


def draw(source: np.random.Generator, n: int, process: int, shape: float) -> Floats:
    """`n` gaps of mean 1."""
    if process == GAMMA:
        return source.gamma(shape, 1.0 / shape, n)
    k = 1.0 if process == POISSON else shape
    return source.weibull(k, n) * math.exp(-math.lgamma(1.0 + 1.0 / k))
