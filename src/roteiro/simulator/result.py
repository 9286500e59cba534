"""What came of simulated runs: each number of one run, and over seeds with a 95 % interval.

What must not live here: the running of them, how an interval is found (`estimate`), and how a result is shown.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

import numpy as np

from roteiro.plan.compile import Compiled
from roteiro.simulator import timeline as moments
from roteiro.simulator.estimate import Estimate, estimate, estimates, from_batches
from roteiro.simulator.servers import pool_counts
from roteiro.simulator.tally import Tally
from roteiro.simulator.world import Simulation
from roteiro.terms.codes import BreakerState, Outcome, Reason

__all__ = [
    "BudgetResult",
    "Estimate",
    "Measured",
    "ObjectiveResult",
    "PoolResult",
    "ProviderResult",
    "Spread",
    "TenantResult",
    "TierResult",
    "Timeline",
    "estimate",
    "measure",
    "over_seeds",
]

T = TypeVar("T")

NUSD: Final = 1e9
PAGE: Final = 1
HOUR_S: Final = 3600.0
ALL: Final = 0
TOTAL, TTFT = 0, 1
REFUSED: Final = (Outcome.LIMITED, Outcome.BUDGET, Outcome.CANCELLED, Outcome.INVALID)
"""Outcomes that are the client's own affair: no part of availability."""
SHARES: Final = frozenset(
    {
        "share",
        "availability",
        "within_latency",
        "within_ttft",
        "open_share",
        "cached",
        "outcomes",
        "reasons",
        "attainment",
        "exhausted",
        "good",
    }
)
"""Fields whose numbers lie in 0 to 1; of budgets, a share of an amount does not."""
TOTALS: Final = frozenset({
    "requests", "simulated_s", "failed", "input_tokens", "output_tokens", "cost_usd", "answered", "fallbacks", "degraded", "rescues",
    "hedged", "lost_usd", "saved_usd", "servers_usd", "sheds", "refused", "spent_usd",
})  # fmt: skip
"""Fields whose numbers add up over batches of a run."""


@dataclass(frozen=True, slots=True)
class Spread(Generic[T]):
    """Of times, in milliseconds."""

    p50: T
    p95: T
    p99: T
    mean: T


@dataclass(frozen=True, slots=True)
class TierResult(Generic[T]):
    """One SLA tier. `availability`: answers among requests that were due, that is, not refused for the client's own sake (limits, budgets,
    cancelled, invalid). `within_latency`, `within_ttft`: share of *answers* within the promised p95; NaN where nothing is promised.

    `attainment`: share of requests *that were due* for which a promise was kept, so that what was shed, failed or is unfinished counts
    against it: `availability`, `latency`, `ttft` (of streams), and `all`. NaN where nothing is promised. `goodput_per_s`: answers that kept
    every promise, a second.
    """

    requests: T
    availability: T
    within_latency: T
    within_ttft: T
    attainment: dict[str, T]
    total_ms: Spread[T]
    ttft_ms: Spread[T]
    goodput_per_s: T


@dataclass(frozen=True, slots=True)
class ProviderResult(Generic[T]):
    """`share` of all answers. Requests, tokens and cost are of requests whose last attempt was here. `opened`, `half_opened`, `closed`
    count its breaker's transitions; `open_share` is the share of time that it was open."""

    share: T
    requests: T
    failed: T
    input_tokens: T
    output_tokens: T
    cost_usd: T
    opened: T
    half_opened: T
    closed: T
    open_share: T


@dataclass(frozen=True, slots=True)
class TenantResult(Generic[T]):
    requests: T
    answered: T
    cost_usd: T


@dataclass(frozen=True, slots=True)
class BudgetResult(Generic[T]):
    """`spent_usd` in all periods; `share` of the amount spent in the fullest period; `exhausted_s`: when it first refused a request, in
    simulated seconds, NaN where it never did (over seeds: among those where it did); `exhausted`: 1 where it did (over seeds: their
    share)."""

    spent_usd: T
    share: T
    exhausted_s: T
    exhausted: T


