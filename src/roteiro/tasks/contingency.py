"""`roteiro vendors contingency`: which promises break if a vendor goes away for an hour, a day, for good; what hangs on whom; and the
cheapest remedy that keeps the promises. All of it simulated, the same seeds with and without (common random numbers).

A loss begins at the demand's peak. Of an hour's and a day's loss a promise is judged over its month with that one loss in it; of a loss for
good over the time of the loss alone.

What must not live here: counting (`contingency_watch`), what can be done (`contingency_options`), and how it is shown.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from roteiro.analysis.concentration import Concentration, concentration
from roteiro.plan.model import Plan
from roteiro.plan.near import did_you_mean
from roteiro.plan.read import Reading
from roteiro.simulator.job import Job
from roteiro.simulator.result import Estimate
from roteiro.simulator.world import FOREVER
from roteiro.tasks.check import checked
from roteiro.tasks.contingency_options import Option, options_of, remedied
from roteiro.tasks.contingency_points import SinglePoint, single_points
from roteiro.tasks.contingency_watch import LEAD_S, Dimension, Stretch, dimensions_of, stretch
from roteiro.tasks.diff import plain, spread
from roteiro.tasks.prepared import Asked, numbers, prepared
from roteiro.terms.error import SettingsError
from roteiro.terms.problem import Problem

__all__ = ["Contingency", "Kept", "Loss", "Remedy", "VendorLoss", "contingency"]

SEEDS: Final = 3
HOUR_S, DAY_S, MONTH_S = 3600.0, 86_400.0, 30 * 86_400.0
AFTER_S: Final = 1800.0
MOST_REQUESTS: Final = 3_000_000
"""Expected of one run of a day: a busier demand has a shorter one."""
LOSSES: Final = ("hour", "day", "good")

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Kept:
    """One promise under one loss. `usual`: its share without the loss, `during` while it lasts, `month` over the month that has it.

    `verdict`: kept, broken (it is kept without the loss), missed_anyway, or no_data."""

    tier: str
    what: str
    least: float
    bound_ms: float | None
    usual: Estimate
    during: Estimate
    month: Estimate
    verdict: str


@dataclass(frozen=True, slots=True)
class Loss:
    """A vendor gone for so long (`kind`: hour, day, good). `lost`: answers fewer (less than nothing where a cheaper provider lets budgets
    last), `lost_share` of the requests; `extra_usd`: more spent; all of the loss, of `good` of an hour. `recover_s`: from its return until
    all is as usual; NaN where it never is within the time looked at, and of `good`."""

    kind: str
    promises: tuple[Kept, ...]
    lost: Estimate
    lost_share: Estimate
    extra_usd: Estimate
    recover_s: Estimate

    @property
    def broken(self) -> tuple[Kept, ...]:
        return tuple(one for one in self.promises if one.verdict == "broken")


@dataclass(frozen=True, slots=True)
class Remedy:
    """An option, tried with the vendor gone for good at the peak. `broken`: promises that it does not keep; `usd_per_h`: what answers cost
    then, `standing_usd_per_h` what it costs whether used or not, None where that is not known."""

    option: Option
    broken: int
    missed: tuple[str, ...]
    usd_per_h: Estimate
    standing_usd_per_h: float | None
    lost_share: Estimate


@dataclass(frozen=True, slots=True)
class VendorLoss:
    """`nothing`: what the loss for good costs an hour with no remedy. `choice`: the place of the cheapest remedy that keeps what is kept
    without the loss, None where none does or none is needed."""

    vendor: str
    providers: tuple[str, ...]
    losses: tuple[Loss, ...]
    remedies: tuple[Remedy, ...]
    choice: int | None


@dataclass(frozen=True, slots=True)
class Contingency:
    """`requests`, `tokens`, `spend`: concentration by vendor, simulated; `day_s`: how long a stretch stood for a day."""

    plan: str
    digest: str
    demand: str
    vendors: tuple[VendorLoss, ...]
    requests: Concentration
    tokens: Concentration
    spend: Concentration
    points: tuple[SinglePoint, ...]
    seeds: tuple[int, ...]
    day_s: float
    simulated: int
    assumed: tuple[str, ...]
    problems: tuple[Problem, ...]
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null."""
        told: dict[str, Any] = plain(self)
        return {**told, "problems": [str(problem) for problem in self.problems]}


