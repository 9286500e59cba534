"""Providers: where answers come from, at what price, under which promises, quotas, timeouts and breaker.

What must not live here: checks that need another section.
"""

from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from roteiro.plan.hours import TimeOfDay
from roteiro.plan.moment import DayOrMoment
from roteiro.plan.part import ModelName, Name, Part
from roteiro.plan.provisioned import Provisioned
from roteiro.plan.quantity import Count, Number, PositiveSeconds, RateOf, Share, Text, TokenPrice, Tokens, refuse
from roteiro.plan.servers import Servers
from roteiro.plan.service import Service
from roteiro.plan.zone import ZoneName

__all__ = [
    "Breaker",
    "LocalModel",
    "OffPeak",
    "Price",
    "PriceChange",
    "PromisedSla",
    "Provider",
    "ProviderLimits",
    "Timeouts",
]


class OffPeak(Part):
    """Hours of the day at which tokens cost less."""

    from_s: TimeOfDay = Field(alias="from", description="When it begins.")
    to_s: TimeOfDay = Field(alias="to", description="When it ends; the next day where that is the earlier.")
    discount: Annotated[Share, Field(gt=0, lt=1)] = Field(description="How much less everything costs.")
    timezone: ZoneName | None = Field(default=None, description="IANA name of the zone those hours are in; the plan's.")


class PriceChange(Part):
    """Prices from a day on, in nano-dollars per million tokens. They replace all those before; off-peak hours stay."""

    since: DayOrMoment = Field(
        alias="from", description="When it begins: a date, at its midnight in the plan's timezone, or a date and time with its zone."
    )
    input_nusd_per_mtok: TokenPrice = Field(alias="input", description="Price of input tokens.")
    output_nusd_per_mtok: TokenPrice = Field(alias="output", description="Price of output tokens.")
    cached_input_nusd_per_mtok: TokenPrice | None = Field(
        default=None,
        alias="cached_input",
        description="Price of input tokens that the provider read from its cache; without one, this change's input price.",
    )
    reasoning_nusd_per_mtok: TokenPrice | None = Field(
        default=None, alias="reasoning", description="Price of reasoning tokens; without one, this change's output price."
    )


class Price(Part):
    """Nano-dollars per million tokens."""

    input_nusd_per_mtok: TokenPrice = Field(alias="input", description="Price of input tokens.")
    output_nusd_per_mtok: TokenPrice = Field(alias="output", description="Price of output tokens.")
    cached_input_nusd_per_mtok: TokenPrice | None = Field(
        default=None,
        alias="cached_input",
        description="Price of input tokens that the provider read from its cache; without one, the input price.",
    )
    reasoning_nusd_per_mtok: TokenPrice | None = Field(
        default=None, alias="reasoning", description="Price of reasoning tokens; without one, the output price."
    )
    changes: tuple[PriceChange, ...] = Field(default=(), description="What it costs from later days on, in their order.")
    off_peak: OffPeak | None = Field(default=None, description="Hours of the day at which it costs less.")
    source: Text | None = Field(default=None, description="Where the price was read, and when; filled in when it comes from the catalogue.")


class PromisedSla(Part):
    """What the provider's contract promises."""

    availability: Share | None = Field(default=None, description="Share of requests, or of time, that the provider promises to answer.")
    latency_p95_s: PositiveSeconds | None = Field(
        default=None, alias="latency_p95", description="Promised 95th percentile of the whole answer's time."
    )


class ProviderLimits(Part):
    """The provider's quotas, as its contract or tier grants them."""

    requests: RateOf | None = Field(default=None, description="Requests a period; a bare number is a minute's.")
    tokens: RateOf | None = Field(default=None, description="Tokens a period; a bare number is a minute's.")
    burst_s: PositiveSeconds | None = Field(
        default=None, alias="burst", description="How much time's worth may come at once; the rate's own period."
    )
    concurrency: Count = Field(default=256, description="Requests in flight at once.")


class Timeouts(Part):
    """How long one attempt may be silent."""

    connect_s: PositiveSeconds = Field(default=5.0, alias="connect", description="To a connection, TLS included.")
    first_token_s: PositiveSeconds = Field(
        default=30.0, alias="first_token", description="From sending a stream's request to its first byte."
    )
    idle_s: PositiveSeconds = Field(default=30.0, alias="idle", description="Between two pieces of a stream.")
    attempt_s: PositiveSeconds = Field(default=60.0, alias="attempt", description="One attempt, from its send to its end.")


class Breaker(Part):
    """Circuit breaker: closed, open, half-open."""

    window_s: PositiveSeconds = Field(default=30.0, alias="window", description="Sliding window over which failures are counted.")
    failure_rate: Share = Field(default=0.5, description="Share of failures at which it opens.")
    minimum_calls: Count = Field(default=20, description="Fewer calls in the window never open it.")
    open_for_s: PositiveSeconds = Field(
        default=5.0, alias="open_for", description="First time open; it doubles with each opening in a row."
    )
    max_open_s: PositiveSeconds = Field(default=60.0, alias="max_open", description="Longest time open.")
    half_open_probes: Count = Field(default=3, description="Requests let through to see whether the provider is back.")
    slow_call_s: PositiveSeconds | None = Field(default=None, alias="slow_call", description="An answer slower than this counts as slow.")
    slow_rate: Share = Field(default=0.8, description="Share of slow calls at which it opens, where `slow_call` is set.")


