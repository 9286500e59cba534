"""`roteiro drill outage`: providers go down in a simulation, and it is seen what their clients lose, when it is noticed, and when all is
well again; against the same seeds without the outage.

What must not live here: what an outage does (`simulator.outages`), counting (`outage_watch`), and how it is shown.
"""

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.model import Plan
from roteiro.plan.near import did_you_mean
from roteiro.simulator.crew import Backend
from roteiro.simulator.job import Job
from roteiro.simulator.outages import KINDS, OutageDraws, drawn, with_draws, with_outage
from roteiro.simulator.result import Estimate, Measured, Timeline, over_seeds
from roteiro.simulator.world import FOREVER
from roteiro.tasks.check import checked
from roteiro.tasks.diff import Difference, differences, plain, spread
from roteiro.tasks.figures import figures_of
from roteiro.tasks.outage_watch import Seen, Windows, watch
from roteiro.tasks.pairs import run_pairs
from roteiro.tasks.prepared import Asked, numbers, prepared, starts_at
from roteiro.terms.error import SettingsError
from roteiro.terms.problem import Problem
from roteiro.terms.units import QuantityError, parse_duration

__all__ = ["Disaster", "DrawnResult", "OutageResult", "Phase", "drill_outage", "drill_outages_drawn"]

SEEDS: Final = 5
LEAST_BEFORE_S: Final = 600.0
"""Seconds before the outage that it is compared with, and that fill the windows that breakers and rules look at."""
LEAST_AFTER_S: Final = 900.0
BUCKETS: Final = 180
"""About so many in all."""
WIDTHS_S: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
USUAL: Final = 0.05
"""The lower quantile of the good share without the outage: what is at or above it is usual."""
RIGHT: Final = 2
"""Buckets in a row that must be as usual."""
MOST_REQUESTS: Final = 20_000_000
"""Of one run up to the outage's end: more would take many minutes, without a picture that is any better."""
CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
DAY_S: Final = 86_400.0
DRAWN_FOR_S: Final = 7 * DAY_S
"""Simulated where drawn outages are drilled and nothing bounds the run: outages are rare."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaster:
    """What is to go wrong. `providers` by name, and all of `regions`; `for_s` seconds from `at` on: `peak`, a time of day as 14:30, or a
    time after the start as 2h. `kind` is hard, errors, silent or slow (then times are multiplied by `slow`); `share` of attempts."""

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    for_s: float = 2700.0
    at: str = "peak"
    kind: str = "hard"
    share: float = 1.0
    slow: float = 5.0


@dataclass(frozen=True, slots=True)
class Phase:
    """What became of the requests that arrived in a stretch of time, over seeds. `attainment`: answered within every promise, of those that
    were due."""

    name: str
    requests: Estimate
    attainment: Estimate
    answered: Estimate
    p95_ms: Estimate
    ttft_p95_ms: Estimate
    cost_usd: Estimate
    shed: Estimate
    failed: Estimate
    fallbacks: Estimate


@dataclass(frozen=True, slots=True)
class OutageResult:
    """A drill's answer. Times in seconds of the simulation; `starts_at_s` is the time of day, where the plan is, at which it begins.

    `detect_s`: from the outage's start until a breaker of a struck target opened, over the seeds in which one did (`detected`, their
    share). `recover_s`: from its end until the good share was as usual again, to the bucket, over the seeds in which it was (`recovered`).
    `lost`: answers that came without the outage and not with it, to requests that arrived in it; `lost_after`: to those that arrived after
    it; `extra_usd` and `extra_after_usd` likewise. Each may be less than nothing: where a cheaper provider lets budgets last, more is
    answered. `course`: what was seen bucket by bucket, `course_without` the same without the outage.
    """

    plan: str
    digest: str
    demand: str
    targets: tuple[str, ...]
    kind: str
    starts_at_s: float
    windows: Windows
    phases: tuple[Phase, ...]
    detect_s: Estimate
    detected: float
    recover_s: Estimate
    recovered: float
    lost: Estimate
    lost_after: Estimate
    extra_usd: Estimate
    extra_after_usd: Estimate
    course: Timeline[Estimate]
    course_without: Timeline[Estimate]
    seeds: tuple[int, ...]
    wanted_seeds: int
    requests: int
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    interrupted: bool
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told = {name: plain(getattr(self, name)) for name in self.__slots__ if name not in ("problems", "phases")}
        phases = {phase.name: {key: one for key, one in plain(phase).items() if key != "name"} for phase in self.phases}
        return {**told, "phases": phases, "problems": [str(problem) for problem in self.problems]}


@dataclass(frozen=True, slots=True)
class DrawnResult:
    """A drill of drawn outages: every figure without and with them, under the same luck. `outages`: of a seed, on the mean; `down`: the
    share of time that each target is down, by its draws."""

    plan: str
    digest: str
    demand: str
    targets: tuple[str, ...]
    outages: float
    down: dict[str, float]
    differences: tuple[Difference, ...]
    with_outages: Measured[Estimate]
    starts_at_s: float
    requests: int
    seeds: tuple[int, ...]
    wanted_seeds: int
    interrupted: bool
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        left_out = ("problems", "with_outages")
        told = {name: plain(getattr(self, name)) for name in self.__slots__ if name not in left_out}
        return {**told, "problems": [str(problem) for problem in self.problems]}


def drill_outage(
    plan_path: Path | str,
    disaster: Disaster,
    asked: Asked | None = None,
    *,
    seeds: int | Sequence[int] = SEEDS,
    environment: str | None = None,
    on_progress: Progress | None = None,
) -> OutageResult:
    """Drill an outage at a given time. Raises PlanError with every problem, SettingsError for providers and times that are not there.

    Ctrl-C keeps the seeds that are finished; KeyboardInterrupt where there is none.
    """
    begun, asked, path = time.monotonic(), asked or Asked(), Path(plan_path)
    reading = checked(path, environment)
    job = prepared(reading, replace(asked, requests=None, duration_s=asked.duration_s or FOREVER), path.parent)
    plan = job.compiled.plan
    targets = struck(plan, disaster)
    windows = windows_of(job, disaster)
    lasts_s = windows.end_s - windows.start_s
    served = with_outage(job.service, targets, windows.start_s, lasts_s, disaster.kind, disaster.share, disaster.slow)
    hurt = replace(job, service=served)
    wanted = numbers(seeds)
    pairs: list[tuple[Seen, Seen]] = []
    interrupted = False
    try:
        for n, seed in enumerate(wanted):

            def tell(part: int, share: float, n: int = n) -> None:
                if on_progress is not None:
                    on_progress((2 * n + part + share) / (2 * len(wanted)), f"{n}/{len(wanted)}")

            without = watch(job, seed, windows, lambda share: tell(0, share))
            pairs.append((without, watch(hurt, seed, windows, lambda share: tell(1, share))))
    except KeyboardInterrupt:
        if not pairs:
            raise
        interrupted = True
    numbers_of = {name: i for i, name in enumerate(job.compiled.names.targets)}
    detect = [opened(after, [numbers_of[name] for name in targets]) - windows.start_s for _, after in pairs]
    recover = recoveries(pairs, windows)
    inside, ahead = windows.buckets(windows.start_s, windows.end_s), windows.buckets(windows.end_s, windows.last_s)
    return OutageResult(
        plan=plan.name or "",
        digest=reading.digest,
        demand=job.demand.name,
        targets=targets,
        kind=disaster.kind,
        starts_at_s=starts_at(job),
        windows=windows,
        phases=phases_of(pairs, windows),
        detect_s=spread([one for one in detect if not math.isnan(one)]),
        detected=share_of(detect),
        recover_s=spread([one for one in recover if not math.isnan(one)]),
        recovered=share_of(recover),
        lost=less(pairs, "answered", inside),
        lost_after=less(pairs, "answered", ahead),
        extra_usd=less([(b, a) for a, b in pairs], "cost_usd", inside),
        extra_after_usd=less([(b, a) for a, b in pairs], "cost_usd", ahead),
        course=course_of([b for _, b in pairs], windows, job.compiled.names.targets),
        course_without=course_of([a for a, _ in pairs], windows, job.compiled.names.targets),
        seeds=tuple(wanted[: len(pairs)]),
        wanted_seeds=len(wanted),
        requests=round(sum(float(one.sums["requests"].sum()) for pair in pairs for one in pair)),
        assumed=tuple(dict.fromkeys((*job.demand.assumed, *job.service.assumed))),
        problems=(*reading.problems, *job.demand.problems),
        interrupted=interrupted,
        took_s=time.monotonic() - begun,
    )


def struck(plan: Plan, disaster: Disaster) -> tuple[str, ...]:
    """The targets that go down, in the plan's order. Raises SettingsError for a name that the plan has not."""
    if disaster.kind not in KINDS:
        raise SettingsError(f"there is no kind {disaster.kind[:40]!r} of outage; there are {', '.join(KINDS)}")
    for name in disaster.providers:
        if name not in plan.providers:
            raise SettingsError(f"the plan has no provider {name[:60]!r}; {did_you_mean(name, plan.providers)}")
    regions = {provider.region for provider in plan.providers.values() if provider.region is not None}
    for name in disaster.regions:
        if name not in regions:
            known = f"; its providers are in {', '.join(sorted(regions))}" if regions else "; none of its providers names a region"
            raise SettingsError(f"the plan has no provider in region {name[:60]!r}{known}")
    found = tuple(name for name, one in plan.providers.items() if name in disaster.providers or one.region in disaster.regions)
    if not found:
        raise SettingsError(f"nothing is to go down; name a provider with --provider: {', '.join(plan.providers)}")
    return found


