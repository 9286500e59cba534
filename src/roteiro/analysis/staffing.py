"""How many servers (replicas, or slots of them) a demand takes, before anything is simulated.

Waits are of G/G/c queues in two moments. Mean wait by system interpolation: T. Kimura, "A two-moment approximation for the mean waiting
time in the GI/G/s queue", Management Science 32 (1986), with the corrections of W. Whitt, "Approximations for the GI/G/m queue", Production
and Operations Management 2 (1993). Exact for M/M/c and M/G/1. Its tail is taken as exponential beyond the share who wait at all (Erlang C),
which is exact for M/M/c. Square-root staffing: S. Halfin and W. Whitt, "Heavy-traffic limits for queues with many exponential servers",
Operations Research 29 (1981). Rates and times share one unit of time, whichever it is.

What must not live here: the closed forms themselves (`analysis.queueing`), prices, and what a vendor sells (`analysis.provisioned`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, erfc, exp, floor, inf, pi, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.queueing import mmc, positive

__all__ = [
    "Staffing",
    "Target",
    "Waiting",
    "ahead",
    "first_true",
    "late_share",
    "least_servers",
    "spread_over",
    "square_root_staffing",
    "staff",
    "waiting",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_SERVERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A G/G/c queue in the steady state: `delayed`, the share who wait at all; `wait`, the mean over all, infinite where none is steady."""

    delayed: float
    wait: float

    def beyond(self, time: float) -> float:
        """P(wait > time)."""
        if time < 0.0:
            return 1.0
        if self.wait == inf or self.wait == 0.0:
            return 1.0 if self.wait else 0.0
        return self.delayed * exp(-time * self.delayed / self.wait)


def waiting(rate: float, service: float, servers: int, arrivals: float = 1.0, services: float = 1.0) -> Waiting:
    """G/G/c. `arrivals` and `services` are coefficients of variation (not squared) of gaps and of service times; 1 and 1 is M/M/c.

    For arrivals burstier than Poisson the interpolation has no meaning; what they add is then (squared variation − 1) / 2 waits of M/M/c,
    as in heavy traffic.
    """
    exponential = mmc(rate, service, servers)
    if exponential.wait == inf:
        return Waiting(1.0, inf)
    gaps, times = arrivals * arrivals, services * services
    used = rate * service / servers
    least = min(0.24, (1.0 - used) * (servers - 1) * (sqrt(4.0 + 5.0 * servers) - 2.0) / (16.0 * servers * used))
    # Means relative to M/M/c: of constant service, and of constant gaps.
    constant_service = 0.5 * (1.0 + least)
    constant_gaps = 0.5 * (1.0 - 4.0 * least) * exp(-2.0 * (1.0 - used) / (3.0 * used))
    steady = min(gaps, 1.0)
    shared = (1.0 - times) / constant_service + 2.0 * (steady + times - 1.0)
    # Gaps so even in a queue so idle that nobody waits (constant_gaps 0) leave no wait, whatever the rest.
    between = shared + (1.0 - steady) / constant_gaps if constant_gaps > 0.0 else inf if steady < 1.0 else shared
    ratio = (steady + times) / between if between > 0.0 else 0.5 * (steady + times)
    ratio += max(gaps - 1.0, 0.0) / 2.0
    return Waiting(exponential.delayed, exponential.wait * ratio)


