"""What is promised and what is aimed at: SLA tiers, objectives of one's own, their windows, alerts and steps of burn, and maintenance.

What must not live here: attainment (it is measured by `analysis`), and whom a notice reaches by which way.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from roteiro.plan.moment import Moment
from roteiro.plan.part import Name, Part, Subject
from roteiro.plan.people import PriorityName
from roteiro.plan.quantity import Money, Number, PositiveSeconds, Share, Text, refuse
from roteiro.terms import units
from roteiro.terms.units import QuantityError, show

__all__ = [
    "Alerts",
    "BurnAlertRule",
    "BurnStep",
    "CalendarPeriod",
    "Confidence",
    "Credit",
    "Maintenance",
    "ObjectiveScope",
    "SlaTier",
    "SliName",
    "Slo",
    "TimeSlices",
]

SliName = Literal[
    "availability", "latency", "ttft", "throughput", "quality", "confidence", "hallucination", "leaks", "auditable", "cost"
]  # fmt: skip
CalendarPeriod = Literal["day", "week", "month", "quarter"]
CALENDAR: Final = ("day", "week", "month", "quarter")
LONGEST_S: Final = 92 * 86_400.0


def read_window(value: object) -> object:
    if value in CALENDAR:
        return value
    try:
        seconds = float(units.parse_duration(value, "s"))  # type: ignore[arg-type]  # it refuses what is neither text nor number
    except QuantityError:
        raise refuse(f"is {show(value)}, no window", "write day, week, month or quarter, or a rolling one: 30d") from None
    if not 3600.0 <= seconds <= LONGEST_S:
        raise refuse(f"is {units.format_duration(seconds)}; at least 1h, at most 92d", "", "E105")
    return seconds


ObjectiveWindow = Annotated[
    str | float,
    BeforeValidator(read_window),
    PlainSerializer(lambda value: value if isinstance(value, str) else units.format_duration(value), return_type=str, when_used="json"),
    WithJsonSchema({
        "type": "string", "description": "A calendar period in the plan's timezone, or a rolling window", "examples": ["month", "30d"],
    }),
]  # fmt: skip
"""A calendar period's name, or seconds of a rolling window."""


def one_or_several(value: object) -> object:
    return (value,) if isinstance(value, str) else () if value is None else value


Channels = Annotated[tuple[Name, ...], BeforeValidator(one_or_several)]
"""Names of `notify`."""


class BurnAlertRule(Part):
    """Fires while the budget burns faster than `burn` over both windows: the long one says that it matters, the short that it goes on."""

    burn: Annotated[Number, Field(gt=0)] = Field(description="Times as fast as would spend the budget exactly by the window's end.")
    long_s: PositiveSeconds = Field(alias="long", description="The long window.")
    short_s: PositiveSeconds = Field(alias="short", description="The short window.")
    severity: Literal["page", "ticket"] = Field(default="page", description="Whether someone is woken.")

    @model_validator(mode="after")
    def shorter(self) -> Self:
        if self.short_s >= self.long_s:
            message = (
                f"has a short window of {units.format_duration(self.short_s)} beside a long one of {units.format_duration(self.long_s)}"
            )
            raise refuse(message, "the short one is usually a twelfth of the long one", "E105")
        return self


class Alerts(Part):
    """Whom burn alerts tell, and when they fire."""

    page: Channels = Field(default=(), description="Channels for what cannot wait: names of `notify`.")
    ticket: Channels = Field(default=(), description="Channels for what can.")
    burn: Literal["auto", "none"] | tuple[BurnAlertRule, ...] = Field(
        default="auto", description="auto: 14.4, 6, 3 and 1 for 30 days, scaled with the window; none; or a list of one's own."
    )


