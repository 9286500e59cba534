"""How much of what an answer states its request's sources support: a proxy for truth, by rule and not by understanding.

A number, a date, a name of several words, a quotation of the answer is *supported* where the request has it too: the number with the same
unit, in whichever of both formats, or rounded as the answer rounds it; the date in any way of writing it; all words of the name; the
quotation word by word. The value is the share of such claims that are supported, *unverified* where the request brings no sources or the
answer nothing that can be checked.

What it cannot see: a claim in plain words, a right number in a wrong place, what is true and not in the sources, what was computed from
them (a sum counts against the answer). So one answer's value says little, and the mean over many tells when something changed.
"""

from decimal import Decimal
from typing import NamedTuple

from roteiro.quality.asked import Asked
from roteiro.quality.claims import Day, Number, days, names, numbers, plain, quotes, words_of

__all__ = ["Grounding", "checked", "grounded"]


class Grounding(NamedTuple):
    """Claims of an answer that can be checked, and those of them that are supported."""

    supported: int
    claims: int


def grounded(asked: Asked, answer: str, least: int = 1) -> float | None:
    """Share of the checkable claims that are supported, 0..1; None where there are no sources, or fewer than `least` claims."""
    if not asked.sources:
        return None
    found = checked(asked.text, answer)
    return found.supported / found.claims if found.claims >= least else None


def checked(source: str, answer: str) -> Grounding:
    """Counts. `source` is all that the request says: whoever repeats the question is supported by it."""
    there, said = _Figures(source), _Figures(answer)
    whole, words = plain(source), frozenset(words_of(source))
    lines = answer.splitlines()
    verdicts = [
        *(there.has_day(day) for day in said.days),
        *(there.has_number(number) for number in said.numbers),
        *(words.issuperset(name) for line in lines for name in names(line)),
        *(quote in whole for line in lines for quote in quotes(line)),
    ]
    return Grounding(sum(verdicts), len(verdicts))


class _Figures:
    """Dates and numbers of a text, line by line: none goes over the end of a line."""

    def __init__(self, text: str) -> None:
        self.days: list[Day] = []
        self.numbers: list[Number] = []
        for line in text.splitlines():
            found, rest = days(plain(line))
            self.days += found
            self.numbers += numbers(rest)

    def has_day(self, day: Day) -> bool:
        """A month is supported by any day of it."""
        for other in self.days:
            for way in day.values:
                if way in other.values or (not way[2] and any(way[:2] == theirs[:2] for theirs in other.values)):
                    return True
        return False

    def has_number(self, number: Number) -> bool:
        """A year is supported by any date in it."""
        if not number.unit and any(way[0] in number.values for other in self.days for way in other.values):
            return True
        return any(
            _near(number, theirs)
            for other in self.numbers
            if not number.unit or not other.unit or number.unit == other.unit
            for theirs in other.values
        )


def _near(number: Number, value: Decimal) -> bool:
    return value in number.values or (number.step > 0 and any(abs(one - value) * 2 <= number.step for one in number.values))