def contingency(
    plan_path: Path | str,
    vendor: str | None = None,
    asked: Asked | None = None,
    *,
    seeds: int | Sequence[int] = SEEDS,
    remedies: bool = True,
    candidates: Sequence[str] = (),
    environment: str | None = None,
    on_progress: Progress | None = None,
) -> Contingency:
    """Simulate the loss of each vendor, or of one. `candidates`: vendor/model of the catalogue that may be added, beside the usual ones.

    Raises PlanError with every problem, SettingsError for a vendor that the plan has not.
    """
    begun, path = time.monotonic(), Path(plan_path)
    reading = checked(path, environment)
    assert reading.plan is not None
    asked = replace(asked or Asked(), requests=None, duration_s=FOREVER)
    job = prepared(reading, asked, path.parent)
    plan = job.compiled.plan
    vendors = list(dict.fromkeys(one.name for one in plan.providers.values()))
    if vendor is not None and vendor not in vendors:
        raise SettingsError(f"no provider of the plan is of the vendor {vendor[:60]!r}; {did_you_mean(vendor, vendors)}")
    wanted = [vendor] if vendor is not None else vendors
    trial = Trial(path, environment, asked, reading, job, tuple(numbers(seeds)), on_progress, len(wanted))
    found = [trial.vendor(name, remedies, candidates) for name in wanted]
    amounts = np.sum([one.by_target for one in trial.usual["day"]], axis=0)
    by_vendor = [dict.fromkeys(vendors, 0.0) for _ in range(3)]
    for t, target in enumerate(job.compiled.names.targets):
        for row in range(3):
            by_vendor[row][plan.providers[target].name] += float(amounts[row][t])
    requests, tokens, spend = (concentration(row) for row in by_vendor)
    return Contingency(
        plan=plan.name or "", digest=reading.digest, demand=job.demand.name, vendors=tuple(found), requests=requests, tokens=tokens,
        spend=spend, points=single_points(plan, reading),
        seeds=trial.seeds, day_s=trial.day_s, simulated=round(trial.simulated),
        assumed=tuple(dict.fromkeys((*job.demand.assumed, *job.service.assumed))), problems=(*reading.problems, *job.demand.problems),
        took_s=time.monotonic() - begun,
    )  # fmt: skip