class BurnStep(Part):
    """What is done while at least so much of the error budget is spent."""

    spent: Annotated[Share, Field(gt=0, le=10)] = Field(description="Share of the window's error budget.")
    do: Literal["notify", "degrade", "freeze", "shed"] = Field(
        description="Tell someone; take each model's `degrade_to`; refuse changed plans; or refuse requests of less important workloads."
    )
    to: Channels = Field(default=(), description="Channels that are told: names of `notify`.")
    below: PriorityName | None = Field(default=None, description="What is less important than this is shed; interactive.")


class TimeSlices(Part):
    """Judges by stretches of time in place of requests: a slice is good where its own share is at least `objective`."""

    length_s: PositiveSeconds = Field(alias="length", description="Length of a slice.")
    objective: Annotated[Share, Field(gt=0, le=1)] = Field(description="Share of good requests that makes a slice good.")


class ObjectiveScope(Part):
    """Whose requests count; without a word, all."""

    tier: Name | None = Field(default=None, description="One of `sla_tiers`.")
    tenant: Name | None = Field(default=None, description="One of `tenants`.")
    workload: Name | None = Field(default=None, description="One of `workloads`.")
    model: Text | None = Field(default=None, description="The logical model asked for.")
    provider: Subject | None = Field(default=None, description="The provider that answered, or was tried last.")
    region: Name | None = Field(default=None, description="That provider's region.")


class Confidence(Part):
    """How sure a model is of its own words, and in what share of answers: from log-probabilities, where the provider gives them."""

    above: Annotated[Share, Field(gt=0, lt=1)] = Field(description="Least confidence of a good answer.")
    of: Annotated[Share, Field(gt=0, le=1)] = Field(default=0.95, description="Share of answers that must have it.")


class Credit(Part):
    """What is owed to the customer where availability falls below a bound: a share of what the window cost."""

    below: Annotated[Share, Field(gt=0, le=1)] = Field(description="Attained availability below which it is due.")
    credit: Annotated[Share, Field(gt=0, le=1)] = Field(description="Share of the window's charges; of several the largest that applies.")


class SlaTier(Part):
    """What is promised to the tenants of a tier."""

    availability: Share | None = Field(default=None, description="Share of requests that get an answer.")
    latency_p50_s: PositiveSeconds | None = Field(default=None, alias="latency_p50", description="Median of the whole answer's time.")
    latency_p90_s: PositiveSeconds | None = Field(
        default=None, alias="latency_p90", description="90th percentile of the whole answer's time."
    )
    latency_p95_s: PositiveSeconds | None = Field(
        default=None, alias="latency_p95", description="95th percentile of the whole answer's time."
    )
    latency_p99_s: PositiveSeconds | None = Field(
        default=None, alias="latency_p99", description="99th percentile of the whole answer's time."
    )
    ttft_p50_s: PositiveSeconds | None = Field(default=None, alias="ttft_p50", description="Median of the time to the first token.")
    ttft_p90_s: PositiveSeconds | None = Field(
        default=None, alias="ttft_p90", description="90th percentile of the time to the first token."
    )
    ttft_p95_s: PositiveSeconds | None = Field(
        default=None, alias="ttft_p95", description="95th percentile of the time to the first token."
    )
    ttft_p99_s: PositiveSeconds | None = Field(
        default=None, alias="ttft_p99", description="99th percentile of the time to the first token."
    )
    throughput: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="Output tokens a second that 95 % of the streamed answers reach."
    )
    quality_score: Share | None = Field(default=None, description="Least share of good answers; unverified until it is measured.")
    confidence: Confidence | None = Field(default=None, description="How sure models are of their words.")
    hallucination_rate: Annotated[Share, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Most answers to factual questions that are made up."
    )
    pii_leaks: Annotated[int, Field(ge=0, le=0)] | None = Field(
        default=None, description="Answers that give away personal data: 0, or nothing is promised."
    )
    auditable: Annotated[Share, Field(gt=0, le=1)] | None = Field(
        default=None, description="Share of requests whose every decision is in the ledger."
    )
    cost_per_request_nusd: Money | None = Field(
        default=None, alias="cost_per_request", description="Most that a request costs, on the mean."
    )
    support: Text | None = Field(default=None, description="Support, in words.")
    window: ObjectiveWindow = Field(default="month", description="What the promises are judged over.")
    credits: tuple[Credit, ...] = Field(default=(), description="What is owed where availability is missed.")
    alerts: Alerts = Field(default_factory=Alerts, description="Whom burn alerts of its promises tell.")
    steps: tuple[BurnStep, ...] = Field(default=(), description="What is done as the error budget of any of its promises is spent.")


