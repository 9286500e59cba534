"""What the service aims at: SLA tiers, and the policies that scale it.

What must not live here: attainment (it is measured by `analysis`).
"""

from typing import Literal

from pydantic import Field

from roteiro.plan.part import ModelName, Part
from roteiro.plan.quantity import Money, Number, PositiveSeconds, Seconds, Share, Text, Tokens

__all__ = ["CostScaling", "LatencyScaling", "ScalingPolicies", "SlaTier", "TokenScaling"]


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

    metric: Literal["queue_depth_tokens"] = Field(default="queue_depth_tokens", description="Tokens estimated to wait in queues.")
    scale_up_threshold: Tokens = Field(description="Above it, add capacity.")
    scale_down_threshold: Tokens = Field(description="Below it, remove capacity.")
    cooldown_s: Seconds = Field(default=300.0, alias="cooldown", description="Between two steps; a bare number is seconds.")


class LatencyScaling(Part):
    """Scale by latency."""

    metric: Literal["p95_latency_ms"] = Field(
        default="p95_latency_ms", description="95th percentile of the whole answer's time, in milliseconds."
    )
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


class ScalingPolicies(Part):
    """By tokens, by latency, by cost."""

    token_based: TokenScaling | None = Field(default=None, description="By the tokens that wait.")
    latency_based: LatencyScaling | None = Field(default=None, description="By latency.")
    cost_based: CostScaling | None = Field(default=None, description="By cost.")
