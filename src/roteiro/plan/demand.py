"""Demand: what is expected to arrive, for the simulator and for forecasts.

What must not live here: draws.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from roteiro.plan.part import ModelName, Name, Part
from roteiro.plan.provider import TokenSpread
from roteiro.plan.quantity import Factor, Number, RateOf, Share, Text, refuse

__all__ = ["Arrivals", "Demand", "MixPart", "Process", "Scenario"]


class Process(StrEnum):
    """How requests arrive."""

    POISSON = "poisson"
    GAMMA = "gamma"
    TRACE = "trace"


class Arrivals(Part):
    """When requests come."""

    process: Process = Field(default=Process.POISSON, description="Independent (poisson), bursty (gamma), or as recorded (trace).")
    rate: RateOf | None = Field(default=None, description="Mean rate; a trace's own where there is none.")
    cv: Number = Field(
        default=1.0, gt=0, le=100, description="Coefficient of variation of the gaps between arrivals, for gamma; above 1 is bursty."
    )
    trace: Text | None = Field(default=None, description="CSV file with TIMESTAMP, ContextTokens, GeneratedTokens; relative to the plan.")

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
    share: Share = Field(description="Its share; the shares add up to 100%.")


class Scenario(Part):
    """A variation of the demand."""

    factors: dict[Name, Factor] = Field(default_factory=dict, description="Multipliers in place of, or beside, the demand's.")
    description: Text | None = Field(default=None, description="What it stands for.")


class Demand(Part):
    """What is expected to arrive."""

    arrivals: Arrivals | None = Field(default=None, description="When requests come.")
    input_tokens: TokenSpread | None = Field(default=None, description="Length of requests.")
    output_tokens: TokenSpread | None = Field(default=None, description="Length of answers.")
    stream: Share = Field(default=0.5, description="Share of requests that ask for a stream.")
    mix: tuple[MixPart, ...] = Field(default=(), description="Who asks for what.")
    factors: dict[Name, Factor] = Field(
        default_factory=dict, description="Monthly multipliers: user_growth, usage_per_user, model_efficiency, seasonality …"
    )
    scenarios: dict[Name, Scenario] = Field(default_factory=dict, description="Variations, by name.")
