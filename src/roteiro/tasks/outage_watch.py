"""One seed of an outage's drill, watched: requests counted by the bucket of time in which they arrived, and breakers as they open.

What must not live here: what an outage is (`simulator.outages`), comparing with and without (`drill_outage`), and how it is shown.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.simulator.job import Job
from roteiro.simulator.world import FOREVER, Simulation
from roteiro.terms.codes import BreakerState, Outcome

__all__ = ["SUMMED", "Seen", "Windows", "watch"]

LOOKS_A_BUCKET: Final = 8
"""Looks at the breakers in each bucket: their times are told no finer."""
FINEST_S: Final = 0.25
REFUSED: Final = (int(Outcome.LIMITED), int(Outcome.BUDGET), int(Outcome.CANCELLED), int(Outcome.INVALID))
SHED: Final = (int(Outcome.SHED), int(Outcome.UNAVAILABLE))
SUMMED: Final = ("requests", "due", "answered", "good", "failed", "shed", "refused", "fallbacks", "attempts", "cost_usd")
"""What is counted of the requests that arrive in a bucket. `due`: all but those refused for the client's own sake; `good`: answered within
every promise of their tier."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Times in seconds of the simulation. Buckets of `bucket_s` from `first_s` on; the outage's ends lie on edges."""

    first_s: float
    start_s: float
    end_s: float
    last_s: float
    bucket_s: float

    @property
    def count(self) -> int:
        return max(1, round((self.last_s - self.first_s) / self.bucket_s))

    @property
    def at_s(self) -> tuple[float, ...]:
        return tuple(self.first_s + i * self.bucket_s for i in range(self.count))

    def buckets(self, begin_s: float, end_s: float) -> slice:
        """Those between two times."""
        return slice(round((begin_s - self.first_s) / self.bucket_s), round((end_s - self.first_s) / self.bucket_s))


@dataclass(frozen=True, slots=True)
class Seen:
    """One seed. `sums[name]`: a number a bucket; `tries`: by target, requests tried there last; `open_s`: by target, seconds that
    its breaker was open; `opened_s`: by target, when it first opened since the outage's start, NaN where it did not. `times_ms` of answers
    (total and to the first token, NaN where not streamed) with their `bucket`."""

    sums: dict[str, npt.NDArray[np.float64]]
    tries: npt.NDArray[np.float64]
    open_s: npt.NDArray[np.float64]
    opened_s: npt.NDArray[np.float64]
    bucket: npt.NDArray[np.int32]
    total_ms: npt.NDArray[np.float32]
    ttft_ms: npt.NDArray[np.float32]

    def p95_ms(self, which: slice, *, ttft: bool = False) -> float:
        """Of the answers to what arrived in these buckets; NaN without any."""
        inside = (self.bucket >= which.start) & (self.bucket < which.stop)
        times = (self.ttft_ms if ttft else self.total_ms)[inside]
        times = times[~np.isnan(times)]
        return float(np.quantile(times, 0.95, method="inverted_cdf")) if len(times) else math.nan


class Count:
    """Takes rows of events in, as the simulation hands them out."""

    def __init__(self, job: Job, windows: Windows) -> None:
        self._windows, self._targets = windows, len(job.compiled.names.targets)
        tiers = [job.compiled.plan.sla_tiers.get(name) for name in job.compiled.names.tiers]
        # Row 0 is for requests without a tier: nothing is promised to them, so any answer is good.
        self._promised = np.full((len(tiers) + 1, 2), np.inf)
        for i, tier in enumerate(tiers):
            for j, bound in enumerate((tier.latency_p95_s, tier.ttft_p95_s) if tier is not None else ()):
                self._promised[i + 1, j] = np.inf if bound is None else bound * 1e3
        self.sums = {name: np.zeros(windows.count) for name in SUMMED}
        self.tries = np.zeros((self._targets, windows.count))
        self._times: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []

    def take(self, rows: npt.NDArray[Any]) -> None:
        bucket = np.floor((rows["arrival_s"] - self._windows.first_s) / self._windows.bucket_s).astype(np.int32)
        inside = (bucket >= 0) & (bucket < self._windows.count)
        rows, bucket = rows[inside], bucket[inside]
        outcome = rows["outcome"]
        answered = outcome == int(Outcome.SUCCESS)
        bounds = self._promised[rows["tier"].astype(np.int64) + 1]
        with np.errstate(invalid="ignore"):
            late = (rows["total_ms"] > bounds[:, 0]) | (rows["ttft_ms"] > bounds[:, 1])
        self._add("requests", bucket, np.ones(len(rows)))
        self._add("due", bucket, ~np.isin(outcome, REFUSED))
        self._add("answered", bucket, answered)
        self._add("good", bucket, answered & ~late)
        self._add("failed", bucket, outcome == int(Outcome.FAILED))
        self._add("shed", bucket, np.isin(outcome, SHED))
        self._add("refused", bucket, np.isin(outcome, REFUSED[:2]))
        self._add("fallbacks", bucket, rows["fallbacks"] > 0)
        self._add("attempts", bucket, rows["attempts"])
        self._add("cost_usd", bucket, (rows["cost_nusd"] + rows["lost_nusd"]) / 1e9)
        tried = rows["target"] >= 0
        np.add.at(self.tries, (rows["target"][tried], bucket[tried]), 1.0)
        self._times.append((bucket[answered], rows["total_ms"][answered].copy(), rows["ttft_ms"][answered].copy()))

    def _add(self, name: str, bucket: npt.NDArray[np.int32], amounts: npt.NDArray[Any]) -> None:
        self.sums[name] += np.bincount(bucket, amounts.astype(np.float64), self._windows.count)

    def times(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        if not self._times:
            return np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.float32)
        bucket, total, ttft = (np.concatenate(parts) for parts in zip(*self._times, strict=True))
        return bucket, total, ttft


def watch(job: Job, seed: int, windows: Windows, on_progress: Callable[[float], None] | None = None) -> Seen:
    """Simulate a seed until the windows' end, and what is then under way to its own."""
    simulation = Simulation(job.compiled, job.demand, job.service, seed, epoch_unix_s=job.epoch_unix_s, check=job.check)
    count = Count(job, windows)
    targets = len(job.compiled.names.targets)
    open_s, opened_s = np.zeros((targets, windows.count)), np.full(targets, math.nan)
    step = max(FINEST_S, windows.bucket_s / LOOKS_A_BUCKET)
    try:
        # Arrivals end with the windows; the first call goes to their begin, each next one as far as a look.
        at = windows.first_s
        begin(simulation, windows.last_s, at, count.take)
        while at < windows.last_s:
            following = min(at + step, windows.last_s)
            simulation.go(following, count.take, None, None)
            is_open = simulation.state.breakers["state"][:targets] == int(BreakerState.OPEN)
            open_s[is_open, min(windows.count - 1, int((at - windows.first_s) / windows.bucket_s))] += following - at
            if following > windows.start_s:
                opened_s = np.where(np.isnan(opened_s) & is_open, max(following, windows.start_s), opened_s)
            at = following
            if on_progress is not None:
                on_progress(at / windows.last_s)
        simulation.go(FOREVER, count.take, None, None)
    finally:
        simulation.close()
    return Seen(count.sums, count.tries, open_s, opened_s, *count.times())


def begin(simulation: Simulation, last_s: float, until_s: float, take: Callable[[npt.NDArray[Any]], None]) -> None:
    """Let arrivals come until `last_s`, and go on to `until_s`."""
    simulation.run(None, last_s, take, None, None, until_s=until_s)