def windows_of(job: Job, disaster: Disaster) -> Windows:
    """When the outage is, and what around it is looked at. Raises SettingsError for a time that cannot be."""
    if not disaster.for_s > 0.0:
        raise SettingsError("an outage lasts longer than nothing; write --for 45min")
    start = start_of(job, disaster)
    # As long before and after as the outage itself, within reason; a run that begins later has less to compare with.
    before = min(max(LEAST_BEFORE_S, disaster.for_s), start)
    after = max(LEAST_AFTER_S, disaster.for_s)
    if job.duration_s < FOREVER:
        after = max(60.0, min(after, job.duration_s - start - disaster.for_s))
    if job.demand.horizon_s < start:
        raise SettingsError(
            f"the outage would begin {start:,.0f} s after the start, and the demand ends after {job.demand.horizon_s:,.0f} s"
        )
    wanted = (before + disaster.for_s + after) / BUCKETS
    width = next((one for one in WIDTHS_S if one >= wanted), WIDTHS_S[-1])
    width = min(width, disaster.for_s / max(1, round(disaster.for_s / width)))  # whole buckets in the outage
    first = start - math.floor(before / width + 1e-9) * width
    windows = Windows(first, start, start + disaster.for_s, start + disaster.for_s + math.ceil(after / width - 1e-9) * width, width)
    expected = windows.last_s * min(job.demand.rate_per_s, 1e12)
    if expected > MOST_REQUESTS and math.isfinite(job.demand.rate_per_s):
        raise SettingsError(
            f"{expected:,.0f} requests arrive until the outage is over; at most {MOST_REQUESTS:,}: take an earlier --at, or --thin"
        )
    return windows


