"""How the quality of answers is measured, and whose verdicts make the score that routing and service levels look at.

What must not live here: measuring (`quality`, `gateway`).
"""

from typing import Literal

from pydantic import Field

from roteiro.plan.part import Part

__all__ = ["Quality", "Scorer"]

Scorer = Literal["canary", "judge", "feedback"]


class Quality(Part):
    """Quality is unverified until something measures it."""

    score: tuple[Scorer, ...] = Field(
        default=("judge", "canary"), min_length=1, description="Whose verdicts make the quality score of a provider and of a tier."
    )
