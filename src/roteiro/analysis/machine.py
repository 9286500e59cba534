"""How many replicas that batch keep a promise about latency: at which batch they should work, and how long answers then take.

An iteration with n answers takes α + n δ (docs/explanation/own-model-servers.md), so a replica is n slots whose service takes
output tokens × (α + n δ). A larger n carries more and serves each more slowly: the n with the fewest replicas is looked for among those at
which service alone keeps the promise. Waits are `analysis.staffing`'s; beyond LARGE slots in use the square root's, without recursion.

What must not live here: demand, prices, and the plan.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.staffing import Target, Waiting, first_true, square_root_staffing, waiting

__all__ = ["Aim", "Machine", "Pool", "best_pool", "minute_peak"]

Floats = npt.NDArray[np.float64]

LARGE: Final = 1000.0
"""Slots in use from which on Erlang's recursion is left to the square root: it is then within 1 % of it."""
USUAL_WAIT_S: Final = 1.0
"""What may be waited where nothing is promised."""
PARTS: Final = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.125, 0.08, 0.05, 0.02)
"""Of the largest batch, to be tried."""
STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Aim:
    """A promise: the share `share` of answers takes no longer than `latency_s`, and of first tokens than `ttft_s`; None is no promise."""

    latency_s: float | None = None
    ttft_s: float | None = None
    share: float = 0.95


@dataclass(frozen=True, slots=True)
class Machine:
    """One replica, times in seconds, as the plan's `servers`; `outputs` is a sample of answers' lengths. `kv_tokens` 0: memory for all."""

    alpha_s: float
    beta_s: float
    prefill_s: float
    gamma_s: float
    batch: int
    kv_tokens: int
    chunk: int
    network_s: float
    input_tokens: float
    outputs: Floats

    @property
    def output_tokens(self) -> float:
        return max(float(self.outputs.mean()), 1.0)

    @property
    def held(self) -> float:
        """Tokens of one request in memory, on average over its time there: long answers are met more often (the inspection paradox)."""
        mean = self.output_tokens
        return self.input_tokens + (mean + float(self.outputs.var()) / mean) / 2.0

    @property
    def each_s(self) -> float:
        """What each request in the batch adds to an iteration, on average over its own."""
        mean = self.output_tokens
        return self.prefill_s * self.input_tokens / mean + self.beta_s * (mean - 1.0) / mean + self.gamma_s * self.held

    @property
    def room(self) -> int:
        """Answers that batch and memory have room for, at least one."""
        return max(min(self.batch, int(self.kv_tokens / self.held) if self.kv_tokens else self.batch), 1)

    def at(self, slots: int) -> "Pool":
        """The replica as it works with so many answers at once."""
        iteration = self.alpha_s + slots * self.each_s
        first = ceil(self.input_tokens / self.chunk) * iteration + self.network_s
        return Pool(slots, first, np.maximum(self.outputs, 1.0) * iteration + self.network_s)


