"""The policies that scale the service.

What must not live here: what is promised (`objectives`).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from roteiro.plan.moment import DayOrMoment
from roteiro.plan.part import ModelName, Part, Subject
from roteiro.plan.quantity import Count, Money, Number, PositiveSeconds, Seconds, Tokens, refuse
from roteiro.terms.units import format_duration

__all__ = ["CostScaling", "FloorCurve", "LatencyScaling", "ScalingPolicies", "ScalingStep", "TokenScaling"]


class TokenScaling(Part):
    """Scale by the tokens that wait."""

    metric: Literal["queue_depth_tokens"] = Field(
        default="queue_depth_tokens", description="Tokens estimated to wait, in queues and before the servers."
    )
    scale_up_threshold: Tokens = Field(description="Above it, add capacity.")
    scale_down_threshold: Tokens = Field(description="Below it, remove capacity.")
    cooldown_s: Seconds = Field(default=300.0, alias="cooldown", description="Between two steps; a bare number is seconds.")


class LatencyScaling(Part):
    """Scale by latency."""

    metric: Literal["p95_latency_ms"] = Field(
        default="p95_latency_ms", description="95th percentile of the time that answers take at the servers, in milliseconds."
    )
    window_s: Annotated[PositiveSeconds, Field(ge=1)] = Field(
        default=60.0, alias="window", description="Sliding window over which calls are counted."
    )
    minimum_calls: Count = Field(default=20, description="Fewer calls in the window never ask for more.")
    scale_up_threshold: Number = Field(gt=0, description="Milliseconds; above it, add capacity.")
    scale_down_threshold: Number = Field(ge=0, description="Milliseconds; below it, remove capacity.")
    cooldown_s: Seconds = Field(default=600.0, alias="cooldown", description="Between two steps; a bare number is seconds.")


class CostScaling(Part):
    """Give way to a cheaper model while the cost of the last hour is above its bound."""

    metric: Literal["hourly_cost_usd"] = Field(default="hourly_cost_usd", description="Dollars spent in the last hour.")
    max_budget_nusd: Money = Field(alias="max_budget", description="Dollars an hour.")
    fallback_model: ModelName | None = Field(
        default=None, description="The cheaper model: one of `models`, or a provider's. Without one, nothing gives way."
    )
    cooldown_s: Seconds = Field(default=300.0, alias="cooldown", description="Least time at the cheaper model; a bare number is seconds.")


class ScalingStep(Part):
    """Most replicas that one decision adds or removes. A number alone is both."""

    up: Count = Field(default=1, description="Replicas added at once, at most.")
    down: Count = Field(default=1, description="Replicas removed at once, at most.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return {"up": value, "down": value} if isinstance(value, int) and not isinstance(value, bool) else value


DAY_S, WEEK_S = 86_400.0, 604_800.0


class FloorCurve(Part):
    """Fewest replicas over time, as a forecast has them: a day or a week that repeats, or one stretch of time from a date on."""

    since: DayOrMoment | None = Field(
        default=None,
        alias="from",
        description="When the first step begins. Without it the steps are a day or a week, and repeat: from midnight, or from "
        "Monday's, in the plan's timezone.",
    )
    step_s: PositiveSeconds = Field(default=3600.0, alias="step", description="Length of a step.")
    replicas: Annotated[tuple[Annotated[int, Field(ge=0, le=1000)], ...], Field(min_length=1, max_length=10_080)] = Field(
        description="Fewest replicas in each step, in order."
    )

    @model_validator(mode="after")
    def whole(self) -> Self:
        length_s = self.step_s * len(self.replicas)
        if self.since is None and length_s not in (DAY_S, WEEK_S):
            message = f"has {len(self.replicas)} steps of {format_duration(self.step_s)}, which is neither a day nor a week"
            raise refuse(message, "write 24 or 168 numbers with step: 1h, or a date under from", "E105")
        return self


class ScalingPolicies(Part):
    """By tokens, by latency, by cost. Any of the first two may ask for more replicas; both must agree to fewer."""

    mode: Literal["active", "advisory"] = Field(
        default="active", description="Whether replicas follow what is decided, or it is only noted."
    )
    providers: tuple[Subject, ...] = Field(default=(), description="Whose servers they scale; without any, all providers with `servers`.")
    stabilisation_s: Seconds = Field(
        default=300.0, alias="stabilisation", description="How long all must have agreed to fewer before any is removed."
    )
    step: ScalingStep = Field(default_factory=ScalingStep, description="How many replicas one decision changes, at most.")
    floor: dict[Subject, FloorCurve] = Field(
        default_factory=dict,
        description="Fewest replicas of a provider over time; they are asked for ahead, by the time that a start takes.",
    )
    token_based: TokenScaling | None = Field(default=None, description="By the tokens that wait.")
    latency_based: LatencyScaling | None = Field(default=None, description="By latency.")
    cost_based: CostScaling | None = Field(default=None, description="By cost.")
