"""How targets serve in a simulation: times to the first token and between tokens, failures, and weather: how these change with time.

From the plan here, from a ledger in `fit`. docs/explanation/the-world.md has the formulas and their sources.
What must not live here: draws (`serving`), outages (`outages`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from roteiro.plan.compile import Compiled
from roteiro.plan.model import DurationSpread, Provider, Service
from roteiro.plan.regions import round_trip_s
from roteiro.simulator import table
from roteiro.simulator.records import CLASSES
from roteiro.simulator.servers import OwnServers
from roteiro.simulator.weather import FAIR, KINDS, Outage, OutageDraws, Slice
from roteiro.terms.codes import ErrorClass

__all__ = ["FAIR", "USUAL_FAILURE_S", "Quota", "ServiceWorld", "Slice", "TargetService", "of_plan", "times_of"]

USUAL_TTFT_S, USUAL_ITL_S, USUAL_OUTPUT = (0.4, 1.2), (0.02, 0.05), (150.0, 600.0)  # medians and 95th percentiles
USUAL_PREFIX_TTL_S: Final = 300.0
USUAL_FAILURE_S: Final[Mapping[ErrorClass, float]] = {
    ErrorClass.AUTH: 0.05, ErrorClass.RATE_LIMIT: 0.05, ErrorClass.CONTEXT: 0.05, ErrorClass.BAD_REQUEST: 0.05, ErrorClass.CONNECTION: 0.01,
}  # fmt: skip
"""Seconds to a failure that needs no model to find it; the others take as long as a first token, and a timeout as long as is waited."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What the provider itself lets in, whatever the plan believes; 0 is without a bound. It answers 429 beyond.

    `window_s` 0: refilled all the time, `burst_s` of it at once. Else counted in windows of the clock of that length.
    """

    requests_per_s: float = 0.0
    tokens_per_s: float = 0.0
    burst_s: float = 60.0
    window_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TargetService:
    """One target. Times in seconds.

    `itl` is drawn for each gap where `gaps_differ`, as a plan describes it; else once an answer, as it is fitted. `failure`: time to the
    failure by class; a class without one takes what is usual of it. `midstream`: share of failing streams that fail after their first
    byte. `stall`: share of attempts that fall silent, half of the streams among them in the middle, until a timeout ends them.
    `ttft_per_token_s`: what each token of the input adds that the provider's cache has not. `ttft_load`, `itl_load`: how much slower, of 1,
    for each other attempt in flight there. `network`: time there and back, beside the ways between regions. `prefix_ttl_s`: how long the
    provider's cache of prompts keeps what nobody asked for again; 0 is without one.
    `good`: share of answers that a judge finds good, of the share `judged` of them that one sees; 0 of it: quality is unverified.
    `own`: servers of one's own, which then make the times; `ttft` and `itl` say nothing.
    """

    ttft: table.Table
    itl: table.Table
    output: table.Table
    weather: tuple[Slice, ...] = FAIR
    failure: Mapping[ErrorClass, table.Table] = field(default_factory=dict)
    gaps_differ: bool = False
    midstream: float = 0.0
    most_output: int = 0
    quota: Quota = Quota()
    stall: float = 0.0
    ttft_per_token_s: float = 0.0
    ttft_load: float = 0.0
    itl_load: float = 0.0
    network: table.Table | None = None
    prefix_ttl_s: float = USUAL_PREFIX_TTL_S
    own: OwnServers | None = None
    good: float = 0.0
    judged: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceWorld:
    """All targets, in the order of the plan's names. `assumed`: what nothing tells of, in words.

    `hits`: model → share of its requests that a cache answers; None is as the plan expects. `outages` come over the targets' weather, and
    `draws` more of them, anew with each seed. `ways`: (client's region, target's region) → seconds there and back; 0 where it says nothing.
    """

    name: str
    targets: tuple[TargetService, ...]
    assumed: tuple[str, ...] = ()
    hits: Mapping[str, float] | None = None
    outages: tuple[Outage, ...] = ()
    draws: tuple[OutageDraws, ...] = ()
    ways: Mapping[tuple[str, str], float] = field(default_factory=dict)


def of_plan(compiled: Compiled) -> ServiceWorld:
    """As the providers' `service` sections say; usual times where they say nothing."""
    assumed: list[str] = []
    targets = [of_provider(name, compiled.plan.providers.get(name), assumed) for name in compiled.names.targets]
    return ServiceWorld("plan", tuple(targets), tuple(assumed), outages=calendar_of(compiled), ways=ways_of(compiled))


