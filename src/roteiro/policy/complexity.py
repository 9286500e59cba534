"""How demanding a task looks, from features of its request: a score from 0 to 100, and a tier that a plan can give a model of its own.

The score is a sum of points, one table, so that it can be told part by part. The weights are a judgement, not a fit: they order requests
by what makes small models fail (length, reasoning, tools, structure), and a plan's owner checks the effect on their own ledger.

Plain Python: the gateway judges once a request and tells the kernel the tier. What must not live here: reading a request (`wire.features`),
and which model a tier gets (the plan).
"""

from bisect import bisect_right
from collections.abc import Iterable
from enum import IntFlag
from typing import Final, NamedTuple, Protocol

from roteiro.terms.codes import Complexity

__all__ = [
    "COMPLEX_FROM", "INPUT_POINTS", "MANY_TOOLS_FROM", "MEDIUM_FROM", "OUTPUT_POINTS", "POINTS", "TURNS_FROM",
    "Feature", "Features", "Judgement", "judge", "pack", "parts", "score", "tier", "unpack",
]  # fmt: skip


class Feature(IntFlag):
    """What a request has. The numbers are written to ledgers: append, do not renumber."""

    TOOLS = 1
    """It offers tools."""
    MANY_TOOLS = 2
    """It offers so many that choosing is a task of its own."""
    CODE = 4
    """There is a fenced block of code near its end."""
    SCHEMA = 8
    """The answer must follow a JSON schema."""
    REASONING = 16
    """It asks for reasoning, at medium effort or more."""
    PICTURES = 32
    """It has a picture, a document or another file near its end."""
    ASKS = 64
    """It asks to explain, compare, prove, analyse, plan …, in English or Portuguese."""
    TURNS = 128
    """The conversation goes on for several turns."""


POINTS: Final[dict[Feature, int]] = {
    Feature.TOOLS: 20,
    Feature.MANY_TOOLS: 10,
    Feature.CODE: 15,
    Feature.SCHEMA: 12,
    Feature.REASONING: 30,
    Feature.PICTURES: 20,
    Feature.ASKS: 20,
    Feature.TURNS: 10,
}
"""Points of each feature."""

INPUT_POINTS: Final = ((250, 6), (500, 12), (1_000, 18), (2_000, 24), (4_000, 30), (8_000, 36), (16_000, 42), (32_000, 48))
"""(input tokens from which, points): six points a doubling. The last step that is reached counts."""

OUTPUT_POINTS: Final = ((2_000, 5), (4_000, 10), (8_000, 15))
"""(most output tokens from which, points), of what is reserved for the answer."""

MANY_TOOLS_FROM: Final = 5
TURNS_FROM: Final = 4
"""User turns."""

MEDIUM_FROM: Final = 20
COMPLEX_FROM: Final = 50
"""Scores at which the tiers begin."""

HIGHEST: Final = 100

_TIER_SHIFT: Final = 3
_FEATURE_SHIFT: Final = 24
_SCORE_SHIFT: Final = 32
_FROM_INPUT: Final = tuple(tokens for tokens, _ in INPUT_POINTS)
_FROM_OUTPUT: Final = tuple(tokens for tokens, _ in OUTPUT_POINTS)
_SUMS: Final = tuple(sum(points for feature, points in POINTS.items() if bits & feature) for bits in range(256))


class Features(Protocol):
    """What a reader of requests can tell of one."""

    @property
    def tools(self) -> int:
        """Tools offered."""

    @property
    def turns(self) -> int:
        """User turns."""

    @property
    def code(self) -> bool: ...

    @property
    def schema(self) -> bool: ...

    @property
    def reasoning(self) -> bool: ...

    @property
    def pictures(self) -> bool: ...

    @property
    def asks(self) -> bool: ...


class Judgement(NamedTuple):
    """What was made of a request."""

    tier: Complexity
    score: int
    features: Feature


def judge(features: Features, input_tokens: int, output_tokens: int) -> Judgement:
    """The tier and score of a request; tokens as the step BEGIN is told them, so that `parts` can tell the score again."""
    bits = bits_of(features)
    points = score(bits, input_tokens, output_tokens)
    return Judgement(tier(points), points, Feature(bits))


def score(features: int, input_tokens: int, output_tokens: int) -> int:
    """0 to 100: the sum of `parts`, at most 100."""
    return min(HIGHEST, _SUMS[features] + _input(input_tokens) + _output(output_tokens))


def tier(points: int) -> Complexity:
    """The tier of a score."""
    if points >= COMPLEX_FROM:
        return Complexity.COMPLEX
    return Complexity.MEDIUM if points >= MEDIUM_FROM else Complexity.SIMPLE


def parts(features: int, input_tokens: int, output_tokens: int) -> Iterable[tuple[str, int]]:
    """(name, points) of all that counted, the heaviest first; names are `input_tokens`, `output_tokens` and the features' in lower case."""
    named = [("input_tokens", _input(input_tokens)), ("output_tokens", _output(output_tokens))]
    named += [(str(feature.name).lower(), points) for feature, points in POINTS.items() if features & feature]
    return sorted(((name, points) for name, points in named if points), key=lambda part: (-part[1], part[0]))


def pack(judgement: Judgement) -> int:
    """As flags of the step BEGIN: bits 3–4 the tier, 24–31 the features, 32–38 the score."""
    return judgement.tier << _TIER_SHIFT | judgement.features << _FEATURE_SHIFT | judgement.score << _SCORE_SHIFT


def unpack(flags: int) -> Judgement:
    """From flags of the step BEGIN; the tier is UNKNOWN where nobody looked."""
    return Judgement(
        Complexity(flags >> _TIER_SHIFT & 3), flags >> _SCORE_SHIFT & 127, Feature(flags >> _FEATURE_SHIFT & 255)
    )  # fmt: skip


def bits_of(features: Features) -> int:
    tools = features.tools
    return (
        (1 if tools else 0)
        | (2 if tools >= MANY_TOOLS_FROM else 0)
        | (4 if features.code else 0)
        | (8 if features.schema else 0)
        | (16 if features.reasoning else 0)
        | (32 if features.pictures else 0)
        | (64 if features.asks else 0)
        | (128 if features.turns >= TURNS_FROM else 0)
    )


def _input(tokens: int) -> int:
    place = bisect_right(_FROM_INPUT, tokens)
    return INPUT_POINTS[place - 1][1] if place else 0


def _output(tokens: int) -> int:
    place = bisect_right(_FROM_OUTPUT, tokens)
    return OUTPUT_POINTS[place - 1][1] if place else 0
