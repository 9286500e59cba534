"""Model servers of one's own behind a provider: how many replicas, how long one takes for an iteration, what it holds, what it costs.

What must not live here: when to add and remove replicas (`scaling_policies`), and how a replica's batch comes about (`simulator.batching`).
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from roteiro.plan.part import Name, Part
from roteiro.plan.quantity import Count, Seconds, Share, Tokens, refuse
from roteiro.terms import units
from roteiro.terms.units import QuantityError

__all__ = ["MOST_BATCH", "MOST_REPLICAS", "HourlyCost", "ServerVariant", "Servers"]

MOST_REPLICAS = 1000
MOST_BATCH = 4096
HOURS = {"hour": 1, "day": 24, "week": 168}


def read_hourly(value: object) -> object:
    """Nano-dollars an hour, of money a period."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        spend = units.parse_spend(value)  # type: ignore[arg-type]
    except QuantityError as error:
        raise refuse(error.message, "write for example $2.50/h") from None
    if spend.period not in HOURS:
        raise refuse(f"is {value}; months have no fixed number of hours", "write for example $2.50/h")
    return spend.nusd // HOURS[spend.period]


def bounded(most: int) -> AfterValidator:
    def validate(value: int) -> int:
        if value > most:
            raise refuse(f"is {value}; at most {most}", "", "E105")
        return value

    return AfterValidator(validate)


HourlyCost = Annotated[
    int,
    BeforeValidator(read_hourly),
    PlainSerializer(lambda nusd: f"{units.format_money(nusd)}/hour", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": "US dollars an hour", "examples": ["$2.50/h", "$60/day"]}),
]


class ServerVariant(Part):
    """Another form of the same servers: a precision (FP16, INT8, INT4), a larger machine. What it does not say is as the servers say."""

    alpha_s: Seconds | None = Field(default=None, alias="alpha", description="Time of an iteration whatever it does.")
    beta_s: Seconds | None = Field(default=None, alias="beta", description="Further time for each token computed.")
    prefill_s: Seconds | None = Field(default=None, alias="prefill", description="The same for a prompt's tokens.")
    gamma_s: Seconds | None = Field(default=None, alias="gamma", description="Further time for each token in memory.")
    batch: Annotated[Count, bounded(MOST_BATCH)] | None = Field(default=None, description="Answers that one replica works at together.")
    kv_tokens: Tokens | None = Field(default=None, description="Tokens that a replica's memory holds.")
    start_up_s: Seconds | None = Field(default=None, alias="start_up", description="From the decision to add a replica until it serves.")
    cost_nusd_per_h: HourlyCost | None = Field(default=None, alias="cost", description="Cost of one replica.")
    quality: Share | None = Field(default=None, description="Measured quality of its answers; without it, the provider's.")


class Servers(Part):
    """Replicas with continuous batching. One iteration takes

    alpha + beta × (answers that get a token) + prefill × (prompt tokens computed) + gamma × (tokens in memory as it begins).
    """

    replicas: Count = Field(default=1, description="Replicas at the beginning.")
    least: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Fewest replicas; without it, as many as at the beginning.")
    most: Annotated[Count, bounded(MOST_REPLICAS)] | None = Field(
        default=None, description="Most replicas; without it, as many as at the beginning."
    )
    start_up_s: Seconds = Field(default=90.0, alias="start_up", description="From the decision to add a replica until it serves.")
    batch: Annotated[Count, bounded(MOST_BATCH)] = Field(default=48, description="Answers that one replica works at together.")
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=128, description="Requests that may wait before all replicas together; further ones are refused."
    )
    refusal: Literal[429, 503] = Field(
        default=503, description="The status of that refusal: 503 counts as a failure, 429 as a lack of capacity."
    )
    alpha_s: Seconds = Field(default=0.012, alias="alpha", description="Time of an iteration whatever it does.")
    beta_s: Seconds = Field(default=0.00005, alias="beta", description="Further time for each token computed.")
    prefill_s: Seconds | None = Field(
        default=None, alias="prefill", description="The same for a prompt's tokens where these cost otherwise; without it, beta."
    )
    gamma_s: Seconds = Field(default=0.0, alias="gamma", description="Further time for each token in memory.")
    network_s: Seconds = Field(default=0.0, alias="network", description="Time of a request that no iteration explains.")
    chunk: Tokens = Field(default=512, description="Prompt tokens that one iteration computes at most.")
    kv_tokens: Tokens | None = Field(default=None, description="Tokens that a replica's memory holds; without it, as many as come.")
    dispatch: Literal["least_loaded", "round_robin"] = Field(
        default="least_loaded", description="Which replica with room gets the next request."
    )
    cost_nusd_per_h: HourlyCost | None = Field(default=None, alias="cost", description="Cost of one replica.")
    variants: dict[Name, ServerVariant] = Field(
        default_factory=dict, description="Precisions and machines that there are to choose from, by name: fp16, int8, int4, two-cards …"
    )
    variant: Name | None = Field(default=None, description="Which of them runs; what it says takes the place of the servers' own.")

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if not self.fewest <= self.replicas <= self.highest:
            message = f"begins with {self.replicas} replicas, of {self.fewest} to {self.highest}"
            raise refuse(message, "write least ≤ replicas ≤ most", "E105")
        if self.replicas > MOST_REPLICAS:
            raise refuse(f"has {self.replicas} replicas; at most {MOST_REPLICAS}", "model them as several providers", "E105")
        if self.alpha_s + self.beta_s <= 0.0:
            raise refuse("has iterations that take no time", "give alpha or beta a time above 0", "E105")
        if self.variant is not None and self.variant not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise refuse(f"runs the variant {self.variant!r}; there are: {known}", "name one of variants", "E106")
        return self

    def running(self, variant: str | None) -> Self:
        """The servers as they are under one of their variants; as written under None. Doing it again changes nothing."""
        if variant is None:
            return self
        given = self.variants[variant]
        taken = {name: getattr(given, name) for name in type(given).model_fields if name != "quality"}
        return self.model_copy(update={name: value for name, value in taken.items() if value is not None} | {"variant": variant})

    @property
    def fewest(self) -> int:
        """Fewest replicas."""
        return self.replicas if self.least is None else self.least

    @property
    def highest(self) -> int:
        """Most replicas."""
        return self.replicas if self.most is None else self.most
