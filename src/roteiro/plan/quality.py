"""How the quality of answers is measured, and whose verdicts make the score that routing and service levels look at.

What must not live here: measuring (`quality`, `gateway`).
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from roteiro.plan.caching import switched
from roteiro.plan.observing import Feedback, Grounding, Observe
from roteiro.plan.part import Part
from roteiro.plan.probing import Canaries, Drift, Judge

__all__ = ["Quality", "Scorer"]

Scorer = Literal["canary", "judge", "feedback"]


class Quality(Part):
    """Quality is unverified until something measures it."""

    score: tuple[Scorer, ...] = Field(
        default=("judge", "canary"), min_length=1, description="Whose verdicts make the quality score of a provider and of a tier."
    )
    observe: Observe = Field(default_factory=Observe, description="Answers that are looked at; a share is the short form.")
    grounding: Grounding = Field(default_factory=Grounding, description="How claims are held against the sources of a request.")
    feedback: Annotated[Feedback | None, BeforeValidator(switched)] = Field(
        default=None, description="Take what users say of answers, at /v1/feedback; true, or within a time."
    )
    canaries: Annotated[Canaries | None, BeforeValidator(switched)] = Field(
        default=None, description="Questions with known answers, asked of each target; true, or how often and for how much."
    )
    judge: Judge | None = Field(default=None, description="A sampled share of the answers judged by a model.")
    drift: Drift = Field(
        default_factory=Drift, description="Whether the model behind a name is still the same, by its answers to canaries."
    )