class LocalModel(Part):
    """A model that Roteiro runs itself, in a process beside the gateway."""

    gguf: Text = Field(
        default="smollm2", description="`smollm2` for the model that comes with the extra `local`, or the path of a GGUF file."
    )
    context_tokens: Tokens = Field(default=2048, alias="context", description="Context of one request.")
    slots: Count = Field(default=2, description="Requests served at once.")
    threads: Count | None = Field(default=None, description="Threads of computing; without it, the cores there are.")

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return {"gguf": value} if isinstance(value, str) else value


def web_address(value: str, example: str, secret: str) -> SplitResult:
    """An http address without a user. `secret`: where one belongs instead."""
    remedy = f"write for example {example}"
    try:
        url = urlsplit(value)
        port_ok = url.port is None or url.port > 0
    except ValueError:
        raise refuse(f"is {value[:80]!r}, not an address", remedy) from None
    if url.scheme not in ("http", "https") or not url.hostname or not port_ok or any(c.isspace() for c in value):
        raise refuse(f"is {value[:80]!r}, not an http or https address", remedy)
    if url.username or url.password:
        raise refuse("carries a user or password", f"put the secret in an environment variable and name it in {secret}")
    return url


def http_url(value: str) -> str:
    example = "https://api.example.com/v1"
    url = web_address(value, example, "key_env")
    if url.query or url.fragment:
        raise refuse(f"is {value[:80]!r}, with a query or fragment", f"write for example {example}")
    return value.rstrip("/")


def environment_name(value: str) -> str:
    if not value.isascii() or not value.replace("_", "a").isalnum() or value[0].isdigit():
        # The value is not shown: it may be the secret itself.
        raise refuse("is not the name of an environment variable", "write the name (OPENAI_API_KEY), never the key itself", "E107")
    return value


def one_or_several(value: object) -> object:
    """A name alone is a list of one; none at all is an empty one."""
    return (value,) if isinstance(value, str) else () if value is None else value


def one_or_list(value: tuple[str, ...]) -> str | list[str] | None:
    return None if not value else value[0] if len(value) == 1 else list(value)


KeyNames = Annotated[
    tuple[Annotated[Text, AfterValidator(environment_name)], ...],
    BeforeValidator(one_or_several),
    PlainSerializer(one_or_list, when_used="json"),
    WithJsonSchema({
        "anyOf": [
            {"type": "string", "minLength": 1, "examples": ["OPENAI_API_KEY"]},
            {"type": "array", "items": {"type": "string", "minLength": 1}},
            {"type": "null"},
        ]
    }),
]  # fmt: skip


class Provider(Part):
    """One target: a model at a vendor, or a model of one's own."""

    name: Name = Field(description="The vendor: openai, anthropic, google, local … Its address and prices come from the catalogue.")
    model: ModelName = Field(description="The name the provider knows the model by.")
    weight: Number = Field(default=1.0, description="Share of the traffic among those that weigh; 0 takes none unless as a fallback.")
    base_url: Annotated[Text, AfterValidator(http_url)] | None = Field(
        default=None, description="Address up to the version, as the SDKs take it."
    )
    dialect: Literal["openai", "anthropic", "gemini"] = Field(
        default="openai", description="The API spoken; without one, that of the catalogue's address."
    )
    kind: Literal["chat", "embedding"] = Field(default="chat", description="What the model gives: answers, or embeddings of texts.")
    key_envs: KeyNames = Field(
        default=(),
        alias="key_env",
        description="Environment variable that holds the key, or a list of at most 8 whose keys take turns. A key is never in the plan.",
    )
    assistant_prefix: bool = Field(
        default=True,
        description="Whether it goes on from the beginning of an answer, so that it can rescue a stream that broke elsewhere; "
        "without a word, what the catalogue knows of the vendor's model, else true.",
    )
    on_premises: bool | None = Field(
        default=None, description="Whether it runs in one's own house; `all_cloud_unavailable` leaves these out."
    )
    region: Name = Field(default="default", description="Where it runs.")
    price: Price | None = Field(default=None, description="Price of tokens; without one, the catalogue's.")
    promised_sla: PromisedSla | None = Field(default=None, description="What its contract promises.")
    limits: ProviderLimits = Field(default_factory=ProviderLimits, description="Its quotas.")
    timeouts: Timeouts = Field(default_factory=Timeouts, description="How long an attempt may be silent.")
    breaker: Breaker = Field(default_factory=Breaker, description="When to stop asking, and for how long.")
    context_tokens: Tokens | None = Field(default=None, description="Longest input and output together; without it, the catalogue's.")
    max_output_tokens: Tokens | None = Field(default=None, description="Longest answer it gives.")
    service: Service | None = Field(default=None, description="How it serves, for the sandbox and the simulator.")
    local: LocalModel | None = Field(default=None, description="A model that Roteiro runs itself.")
    quality: Share | None = Field(default=None, description="Measured quality of its answers, which tiers' quality_score is held against.")
    provisioned: Provisioned | None = Field(default=None, description="Throughput that it sells by units; for capacity planning.")
    batch_discount: Share | None = Field(default=None, description="How much less its tokens cost in batches, which may take hours.")
    servers: Servers | None = Field(
        default=None, description="Model servers of one's own: the simulator then computes its times from their batches."
    )

    @property
    def key_env(self) -> str | None:
        """The first of its keys' variables."""
        return self.key_envs[0] if self.key_envs else None

    @property
    def is_cloud(self) -> bool:
        return not self.on_premises
