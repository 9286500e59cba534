"""What a text states that can be checked by rule: numbers with their units, dates, names of several words, quotations.

Numbers are read as both English (1,234.56) and Portuguese (1.234,56) write them; one that may be either is both. What must not live
here: what supports a claim (`grounding`).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

__all__ = ["Day", "Number", "days", "names", "numbers", "plain", "quotes", "words_of"]


def _meanings(*rows: str) -> Mapping[str, str]:
    """Word → the first of its row."""
    return {word: row.split()[0] for row in rows for word in row.split()}


_MONTHS: Final = _meanings(
    "1 january jan janeiro", "2 february feb fevereiro fev", "3 march mar marco", "4 april apr abril abr", "5 may maio mai",
    "6 june jun junho", "7 july jul julho", "8 august aug agosto ago", "9 september sep sept setembro set", "10 october oct outubro out",
    "11 november nov novembro", "12 december dec dezembro dez",
)  # fmt: skip
_SCALES: Final = _meanings(
    "3 mil thousand k", "6 milhao milhoes million millions mi", "9 bilhao bilhoes billion billions bi", "12 trilhao trilhoes trillion"
)
_UNITS: Final = _meanings(
    "% percent por-cento", "BRL r$ real reais", "USD us$ $ dollar dollars dolar dolares", "EUR € euro euros", "GBP £",
    "h hour hours hora horas",
    "min minute minutes minuto minutos", "s second seconds segundo segundos", "d day days dia dias", "w week weeks semana semanas",
    "mo month months mes meses", "y year years ano anos", "km", "kg", "m2", "cm", "mm", "mg", "ml", "gb", "mb", "tb", "kw", "kwh", "mw",
)  # fmt: skip


def _any_of(words: Mapping[str, str]) -> str:
    return "|".join(
        re.escape(word).replace(r"por\-cento", "por cento") for word in sorted(words, key=len, reverse=True) if not word.isdigit()
    )


_MONTH: Final = _any_of(_MONTHS)
_DATES: Final = (
    (re.compile(r"(?<![\d/.-])(\d{4})-(\d{1,2})-(\d{1,2})(?![\d/-])"), "ymd"),
    (re.compile(r"(?<![\d/.-])(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?![\d/-])"), "either"),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th|o)?(?: de| of)? ({_MONTH})\b\.?,?(?: de| of)? (\d{{4}})\b"), "dmy"),
    (re.compile(rf"\b({_MONTH})\b\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b"), "mdy"),
    (re.compile(rf"\b({_MONTH})\b\.?(?: de| of)?,? (\d{{4}})\b"), "my"),
)
"""In a plain line. Looked for in this order, and taken out as they are found."""
_NUMBER: Final = re.compile(
    r"(?P<money>r\$|us\$|\$|€|£)?\s?(?<![\w.,/-])(?P<digits>\d{1,3}(?:[., ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)(?=[a-z%\W]|$)(?!/|[.,]\d)"
    rf"(?:\s?(?P<scale>{_any_of(_SCALES)})(?!\w))?(?:\s?(?:de )?(?P<unit>{_any_of(_UNITS)})(?!\w))?(?!\w)"
)
_ORDINAL: Final = 12
"""Whole numbers up to this, without a unit, count and order things."""
_NAME: Final = re.compile(
    r"\b[A-ZÀ-Þ][a-zß-ÿ']{1,30}(?:[ \t]+(?:d[aeo]s?|e|of|the|von|van|del|di)(?=[ \t]+[A-ZÀ-Þ])|[ \t]+[A-ZÀ-Þ][a-zß-ÿ']{1,30}){1,6}"
)
_QUOTE: Final = re.compile(r"“([^”\n]{10,400})”|\"([^\"\n]{10,400})\"|«([^»\n]{10,400})»")
_WORD: Final = re.compile(r"\w+")
_JOINS: Final = frozenset(("da", "de", "do", "das", "dos", "e", "of", "the", "von", "van", "del", "di"))
_LEADS: Final = frozenset(
    """a according additionally also an and as at but by cara caro com conforme dear ela elas ele eles em essa esse esta este finally for
    from he hello hoje however if in isso isto it its mas moreover na nao nas no nos o ola onde on os para por prezado qual quando quem
    se segundo she sim that the therefore these they this those today um uma we what when where who with yes you i or""".split()  # noqa: SIM905
)
"""Words that begin a sentence and no name."""


class Number(NamedTuple):
    """A number in a text. `values` are all that it may mean; `unit` is a percentage, a currency or a unit in one word, or empty; `step`
    is what its last digit stands for where it was rounded to a scale ("1.2 million": a hundred thousand), else 0."""

    values: frozenset[Decimal]
    unit: str
    step: Decimal


class Day(NamedTuple):
    """A date: all (year, month, day) that it may mean; the day is 0 where only the month was told."""

    values: frozenset[tuple[int, int, int]]


def plain(text: str) -> str:
    """Without case and accents, one blank between words."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).replace("’", "'")
    return " ".join(text.casefold().split())


