"""A question with a known answer, and what a right answer is like. Plain data: read from a suite, asked of targets, graded.

What must not live here: reading suites (`plan.suite`), grading (`quality.grading`).
"""

from typing import Any, Literal

from msgspec import Struct

__all__ = ["Expected", "Labelled", "Probe", "ProbeKind", "ProbeLanguage"]

ProbeKind = Literal["factual", "format", "instruction", "arithmetic", "safe"]
ProbeLanguage = Literal["en", "pt"]


class Expected(Struct, frozen=True, kw_only=True):
    """What a right answer is like; all that is given must hold. Texts compare without case, and without quotes and punctuation around."""

    one_of: tuple[str, ...] = ()
    """The whole answer is one of these."""
    number: float | None = None
    """The last number of the answer, within `tolerance`."""
    tolerance: float = 0.0
    contains: tuple[str, ...] = ()
    """All of them are in it."""
    contains_any: tuple[str, ...] = ()
    """At least one of them is in it."""
    contains_not: tuple[str, ...] = ()
    """None of them is in it."""
    regex: str | None = None
    """The whole answer, space around it aside, matches."""
    schema: dict[str, Any] | None = None
    """It is JSON of this schema."""
    language: ProbeLanguage | None = None
    most_words: int | None = None
    least_words: int | None = None


class Probe(Struct, frozen=True, kw_only=True):
    """`number` is its place among the probes of the plan, and stays while the suites do not change before it."""

    id: str
    kind: ProbeKind
    language: ProbeLanguage
    ask: str
    expected: Expected
    number: int = -1
    system: str | None = None
    most_tokens: int = 128
    example: str | None = None
    """A right answer."""
    wrong: str | None = None
    """A wrong one."""


class Labelled(Struct, frozen=True):
    """A question with an answer of which somebody said whether it is good; a judge is measured on it."""

    question: str
    answer: str
    good: bool
    factual: bool
    language: ProbeLanguage