def start_of(job: Job, disaster: Disaster) -> float:
    """Seconds after the run's start. At the peak, the outage has the busiest moment in its middle."""
    text = disaster.at.strip()
    clock = CLOCK.fullmatch(text)
    if clock is not None:
        wanted = int(clock[1]) * 3600.0 + int(clock[2]) * 60.0
        start = (wanted - starts_at(job)) % DAY_S
        return start if start >= LEAST_BEFORE_S else start + DAY_S if job.demand.horizon_s > start + DAY_S else start
    if text == "peak":
        return max(LEAST_BEFORE_S, job.demand.peak_s(job.epoch_unix_s) - disaster.for_s / 2.0)
    try:
        return float(parse_duration(text))
    except QuantityError:
        raise SettingsError(
            f"{text[:40]!r} is no time of an outage; write peak, a time of day as 14:30, or one after the start as 2h"
        ) from None


def opened(seen: Seen, targets: Sequence[int]) -> float:
    """When the first breaker of these targets opened; NaN where none did."""
    times = seen.opened_s[list(targets)]
    times = times[~np.isnan(times)]
    return float(times.min()) if len(times) else math.nan


def good_share(seen: Sequence[Seen]) -> npt.NDArray[np.float64]:
    """By bucket, of all seeds together; NaN where nothing was due."""
    good, due = (np.sum([one.sums[name] for one in seen], axis=0) for name in ("good", "due"))
    shares: npt.NDArray[np.float64] = np.divide(good, due, out=np.full(len(due), math.nan), where=due > 0)
    return shares


def recoveries(pairs: Sequence[tuple[Seen, Seen]], windows: Windows) -> list[float]:
    """By seed: seconds from the outage's end until the good share is as usual, for RIGHT buckets in a row; NaN where it never was.

    A bucket without requests is as usual. Usual is what the same seed has without the outage, down to its USUAL quantile.
    """
    found = []
    after = windows.buckets(windows.end_s, windows.last_s)
    for without, hurt in pairs:
        shares = good_share([without])
        known = shares[~np.isnan(shares)]
        least = float(np.quantile(known, USUAL)) if len(known) else 0.0
        now = good_share([hurt])[after]
        fine = np.isnan(now) | (now >= least)
        held = [k for k in range(len(fine)) if fine[k : k + RIGHT].all()]
        found.append(held[0] * windows.bucket_s if held else math.nan)
    return found


def less(pairs: Sequence[tuple[Seen, Seen]], name: str, which: slice) -> Estimate:
    """How much less the second of each pair has, over seeds."""
    return spread([float(a.sums[name][which].sum() - b.sums[name][which].sum()) for a, b in pairs])


def share_of(values: Sequence[float]) -> float:
    return sum(not math.isnan(one) for one in values) / len(values) if values else math.nan