def words_of(text: str) -> list[str]:
    """The words of a text, plain."""
    return _WORD.findall(plain(text))


def days(line: str) -> tuple[list[Day], str]:
    """The dates in a plain line, and the line without them: their numbers are no claims of their own."""
    found: list[Day] = []
    for pattern, order in _DATES:
        found += [day for match in pattern.finditer(line) if (day := _day(match, order)) is not None]
        line = pattern.sub(" ; ", line)
    return found, line


def numbers(line: str) -> Iterator[Number]:
    """The numbers of a plain line without its dates, but for small ones that count and order."""
    for match in _NUMBER.finditer(line):
        values, scale = _values(match["digits"]), int(_SCALES[match["scale"]]) if match["scale"] else 0
        unit = _UNITS.get((match["money"] or match["unit"] or "").replace(" ", "-"), "")
        if not values or (not unit and not scale and max(values) <= _ORDINAL):
            continue
        power = Decimal(10) ** scale
        decimals = re.split(r"[.,]", match["digits"])[1:]
        yield Number(frozenset(value * power for value in values), unit, power / 10 ** len("".join(decimals)) if scale else Decimal(0))


def names(line: str) -> Iterator[tuple[str, ...]]:
    """Names of two words and more in a line as it stands: their plain words that count."""
    for match in _NAME.finditer(line):
        words = words_of(match[0])
        while words and words[0] in _LEADS:
            words = words[1:]
        significant = tuple(word for word in words if word not in _JOINS)
        if len(significant) >= 2 and not set(significant) <= set(_MONTHS):
            yield significant


def quotes(line: str) -> Iterator[str]:
    """What is quoted word by word in a line as it stands, of three words and more, plain."""
    for match in _QUOTE.finditer(line):
        said = plain(next(group for group in match.groups() if group)).strip(".,;:!? ")
        if len(said.split()) >= 3:
            yield said


def _day(match: re.Match[str], order: str) -> Day | None:
    first, second, *more = match.groups()
    if order == "my":
        return Day(frozenset({(int(second), int(_MONTHS[first]), 0)}))
    if order == "ymd":
        ways = {(int(first), int(second), int(more[0]))}
    elif order == "dmy":
        ways = {(int(more[0]), int(_MONTHS[second]), int(first))}
    elif order == "mdy":
        ways = {(int(more[0]), int(_MONTHS[first]), int(second))}
    else:  # day or month first: either
        ways = {(int(more[0]), int(second), int(first)), (int(more[0]), int(first), int(second))}
    known = frozenset(way for way in ways if 1 <= way[1] <= 12 and 1 <= way[2] <= 31)
    return Day(known) if known else None


def _values(digits: str) -> frozenset[Decimal]:
    """All that it may mean: 1.234 is both a thousand and more than one."""
    ways = set()
    for thousands, point in (",.", ".,"):
        whole, _, part = digits.partition(point)
        groups = re.split(rf"[{thousands} ]", whole)
        grouped = len(groups) == 1 or (len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
        if grouped and not set(part) & set(".,  "):
            ways.add(Decimal("".join(groups) + (f".{part}" if part else "")).normalize())
    return frozenset(ways)
