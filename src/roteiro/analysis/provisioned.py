"""Provisioned throughput as vendors sell it: how many units a load takes, and what load some units carry.

A unit carries so many input tokens a minute. An output token counts as several input tokens, a cached one as a part of one or as none.
Vendors sell units from a least number on and by increments. Azure calls them PTU and leaves cached tokens out whole; Google calls them GSU,
tells tokens a second and counts cached tokens by a tenth or a quarter; Bedrock's model units have rates for input and output, whose
quotient is the output ratio. Source: the vendors' sizing pages.

What must not live here: the vendors' numbers (they are data of the plan), prices, and how many units are worth buying.
"""

from dataclasses import dataclass
from math import ceil

__all__ = ["Mix", "ThroughputUnit", "Units", "requests_carried", "tokens_carried", "units_for"]

NEAR = 1e-9
"""Relative. A load that is whole units but for the last bits of a float takes no further unit."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What a request is made of, on average: tokens, and the share of the input that comes from the vendor's prompt cache (0 to 1)."""

    input_tokens: float
    output_tokens: float
    cached_share: float = 0.0

    def __post_init__(self) -> None:
        if not (self.input_tokens >= 0.0 and self.output_tokens >= 0.0 and self.input_tokens + self.output_tokens > 0.0):
            raise ValueError(f"a request of {self.input_tokens} input and {self.output_tokens} output tokens; neither below 0, one above")
        if not 0.0 <= self.cached_share <= 1.0:
            raise ValueError(f"cached_share is {self.cached_share}; from 0 to 1")

    @property
    def tokens(self) -> float:
        """All tokens of a request, as they are counted one by one."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class ThroughputUnit:
    """What is sold. One unit carries `input_tokens_per_min`; an output token counts as `output_ratio` of them, a cached one as
    `cached_ratio`. At least `least` units, and then by `increment`."""

    input_tokens_per_min: float
    output_ratio: float
    cached_ratio: float = 0.0
    least: int = 1
    increment: int = 1

    def __post_init__(self) -> None:
        if not self.input_tokens_per_min > 0.0:
            raise ValueError(f"input_tokens_per_min is {self.input_tokens_per_min}; more than 0")
        if not (self.output_ratio >= 0.0 and 0.0 <= self.cached_ratio <= 1.0):
            raise ValueError(f"output_ratio is {self.output_ratio}, at least 0; cached_ratio is {self.cached_ratio}, from 0 to 1")
        if not (self.least >= 1 and self.increment >= 1):
            raise ValueError(f"least is {self.least} and increment {self.increment}; both at least 1")

    def weighted(self, mix: Mix) -> float:
        """Input tokens that a request counts as: new input + cached_ratio × cached input + output_ratio × output."""
        new = mix.input_tokens * (1.0 - mix.cached_share)
        return new + self.cached_ratio * mix.input_tokens * mix.cached_share + self.output_ratio * mix.output_tokens

    def sold(self, exact: float) -> int:
        """The least number of units on sale that is no less than `exact`; none where nothing is needed."""
        if exact <= 0.0:
            return 0
        above = exact - self.least
        if above <= self.least * NEAR:
            return self.least
        return self.least + self.increment * ceil(above / self.increment * (1.0 - NEAR))


@dataclass(frozen=True, slots=True)
class Units:
    """What a load takes: `exact` units, `units` of those on sale, `used` the share of these that the load then uses (0 to 1);
    `weighted_tokens_per_min` is what the vendor counts."""

    exact: float
    units: int
    used: float
    weighted_tokens_per_min: float


def units_for(unit: ThroughputUnit, requests_per_min: float, mix: Mix) -> Units:
    """The units that carry `requests_per_min` requests of `mix`. Raises ValueError for a rate below 0.

    Rates within the minute are even here: a vendor that measures finer than a minute refuses bursts above the mean, so size for the
    peak minute of a quantile of demand, not for its mean.
    """
    if not requests_per_min >= 0.0:
        raise ValueError(f"requests_per_min is {requests_per_min}; at least 0")
    weighted = requests_per_min * unit.weighted(mix)
    exact = weighted / unit.input_tokens_per_min
    units = unit.sold(exact)
    return Units(exact, units, min(exact / units, 1.0) if units else 0.0, weighted)


def requests_carried(unit: ThroughputUnit, units: int, mix: Mix) -> float:
    """Requests of `mix` a minute that `units` carry; infinite where such a request counts as nothing."""
    weighted = unit.weighted(mix)
    return units * unit.input_tokens_per_min / weighted if weighted else float("inf")


def tokens_carried(unit: ThroughputUnit, units: int, mix: Mix) -> float:
    """Plain tokens a minute, input and output counted alike, that `units` carry where all requests are of `mix`."""
    return requests_carried(unit, units, mix) * mix.tokens
