"""What the service aims at: SLA tiers, and the policies that scale it.

What must not live here: attainment (it is measured by `analysis`).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from roteiro.plan.part import ModelName, Part, Subject
from roteiro.plan.quantity import Count, Money, Number, PositiveSeconds, Seconds, Share, Text, Tokens

__all__ = ["CostScaling", "LatencyScaling", "ScalingPolicies", "ScalingStep", "SlaTier", "TokenScaling"]


class SlaTier(Part):
    """What is promised to the tenants of a tier."""

    availability: Share | None = Field(default=None, description="Share of requests that get an answer.")
    latency_p95_s: PositiveSeconds | None = Field(
        default=None, alias="latency_p95", description="95th percentile of the whole answer's time."
    )
    ttft_p95_s: PositiveSeconds | None = Field(
        default=None, alias="ttft_p95", description="95th percentile of the time to the first token."
    )
    quality_score: Share | None = Field(default=None, description="Least mean quality; unverified until it is measured.")
    support: Text | None = Field(default=None, description="Support, in words.")


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


class ScalingPolicies(Part):
    """By tokens, by latency, by cost. Any of the first two may ask for more replicas; both must agree to fewer."""

    mode: Literal["active", "advisory"] = Field(
        default="active", description="Whether replicas follow what is decided, or it is only noted. The gateway notes it in either mode."
    )
    providers: tuple[Subject, ...] = Field(default=(), description="Whose servers they scale; without any, all providers with `servers`.")
    stabilisation_s: Seconds = Field(
        default=300.0, alias="stabilisation", description="How long all must have agreed to fewer before any is removed."
    )
    step: ScalingStep = Field(default_factory=ScalingStep, description="How many replicas one decision changes, at most.")
    token_based: TokenScaling | None = Field(default=None, description="By the tokens that wait.")
    latency_based: LatencyScaling | None = Field(default=None, description="By latency.")
    cost_based: CostScaling | None = Field(default=None, description="By cost.")
