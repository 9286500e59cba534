"""Demand: what is expected to arrive, for the simulator and for forecasts.

What must not live here: draws.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from roteiro.plan.demand_event import DemandEvent, FactorKind
from roteiro.plan.demand_shape import DemandShape
from roteiro.plan.part import ModelName, Name, Part
from roteiro.plan.quantity import Count, Factor, Number, PositiveSeconds, RateOf, Share, Text, Tokens, refuse
from roteiro.plan.service import TokenSpread

__all__ = ["Arrivals", "ClientRetry", "Clients", "Demand", "DemandGroup", "MixPart", "Process", "Scenario", "SharedPrefixes"]

Cv = Annotated[Number, Field(gt=0, le=100)]
Correlation = Annotated[Number, Field(ge=-0.999, le=0.999)]


class Process(StrEnum):
    """How requests arrive."""

    POISSON = "poisson"
    GAMMA = "gamma"
    WEIBULL = "weibull"
    TRACE = "trace"


class Arrivals(Part):
    """When requests come."""

    process: Process = Field(
        default=Process.POISSON, description="Independent (poisson), bursty or even (gamma, weibull), or as recorded (trace)."
    )
    rate: RateOf | None = Field(default=None, description="Mean rate; a trace's own where there is none.")
    cv: Cv = Field(
        default=1.0, description="Coefficient of variation of the gaps between arrivals, for gamma and weibull; above 1 is bursty."
    )
    trace: Text | None = Field(
        default=None,
        description="File of recorded requests (CSV, JSON lines or Parquet); relative to the plan.",
    )

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.process is Process.TRACE and self.trace is None:
            raise refuse("is a trace without a file", "name the file in `trace`", "E102")
        if self.process is not Process.TRACE and self.rate is None:
            raise refuse(f"is {self.process.value} without a rate", "write for example rate: 8/s", "E102")
        return self


class MixPart(Part):
    """One share of the traffic."""

    tenant: Name | None = Field(default=None, description="Whose; the first tenant where there is none.")
    workload: Name | None = Field(default=None, description="Of which workload; the tenant's default.")
    model: ModelName | None = Field(default=None, description="Asking for which model; the workload's default.")
    region: Name | None = Field(default=None, description="Where these clients are; a group's region, or unknown.")
    share: Share = Field(description="Its share; the shares add up to 100%.")


class SharedPrefixes(Part):
    """Beginnings that prompts share, such as system prompts, which providers that saw them lately read from their cache."""

    count: Annotated[Count, Field(le=1_000_000)] = Field(description="How many there are.")
    zipf: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=1.0, description="How unlike they are in use: the i-th most used has a share in proportion to 1 / i to this power."
    )
    tokens: Tokens = Field(default=1024, description="How long each is; part of the request's input.")


class DemandGroup(Part):
    """Clients that arrive by a process of their own. What it does not say is as the demand says."""

    share: Share | None = Field(default=None, description="Of the demand's rate; the shares of the groups add up to 100%.")
    rate: RateOf | None = Field(default=None, description="Its mean rate, where it has no share.")
    process: Process = Field(default=Process.POISSON, description="poisson, gamma or weibull.")
    cv: Cv = Field(default=1.0, description="Coefficient of variation of its gaps.")
    input_tokens: TokenSpread | None = Field(default=None, description="Length of its requests.")
    output_tokens: TokenSpread | None = Field(default=None, description="Length of its answers.")
    correlation: Correlation | None = Field(default=None, description="Of the lengths of requests and answers.")
    stream: Share | None = Field(default=None, description="Share of its requests that ask for a stream.")
    mix: tuple[MixPart, ...] = Field(default=(), description="Who of it asks for what.")
    region: Name | None = Field(default=None, description="Where these clients are.")
    prefixes: SharedPrefixes | None = Field(default=None, description="Prefixes that its requests share, and no other group's.")

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.process is Process.TRACE:
            raise refuse("is a trace; a group is poisson, gamma or weibull", "name the trace in demand.arrivals", "E106")
        if (self.share is None) == (self.rate is None):
            raise refuse("wants either a share or a rate", "write for example share: 30%, or rate: 2/s", "E102")
        return self


class ClientRetry(Part):
    """Clients who were refused (limited, shed, no healthy target) come again, as new requests."""

    share: Share = Field(default=1.0, description="Of those refused, how many come again.")
    attempts: Annotated[Count, Field(le=20)] = Field(default=3, description="How often one comes at most, the first time included.")
    backoff_s: PositiveSeconds = Field(
        default=2.0, alias="backoff", description="Mean wait before the first return; it doubles with each. At least the Retry-After."
    )
    after_failures: bool = Field(default=False, description="Also those whose request was tried and failed.")


class Clients(Part):
    """What clients do with what they get."""

    retry: ClientRetry | None = Field(default=None, description="They come again after a refusal; without it, they do not.")


class Scenario(Part):
    """A variation of the demand."""

    factors: dict[Name, Factor] = Field(default_factory=dict, description="Multipliers in place of, or beside, the demand's.")
    shape: DemandShape = Field(default_factory=DemandShape, description="What it says of the day, the week, growth, bursts or a surge.")
    spread: dict[Name, Share] = Field(default_factory=dict, description="Uncertainty of factors, in place of, or beside, the demand's.")
    events: dict[Name, DemandEvent] = Field(default_factory=dict, description="What happens once, in place of, or beside, the demand's.")
    description: Text | None = Field(default=None, description="What it stands for.")


class Demand(Part):
    """What is expected to arrive."""

    arrivals: Arrivals | None = Field(default=None, description="When requests come.")
    input_tokens: TokenSpread | None = Field(default=None, description="Length of requests.")
    output_tokens: TokenSpread | None = Field(default=None, description="Length of answers.")
    correlation: Correlation = Field(
        default=0.0, description="Of the lengths of requests and answers: that of a Gaussian copula; 0 draws them apart."
    )
    stream: Share = Field(default=0.5, description="Share of requests that ask for a stream.")
    mix: tuple[MixPart, ...] = Field(default=(), description="Who asks for what.")
    shape: DemandShape = Field(default_factory=DemandShape, description="The day, the week, growth, bursts and surges.")
    groups: dict[Name, DemandGroup] = Field(default_factory=dict, description="Groups of clients, in place of one arrival process.")
    prefixes: SharedPrefixes | None = Field(default=None, description="Prefixes that requests share.")
    clients: Clients = Field(default_factory=Clients, description="What clients do with what they get.")
    factors: dict[Name, Factor] = Field(
        default_factory=dict, description="Monthly multipliers: user_growth, usage_per_user, model_efficiency, seasonality …"
    )
    spread: dict[Name, Share] = Field(
        default_factory=dict,
        description="How uncertain a factor is: standard deviation of its logarithm; without it, a third of its own effect. Of forecasts.",
    )
    kinds: dict[Name, FactorKind] = Field(
        default_factory=dict,
        description="How a factor grows in a forecast: monthly compounds, a swing stays after one month, a level is there at once. "
        "seasonality is a swing, surge a level, all others are monthly.",
    )
    events: dict[Name, DemandEvent] = Field(default_factory=dict, description="Launches, campaigns, viral surges. Of forecasts.")
    scenarios: dict[Name, Scenario] = Field(default_factory=dict, description="Variations, by name.")

    def shape_in(self, scenario: Scenario | None) -> DemandShape:
        """The shape, with what the scenario says of it in its place."""
        if scenario is None:
            return self.shape
        return self.shape.model_copy(update={name: getattr(scenario.shape, name) for name in scenario.shape.model_fields_set})