@dataclass(frozen=True, slots=True)
class ObjectiveResult(Generic[T]):
    """One objective, as the kernel counted it in the run. `good`: share of its events; `spent`: share of the window's error budget that is
    gone at the end, the window having as many events as come at this pace; `pages`, `tickets`: burn alerts that began to fire; `firing_s`:
    for how long any of them did, in all; `steps_s`: for how long a step of burn held."""

    events: T
    good: T
    spent: T
    pages: T
    tickets: T
    firing_s: T
    steps_s: T


@dataclass(frozen=True, slots=True)
class PoolResult(Generic[T]):
    """Own model servers of one target. `replicas_mean` and `replicas_most` of those that are paid for, which begin with the decision to
    start one; `started` and `stopped` after the beginning, those lost in an outage among them. `cost_usd`: what the hours of the
    replicas cost, beside what tokens do; NaN where the plan has no `servers.cost`."""

    replicas_mean: T
    replicas_most: T
    started: T
    stopped: T
    replica_hours: T
    cost_usd: T


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """How it went: one value for each moment of `bucket_s` seconds, which begin at `at_s`.

    `series`: arrivals_per_s by arrival; answers_per_s, good_per_s (every promise kept), refused_per_s (limits, budgets, shed, unavailable),
    failed_per_s, tokens_per_s (output), cost_usd, p50_ms, p95_ms and ttft_p95_ms by end; in_flight on average; and by target open:NAME
    (share of time that its breaker was open), requests:NAME (last attempts there, a second), replicas:NAME. Quantiles are within 1.6 %.
    """

    bucket_s: float
    at_s: tuple[float, ...]
    series: dict[str, tuple[T, ...]]


@dataclass(frozen=True, slots=True)
class Measured(Generic[T]):
    """All that is told of simulated runs: of one seed with T float, over seeds with T Estimate.

    `cached` is the share of requests that a cache answered; `rescues` and `hedged` count. `lost_usd` is what attempts that were given up
    cost beside `cost_usd`, `saved_usd` what caches saved, both estimates. `cost_usd` is of tokens; `servers_usd` is what the hours of own
    servers cost beside it, of those that have a price (NaN: there are own servers, and none has one). `goodput_per_s`: answers that kept
    every promise of their tier, a second of simulated time, and `goodput_tokens_per_s` their output tokens. `sheds`: requests for which
    there was no room or no healthy target; `refused`: by limits and budgets; `returned`: that came again after a refusal; `unfinished`:
    without an outcome. `batches`: of one seed, the same of consecutive parts of the run.
    """

    requests: T
    simulated_s: T
    outcomes: dict[str, T]
    total_ms: Spread[T]
    ttft_ms: Spread[T]
    goodput_per_s: T
    goodput_tokens_per_s: T
    tiers: dict[str, TierResult[T]]
    providers: dict[str, ProviderResult[T]]
    tenants: dict[str, TenantResult[T]]
    budgets: dict[str, BudgetResult[T]]
    objectives: dict[str, ObjectiveResult[T]]
    pools: dict[str, PoolResult[T]]
    cost_usd: T
    reasons: dict[str, T]
    attempts_a_request: T
    fallbacks: T
    degraded: T
    cached: T
    rescues: T
    hedged: T
    lost_usd: T
    saved_usd: T
    servers_usd: T
    sheds: T
    refused: T
    returned: T
    unfinished: T
    timeline: Timeline[T]
    batches: tuple["Measured[float]", ...] = field(default=(), compare=False, repr=False)


EMPTY: Final[Timeline[float]] = Timeline(math.nan, (), {})


