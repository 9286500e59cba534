"""Labelled items that a judge is measured on: YAML → items, or all problems by line. A set ships with the package (`suites/labelled.yaml`).

What must not live here: judging, and what is made of its verdicts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from roteiro.plan.part import Name, Part
from roteiro.plan.quantity import Text
from roteiro.plan.suite import joined
from roteiro.terms.probe import Labelled, ProbeLanguage
from roteiro.terms.problem import Problem

__all__ = ["STARTER", "LabelledSet", "read_labelled"]

STARTER: Final = Path(__file__).parent / "suites" / "labelled.yaml"


class Item(Part):
    """A question, an answer, and whether it is good."""

    language: ProbeLanguage = Field(default="en", description="Of both: en or pt.")
    question: Text = Field(description="What was asked.")
    answer: Text = Field(description="What was answered.")
    good: bool = Field(description="Whether the answer is good: right, and what was asked for.")
    factual: bool = Field(default=True, description="Whether the question asks for facts.")


class LabelledSet(Part):
    """A file of labelled items."""

    labelled: Literal[1] = Field(default=1, description="Version of the sets' language.")
    items: dict[Name, Item] = Field(min_length=1, description="By name.")


def read_labelled(paths: Sequence[Path]) -> tuple[list[Labelled], list[Problem]]:
    """The items of the set that ships and of some files, and all problems of all files."""
    return joined(
        [STARTER, *paths],
        LabelledSet,
        lambda one: (
            (("items", id), id, Labelled(item.question, item.answer, item.good, item.factual, item.language))
            for id, item in one.items.items()
        ),
    )
