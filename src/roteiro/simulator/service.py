"""How targets serve in a simulation: times to the first token and between tokens, failures, and weather: how these change with time.

From the plan here, from a ledger in `fit`. What must not live here: draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.plan.compile import Compiled
from roteiro.plan.model import DurationSpread, Provider
from roteiro.simulator import table
from roteiro.simulator.records import CLASSES
from roteiro.simulator.servers import OwnServers
from roteiro.terms.codes import ErrorClass

__all__ = ["FAIR", "Quota", "ServiceWorld", "Slice", "TargetService", "of_plan"]

USUAL_TTFT_S, USUAL_ITL_S, USUAL_OUTPUT = (0.4, 1.2), (0.02, 0.05), (150.0, 600.0)  # medians and 95th percentiles
USUAL_REFUSAL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Slice:
    """A target's weather from `start_s` on: factors on its times, the share of attempts that fail by class (shape (CLASSES,)), and
    what a refused one is told to wait."""

    start_s: float = 0.0
    slow_ttft: float = 1.0
    slow_itl: float = 1.0
    failing: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(CLASSES))
    retry_after_s: float = 1.0


FAIR: Final = (Slice(),)


@dataclass(frozen=True, slots=True)
class Quota:
    """What the provider itself lets in, whatever the plan believes; 0 is without a bound. It answers 429 beyond."""

    requests_per_s: float = 0.0
    tokens_per_s: float = 0.0
    burst_s: float = 60.0


@dataclass(frozen=True, slots=True)
class TargetService:
    """One target. Times in seconds.

    `itl` is drawn for each gap where `gaps_differ`, as a plan describes it; else once an answer, as it is fitted. `failure`: time to the
    failure by class. `midstream`: share of failing streams that fail after their first byte. `stall`: share of attempts that fall silent,
    half of the streams among them in the middle, until a timeout ends them.
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
    own: OwnServers | None = None


@dataclass(frozen=True, slots=True)
class ServiceWorld:
    """All targets, in the order of the plan's names. `assumed`: what nothing tells of, in words.

    `hits`: model → share of its requests that a cache answers; None is as the plan expects.
    """

    name: str
    targets: tuple[TargetService, ...]
    assumed: tuple[str, ...] = ()
    hits: Mapping[str, float] | None = None


def of_plan(compiled: Compiled) -> ServiceWorld:
    """As the providers' `service` sections say; usual times where they say nothing."""
    assumed: list[str] = []
    targets = [of_provider(name, compiled.plan.providers.get(name), assumed) for name in compiled.names.targets]
    return ServiceWorld("plan", tuple(targets), tuple(assumed))


def of_provider(name: str, provider: Provider | None, assumed: list[str]) -> TargetService:
    service = provider.service if provider is not None else None

    def spread(what: str, given: DurationSpread | None, usual: tuple[float, float]) -> table.Table:
        if given is not None:
            return table.lognormal(given.median_s, given.p95_s)
        if provider is not None:
            assumed.append(f"providers.{name}.service.{what}: median {usual[0]:g} s, p95 {usual[1]:g} s")
        return table.lognormal(*usual)

    ttft = spread("ttft", service.ttft if service is not None else None, USUAL_TTFT_S)
    itl = spread("itl", service.itl if service is not None else None, USUAL_ITL_S)
    lengths = service.output_tokens if service is not None else None
    shares = np.zeros(CLASSES)
    shares[ErrorClass.SERVER] = service.error_rate if service is not None else 0.0
    return TargetService(
        ttft=ttft,
        itl=itl,
        output=table.lognormal(*(USUAL_OUTPUT if lengths is None else (lengths.median, lengths.p95))),
        weather=(Slice(failing=shares),),
        failure={
            ErrorClass.SERVER: ttft,
            ErrorClass.RATE_LIMIT: table.constant(USUAL_REFUSAL_S),
            ErrorClass.CONTEXT: table.constant(USUAL_REFUSAL_S),
        },
        gaps_differ=True,
        most_output=(provider.max_output_tokens or 0) if provider is not None else 0,
        quota=quota_of(provider),
        own=OwnServers.of_plan(provider.servers) if provider is not None and provider.servers is not None else None,
    )


def quota_of(provider: Provider | None) -> Quota:
    limits = provider.limits if provider is not None else None
    rates = [] if limits is None else [rate for rate in (limits.requests, limits.tokens) if rate is not None]
    if limits is None or not rates:
        return Quota()
    return Quota(
        limits.requests.per_second if limits.requests is not None else 0.0,
        limits.tokens.per_second if limits.tokens is not None else 0.0,
        limits.burst_s or float(min(rate.period_s for rate in rates)),
    )