def read_threshold(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def to_share(text: str) -> float:
    return float(units.parse_share(text))


THRESHOLDS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "latency": (lambda text: float(units.parse_duration(text)), "2s"),
    "ttft": (lambda text: float(units.parse_duration(text)), "500ms"),
    "throughput": (lambda text: float(units.parse_number(text)), "20, in output tokens a second"),
    "confidence": (to_share, "0.85"),
    "cost": (lambda text: int(units.parse_money(text)), "$0.01"),
}
"""How an SLI's threshold is read, and an example. The other SLIs have none: each event is good or bad by itself."""


class Slo(Part):
    """An objective of one's own: so large a share of events is good, over a window."""

    sli: SliName = Field(description="What makes an event good.")
    objective: Annotated[Share, Field(gt=0, le=1)] = Field(description="Least share of good events.")
    threshold: Annotated[Text, BeforeValidator(read_threshold)] | None = Field(
        default=None,
        description="Most time (latency, ttft), least output tokens a second (throughput), least confidence, most dollars (cost).",
    )
    of: ObjectiveScope = Field(default_factory=ObjectiveScope, description="Whose requests count.")
    window: ObjectiveWindow = Field(default=30 * 86_400.0, description="What it is judged over.")
    slices: TimeSlices | None = Field(default=None, description="Judge by stretches of time; without it, by requests.")
    alerts: Alerts = Field(default_factory=Alerts, description="Whom burn alerts tell, and when.")
    steps: tuple[BurnStep, ...] = Field(default=(), description="What is done as the error budget is spent.")
    description: Text | None = Field(default=None, description="What it is for.")

    @model_validator(mode="after")
    def readable_threshold(self) -> Self:
        if self.sli not in THRESHOLDS:
            if self.threshold is not None:
                raise refuse(f"has a threshold, and {self.sli} needs none", "leave threshold out", "E105")
            return self
        read, example = THRESHOLDS[self.sli]
        if self.threshold is None:
            raise refuse(f"has no threshold, which {self.sli} needs", f"write threshold: {example}", "E105")
        try:
            bound = read(self.threshold)
        except QuantityError as error:
            raise refuse(f"has the threshold {show(self.threshold)}: {error.message}", f"write for example {example}") from None
        if bound <= 0:
            raise refuse(f"has the threshold {self.threshold}; more than 0", f"write for example {example}", "E105")
        return self

    @property
    def bound(self) -> float | None:
        """The threshold in seconds, tokens a second, a share or nano-dollars; None where there is none."""
        return None if self.threshold is None else THRESHOLDS[self.sli][0](self.threshold)


class Maintenance(Part):
    """A stretch of time that was announced: its requests leave the promises' denominator, and are counted apart."""

    from_unix_s: Moment = Field(alias="from", description="When it begins: a date, perhaps with a time; UTC unless it says an offset.")
    to_unix_s: Moment = Field(alias="to", description="When it ends.")
    of: ObjectiveScope = Field(default_factory=ObjectiveScope, description="Whose requests it concerns.")
    reason: Text | None = Field(default=None, description="What for.")

    @model_validator(mode="after")
    def ends_after_it_begins(self) -> Self:
        if self.to_unix_s <= self.from_unix_s:
            raise refuse("ends before it begins", "write from before to", "E105")
        return self
