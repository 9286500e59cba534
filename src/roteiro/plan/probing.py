"""How quality is measured where nobody says what a right answer is: questions with known answers, a judge, and drift between them.

What must not live here: asking, judging and testing (`quality`, `gateway`).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from roteiro.plan.part import ModelName, Part, Subject
from roteiro.plan.people import Budget
from roteiro.plan.provider import one_or_several
from roteiro.plan.quantity import Count, PositiveSeconds, Share, Text, within
from roteiro.terms.units import format_share

__all__ = ["Canaries", "Drift", "Judge"]


def _daily(value: str) -> Any:
    return Budget.model_validate(value)


Files = Annotated[tuple[Text, ...], BeforeValidator(one_or_several)]


class Canaries(Part):
    """Questions with known answers, asked of each target on a schedule within a budget. `true` is the short form."""

    every_s: PositiveSeconds = Field(default=900.0, alias="every", description="From one round to the next.")
    per_round: Count = Field(default=10, description="Questions of one round, to each target; the suite's are taken in turn.")
    repeats: Count = Field(default=1, description="How often each is asked in a round.")
    budget: Budget = Field(default_factory=lambda: _daily("$1/day"), description="What all of them may cost; spent, they stop.")
    targets: tuple[Subject, ...] = Field(default=(), description="Providers to ask; without any, all that chat.")
    suites: Files = Field(default=(), description="Files of questions, relative to the plan's; without any, the suite that ships.")


class Judge(Part):
    """A sampled share of the answers judged by a model, whose own errors are measured on labelled items."""

    model: ModelName = Field(description="The model that judges.")
    share: Share = Field(default=0.01, description="Share of the answers that it is shown.")
    budget: Budget = Field(default_factory=lambda: _daily("$1/day"), description="What judging may cost; spent, it stops.")
    rubric: Text | None = Field(default=None, description="What a good answer is, in place of ours.")
    factual: bool = Field(default=True, description="Whether it also says which questions ask for facts, and whether the facts are right.")
    labelled: Files = Field(default=(), description="Files of labelled items to measure it on, relative to the plan's; beside ours.")
    judges_itself: bool = Field(default=False, description="Whether it is shown answers of the very provider that judges.")


class Drift(Part):
    """Whether a model behind a name is still the same."""

    false_alarms: Annotated[Share, within(0.0, 0.5, format_share, above=True)] = Field(
        default=0.01, description="Most probability that a model which stays the same ever raises an alarm, however long it is watched."
    )
    compare: Literal["auto", "characters"] = Field(
        default="auto", description="How far texts are apart: by meaning where the extra semantic is installed, or by their characters."
    )