def late_share(queue: Waiting, within: float, services: Floats | None = None) -> float:
    """The share whose wait passes `within`; with service times (a sample), the share whose wait and service together do."""
    if services is None:
        return queue.beyond(within)
    return float(np.mean([queue.beyond(within - one) for one in np.asarray(services, np.float64).tolist()]))


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: at least `share` of the requests wait no longer than `within`: (2 s, 0.95) is "p95 of the wait at most 2 s".

    `services`, a sample of service times, makes it a promise about wait and service together.
    """

    within: float
    share: float
    services: Floats | None = None

    def __post_init__(self) -> None:
        if not (self.within >= 0.0 and 0.0 < self.share < 1.0):
            raise ValueError(f"a target of {self.share} within {self.within}; the share lies between 0 and 1, the time is at least 0")

    def kept(self, queue: Waiting) -> bool:
        """Whether a queue keeps it."""
        return late_share(queue, self.within, self.services) <= 1.0 - self.share + 1e-12


def first_true(test: Callable[[int], bool], low: int) -> int:
    """The least n ≥ `low` for which a test that never turns false again is true. Raises ValueError where there is none in reach."""
    step, high = 1, low
    while not test(high):
        low, high, step = high + 1, high + step, step * 2
        if high > MOST_SERVERS:
            raise ValueError(f"no {MOST_SERVERS:,} servers keep the target: service alone takes longer")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle + 1, high)
    return low


def least_servers(rate: float, service: float, target: Target, arrivals: float = 1.0, services: float = 1.0) -> int:
    """The least number of servers that keep the target, as `waiting` has it; none for no arrivals.

    Raises ValueError where no number does, because too many services alone take longer.
    """
    if rate == 0.0:
        return 0
    positive(rate=rate, service=service)
    if target.services is not None and late_share(Waiting(0.0, 0.0), target.within, target.services) > 1.0 - target.share + 1e-12:
        raise ValueError(f"more than {1.0 - target.share:.3g} of the services alone take longer than {target.within:g}; no server helps")
    return first_true(lambda n: target.kept(waiting(rate, service, n, arrivals, services)), floor(rate * service) + 1)


def delayed_at(beta: float) -> float:
    """P(wait > 0) with load + beta × √load servers, for a large load: 1 / (1 + βΦ(β) / φ(β)) (Halfin and Whitt 1981)."""
    below = 0.5 * erfc(-beta / sqrt(2.0))
    return 1.0 / (1.0 + beta * below * sqrt(2.0 * pi) * exp(min(beta * beta / 2.0, 700.0)))


def square_root_staffing(load: float, delayed: float, peakedness: float = 1.0) -> int:
    """Servers so that about the share `delayed` waits, for `load` erlangs: ⌈load + β √(peakedness × load)⌉.

    A rule that needs no recursion and shows why large pools are cheap: headroom grows with the root of the load. `peakedness` is the
    variance over the mean of how many would be busy were there endless servers; 1 for Poisson arrivals, (1 + squared variation of
    gaps) / 2 for exponential services. Near Erlang C from some 10 erlangs on.
    """
    if not 0.0 < delayed < 1.0:
        raise ValueError(f"delayed is {delayed}; between 0 and 1")
    if load <= 0.0:
        return 0
    low, high = 0.0, 38.0
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if delayed_at(middle) > delayed else (low, middle)
    return max(ceil(load + high * sqrt(peakedness * load) - 1e-9), floor(load) + 1)


# -- headroom -------------------------------------------------------------------------------------------------------------------------


def spread_over(needed: int, sites: int, lost: int = 1) -> tuple[int, ...]:
    """The fewest servers over `sites` so that any `lost` of them may go and `needed` remain, as even as that allows.

    A site is whatever goes at once: a replica's machine, a provider, a region. Raises ValueError where no site would remain.
    """
    if not 0 <= lost < sites:
        raise ValueError(f"{lost} of {sites} sites lost; at least one must remain")
    # With the largest m of each, `needed` + lost × m is the least sum; m is least where those that remain share evenly.
    most = -(-needed // (sites - lost))
    total = needed + lost * most
    return tuple(min(most, max(total - most * i, 0)) for i in range(sites)) if lost else even(needed, sites)


def even(total: int, sites: int) -> tuple[int, ...]:
    return tuple(total // sites + (i < total % sites) for i in range(sites))


def ahead(values: Floats, step: float, startup: float) -> Floats:
    """The most that comes within `startup` of each step: what must be running by then must be ordered now.

    `values` has the steps (of length `step`) in its last axis; the last steps look as far as there is something to see.
    """
    look = ceil(startup / step - 1e-9)
    most = np.array(values, np.float64)
    for i in range(1, min(look, most.shape[-1] - 1) + 1):
        np.maximum(most[..., :-i], values[..., i:], out=most[..., :-i])
    return most


@dataclass(frozen=True, slots=True)
class Staffing:
    """Replicas at each step, (h,) each: `rate`, the quantile of demand; `served`, replicas that keep the target at it; `started`, those
    that must be started or running so that demand within the start-up time finds them; `replicas`, with what may be lost besides."""

    rate: Floats
    served: Ints
    started: Ints
    replicas: Ints


def staff(
    paths: Floats,
    step: float,
    service: float,
    target: Target,
    *,
    quantile: float = 0.95,
    slots: int = 1,
    arrivals: float = 1.0,
    services: float = 1.0,
    startup: float = 0.0,
    sites: int | None = None,
) -> Staffing:
    """Replicas of `slots` servers each for arrival rates `paths` (n, h), steps of `step`, at the demand's `quantile`.

    `startup`: time until an ordered replica serves; demand is looked at so far ahead, path by path, before the quantile is taken. `sites`:
    over how many sites replicas are spread, any one of which may be lost; None is none lost. A missing rate (NaN) counts in no quantile.
    """
    if not (paths.ndim == 2 and paths.size and 0.0 < quantile < 1.0 and slots >= 1):
        raise ValueError(
            f"paths of shape {paths.shape}, quantile {quantile}, {slots} slots: (n, h) and not empty, within 0 and 1, at least 1"
        )
    known = np.where(np.isnan(paths), -1.0, paths)
    at_once, in_time = (top(values, quantile) for values in (known, ahead(known, step, startup)))
    found: dict[float, int] = {}

    def replicas(rate: float) -> int:
        if rate not in found:
            found[rate] = -(-least_servers(rate, service, target, arrivals, services) // slots)
        return found[rate]

    served, started = (np.array([replicas(rate) for rate in rates.tolist()], np.int64) for rates in (at_once, in_time))
    total = started if sites is None else np.array([sum(spread_over(int(n), sites)) for n in started], np.int64)
    return Staffing(at_once, served, started, total)


def top(paths: Floats, quantile: float) -> Floats:
    """By step the least drawn value that at least `quantile` of the paths do not pass; 0 where none is known (below 0)."""
    ordered = np.sort(paths, axis=0)
    missing = (ordered < 0.0).sum(axis=0)
    known = ordered.shape[0] - missing
    rank = np.maximum(np.ceil(quantile * known - 1e-9).astype(np.int64), 1)
    at = np.minimum(missing + rank - 1, ordered.shape[0] - 1)
    drawn: Floats = np.maximum(ordered[at, np.arange(ordered.shape[1])], 0.0)
    return drawn