def calendar_of(compiled: Compiled) -> tuple[Outage, ...]:
    """The outages that the plan's providers have by calendar."""
    found = []
    for name, provider in compiled.plan.providers.items():
        given = provider.service.outages if provider.service is not None else None
        for one in given.calendar if given is not None else ():
            dated = one.from_unix_s is not None
            start = one.from_unix_s if one.from_unix_s is not None else one.after_s or 0.0
            found.append(Outage((name,), start, start + one.for_s, KINDS[one.kind], one.share, one.factor, dated))
    return tuple(found)


def ways_of(compiled: Compiled) -> dict[tuple[str, str], float]:
    """(client's region, target's region) → seconds there and back, as the plan's `regions` say."""
    regions, names = compiled.plan.regions, compiled.names.regions
    pairs = {(here, there): round_trip_s(regions, here, there) for here in names for there in names} if regions else {}
    return {pair: seconds for pair, seconds in pairs.items() if seconds}


def times_of(spread: DurationSpread) -> table.Table:
    """The table of a plan's spread of times."""
    if spread.p99_s is not None:
        return table.power_tailed(spread.median_s, spread.p95_s, spread.p99_s)
    body = table.lognormal(spread.median_s, spread.p95_s)
    return body if spread.tail is None else table.mixed(body, spread.tail.share, spread.tail.factor)


def of_provider(name: str, provider: Provider | None, assumed: list[str]) -> TargetService:
    service = provider.service if provider is not None and provider.service is not None else Service()

    def spread(what: str, given: DurationSpread | None, usual: tuple[float, float]) -> table.Table:
        if given is not None:
            return times_of(given)
        if provider is not None:
            assumed.append(f"providers.{name}.service.{what}: median {usual[0]:g} s, p95 {usual[1]:g} s")
        return table.lognormal(*usual)

    ttft = spread("ttft", service.ttft, USUAL_TTFT_S)
    itl = spread("itl", service.itl, USUAL_ITL_S)
    lengths = service.output_tokens
    shares = np.zeros(CLASSES)
    shares[ErrorClass.SERVER] = service.error_rate
    failure = {error_class: table.constant(seconds) for error_class, seconds in USUAL_FAILURE_S.items()}
    failure |= dict.fromkeys((ErrorClass.SERVER, ErrorClass.CONTENT, ErrorClass.PROTOCOL), ttft)
    for error_class, rate in ({} if service.errors is None else service.errors.by_class()).items():
        shares[error_class] += rate.share
        if rate.after is not None:
            failure[error_class] = times_of(rate.after)
    load, capacity = service.load, provider.limits.concurrency if provider is not None else 1
    if load is not None:
        capacity = load.capacity or capacity
    return TargetService(
        ttft=ttft,
        itl=itl,
        output=table.lognormal(*(USUAL_OUTPUT if lengths is None else (lengths.median, lengths.p95))),
        weather=(Slice(failing=shares),),
        failure=failure,
        gaps_differ=True,
        midstream=service.midstream,
        most_output=(provider.max_output_tokens or 0) if provider is not None else 0,
        quota=quota_of(provider),
        stall=service.stalls,
        ttft_per_token_s=service.ttft_per_token_s or 0.0,
        ttft_load=0.0 if load is None else (load.ttft - 1.0) / capacity,
        itl_load=0.0 if load is None else (load.itl - 1.0) / capacity,
        network=None if service.network is None else times_of(service.network),
        prefix_ttl_s=USUAL_PREFIX_TTL_S if service.prefix_cache is None else service.prefix_cache.ttl_s,
        good=0.0 if service.quality is None else service.quality.good,
        judged=0.0 if service.quality is None else service.quality.judged,
        own=OwnServers.of_plan(provider.servers) if provider is not None and provider.servers is not None else None,
    )


MINUTE_S: Final = 60.0


def quota_of(provider: Provider | None) -> Quota:
    """What the provider lets in, as `service.quota` says, and where it says nothing as its limits do."""
    if provider is None:
        return Quota()
    limits, own = provider.limits, None if provider.service is None else provider.service.quota
    requests = limits.requests if own is None or own.requests is None else own.requests
    tokens = limits.tokens if own is None or own.tokens is None else own.tokens
    rates = [rate for rate in (requests, tokens) if rate is not None]
    if not rates:
        return Quota()
    burst = (None if own is None else own.burst_s) or limits.burst_s or float(min(rate.period_s for rate in rates))
    return Quota(
        requests.per_second if requests is not None else 0.0,
        tokens.per_second if tokens is not None else 0.0,
        burst,
        MINUTE_S if own is not None and own.reset == "minute" else 0.0,
    )
