"""What is looked at of answers: which share of them, by which signals; how claims are held against sources; whose word is taken.

What must not live here: the looking (`quality`, `gateway`), and questions that are asked on purpose (canaries, a judge).
"""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from roteiro.plan.part import ModelName, Name, Part
from roteiro.plan.quantity import Bytes, Count, PositiveSeconds, Share, within
from roteiro.terms import units

__all__ = ["SIGNALS", "Feedback", "Grounding", "Observe", "SignalName"]

SignalName = Literal["confidence", "refused", "truncated", "format", "language", "repetition", "grounded", "leaks"]
SIGNALS: Final[tuple[SignalName, ...]] = (
    "confidence", "refused", "truncated", "format", "language", "repetition", "grounded", "leaks",
)  # fmt: skip
KIB: Final = 1024


class Observe(Part):
    """Answers that are looked at, beside their way, by a process of their own. A share alone is the short form."""

    share: Share = Field(default=0.0, description="Share of the answers, chosen by the request's number; 0 looks at none.")
    models: dict[ModelName, Share] = Field(default_factory=dict, description="Another share for some models.")
    workloads: dict[Name, Share] = Field(default_factory=dict, description="Another share for some workloads; before the model's.")
    signals: tuple[SignalName, ...] = Field(default=SIGNALS, min_length=1, description="What is looked for.")
    most_bytes: Annotated[Bytes, within(KIB, 192 * KIB, units.format_size)] = Field(
        default=128 * KIB, description="Request and answer together; longer ones are not looked at, and counted."
    )

    @model_validator(mode="before")
    @classmethod
    def shorthand(cls, value: object) -> object:
        return value if isinstance(value, dict | Observe) or value is None else {"share": value}

    @property
    def any(self) -> bool:
        """Whether any answer is looked at."""
        return max((self.share, *self.models.values(), *self.workloads.values())) > 0.0


class Grounding(Part):
    """How an answer's claims are held against the sources that its request brings."""

    least_claims: Count = Field(default=1, description="An answer with fewer claims that can be checked is unverified.")


class Feedback(Part):
    """What users say of answers, at `POST /v1/feedback`. `true` is the short form."""

    within_s: PositiveSeconds = Field(default=30 * 86400.0, alias="within", description="How long after the request feedback is taken.")
