"""Logical models: the names clients ask for, where they go, and how hard to try.

What must not live here: what a provider is.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from roteiro.plan.caching import ModelCache
from roteiro.plan.levers import Batching, Disconnect, Hedge, Tiers
from roteiro.plan.part import ModelName, Part, Subject
from roteiro.plan.quantity import Count, Number, PositiveSeconds, RateOf, Seconds, Share, Tokens

__all__ = ["FleetRetry", "Limits", "LogicalModel", "ModelTimeouts", "OnExhausted", "Retry"]


class OnExhausted(StrEnum):
    """What to do when no healthy target is left."""

    FAIL_FAST = "fail_fast"
    LEAST_BAD = "least_bad"
    QUEUE = "queue"


class Limits(Part):
    """Requests and tokens a period."""

    requests: RateOf | None = Field(default=None, description="Requests a period; a bare number is a minute's.")
    tokens: RateOf | None = Field(default=None, description="Tokens a period; a bare number is a minute's.")
    burst_s: PositiveSeconds | None = Field(
        default=None, alias="burst", description="How much time's worth may come at once; the rate's own period."
    )


class Retry(Part):
    """Trying again, under one budget of attempts and one deadline that retries and fallbacks share."""

    attempts: Annotated[Count, Field(le=10)] = Field(default=3, description="Sends to providers, the first and fallbacks included.")
    backoff_s: Seconds = Field(
        default=0.2, alias="backoff", description="Longest wait before the second attempt; it doubles. The wait is drawn from 0 to it."
    )
    max_backoff_s: Seconds = Field(default=5.0, alias="max_backoff", description="Longest wait between two attempts.")
    same_target: Annotated[int, Field(ge=0, le=10)] = Field(default=1, description="Retries at one target before another is taken.")
    retry_after_cap_s: Seconds = Field(
        default=20.0, alias="retry_after_cap", description="A provider's Retry-After longer than this is not waited for."
    )


class FleetRetry(Retry):
    """The defaults of every model, and the bound on the whole fleet's retries, so that an outage is not multiplied."""

    ratio: Share = Field(default=0.2, description="Retries as a share of requests, over the fleet.")
    min_per_second: Annotated[Number, Field(ge=0, le=1e6)] = Field(
        default=1.0, description="Retries a second that are allowed whatever the ratio."
    )


class ModelTimeouts(Part):
    """The client's patience."""

    total_s: PositiveSeconds = Field(default=120.0, alias="total", description="The deadline: queue, attempts and waits together.")


def as_mapping(value: object) -> object:
    """A list of targets takes each provider's own weight."""
    if isinstance(value, str):
        return {value: None}
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value


class LogicalModel(Part):
    """A name that clients ask for."""

    targets: Annotated[dict[Subject, Number | None], BeforeValidator(as_mapping)] = Field(
        min_length=1, description="Provider → weight; or a list of providers, each with its own weight."
    )
    fallbacks: tuple[Subject, ...] = Field(default=(), description="Providers to take, in order, when the targets fail.")
    balance: Literal["weights", "nearest"] = Field(
        default="weights",
        description="Among targets that could take it: by weight, or first those of the region nearest to the client, by weight.",
    )
    on_exhausted: OnExhausted = Field(
        default=OnExhausted.FAIL_FAST, description="When no healthy target is left: fail fast, take the least bad, or queue."
    )
    degrade_to: ModelName | None = Field(default=None, description="The cheaper model to take when a budget says so.")
    larger_context: ModelName | None = Field(default=None, description="The model to take when a request is longer than the context.")
    complexity: Tiers | None = Field(default=None, description="Models by how demanding a task looks.")
    rescue: bool = Field(default=True, description="Whether a stream that breaks goes on at another target, from where the client has it.")
    hedge: Hedge | None = Field(default=None, description="A second attempt beside one that is late.")
    on_disconnect: Disconnect | None = Field(
        default=None,
        description="When the client leaves: cancel the provider's call, drain it to its end, or drain for so long; the request's.",
    )
    cache: ModelCache = Field(default_factory=ModelCache, description="What is remembered of its answers.")
    batching: Batching | None = Field(default=None, description="Of a model of embeddings: texts that share a call.")
    limits: Limits = Field(default_factory=Limits, description="Limits of the model, over all tenants.")
    retry: Retry = Field(default_factory=Retry, description="What differs from the plan's `retry`.")
    timeouts: ModelTimeouts = Field(default_factory=ModelTimeouts, description="The client's patience.")
    context_tokens: Tokens | None = Field(
        default=None, alias="context", description="Context promised to clients; the least of the targets'."
    )
