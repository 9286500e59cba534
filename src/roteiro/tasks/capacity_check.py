"""Whether the capacity that was reckoned keeps its promises: the plan as it would be, simulated at the demand's highest hour.

What must not live here: reckoning it, and the simulator.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from roteiro.plan.read import Reading
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON
from roteiro.simulator.demand import Demand, drawn
from roteiro.simulator.groups import slices_of
from roteiro.simulator.job import Job
from roteiro.simulator.result import over_seeds
from roteiro.simulator.seeds import simulate_seeds
from roteiro.simulator.service import TargetService
from roteiro.simulator.thinning import thin_job
from roteiro.tasks.capacity_demand import Expected
from roteiro.tasks.capacity_needs import Fleet, Need, Period, shares_of
from roteiro.tasks.prepared import Asked, prepared
from roteiro.tasks.promises import Promise, promises_of

__all__ = ["Confirmation", "Foretold", "confirmed", "foretold_of"]

HOUR_S: Final = 3600.0
MOST_REQUESTS: Final = 60_000
"""Of one seed: more are thinned."""
LEAST_SHARE: Final = 0.02
ENOUGH: Final = 2000
"""Requests that tell a share of 95 % to a point."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """By queueing alone, the share of a tier's answers within its promised latency; None where nothing is promised."""

    tier: str
    within_latency: float | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a simulation of so many seconds at `rate_per_s` made of it. `thin`: the share of requests that is simulated. `enlarged`: what
    quotas and replicas were multiplied by at last, `rounds` how often it was simulated. `promises`: as of `tasks.simulate`."""

    rate_per_s: float
    duration_s: float
    requests: int
    seeds: tuple[int, ...]
    thin: float
    rounds: int
    enlarged: float
    foretold: tuple[Foretold, ...]
    promises: tuple[Promise, ...]
    kept: bool


def foretold_of(fleet: Fleet, expected: Expected, periods: Sequence[Period], services: dict[str, TargetService]) -> tuple[Foretold, ...]:
    """The share in time by tier at the highest period: of own servers by their queues, of others by how they serve."""
    plan, found = fleet.plan, []
    worst = max(periods, key=lambda one: one.rate_per_s)
    rates = {need.provider: need for need in worst.needs}
    for name, tier in plan.sla_tiers.items():
        mine = [(flow, share) for flow, share in zip(expected.flows, expected.shares, strict=True) if flow.tier == name]
        if not mine:
            continue
        if tier.latency_p95_s is None:
            found.append(Foretold(name, None))
            continue
        whole = in_time = 0.0
        for flow, share in mine:
            for provider, part in shares_of(plan, flow).items():
                whole += share * part
                in_time += share * part * kept(fleet, provider, rates[provider], tier.latency_p95_s, expected, services)
        found.append(Foretold(name, float(in_time / whole)))
    return tuple(found)


def kept(fleet: Fleet, provider: str, need: Need, within_s: float, expected: Expected, services: dict[str, TargetService]) -> float:
    """The share of a provider's answers within so many seconds."""
    one = fleet.chosen(provider)
    if one is not None and one.pool is not None:
        replicas = max(need.lost_replicas[one.variant], 1)
        return one.pool.kept(need.rate_per_s, replicas, within_s, expected.variation) if need.rate_per_s > 0.0 else 1.0
    service = services[provider]
    shares = (np.arange(200) + 0.5) / 200
    first, gaps = np.interp(shares, table.SHARES, service.ttft), table.mean(service.itl)
    whole = first[:, None] + gaps * np.maximum(expected.lengths.outputs, 1.0)[None, :]
    return float((whole <= within_s).mean())


def confirmed(
    reading: Reading,
    folder: Path,
    expected: Expected,
    rate_per_s: float,
    *,
    seeds: Sequence[int],
    on_progress: Callable[[float, str], None] | None,
) -> tuple[Confirmation, bool]:
    """One simulation, and whether Ctrl-C ended it early. Who asks for what, and for how much, is as the plan has it."""  # fmt: skip
    job = replace(prepared(reading, Asked(requests=ENOUGH), folder), data=None)
    duration = max(HOUR_S, ENOUGH / rate_per_s)
    thin = min(1.0, max(MOST_REQUESTS / (rate_per_s * duration), LEAST_SHARE))
    if thin == LEAST_SHARE:
        duration = MOST_REQUESTS / (rate_per_s * LEAST_SHARE)
    job = at_rate(job, rate_per_s, expected.variation)
    job = replace(job, requests=None, duration_s=duration)
    if thin < 1.0:
        job = thin_job(job, thin)[0]
    by_seed, interrupted = simulate_seeds(job, seeds, 1, on_progress)
    measured = over_seeds([by_seed[seed] for seed in sorted(by_seed)])
    assert reading.plan is not None
    promises = promises_of(reading.plan, measured)
    requests = round(sum(one.requests for one in by_seed.values()))
    good = all(one.kept is not False for one in promises)
    return Confirmation(rate_per_s, duration, requests, tuple(sorted(by_seed)), thin, 1, 1.0, (), promises, good), interrupted


def at_rate(job: Job, rate_per_s: float, variation: float) -> Job:
    """The job's demand at one rate throughout: groups keep their shares, processes and lengths."""
    demand: Demand = job.demand
    whole = sum(group.mean_rate(demand.horizon_s) for group in demand.streams)
    if demand.streams and whole > 0.0 and not len(demand.arrivals):
        groups = []
        for group in demand.streams:
            rate = group.mean_rate(demand.horizon_s) * rate_per_s / whole
            first = group.slices[:1]
            groups.append(replace(group, slices=slices_of([0.0], [rate], first["process"], first["gap_shape"])))
        return replace(job, demand=replace(demand, streams=tuple(groups), shape=None, horizon_s=float("inf"), retry=None))
    made = drawn(job.compiled, f"{rate_per_s:g}/s", GAMMA if variation > 1.0 else POISSON, rate_per_s, variation)
    return replace(job, demand=replace(made, shape=None))
