"""Service levels by tier: what share of requests was answered, what share in time, and whether that keeps the promise.

**The denominator.** Of all requests of a tier, those are left out, and counted, that say nothing about the service: cancelled by the
client, refused by the provider as the client's mistake (`invalid`), over a limit that the caller agreed to (`limited`), and past a budget
of the caller (`budget`). All others count, also those that were shed for want of capacity or abandoned by a worker that died.

**The p95.** A promise "p95 within 2 s" is kept when at least 95 % of the answers came within 2 s; that share is what is judged, with its
interval. Percentiles are computed over all answers of the period at once, never as a mean of percentiles.

**Quality** is unverified until something measures it.

What must not live here: the plan (targets come as `TierTarget`), and words for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roteiro.analysis.column import is_word, numbers, words
from roteiro.analysis.spread import Interval, Times, times, wilson

__all__ = ["COLUMNS", "EXCLUDED", "IN_TIME", "Attainment", "Quality", "SlaReport", "TierReport", "TierTarget", "Verdict", "attain", "sla"]

COLUMNS: Final = ("tier", "outcome", "stream", "total_ms", "ttft_ms", "quality")
"""The columns of `events` that are read."""

EXCLUDED: Final = ("cancelled", "invalid", "limited", "budget")
"""Outcomes that leave the denominator of availability."""

IN_TIME: Final = 0.95
"""Share of answers that a promise on the p95 wants within its bound."""


class Verdict(StrEnum):
    """Whether a promise was kept."""

    MET = "met"
    MISSED = "missed"
    NO_DATA = "no_data"
    """A promise, and nothing to judge it by."""
    NO_TARGET = "no_target"
    """Nothing was promised."""
    UNVERIFIED = "unverified"
    """Nothing measures it."""


@dataclass(frozen=True, slots=True)
class TierTarget:
    """What a tier promises; None where it promises nothing. Shares 0..1, times in seconds."""

    availability: float | None = None
    latency_p95_s: float | None = None
    ttft_p95_s: float | None = None
    quality_score: float | None = None


@dataclass(frozen=True, slots=True)
class Attainment:
    """`good` of `total` against `target`, the share that must be good.

    `interval` holds the share behind the count with 95 % confidence; `sure` says that it lies wholly on the verdict's side of the target.
    """

    target: float | None
    good: int
    total: int
    share: float | None
    interval: Interval | None
    verdict: Verdict
    sure: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean measured quality of `measured` answers against the least promised. Unverified until quality is measured."""

    target: float | None
    measured: int
    verdict: Verdict = Verdict.UNVERIFIED


@dataclass(frozen=True, slots=True)
class TierReport:
    """One tier's service. `tier` is None for tenants of no tier. Times are of answers; `first_token` of those that were streamed."""

    tier: str | None
    requests: int
    excluded: dict[str, int]
    availability: Attainment
    latency: Attainment
    latency_target_ms: float | None
    total: Times
    ttft: Attainment
    ttft_target_ms: float | None
    first_token: Times
    quality: Quality


@dataclass(frozen=True, slots=True)
class SlaReport:
    """Every tier that promises or was used, those that promise first and in the order given; `overall` is all against no promise."""

    tiers: tuple[TierReport, ...]
    overall: TierReport

    @property
    def requests(self) -> int:
        return self.overall.requests


def attain(good: int, total: int, target: float | None) -> Attainment:
    """`good` of `total` judged against `target`."""
    interval = wilson(good, total)
    if total == 0 or interval is None:
        return Attainment(target, good, total, None, None, Verdict.NO_TARGET if target is None else Verdict.NO_DATA, False)
    share = good / total
    if target is None:
        return Attainment(None, good, total, share, interval, Verdict.NO_TARGET, False)
    if share >= target:
        return Attainment(target, good, total, share, interval, Verdict.MET, interval.low >= target)
    return Attainment(target, good, total, share, interval, Verdict.MISSED, interval.high < target)


def sla(events: pa.Table, targets: Mapping[str, TierTarget] | None = None) -> SlaReport:
    """Service levels of `events`, which holds at least COLUMNS."""
    promised = dict(targets or {})
    used = {word for word in words(events, "tier").unique().to_pylist() if word is not None}
    named = [*promised, *sorted(used - set(promised))]
    nobody = is_word(events, "tier", None)
    tiers = [judge(events, is_word(events, "tier", name), name, promised.get(name, TierTarget())) for name in named]
    if nobody.any():
        tiers.append(judge(events, nobody, None, TierTarget()))
    return SlaReport(tuple(tiers), judge(events, np.ones(len(events), np.bool_), None, TierTarget()))


def judge(events: pa.Table, mine: npt.NDArray[np.bool_], tier: str | None, target: TierTarget) -> TierReport:
    """One tier's report, over the rows of `mine`."""
    excluded = {outcome: int((is_word(events, "outcome", outcome) & mine).sum()) for outcome in EXCLUDED}
    answered = is_word(events, "outcome", "success") & mine
    requests = int(mine.sum())
    total_ms = numbers(events, "total_ms")[answered]
    ttft_ms = numbers(events, "ttft_ms")[answered & (numbers(events, "stream") != 0)]
    ttft_ms = ttft_ms[~np.isnan(ttft_ms)]
    quality = numbers(events, "quality")[answered]
    return TierReport(
        tier=tier,
        requests=requests,
        excluded={outcome: count for outcome, count in excluded.items() if count},
        availability=attain(int(answered.sum()), requests - sum(excluded.values()), target.availability),
        latency=in_time(total_ms, target.latency_p95_s),
        latency_target_ms=milliseconds(target.latency_p95_s),
        total=times(total_ms),
        ttft=in_time(ttft_ms, target.ttft_p95_s),
        ttft_target_ms=milliseconds(target.ttft_p95_s),
        first_token=times(ttft_ms),
        quality=Quality(target.quality_score, int((~np.isnan(quality)).sum())),
    )


def in_time(values_ms: npt.NDArray[np.float64], bound_s: float | None) -> Attainment:
    """The share of values within the bound, against the 95 % that a p95 means; nothing is counted where there is no bound."""
    if bound_s is None:
        return attain(0, 0, None)
    return attain(int((values_ms <= bound_s * 1e3).sum()), len(values_ms), IN_TIME)


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3