def phases_of(pairs: Sequence[tuple[Seen, Seen]], windows: Windows) -> tuple[Phase, ...]:
    """Before, during and after with the outage; and the same time as the outage's without it."""
    before, during, after = (
        windows.buckets(*times)
        for times in ((windows.first_s, windows.start_s), (windows.start_s, windows.end_s), (windows.end_s, windows.last_s))
    )
    hurt, well = [b for _, b in pairs], [a for a, _ in pairs]
    told = [("before", hurt, before), ("during", hurt, during), ("after", hurt, after), ("without", well, during)]
    return tuple(phase(name, seen, which) for name, seen, which in told if which.stop > which.start)


def phase(name: str, seen: Sequence[Seen], which: slice) -> Phase:
    def total(key: str) -> list[float]:
        return [float(one.sums[key][which].sum()) for one in seen]

    def share(part: str) -> Estimate:
        return known([a / b if b else math.nan for a, b in zip(total(part), total("due"), strict=True)])

    return Phase(
        name, known(total("requests")), share("good"), share("answered"), known([one.p95_ms(which) for one in seen]),
        known([one.p95_ms(which, ttft=True) for one in seen]), known(total("cost_usd")), known(total("shed")), known(total("failed")),
        known(total("fallbacks")),
    )  # fmt: skip


def known(values: Sequence[float]) -> Estimate:
    return spread([one for one in values if not math.isnan(one)])


def course_of(seen: Sequence[Seen], windows: Windows, targets: Sequence[str]) -> Timeline[Estimate]:
    """Bucket by bucket, over seeds."""
    width = windows.bucket_s
    each: dict[str, list[npt.NDArray[np.float64]]] = {
        "good_share": [good_share([one]) for one in seen],
        "arrivals_per_s": [one.sums["requests"] / width for one in seen],
        "good_per_s": [one.sums["good"] / width for one in seen],
        "refused_per_s": [(one.sums["refused"] + one.sums["shed"]) / width for one in seen],
        "p95_ms": [np.array([one.p95_ms(slice(k, k + 1)) for k in range(windows.count)]) for one in seen],
    }
    for t, name in enumerate(targets):
        each[f"open:{name}"] = [np.clip(one.open_s[t] / width, 0.0, 1.0) for one in seen]
        each[f"requests:{name}"] = [one.tries[t] / width for one in seen]
    series = {name: tuple(known(list(column)) for column in zip(*rows, strict=True)) for name, rows in each.items()}
    return Timeline(width, windows.at_s, series)


def drill_outages_drawn(
    plan_path: Path | str,
    disaster: Disaster,
    mtbf_s: float,
    mttr_s: float,
    correlated: float = 0.0,
    asked: Asked | None = None,
    *,
    seeds: int | Sequence[int] = SEEDS,
    environment: str | None = None,
    processes: int | None = None,
    backend: Backend = "processes",
    address: str | None = None,
    on_progress: Progress | None = None,
) -> DrawnResult:
    """Drill outages that come as they come: each target's `mtbf_s` apart from start to start and `mttr_s` long, on the mean; the share
    `correlated` of them strikes all targets at once. Raises as `drill_outage` does."""
    begun, asked, path = time.monotonic(), asked or Asked(), Path(plan_path)
    if not (mtbf_s > 0.0 and mttr_s > 0.0):
        raise SettingsError("mean times between failures and to repair are longer than nothing; write --mtbf 2d --mttr 45min")
    reading = checked(path, environment)
    if asked.requests is None and asked.duration_s is None and asked.demand is None:
        asked = replace(asked, duration_s=DRAWN_FOR_S)
    job = prepared(reading, asked, path.parent)
    targets = struck(job.compiled.plan, disaster)
    draws = [OutageDraws(mtbf_s, mttr_s, correlated, (name,), KINDS[disaster.kind], disaster.share, disaster.slow) for name in targets]
    hurt = replace(job, service=with_draws(job.service, draws))
    wanted = numbers(seeds)
    without, with_them, both, interrupted = run_pairs(
        job, hurt, wanted, processes=processes, backend=backend, address=address, on_progress=on_progress
    )  # fmt: skip
    lasted = float(np.mean([one.simulated_s for one in with_them]))
    return DrawnResult(
        plan=job.compiled.plan.name or "",
        digest=reading.digest,
        demand=job.demand.name,
        targets=targets,
        outages=float(np.mean([len(drawn(draws, seed, lasted)) for seed in both])),
        down={name: 1.0 - math.exp(-mttr_s / mtbf_s) for name in targets},
        differences=differences(figures_of([job.compiled.plan]), without, with_them),
        with_outages=over_seeds(with_them),
        starts_at_s=starts_at(job),
        seeds=tuple(both),
        wanted_seeds=len(wanted),
        requests=round(sum(one.requests for one in (*without, *with_them))),
        assumed=tuple(dict.fromkeys((*job.demand.assumed, *job.service.assumed))),
        problems=(*reading.problems, *job.demand.problems),
        interrupted=interrupted,
        took_s=time.monotonic() - begun,
    )
