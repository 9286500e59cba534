"""Vendors: what is declared of them, each fact with its source and date; what they promise in their SLAs; and by what they are judged.

What must not live here: what is measured of them (`analysis`), and providers, through which they are asked.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from roteiro.catalog.criteria import MEASURE_NAMES, MEASURES, CriterionName, Unit
from roteiro.plan.objectives import Maintenance
from roteiro.plan.part import Name, Part
from roteiro.plan.quantity import Money, Number, PositiveSeconds, Seconds, Share, Text, refuse
from roteiro.plan.zone import ZoneName
from roteiro.terms import units
from roteiro.terms.units import QuantityError, show

__all__ = [
    "BLAMED",
    "Criterion",
    "Declared",
    "Ecosystem",
    "Graded",
    "MeasureScale",
    "Negotiated",
    "Privacy",
    "Support",
    "Vendor",
    "VendorCredit",
    "VendorSla",
    "Vendors",
    "Wants",
]

DAY_S: Final = 86_400.0
LevelName = Literal["high", "medium", "low"]
ErrorName = Literal["auth", "rate_limit", "server", "timeout", "connection", "content", "bad_request", "protocol", "context", "unfit"]
BLAMED: Final[tuple[ErrorName, ...]] = ("server", "timeout", "connection", "protocol")
"""Classes of failures that are the vendor's own, unless its SLA says otherwise."""


class Declared(Part):
    """A fact that was read somewhere, and when."""

    source: Text = Field(description="Where it was read: a page, a contract, a letter.")
    as_of: date = Field(description="The day on which it was read.")
    until: date | None = Field(default=None, description="The last day on which it holds, where it has one.")


class Graded(Declared):
    """A grade of one's own making, with its grounds."""

    grade: Share = Field(description="From 0 to 1.")


class Privacy(Declared):
    """What the vendor does with the data."""

    training: Literal["never", "opt_in", "opt_out", "always"] | None = Field(
        default=None, description="Whether it trains on the data: never, only where one agrees, unless one objects, always."
    )
    retention_s: Seconds | None = Field(default=None, alias="retention", description="How long prompts and answers are kept; 0s is not.")
    agreements: tuple[Name, ...] | None = Field(default=None, description="Agreements that were signed: lgpd, gdpr, hipaa-baa.")
    residency: tuple[Name, ...] | None = Field(default=None, description="Where data may be bound to: br, eu, us.")


class Support(Declared):
    """What support is promised."""

    first_response_s: PositiveSeconds | None = Field(
        default=None, alias="first_response", description="To a report of the highest severity."
    )
    hours: Text | None = Field(default=None, description="When it is there: 24x7, business hours.")
    channels: tuple[Name, ...] = Field(default=(), description="How it is reached: email, chat, phone.")


class Ecosystem(Declared):
    """What surrounds the vendor's models."""

    sdks: tuple[Name, ...] | None = Field(default=None, description="Languages of its official libraries.")
    integrations: tuple[Name, ...] | None = Field(default=None, description="What it works with.")
    fine_tuning: bool | None = Field(default=None, description="Whether its models can be trained further.")


class Negotiated(Declared):
    """What was agreed beside the price list."""

    discount: Share | None = Field(default=None, description="On the list's prices, once.")
    committed_nusd: Money | None = Field(default=None, alias="committed", description="Least spend a month.")
    notice_s: Seconds | None = Field(default=None, alias="notice", description="How long before its end it must be cancelled.")
    terms: Text | None = Field(default=None, description="Anything else, in words.")


class VendorCredit(Part):
    """A bracket: what is owed where less than `below` was attained."""

    below: Annotated[Share, Field(gt=0, le=1)] = Field(description="Attainment below which it is due.")
    credit: Annotated[Share, Field(gt=0, le=1)] = Field(description="Share of what was paid for the period; the largest that applies.")


class Slices(Part):
    """Availability by time: a slice of time is down where too many of its requests failed."""

    length_s: PositiveSeconds = Field(default=300.0, alias="length", description="Length of a slice.")
    failures_above: Annotated[Share, Field(ge=0, lt=1)] = Field(
        default=0.05, description="Share of failed requests above which the slice is down."
    )
    least_requests: Annotated[int, Field(ge=1)] = Field(default=1, description="A slice with fewer requests counts as up.")