def measure(simulation: Simulation, *, batches: bool = True) -> Measured[float]:
    """The numbers of one run. `outcomes` and `reasons` are shares of requests; reasons of those that got no answer.

    `batches`: with those of its batches, from which one run alone has intervals.
    """
    compiled, tally, services = simulation.compiled, simulation.tally, simulation.world.services
    span = simulation.now_s
    told = counted(compiled, tally, span, simulation.unfinished)
    width, series = moments.series(simulation.world, compiled.names.targets, span)
    length = len(next(iter(series.values())))
    breakers, own = tally.breakers, pool_counts(simulation.world, span)
    return replace(
        told,
        providers={
            name: replace(
                one, opened=float(breakers[t, BreakerState.OPEN]), half_opened=float(breakers[t, BreakerState.HALF_OPEN]),
                closed=float(breakers[t, BreakerState.CLOSED]), open_share=min(ratio(services["open_s"][t], span), 1.0),
            )
            for t, (name, one) in enumerate(told.providers.items())
        },
        budgets=budgets_of(simulation, tally),
        objectives=objectives_of(simulation, span),
        pools={
            compiled.names.targets[pool.target]: PoolResult(
                ratio(pool.replica_s, span), float(pool.most), float(pool.started), float(pool.stopped), pool.replica_s / HOUR_S,
                pool.cost_usd,
            )
            for pool in own
        },
        servers_usd=priced([pool.cost_usd for pool in own]),
        returned=float(simulation.world.loop["returned"][0]),
        timeline=Timeline(
            width, tuple(k * width for k in range(length)), {name: tuple(values.tolist()) for name, values in series.items()}
        ),
        batches=tuple(counted(compiled, part, float(part.span[1] - part.span[0])) for part in simulation.batches) if batches else (),
    )  # fmt: skip


def counted(compiled: Compiled, tally: Tally, span_s: float, unfinished: Any = None) -> Measured[float]:
    """What a tally tells by itself, over so many seconds. `unfinished`: requests without an outcome, of all and by tier."""
    requests, names = tally.requests, compiled.names
    answers = int(tally.providers[:, 0].sum())
    left = np.zeros(len(tally.outcomes)) if unfinished is None else unfinished
    nan = math.nan
    return Measured(
        requests=float(requests),
        simulated_s=span_s,
        outcomes={outcome.name.lower(): ratio(tally.outcomes[ALL, outcome], requests) for outcome in Outcome},
        total_ms=spread(tally, ALL, TOTAL),
        ttft_ms=spread(tally, ALL, TTFT),
        goodput_per_s=ratio(tally.good[ALL, 0], span_s),
        goodput_tokens_per_s=ratio(tally.good[ALL, 1], span_s),
        tiers={name: tier(tally, i + 1, span_s, float(left[i + 1])) for i, name in enumerate(names.tiers)},
        providers={
            name: ProviderResult(
                ratio(row[0], answers), float(row[1]), float(row[5]), float(row[2]), float(row[3]), float(row[4]) / NUSD, nan, nan, nan, nan
            )
            for name, row in zip(names.targets, tally.providers, strict=True)
        },
        tenants={
            name: TenantResult(float(row[0]), float(row[1]), float(row[2]) / NUSD)
            for name, row in zip(names.tenants, tally.tenants, strict=True)
        },
        budgets={name: BudgetResult(float(tally.budgets[b]) / NUSD, nan, nan, nan) for b, name in enumerate(names.budgets)},
        objectives={},
        pools={},
        cost_usd=float(tally.tenants[:, 2].sum()) / NUSD,
        reasons={reason.name.lower(): ratio(tally.reasons[reason], requests) for reason in Reason if reason and tally.reasons[reason]},
        attempts_a_request=ratio(tally.extra[0], requests),
        fallbacks=float(tally.extra[1]),
        degraded=float(tally.extra[2]),
        cached=ratio(tally.extra[3], requests),
        rescues=float(tally.extra[4]),
        hedged=float(tally.extra[5]),
        lost_usd=float(tally.extra[6]) / NUSD,
        saved_usd=float(tally.extra[7]) / NUSD,
        servers_usd=nan,
        sheds=float(tally.outcomes[ALL, Outcome.SHED] + tally.outcomes[ALL, Outcome.UNAVAILABLE]),
        refused=float(tally.outcomes[ALL, Outcome.LIMITED] + tally.outcomes[ALL, Outcome.BUDGET]),
        returned=nan,
        unfinished=float(left[ALL]),
        timeline=EMPTY,
    )  # fmt: skip


