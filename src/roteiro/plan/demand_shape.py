"""The shape of demand over time: the day, the week, growth, bursts, and a viral surge. Factors on the rate of all that arrives.

What must not live here: how a run realises it (`simulator.demand_shape`).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from roteiro.plan.hours import TimeOfDay
from roteiro.plan.part import Part
from roteiro.plan.quantity import Factor, PositiveSeconds, RateOf, Seconds, Share, refuse

__all__ = ["Bursts", "Daily", "DemandShape", "Surge"]

HOURS, DAYS = 24, 7
LONGEST_S = 366 * 86_400.0


def counted(values: tuple[float, ...], wanted: int, what: str) -> None:
    if len(values) != wanted:
        raise refuse(f"has {len(values)} factors; {wanted}, {what}", f"write {wanted} numbers", "E105")
    if not sum(values) > 0.0:
        raise refuse("has no factor above 0, so nothing would arrive", "write a number above 0 for at least one", "E105")


class Daily(Part):
    """How the rate runs over the local day: a factor for each hour, or a wave with a peak. The mean over a day stays what it is."""

    hours: tuple[Factor, ...] = Field(default=(), description="24 factors, the first for the hour from midnight; only their ratios count.")
    peak_at: TimeOfDay | None = Field(default=None, description="When the rate is highest, of a wave; it is lowest twelve hours later.")
    trough: Share = Field(default=0.3, description="The lowest rate, as a share of the highest.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return {"hours": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def one_form(self) -> Self:
        if bool(self.hours) == (self.peak_at is not None):
            raise refuse("wants either 24 hours or a peak", 'write 24 factors, or {peak_at: "14:00", trough: 30%}', "E102")
        if self.hours:
            counted(self.hours, HOURS, "one an hour from midnight")
        return self


class Bursts(Part):
    """Times at which everybody comes more often, at random: they begin as a Poisson process and last exponentially long."""

    rate: RateOf = Field(description="How often one begins, for example 6/d.")
    size: Annotated[Factor, Field(ge=1.0, le=1e4)] = Field(description="What the rate is multiplied by while it lasts.")
    length_s: PositiveSeconds = Field(alias="length", description="How long one lasts in the mean.")


class Surge(Part):
    """A viral surge: the rate climbs to a peak, stays there, and falls back by halves."""

    at_s: TimeOfDay = Field(alias="at", description="Local time at which it begins to climb: the first one of the run, or of a later day.")
    day: Annotated[int, Field(ge=0, le=3650)] = Field(default=0, description="How many days later.")
    ramp_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(default=1800.0, alias="ramp", description="How long it climbs, in a line.")
    peak: Annotated[Factor, Field(ge=1.0, le=1e4)] = Field(description="What the rate is multiplied by at the peak.")
    plateau_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(default=0.0, alias="plateau", description="How long it stays there.")
    decay_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(
        default=3600.0, alias="decay", description="In which what is above the usual falls by half; it is over after ten of these."
    )

    @model_validator(mode="after")
    def takes_time(self) -> Self:
        if self.ramp_s + self.plateau_s + self.decay_s <= 0.0:
            raise refuse("takes no time at all", "give it a ramp, a plateau or a decay", "E105")
        return self


class DemandShape(Part):
    """What multiplies every rate as time goes by, in the plan's time zone. Recorded arrivals have a shape of their own."""

    daily: Daily | None = Field(default=None, description="Over the day: 24 factors, or a wave.")
    weekly: tuple[Factor, ...] = Field(default=(), description="7 factors, Monday first; only their ratios count.")
    growth: Annotated[Factor, Field(gt=0.0)] = Field(default=1.0, description="A month, compounding from the run's beginning: +10%.")
    bursts: Bursts | None = Field(default=None, description="Crowds at random.")
    surge: Surge | None = Field(default=None, description="A viral surge.")

    @model_validator(mode="after")
    def whole_week(self) -> Self:
        if self.weekly:
            counted(self.weekly, DAYS, "one a day from Monday")
        return self