class VendorSla(Declared):
    """One promise of availability, as the vendor's contract measures it."""

    target: Annotated[Share, Field(gt=0, le=1)] = Field(description="Attainment that is promised for each period.")
    period: Literal["month", "quarter"] = Field(default="month", description="Calendar period that it is judged over.")
    timezone: ZoneName = Field(default="UTC", description="Where its months begin.")
    measured: Literal["requests", "slices"] = Field(
        default="requests", description="By the share of requests that did not fail, or of slices of time that were up."
    )
    slices: Slices = Field(default_factory=Slices, description="What a slice is, where it is measured by them.")
    failures: tuple[ErrorName, ...] = Field(default=BLAMED, description="Classes that count as failures of the vendor.")
    excluded: tuple[ErrorName, ...] = Field(
        default=("auth", "bad_request", "context", "unfit", "content"), description="Classes that leave the count; others count as fine."
    )
    models: tuple[Text, ...] = Field(default=(), description="The vendor's models that it covers; without a word, all.")
    maintenance: tuple[Maintenance, ...] = Field(default=(), description="Stretches that the vendor announced, which leave the count.")
    credits: tuple[VendorCredit, ...] = Field(default=(), description="What is owed where the target is missed.")
    claim_within_s: PositiveSeconds | None = Field(
        default=None, alias="claim_within", description="How long after the period's end a claim may be made."
    )
    claim_to: Text | None = Field(default=None, description="Where claims are sent.")


class Vendor(Part):
    """What is known of one vendor beside what is measured."""

    legal_name: Text | None = Field(default=None, description="Its name in letters.")
    account: Text | None = Field(default=None, description="One's own account there, told in claims. No secret.")
    cloud: Name | None = Field(default=None, description="Whose machines it runs on: two vendors on one cloud may go down together.")
    certifications: dict[Name, Declared] = Field(default_factory=dict, description="iso-27001, soc-2-type-2, pci-dss.")
    privacy: Privacy | None = Field(default=None, description="Terms of data.")
    support: Support | None = Field(default=None, description="Terms of support.")
    documentation: Graded | None = Field(default=None, description="How good its documentation is.")
    ecosystem: Ecosystem | None = Field(default=None, description="Libraries, integrations, fine-tuning.")
    community: Graded | None = Field(default=None, description="How lively its community is.")
    benchmarks: dict[Name, Graded] = Field(default_factory=dict, description="Published results, 0 to 1.")
    negotiated: Negotiated | None = Field(default=None, description="What was agreed with it.")
    sla: tuple[VendorSla, ...] = Field(default=(), description="What it promises, and owes where it fails to.")


class Wants(Part):
    """What one wants of every vendor: lists that declared ones are held against."""

    certifications: tuple[Name, ...] = Field(default=("iso-27001", "soc-2-type-2"), description="Certifications.")
    agreements: tuple[Name, ...] = Field(default=("lgpd", "gdpr"), description="Agreements on data.")
    residency: tuple[Name, ...] = Field(default=(), description="Places where data may be bound to; without any, nothing is scored.")
    sdks: tuple[Name, ...] = Field(default=("python",), description="Libraries.")
    integrations: tuple[Name, ...] = Field(default=(), description="Integrations; without any, nothing is scored.")


def weight_of(value: object) -> object:
    return {"weight": value} if isinstance(value, str | int | float) and not isinstance(value, bool) else value


class Criterion(Part):
    """How much a criterion counts, and its measures within it. A word or a number alone is the weight."""

    weight: LevelName | Annotated[Number, Field(ge=0)] = Field(description="high, medium, low, or a number.")
    measures: dict[Name, Annotated[Number, Field(ge=0)]] = Field(
        default_factory=dict, description="Weights of its measures; those that are not named have 1."
    )

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: Any) -> Any:
        return weight_of(value)


def read_bound(value: str | float, unit: Unit) -> float:
    match unit:
        case "share":
            return float(units.parse_share(value))
        case "seconds":
            return float(units.parse_duration(value, "s"))
        case "per_s":
            return float(units.parse_number(value))
    return units.parse_token_price(value) / units.NUSD