def priced(costs: Sequence[float]) -> float:
    """The sum of those that are known: 0 of none at all, NaN where none of several is."""
    known = [cost for cost in costs if not math.isnan(cost)]
    return math.fsum(known) if known or not costs else math.nan


def ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan


def spread(tally: Tally, row: int, time: int) -> Spread[float]:
    p50, p95, p99 = (tally.quantile(row, time, share) for share in (0.5, 0.95, 0.99))
    return Spread(p50, p95, p99, tally.mean(row, time))


def tier(tally: Tally, row: int, span_s: float, unfinished: float) -> TierResult[float]:
    outcomes, within, good = tally.outcomes[row], tally.within[row], tally.good[row]
    due = float(outcomes.sum() - sum(outcomes[outcome] for outcome in REFUSED)) + unfinished
    promised = [not math.isnan(promise) for promise in tally.promised_ms[row]]
    in_time = [ratio(within[time], tally.measured(row, time)) if promised[time] else math.nan for time in (TOTAL, TTFT)]
    return TierResult(
        float(outcomes.sum()), ratio(outcomes[Outcome.SUCCESS], due), in_time[TOTAL], in_time[TTFT],
        {
            "availability": ratio(outcomes[Outcome.SUCCESS], due),
            "latency": ratio(within[TOTAL], due) if promised[TOTAL] else math.nan,
            "ttft": ratio(within[TTFT], float(good[2]) + unfinished) if promised[TTFT] else math.nan,
            "all": ratio(good[0], due),
        },
        spread(tally, row, TOTAL), spread(tally, row, TTFT), ratio(good[0], span_s),
    )  # fmt: skip


def budgets_of(simulation: Simulation, tally: Tally) -> dict[str, BudgetResult[float]]:
    told, state, purses = {}, simulation.state.budgets, simulation.world.purses
    for b, name in enumerate(simulation.compiled.names.budgets):
        exhausted, most = float(purses["exhausted"][b]), max(int(purses["most_nusd"][b]), int(state["spent_nusd"][b]))
        told[name] = BudgetResult(
            float(tally.budgets[b]) / NUSD, ratio(most, int(state["amount_nusd"][b])), exhausted, float(not math.isnan(exhausted))
        )
    return told


def objectives_of(simulation: Simulation, span_s: float) -> dict[str, ObjectiveResult[float]]:
    """What the kernel's own tables tell of each objective that had an event."""
    state, header, told = simulation.state, simulation.header, {}
    alerts = state.burn_alerts[: int(header["alert_count"][0])]
    steps = state.burn_steps[: int(header["step_count"][0])]
    for o, name in enumerate(simulation.compiled.names.objectives):
        row = state.objectives[o]
        events = int(row["run_good"] + row["run_bad"])
        if not row["sli"] or not events:
            continue
        mine, own = alerts[alerts["objective"] == o], steps[steps["objective"] == o]
        firing_s = mine["fired_s"] + np.where(mine["firing"], span_s - mine["since_s"], 0.0)
        steps_s = own["active_s"] + np.where(own["active"], span_s - own["since_s"], 0.0)
        allowed = (1.0 - float(row["least"])) * events
        told[name] = ObjectiveResult(
            float(events), float(row["run_good"]) / events, float(row["run_bad"]) / allowed if allowed > 0.0 else math.nan,
            float(mine["fired"][mine["severity"] == PAGE].sum()), float(mine["fired"][mine["severity"] != PAGE].sum()),
            float(firing_s.sum()), float(steps_s.sum()),
        )  # fmt: skip
    return told


