"""Outages of a provider: by calendar, or by how often and for how long.

What must not live here: draws (`simulator.outages`), base rates of vendors (`catalog`).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roteiro.plan.moment import Moment
from roteiro.plan.part import Part
from roteiro.plan.quantity import Factor, PositiveSeconds, Seconds, Share, refuse

__all__ = ["OutageKind", "Outages", "PlannedOutage"]

OutageKind = Literal["hard", "errors", "slow", "silent"]
"""Connections refused and those under way broken; 5xx; times longer; no answer at all."""


class PlannedOutage(Part):
    """One outage of the calendar. A simulation always has it."""

    from_unix_s: Moment | None = Field(default=None, alias="from", description="When it begins: a date, perhaps with a time, in UTC.")
    after_s: Seconds | None = Field(
        default=None, alias="after", description="How long after the simulation's start it begins, in place of `from`."
    )
    for_s: PositiveSeconds = Field(alias="for", description="How long it lasts.")
    kind: OutageKind = Field(
        default="hard", description="Connections refused (hard), 5xx (errors), longer times (slow), no answer at all (silent)."
    )
    share: Annotated[Share, Field(gt=0)] = Field(default=1.0, description="Share of attempts that it strikes; of `slow`, all.")
    factor: Annotated[Factor, Field(gt=1)] = Field(default=5.0, description="How much longer times are, where it is `slow`.")

    @model_validator(mode="after")
    def begins_once(self) -> Self:
        if (self.from_unix_s is None) == (self.after_s is None):
            raise refuse("begins neither or twice", "write one of from: 2026-03-01T14:00Z and after: 2h", "E105")
        return self


class Outages(Part):
    """When the provider is down. What is drawn is drawn only where a simulation is asked for it; the calendar always holds."""

    mtbf_s: PositiveSeconds | None = Field(
        default=None, alias="mtbf", description="Mean time from one outage's start to the next; without one, the vendor's in the catalogue."
    )
    mttr_s: PositiveSeconds | None = Field(default=None, alias="mttr", description="How long one lasts on the mean.")
    correlated: Share = Field(default=0.0, description="Share of its outages that come of a cause that takes other providers down too.")
    kind: OutageKind = Field(default="hard", description="What drawn outages are like.")
    share: Annotated[Share, Field(gt=0)] = Field(default=1.0, description="Share of attempts that they strike.")
    factor: Annotated[Factor, Field(gt=1)] = Field(default=5.0, description="How much longer times are, where they are `slow`.")
    calendar: tuple[PlannedOutage, ...] = Field(default=(), description="Outages whose time is known.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return {"calendar": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def lasts_less_than_between(self) -> Self:
        if (self.mtbf_s is None) != (self.mttr_s is None):
            raise refuse("has only one of mtbf and mttr", "write both, for example mtbf: 5.6d, mttr: 2.5h", "E105")
        if self.mtbf_s is not None and self.mttr_s is not None and self.mttr_s >= self.mtbf_s:
            raise refuse(
                "lasts as long as what is between", "mttr is how long one outage lasts, mtbf the time from one to the next", "E105"
            )
        return self