@dataclass(frozen=True, slots=True)
class Pool:
    """Replicas at a batch of `slots`: `first_s` to a first token without waiting, and `services_s`, a sample of times of whole answers."""

    slots: int
    first_s: float
    services_s: Floats

    @property
    def mean_s(self) -> float:
        return float(self.services_s.mean())

    @property
    def spread(self) -> float:
        """Coefficient of variation of service times."""
        return float(self.services_s.std()) / self.mean_s

    def targets(self, aim: Aim) -> list[Target]:
        """The promise as targets about waits. Raises ValueError where service alone breaks it."""
        found = []
        if aim.latency_s is not None:
            if float(np.quantile(self.services_s, aim.share)) > aim.latency_s:
                raise ValueError(f"an answer alone takes longer than {aim.latency_s:g} s")
            found.append(Target(aim.latency_s, aim.share, self.services_s))
        if aim.ttft_s is not None:
            if self.first_s > aim.ttft_s:
                raise ValueError(f"a first token alone takes longer than {aim.ttft_s:g} s")
            found.append(Target(aim.ttft_s - self.first_s, aim.share))
        return found or [Target(USUAL_WAIT_S, aim.share)]

    def replicas(self, rate: float, aim: Aim, variation: float = 1.0) -> int:
        """The fewest that keep the promise at `rate` requests a second, whose gaps vary so (a coefficient). ValueError as above."""
        if rate <= 0.0:
            return 0
        load = rate * self.mean_s
        if load > LARGE:
            self.targets(aim)
            servers = square_root_staffing(load, (1.0 - aim.share) / 2.0, (1.0 + variation * variation) / 2.0)
        else:
            aims = self.targets(aim)
            servers = first_true(lambda count: self.keeps(rate, count, aims, variation), floor(load) + 1)
        return -(-servers // self.slots)

    def keeps(self, rate: float, servers: int, targets: Sequence[Target], variation: float) -> bool:
        """Whether so many slots keep all targets."""
        queue = waiting(rate, self.mean_s, servers, variation, self.spread)
        shares = (1.0 - queue.beyond(one.within) if one.services is None else within(queue, one.services, one.within) for one in targets)
        return all(share >= one.share - 1e-12 for share, one in zip(shares, targets, strict=True))

    def waits(self, rate: float, replicas: int, variation: float = 1.0) -> Waiting:
        """How long requests wait before `replicas`."""
        return waiting(rate, self.mean_s, replicas * self.slots, variation, self.spread)

    def latency(self, rate: float, replicas: int, share: float = 0.95, variation: float = 1.0) -> float:
        """Seconds within which the `share` of answers is there; infinite where the queue only grows."""
        queue = self.waits(rate, replicas, variation)
        if not np.isfinite(queue.wait):
            return float("inf")
        high = float(self.services_s.max()) + 50.0 * max(queue.wait, 1e-3)
        return bisected(lambda time: within(queue, self.services_s, time) >= share, 0.0, high)

    def kept(self, rate: float, replicas: int, within_s: float, variation: float = 1.0) -> float:
        """The share of answers that are there within so many seconds."""
        return within(self.waits(rate, replicas, variation), self.services_s, within_s)

    def carries(self, replicas: int, aim: Aim, variation: float = 1.0) -> float:
        """Requests a second that so many replicas carry under the promise."""
        high = replicas * self.slots / self.mean_s
        return bisected(lambda rate: self.replicas(rate, aim, variation) > replicas, 0.0, high)


def within(queue: Waiting, services: Floats, time: float) -> float:
    left = time - services
    if queue.wait <= 0.0:
        return float((left >= 0.0).mean())
    if not np.isfinite(queue.wait):
        return 0.0
    late = queue.delayed * np.exp(-np.maximum(left, 0.0) * queue.delayed / queue.wait)
    return float(np.where(left < 0.0, 0.0, 1.0 - late).mean())


def bisected(test: Callable[[float], bool], low: float, high: float) -> float:
    """The least value between the two, nearly, from which on the test holds."""
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if test(middle) else (middle, high)
        if high - low <= 1e-4 * high:
            break
    return high


def best_pool(machine: Machine, rate: float, aim: Aim, variation: float = 1.0) -> Pool:
    """At which batch the fewest replicas keep the promise; of equals the smaller, which is faster. ValueError where none keeps it."""
    tried: dict[int, tuple[int, Pool]] = {}
    last: ValueError | None = None
    for part in PARTS:
        slots = max(int(machine.room * part), 1)
        if slots in tried:
            continue
        pool = machine.at(slots)
        try:
            tried[slots] = (pool.replicas(rate, aim, variation), pool)
        except ValueError as error:
            last = error
    if not tried:
        raise last or ValueError("no batch can be tried")
    return min(tried.values(), key=lambda one: (one[0], one[1].slots))[1]


def minute_peak(rate: Floats, mean: float, deviation: float, variation: float, share: float) -> Floats:
    """What the `share` of minutes do not pass, of amounts (mean and standard deviation each) that come at `rate` a minute, shape kept.

    A renewal process whose gaps have the coefficient of variation c brings n with variance c² × rate in a long minute (D. R. Cox, "Renewal
    Theory", 1962), so the sum has mean rate × mean and variance rate × (deviation² + c² × mean²); it is taken as a Gamma distribution.
    """
    from scipy.stats import gamma

    rates = np.asarray(rate, np.float64)
    expected = rates * mean
    spread = rates * (deviation * deviation + variation * variation * mean * mean)
    safe = np.where(expected > 0.0, expected, 1.0)
    scale = np.where(expected > 0.0, spread / safe, 1.0)
    peaks: Floats = np.where(expected > 0.0, gamma.ppf(share, safe / np.maximum(scale, 1e-12), scale=np.maximum(scale, 1e-12)), 0.0)
    return peaks