def over_seeds(runs: Sequence[Measured[float]]) -> Measured[Estimate]:
    """The same tree with an Estimate at each leaf. A name that some seeds lack (a reason) counts as 0 there.

    One run alone has intervals from its batches, where it is long enough for them (`Measured.batches`).
    """
    if len(runs) == 1:
        combined: Measured[Estimate] = by_batches(runs[0], runs[0].batches, "")
    else:
        combined = combine(runs, "", math.inf)
    return combined


def combine(values: Sequence[Any], name: str, trials: float) -> Any:
    first = values[0]
    if isinstance(first, Timeline):
        return over_moments(values)
    if isinstance(first, dict):
        keys = dict.fromkeys(key for value in values for key in value)
        missing = 0.0 if not first or isinstance(next(iter(first.values())), float) else None
        return {
            key: combine(
                [one for one in (value.get(key, missing) for value in values) if one is not None], name if name in SHARES else key, trials
            )
            for key in keys
        }
    if dataclasses.is_dataclass(first):
        inner = sum(value.requests for value in values) if hasattr(first, "requests") else trials
        inner = len(values) if isinstance(first, BudgetResult) else inner
        named = {f.name: [getattr(value, f.name) for value in values] for f in dataclasses.fields(first) if f.name != "batches"}
        money = isinstance(first, BudgetResult)
        return type(first)(**{key: combine(these, "" if money and key == "share" else key, inner) for key, these in named.items()})  # type: ignore[misc]
    return estimate(values, share=name in SHARES, trials=trials, floor=0.0)


def by_batches(whole: Any, batches: Sequence[Any], name: str) -> Any:
    """The tree of one run, with intervals from its batches where they tell a number too."""
    if isinstance(whole, Timeline):
        return Timeline(whole.bucket_s, whole.at_s, {key: tuple(Estimate(v, v, v) for v in values) for key, values in whole.series.items()})
    if isinstance(whole, dict):
        return {
            key: by_batches(
                value,
                [one for one in (batch.get(key, 0.0) for batch in batches) if type(one) is type(value)],
                name if name in SHARES else key,
            )
            for key, value in whole.items()
        }
    if dataclasses.is_dataclass(whole):
        named = {f.name: getattr(whole, f.name) for f in dataclasses.fields(whole) if f.name != "batches"}
        return type(whole)(**{key: by_batches(value, [getattr(one, key) for one in batches], key) for key, value in named.items()})  # type: ignore[misc]
    return from_batches(whole, batches, share=name in SHARES, total=name in TOTALS)


def over_moments(runs: Sequence[Timeline[float]]) -> Timeline[Estimate]:
    """Moment by moment; a run that was over before a moment says nothing of it. Where runs have moments of other widths, the widest are
    taken, and a quantile is then the mean of those of its parts."""
    width = max(run.bucket_s for run in runs)
    length = max(math.ceil(len(run.at_s) * run.bucket_s / width - 1e-9) for run in runs)
    names = dict.fromkeys(name for run in runs for name in run.series)
    told = {}
    for name in names:
        table = np.full((len(runs), length), math.nan)
        for row, run in zip(table, runs, strict=True):
            values = widened(np.array(run.series.get(name, ()), float), round(width / run.bucket_s), name)
            row[: len(values)] = values
        told[name] = tuple(estimates(table, share=name.startswith("open:"), floor=0.0))
    return Timeline(width, tuple(k * width for k in range(length)), told)


def widened(values: Any, by: int, name: str) -> Any:
    """Series with moments `by` times as wide."""
    if by == 1 or not len(values):
        return values
    parts = np.append(values, np.full(-len(values) % by, math.nan)).reshape(-1, by)
    told = ~np.isnan(parts)
    sums, counts = np.where(told, parts, 0.0).sum(axis=1), told.sum(axis=1)
    return sums if name == "cost_usd" else np.where(counts > 0, sums / np.maximum(counts, 1), math.nan)
