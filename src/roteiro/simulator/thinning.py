"""Thinning: a share of the demand against a share of the capacities, and the error that this makes, measured where the run is fullest.

A large system thinned by 0.1 is a system of a tenth of its size: utilisation, times and shares stay about what they are, while waiting
grows (ten small pools wait longer than one large one) and chance weighs more. So a thinned result is shown only beside `thinning_error`.

What must not live here: which capacities there are (`plan.thin`), and the showing of results.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from roteiro.plan.compile import RingSizes, compile_plan
from roteiro.plan.thin import thin_plan
from roteiro.simulator.demand_stretch import busiest, stretch_of
from roteiro.simulator.job import Job, simulate_one
from roteiro.simulator.result import Estimate, Measured, estimate
from roteiro.simulator.service import TargetService
from roteiro.simulator.weather import Slice
from roteiro.simulator.world import FOREVER

__all__ = ["Difference", "ThinningError", "thin_job", "thinning_error"]

STRETCH: Final = 20_000
SEEDS: Final = (1, 2, 3, 4, 5)
BY_LOAD: Final = ("ttft_load", "itl_load")
"""What each further attempt in flight adds to a target's times: of fewer attempts each adds more."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of the whole and of the thinned system, and the second less the first, each with its interval over seeds."""

    whole: Estimate
    thinned: Estimate
    difference: Estimate

    @property
    def relative(self) -> float:
        """The mean difference against the whole; NaN where that is 0."""
        return self.difference.mean / abs(self.whole.mean) if self.whole.mean else math.nan


@dataclass(frozen=True, slots=True)
class ThinningError:
    """What thinning by `factor` does to the main figures, under several seeds: of the `stretch_s` seconds from `start_s` on, which are the
    run's fullest (0: it is as full at its beginning as ever).

    `figures`: answered, refused (shares of requests), p50_ms, p95_ms, p99_ms, ttft_p95_ms, cost_a_request_usd, attempts_a_request, and
    attainment:TIER. `notes`: what could not be scaled well.
    """

    factor: float
    start_s: float
    stretch_s: float
    seeds: tuple[int, ...]
    figures: dict[str, Difference]
    notes: tuple[str, ...]


def thin_job(job: Job, factor: float) -> tuple[Job, tuple[str, ...]]:
    """The job with a share of its demand and of its capacities; and what could not be scaled well. Times stay as they are."""
    compiled = job.compiled
    plan, notes = thin_plan(compiled.plan, factor)
    sizes = RingSizes(*(compiled.capacities[name] for name in ("flows", "events", "decisions")))
    smaller = compile_plan(plan, compiled.edge.digest, compiled.grants, sizes=sizes)
    requests = None if job.requests is None else max(round(job.requests * factor), 1)
    service = replace(job.service, targets=tuple(thin_target(target, factor) for target in job.service.targets))
    return replace(job, compiled=smaller, demand=job.demand.thinned(factor), service=service, requests=requests), notes


def thin_target(target: TargetService, factor: float) -> TargetService:
    quota = target.quota
    updates: dict[str, Any] = {
        "quota": replace(quota, requests_per_s=quota.requests_per_s * factor, tokens_per_s=quota.tokens_per_s * factor)
    }
    known = {field.name for field in fields(target)}
    updates |= {name: getattr(target, name) / factor for name in BY_LOAD if name in known}
    if target.own is not None:
        own = target.own.thinned(factor)
        updates["own"] = replace(own, queue=max(round(own.queue * factor), 1) if own.queue else 0)
    return replace(target, **updates)


def thinning_error(job: Job, factor: float, *, seeds: Sequence[int] = SEEDS, requests: int = STRETCH) -> ThinningError:
    """Run the fullest stretch of the job with about `requests` arrivals, whole and thinned, under each seed, and compare.

    Fullest: in which so many arrivals are expected in the least time, at the job's own rates, with the bursts of the first seed; where the
    job is shorter, all of it. Limits and queues matter most there, so the error elsewhere is less. Tokens a request, weather and outages do
    not choose the stretch, but are as they are then. It begins empty in both, and the two share no draws, so that the intervals are of
    independent runs.
    """
    most = math.inf if job.requests is None else job.requests
    start_s, stretch_s = busiest(job.demand, requests, most, job.duration_s, job.epoch_unix_s, seeds[0])
    whole = replace(
        stretch_job(job, start_s, stretch_s, seeds[0]) if 0.0 < stretch_s < FOREVER else replace(job, requests=requests),
        data=None, journal=False,
    )  # fmt: skip
    thin, notes = thin_job(whole, factor)
    pairs = [(main_figures(simulate_one(whole, seed)), main_figures(simulate_one(thin, seed))) for seed in seeds]
    figures = {
        name: Difference(
            estimate([one[name] for one, _ in pairs]),
            estimate([other[name] for _, other in pairs]),
            estimate([other[name] - one[name] for one, other in pairs]),
        )
        for name in pairs[0][0]
    }
    return ThinningError(factor, start_s, stretch_s, tuple(seeds), figures, notes)


def stretch_job(job: Job, start_s: float, length_s: float, seed: int) -> Job:
    """The job from `start_s` seconds on, for so long: its demand, weather, outages and clock."""
    demand = stretch_of(job.demand, start_s, length_s, job.epoch_unix_s, seed)
    service = replace(
        job.service,
        targets=tuple(replace(one, weather=weather_from(one.weather, start_s)) for one in job.service.targets),
        outages=tuple(
            one if one.unix else replace(one, start_s=one.start_s - start_s, end_s=one.end_s - start_s) for one in job.service.outages
        ),
    )
    return replace(
        job, demand=demand, service=service, requests=None, duration_s=length_s, epoch_unix_s=job.epoch_unix_s + start_s
    )  # fmt: skip


def weather_from(weather: Sequence[Slice], start_s: float) -> tuple[Slice, ...]:
    """What holds at `start_s`, and what comes later."""
    now = [one for one in weather if one.start_s <= start_s][-1:]
    later = [replace(one, start_s=one.start_s - start_s) for one in weather if one.start_s > start_s]
    return (*(replace(one, start_s=0.0) for one in now), *later)


def main_figures(measured: Measured[float]) -> dict[str, float]:
    outcomes = measured.outcomes
    return {
        "answered": outcomes["success"],
        "refused": sum(outcomes[name] for name in ("limited", "budget", "shed", "unavailable")),
        "p50_ms": measured.total_ms.p50,
        "p95_ms": measured.total_ms.p95,
        "p99_ms": measured.total_ms.p99,
        "ttft_p95_ms": measured.ttft_ms.p95,
        "cost_a_request_usd": measured.cost_usd / measured.requests if measured.requests else math.nan,
        "attempts_a_request": measured.attempts_a_request,
        **{f"attainment:{name}": tier.availability for name, tier in measured.tiers.items()},
    }
