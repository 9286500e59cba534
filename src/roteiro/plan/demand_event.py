"""What happens once to demand, as forecasts suppose it: launches, campaigns, viral surges; and how factors grow.

What must not live here: what they do to a forecast (`analysis.scenarios`), and a simulation's own surge (`demand_shape`).
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from roteiro.plan.moment import DayOrMoment
from roteiro.plan.part import Part
from roteiro.plan.quantity import Factor, Seconds, Share, refuse

__all__ = ["DemandEvent", "EventKind", "FactorKind"]

LONGEST_S: Final = 366 * 86_400.0
HOUR, DAY = 3600.0, 86_400.0


class FactorKind(StrEnum):
    """How a factor grows with time."""

    MONTHLY = "monthly"
    SWING = "swing"
    LEVEL = "level"


class EventKind(StrEnum):
    """What it is, which gives it its usual course."""

    LAUNCH = "launch"
    CAMPAIGN = "campaign"
    VIRAL = "viral"


USUAL: Final[dict[str, dict[str, float]]] = {
    EventKind.LAUNCH: {"ramp": DAY, "plateau": 3 * DAY, "decay": 7 * DAY, "lasting": 0.3},
    EventKind.CAMPAIGN: {"ramp": 6 * HOUR, "plateau": 7 * DAY, "decay": DAY},
    EventKind.VIRAL: {"ramp": 2 * HOUR, "plateau": 6 * HOUR, "decay": 12 * HOUR},
}


class DemandEvent(Part):
    """Demand climbs to a peak, stays there, and falls back by halves, perhaps not to where it was."""

    kind: EventKind = Field(
        default=EventKind.VIRAL, description="launch, campaign or viral: what it does not say of its course is as usual for these."
    )
    begins: DayOrMoment | None = Field(default=None, description="A day, or a moment; without it and `after`, at the forecast's own peak.")
    after_s: Seconds | None = Field(default=None, alias="after", description="In its place, how long after the forecast's beginning.")
    peak: Annotated[Factor, Field(le=1e4)] = Field(description="What demand is multiplied by at its peak; below 1 for less.")
    ramp_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(default=0.0, alias="ramp", description="How long it climbs, in a line.")
    plateau_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(default=0.0, alias="plateau", description="How long it stays there.")
    decay_s: Annotated[Seconds, Field(le=LONGEST_S)] = Field(
        default=0.0, alias="decay", description="In which what is above the usual falls by half."
    )
    lasting: Share = Field(default=0.0, description="Of what is above the usual, the share that stays.")
    spread: Share = Field(default=0.33, description="How uncertain what is above the usual is: standard deviation of its logarithm.")

    @model_validator(mode="before")
    @classmethod
    def usual(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kind = value.get("kind", EventKind.VIRAL)
        return {**USUAL[kind], **value} if isinstance(kind, str) and kind in USUAL else value

    @model_validator(mode="after")
    def complete(self) -> Self:
        if self.begins is not None and self.after_s is not None:
            raise refuse("wants either `begins` or `after`", "leave one of them out", "E102")
        if self.ramp_s + self.plateau_s + self.decay_s + self.lasting <= 0.0:
            raise refuse("takes no time at all", "give it a ramp, a plateau or a decay", "E105")
        return self