class Trial:
    """Stretches of one plan, those without a loss simulated once."""

    def __init__(
        self, path: Path, environment: str | None, asked: Asked, reading: Reading, job: Job, seeds: tuple[int, ...],
        on_progress: Progress | None, vendors: int,
    ) -> None:  # fmt: skip
        self.path, self.environment, self.asked, self.reading, self.job, self.seeds = path, environment, asked, reading, job, seeds
        self.plan: Plan = job.compiled.plan
        self.dimensions = dimensions_of(self.plan)
        self.simulated, self.done, self.on_progress = 0.0, 0, on_progress
        self.steps = len(seeds) * 2 * (vendors + 1)
        rate = job.demand.rate_per_s
        self.day_s = DAY_S if not rate * DAY_S > MOST_REQUESTS else max(HOUR_S, math.floor(MOST_REQUESTS / rate / HOUR_S) * HOUR_S)
        peak = job.demand.peak_s(job.epoch_unix_s)
        horizon = job.demand.horizon_s
        self.begins = {"hour": max(0.0, peak - HOUR_S / 2.0), "day": max(0.0, min(peak, horizon) - self.day_s / 2.0)}
        self.spans = {"hour": HOUR_S, "day": self.day_s}
        self.usual = {kind: self.each(kind, ()) for kind in self.spans}

    def each(self, kind: str, lost: Sequence[str], job: Job | None = None) -> list[Stretch]:
        """The stretch under every seed."""
        found = []
        for seed in self.seeds:
            one = stretch(job or self.job, seed, self.dimensions, lost, self.begins[kind], self.spans[kind], AFTER_S)
            self.simulated += one.requests
            self.done += 1
            if self.on_progress is not None:
                self.on_progress(min(1.0, self.done / self.steps), ", ".join(lost))
            found.append(one)
        return found

    def vendor(self, name: str, remedies: bool, candidates: Sequence[str]) -> VendorLoss:
        lost = tuple(target for target, one in self.plan.providers.items() if one.name == name)
        hurt = {kind: self.each(kind, lost) for kind in self.spans}
        losses = (self.loss("hour", hurt["hour"]), self.loss("day", hurt["day"]), self.loss("good", hurt["hour"]))
        tried: list[Remedy] = []
        if remedies and losses[-1].broken:
            options = options_of(self.plan, self.reading, lost, candidates)
            self.steps += len(options) * len(self.seeds)
            for option in options:
                one = self.remedy(option, lost)
                if one is not None and not (tried and same(tried[-1], one)):
                    tried.append(one)
        return VendorLoss(name, lost, losses, tuple(tried), cheapest(tried))

    def loss(self, kind: str, hurt: Sequence[Stretch]) -> Loss:
        """One kind of loss, of stretches with it against those without."""
        usual = self.usual["day" if kind == "day" else "hour"]
        lasts = {"hour": HOUR_S, "day": DAY_S, "good": MONTH_S}[kind]
        promises = tuple(self.kept(k, one, hurt, lasts) for k, one in enumerate(self.dimensions))
        missing = [a.answered - b.answered for a, b in zip(usual, hurt, strict=True)]
        shares = [gone / a.requests if a.requests else math.nan for gone, a in zip(missing, usual, strict=True)]
        extra = [b.cost_usd - a.cost_usd for a, b in zip(usual, hurt, strict=True)]
        back = [b.recovered_s(a, LEAD_S + b.window_s) for a, b in zip(usual, hurt, strict=True)]
        back = [] if kind == "good" else [one for one in back if not math.isnan(one)]
        return Loss(kind, promises, spread(missing), spread([one for one in shares if not math.isnan(one)]), spread(extra), spread(back))

    def kept(self, k: int, one: Dimension, hurt: Sequence[Stretch], lasts_s: float) -> Kept:
        """A promise under a loss that lasts so long. The rest of its month is as the usual day is."""

        def shares(stretches: Sequence[Stretch]) -> list[float]:
            return [found.good[k] / found.counted[k] for found in stretches if found.counted[k]]

        month = []
        for day, gone in zip(self.usual["day"], hurt, strict=True):
            weights = np.array([max(0.0, MONTH_S - lasts_s) / day.window_s, lasts_s / gone.window_s])
            counted = weights @ [day.counted[k], gone.counted[k]]
            if counted:
                month.append(float(weights @ [day.good[k], gone.good[k]]) / counted)
        base, during, whole = spread(shares(self.usual["day"])), spread(shares(hurt)), spread(month)
        verdict = "no_data" if math.isnan(whole.mean) else "kept" if whole.mean >= one.least else "broken"
        if verdict == "broken" and base.mean < one.least:
            verdict = "missed_anyway"
        return Kept(one.tier, one.what, one.least, one.bound_ms, base, during, whole, verdict)

    def remedy(self, option: Option, lost: Sequence[str]) -> Remedy | None:
        """The option with the vendor gone for good; None where the plan does not hold with it."""
        reading = remedied(self.path, self.environment, option)
        if reading.plan is None:
            return None
        job = prepared(reading, self.asked, self.path.parent)
        found = self.each("hour", lost, job)
        loss = self.loss("good", found)
        hours = [one.cost_usd / (one.window_s / HOUR_S) for one in found]
        missed = tuple(f"{one.tier}.{one.what}" for one in loss.broken)
        return Remedy(option, len(missed), missed, spread(hours), option.standing_usd_per_h, loss.lost_share)


def same(one: Remedy, other: Remedy) -> bool:
    """Whether more of the same changes nothing: then it was not what lacked."""
    alike = (one.option.kind, one.option.what) == (other.option.kind, other.option.what)
    return alike and one.missed == other.missed and one.lost_share == other.lost_share


def cheapest(tried: Sequence[Remedy]) -> int | None:
    """The one that costs least of those that keep every promise; what has an unknown standing cost comes last."""
    good = [k for k, one in enumerate(tried) if one.broken == 0]

    def price(k: int) -> tuple[bool, float]:
        one = tried[k]
        return one.standing_usd_per_h is None, one.usd_per_h.mean + (one.standing_usd_per_h or 0.0)

    return min(good, key=price) if good else None