class MeasureScale(Part):
    """From what on a measure scores nothing, and from what on all."""

    worst: str | float = Field(description="Scores 0, as anything worse: 20s, 90%, 10, $30/1M tokens.")
    best: str | float = Field(description="Scores 1, as anything better.")

    def bounds(self, name: str) -> tuple[float, float]:
        """(worst, best) of a measure in its unit. Raises QuantityError."""
        unit = MEASURES[name].unit
        return read_bound(self.worst, unit), read_bound(self.best, unit)


class Vendors(Part):
    """Who they are, and how they are judged."""

    by_name: dict[Name, Vendor] = Field(default_factory=dict, description="By vendor: the `name` of one or more `providers`.")
    weights: dict[LevelName, Annotated[Number, Field(ge=0)]] = Field(
        default={"high": 3.0, "medium": 2.0, "low": 1.0}, description="What the words for weights mean."
    )
    criteria: dict[CriterionName, Criterion] = Field(
        default_factory=dict, description="How much each criterion counts: performance, quality and security high, the others medium."
    )
    scales: dict[Name, MeasureScale] = Field(default_factory=dict, description="Scales of measures in place of the usual ones.")
    wants: Wants = Field(default_factory=Wants, description="What declared facts are held against.")
    stale_after_s: PositiveSeconds = Field(
        default=365 * DAY_S, alias="stale_after", description="A declared fact that is older gives no score."
    )
    least_coverage: Share = Field(default=0.5, description="Vendors with a smaller weighted share of measures known have no rank.")

    @model_validator(mode="after")
    def readable(self) -> Self:
        for name, scale in self.scales.items():
            if name not in MEASURES:
                raise refuse(f"has a scale of the unknown measure {name!r}", f"there are {', '.join(MEASURES)}", "E106")
            try:
                worst, best = scale.bounds(name)
            except QuantityError as error:
                raise refuse(f"has a scale of {name} that cannot be read: {error.message}", error.remedy) from None
            except (TypeError, ValueError):
                raise refuse(f"has a scale of {name} from {show(scale.worst)} to {show(scale.best)}", "write quantities") from None
            if worst == best:
                raise refuse(f"has a scale of {name} whose worst is its best", "let them differ", "E105")
            if min(worst, best) < 0.0 or (MEASURES[name].curve == "log" and min(worst, best) == 0.0):
                raise refuse(f"has a scale of {name} that reaches 0 or below, and it is logarithmic", "end it above 0", "E105")
            if MEASURES[name].curve == "nines" and max(worst, best) >= 1.0:
                raise refuse(f"has a scale of {name} that reaches 100%", "end it at a number of nines, as 99.99%", "E105")
        for criterion, given in self.criteria.items():
            for name in given.measures:
                if name not in MEASURE_NAMES[criterion]:
                    raise refuse(
                        f"names {name!r}, which is no measure of {criterion}", f"it has {', '.join(MEASURE_NAMES[criterion])}", "E106"
                    )
        return self

    def weight(self, criterion: CriterionName) -> float:
        """The number behind a criterion's weight. Unless the plan says otherwise, as the chapter has it."""
        given = self.criteria.get(criterion)
        word = given.weight if given is not None else USUAL[criterion]
        return float(self.weights.get(word, LEVELS[word]) if isinstance(word, str) else word)

    def measure_weight(self, name: str) -> float:
        """Of a measure within its criterion."""
        given = self.criteria.get(MEASURES[name].criterion)
        return 1.0 if given is None else float(given.measures.get(name, 1.0))

    def scale(self, name: str) -> tuple[float, float]:
        """(worst, best) of a measure, in its unit."""
        row, given = MEASURES[name], self.scales.get(name)
        return (row.worst, row.best) if given is None else given.bounds(name)


LEVELS: Final[dict[str, float]] = {"high": 3.0, "medium": 2.0, "low": 1.0}
USUAL: Final[dict[CriterionName, LevelName]] = {
    "performance": "high", "quality": "high", "security": "high", "cost": "medium", "support": "medium", "ecosystem": "medium",
}  # fmt: skip
