"""A stretch of simulated time in which providers are gone or not: what became of each tier's promises, of money and of whom was asked.

What must not live here: which losses and remedies are looked at (`contingency`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.model import Plan
from roteiro.simulator.job import Job
from roteiro.simulator.outages import with_outage
from roteiro.simulator.thinning import stretch_job
from roteiro.simulator.world import Simulation
from roteiro.tasks.outage_watch import REFUSED
from roteiro.terms.codes import Outcome

__all__ = ["LEAD_S", "Dimension", "Stretch", "dimensions_of", "stretch"]

Values = npt.NDArray[np.float64]

LEAD_S: Final = 600.0
"""Before a loss, so that the system is warm and breakers have what they look at."""
BUCKET_S: Final = 60.0
USUAL: Final = 0.05
RIGHT: Final = 2


@dataclass(frozen=True, slots=True)
class Dimension:
    """One promise of a tier that a simulation can judge: `least` of the share; `bound_ms` of a time, None of availability."""

    tier: str
    what: str
    least: float
    bound_ms: float | None


def dimensions_of(plan: Plan) -> tuple[Dimension, ...]:
    """Every tier's availability, latencies and times to the first token."""
    found = []
    for name, tier in plan.sla_tiers.items():
        if tier.availability is not None:
            found.append(Dimension(name, "availability", tier.availability, None))
        for kind in ("latency", "ttft"):
            for percent in (50, 90, 95, 99):
                bound = getattr(tier, f"{kind}_p{percent}_s")
                if bound is not None:
                    found.append(Dimension(name, f"{kind}_p{percent}", percent / 100.0, bound * 1e3))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One seed's stretch. `good` and `counted` by dimension, `requests`, `answered` and `cost_usd` of what arrived in the window of
    `window_s` seconds; by target: answers, tokens, dollars. `usual`: good share by minute of the whole stretch, NaN where nothing was due.
    """

    window_s: float
    good: Values
    counted: Values
    requests: float
    due: float
    answered: float
    cost_usd: float
    by_target: npt.NDArray[np.float64]
    minutes: Values

    def recovered_s(self, without: "Stretch", end_s: float) -> float:
        """Seconds from the window's end until the good share is as usual for some minutes; NaN where it never is."""
        known = without.minutes[~np.isnan(without.minutes)]
        least = float(np.quantile(known, USUAL)) if len(known) else 0.0
        after = self.minutes[round(end_s / BUCKET_S) :]
        fine = np.isnan(after) | (after >= least)
        held = [k for k in range(len(fine)) if fine[k : k + RIGHT].all()]
        return held[0] * BUCKET_S if held else math.nan


class Count:
    """Takes rows of events in, as the simulation hands them out."""

    def __init__(self, job: Job, dimensions: Sequence[Dimension], start_s: float, end_s: float, last_s: float) -> None:
        self.start_s, self.end_s = start_s, end_s
        names = job.compiled.names
        self.dimensions = [(names.tiers.index(one.tier) if one.tier in names.tiers else -2, one) for one in dimensions]
        self.good, self.counted = np.zeros(len(dimensions)), np.zeros(len(dimensions))
        self.sums = np.zeros(4)
        self.by_target = np.zeros((3, len(names.targets)))
        self.due, self.answered = np.zeros((2, math.ceil(last_s / BUCKET_S)))

    def take(self, rows: npt.NDArray[Any]) -> None:
        answered, due = rows["outcome"] == int(Outcome.SUCCESS), ~np.isin(rows["outcome"], REFUSED)
        bucket = np.minimum((rows["arrival_s"] / BUCKET_S).astype(np.int64), len(self.due) - 1)
        np.add.at(self.due, bucket[due], 1.0)
        np.add.at(self.answered, bucket[answered], 1.0)
        inside = (rows["arrival_s"] >= self.start_s) & (rows["arrival_s"] < self.end_s)
        rows, answered, due = rows[inside], answered[inside], due[inside]
        cost = (rows["cost_nusd"] + rows["lost_nusd"]) / 1e9
        self.sums += (len(rows), due.sum(), answered.sum(), cost.sum())
        there = answered & (rows["target"] >= 0)
        tokens = rows["input_tokens"] + rows["output_tokens"]
        for row, amounts in enumerate((np.ones(len(rows)), tokens, cost)):
            np.add.at(self.by_target[row], rows["target"][there], amounts[there])
        for k, (tier, one) in enumerate(self.dimensions):
            mine = rows["tier"] == tier
            if one.bound_ms is None:
                self.counted[k] += (mine & due).sum()
                self.good[k] += (mine & answered).sum()
                continue
            times = rows["ttft_ms" if one.what.startswith("ttft") else "total_ms"]
            timed = mine & answered & ~np.isnan(times)
            self.counted[k] += timed.sum()
            self.good[k] += (timed & (times <= one.bound_ms)).sum()


def stretch(
    job: Job, seed: int, dimensions: Sequence[Dimension], lost: Sequence[str], begin_s: float, window_s: float, after_s: float
) -> Stretch:
    """Simulate from LEAD_S before `begin_s` (seconds of the job) to `after_s` beyond the window, with these targets down in the window.

    The window is what is counted. Where nothing is lost, it is as without a loss.
    """
    length = LEAD_S + window_s + after_s
    part = stretch_job(job, max(0.0, begin_s - LEAD_S), length, seed)
    service = with_outage(part.service, lost, LEAD_S, window_s) if lost else part.service
    simulation = Simulation(part.compiled, part.demand, service, seed, epoch_unix_s=part.epoch_unix_s)
    count = Count(part, dimensions, LEAD_S, LEAD_S + window_s, length)
    try:
        simulation.run(None, length, count.take, None, None)
    finally:
        simulation.close()
    shares = np.divide(count.answered, count.due, out=np.full(len(count.due), math.nan), where=count.due > 0)
    requests, due, answered, cost = (float(one) for one in count.sums)
    return Stretch(window_s, count.good, count.counted, requests, due, answered, cost, count.by_target, shares)
