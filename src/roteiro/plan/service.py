"""How a provider serves: times, tails, failures, its own quota and cache. For the simulator, and in part for the sandbox.

What must not live here: outages (`outages`), draws.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from roteiro.plan.outages import Outages
from roteiro.plan.part import Part
from roteiro.plan.quantity import Count, Factor, PositiveSeconds, RateOf, Seconds, Share, Tokens, refuse
from roteiro.terms.codes import ErrorClass
from roteiro.terms.units import format_share

__all__ = ["AnswerQuality", "DurationSpread", "ErrorRate", "ErrorRates", "Load", "PrefixCache", "Quota", "Service", "Tail", "TokenSpread"]

HEAVIEST: Final = 5.0
"""A p99 at five times the p95 is a Pareto tail of exponent 1, whose mean is infinite."""


class Tail(Part):
    """A share of times that are much longer than the rest."""

    share: Annotated[Share, Field(gt=0, le=0.5)] = Field(description="How many.")
    factor: Annotated[Factor, Field(gt=1)] = Field(description="How much longer.")


class DurationSpread(Part):
    """A spread of times: log-normal by its median and 95th percentile; with a heavier tail where `p99` or `tail` says so."""

    median_s: PositiveSeconds = Field(alias="median", description="Half are below.")
    p95_s: PositiveSeconds = Field(alias="p95", description="95% are below.")
    p99_s: PositiveSeconds | None = Field(
        default=None, alias="p99", description="99% are below; from the 95th percentile on a power law goes through it."
    )
    tail: Tail | None = Field(default=None, description="A share of these times that are longer by a factor, in place of `p99`.")

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.p95_s < self.median_s:
            raise refuse("has a p95 below its median", "swap them, or raise p95", "E105")
        if self.p99_s is not None and not self.p95_s <= self.p99_s < HEAVIEST * self.p95_s:
            raise refuse("has a p99 that is not from its p95 to below five times that", "beyond five times the mean is infinite", "E105")
        if self.p99_s is not None and self.tail is not None:
            raise refuse("has both p99 and tail", "keep one of them", "E105")
        return self


class TokenSpread(Part):
    """A log-normal spread of token counts, by its median and 95th percentile."""

    median: Tokens = Field(description="Half are below.")
    p95: Tokens = Field(description="95% are below.")

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.p95 < self.median:
            raise refuse("has a p95 below its median", "swap them, or raise p95", "E105")
        return self


class Load(Part):
    """How the provider slows down with the requests that it has at once."""

    capacity: Count | None = Field(default=None, description="Requests at once at which the factors hold; its limits.concurrency.")
    ttft: Annotated[Factor, Field(ge=1)] = Field(default=1.0, description="Time to the first token there, against that of a lone request.")
    itl: Annotated[Factor, Field(ge=1)] = Field(default=1.0, description="Time between tokens there, against that of a lone request.")


class ErrorRate(Part):
    """One class of failure."""

    share: Share = Field(description="Share of attempts that fail so.")
    after: DurationSpread | None = Field(default=None, description="Time to the failure; without one, what is usual of its class.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return value if isinstance(value, dict | ErrorRate) or value is None else {"share": value}


class ErrorRates(Part):
    """Shares of attempts that fail, by class."""

    server: ErrorRate | None = Field(default=None, description="The provider answers 5xx.")
    timeout: ErrorRate | None = Field(default=None, description="It falls silent, until a timeout ends the attempt.")
    rate_limit: ErrorRate | None = Field(default=None, description="It answers 429, beside what its quota refuses.")
    connection: ErrorRate | None = Field(default=None, description="The connection cannot be made, or breaks.")
    content: ErrorRate | None = Field(default=None, description="Its content filter refuses.")
    auth: ErrorRate | None = Field(default=None, description="It refuses the key.")
    protocol: ErrorRate | None = Field(default=None, description="It answers nonsense, or half an answer.")

    def by_class(self) -> dict[ErrorClass, ErrorRate]:
        """Those that are given."""
        given = {ErrorClass[name.upper()]: getattr(self, name) for name in type(self).model_fields}
        return {error_class: rate for error_class, rate in given.items() if rate is not None}


class Quota(Part):
    """What the provider really lets in. Beyond that it answers 429 and says how long to wait."""

    requests: RateOf | None = Field(default=None, description="Requests a period; those of its `limits`.")
    tokens: RateOf | None = Field(default=None, description="Tokens a period; those of its `limits`.")
    burst_s: PositiveSeconds | None = Field(
        default=None, alias="burst", description="How much time's worth may come at once; that of its `limits`."
    )
    reset: Literal["sliding", "minute"] = Field(
        default="sliding", description="Refilled all the time (sliding), or at the full minute (minute)."
    )


class PrefixCache(Part):
    """The provider's cache of the beginnings of prompts."""

    ttl_s: Seconds = Field(default=300.0, alias="ttl", description="How long it keeps what nobody asked for again; 0s is without one.")


class AnswerQuality(Part):
    """How good its answers are, as a judge would say, and how many of them a judge sees."""

    good: Share = Field(description="Share of its answers that are good.")
    judged: Annotated[Share, Field(gt=0)] = Field(default=0.1, description="Share of its answers that somebody judges.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return {"good": value} if isinstance(value, str | int | float) and not isinstance(value, bool) else value


class Service(Part):
    """How the provider serves, for the sandbox and for the simulator before there is a ledger to fit."""

    ttft: DurationSpread | None = Field(default=None, description="Time to the first token.")
    ttft_per_token_s: PositiveSeconds | None = Field(
        default=None, alias="ttft_per_token", description="What each token of the input adds to it that its cache has not."
    )
    itl: DurationSpread | None = Field(default=None, description="Time between two tokens.")
    load: Load | None = Field(default=None, description="How both grow with the requests that it has at once.")
    network: DurationSpread | None = Field(default=None, description="Time there and back, beside what `regions` say.")
    output_tokens: TokenSpread | None = Field(default=None, description="Length of answers.")
    error_rate: Share = Field(default=0.0, description="Share of attempts that fail with 5xx: short for errors: {server: …}.")
    errors: ErrorRates | None = Field(default=None, description="Shares of attempts that fail, by class.")
    midstream: Share = Field(default=0.0, description="Share of failing streams that fail after their first byte.")
    stalls: Share = Field(default=0.0, description="Share of attempts that fall silent, half of the streams among them in the middle.")
    quota: Quota | None = Field(default=None, description="What it really lets in; without a word, its `limits`.")
    prefix_cache: PrefixCache | None = Field(default=None, description="Its cache of the beginnings of prompts.")
    quality: AnswerQuality | None = Field(default=None, description="How good its answers are; unverified without a word.")
    outages: Outages | None = Field(default=None, description="When it is down: a list of dates, or how often and for how long.")

    @model_validator(mode="after")
    def fails_at_most_always(self) -> Self:
        total = self.error_rate + self.stalls + sum(rate.share for rate in (self.errors or ErrorRates()).by_class().values())
        if total > 1.0:
            raise refuse(
                f"fails in {format_share(round(total, 6))} of attempts; at most 100%", "lower error_rate, errors or stalls", "E105"
            )
        if self.error_rate > 0.0 and self.errors is not None and self.errors.server is not None:
            raise refuse("has both error_rate and errors.server", "keep errors.server", "E105")
        return self
