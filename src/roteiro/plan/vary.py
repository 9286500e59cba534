"""Values laid on a plan from outside its file: `models.chat.targets.primary=50..90:10`, as a sweep asks for.

    50..90:10            from 50 to 90, both included, by 10; with one unit throughout: 100ms..500ms:100ms, $5..$20:$5, 10%..50%:20%
    500ms..2s:500ms      durations of several units
    1,2,3                these; and words, names, lists and mappings as YAML writes them: least_bad,queue

What must not live here: reading the plan (`read`), and what comes of it.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from roteiro.plan import document
from roteiro.plan.document import Entry, Mapping, Node, Scalar, entries, parse_document
from roteiro.terms.error import SettingsError
from roteiro.terms.problem import Problem, Where
from roteiro.terms.units import QuantityError, format_duration, parse_duration

__all__ = ["Setting", "Variation", "combinations", "lay", "parse_variation"]

MOST_VALUES: Final = 1000
"""Of one path: more are no sweep that anyone would look through."""
RANGE: Final = re.compile(r"(?P<first>.+?)\.\.(?P<last>[^:]+)(?::(?P<step>.+))?")
AMOUNT: Final = re.compile(r"(?P<before>[^\d.+-]*)(?P<number>[+-]?(?:\d{1,20}(?:\.\d{1,20})?|\.\d{1,20}))(?P<after>[^\d]*)")
STEP: Final = re.compile(r"[^.\[\]]+|\[\d{1,6}\]")
OPENING, CLOSING = "[{(", "]})"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value for one path, as a person writes both."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}={self.value}"


@dataclass(frozen=True, slots=True)
class Variation:
    """The values that a path is to take, in order, none twice."""

    path: str
    values: tuple[str, ...]


def parse_variation(text: str) -> Variation:
    """`path=values`. Raises SettingsError, which says what is wrong and what would be right."""
    path, equals, written = text.partition("=")
    path, written = path.strip(), written.strip()
    if not equals or not path or not written:
        raise SettingsError(f"{text[:80]!r} does not say what to vary; write a path and its values: providers.primary.weight=50..90:10")
    steps_of(path)
    # A range has no comma outside brackets; a list may hold `..` in its words.
    values = [part for one in split(written) for part in (ranged(one, path) if RANGE.fullmatch(one) and AMOUNT.match(one) else [one])]
    if not all(values):
        raise SettingsError(f"{text[:80]!r} has an empty value; leave the comma out")
    if len(values) > MOST_VALUES:
        raise SettingsError(f"{path} takes {len(values):,} values; at most {MOST_VALUES:,}: make the step larger")
    return Variation(path, tuple(dict.fromkeys(values)))


def split(text: str) -> list[str]:
    """Parts between the commas that stand in no bracket and no quotes."""
    parts, depth, quote, begin = list[str](), 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in OPENING:
            depth += 1
        elif letter in CLOSING:
            depth -= 1
        elif letter == "," and depth <= 0:
            parts.append(text[begin:i].strip())
            begin = i + 1
    return [*parts, text[begin:].strip()]


def ranged(text: str, path: str) -> list[str]:
    """The values of `first..last:step`."""
    found = RANGE.fullmatch(text)
    assert found is not None
    first, last, step = (None if part is None else part.strip() for part in found.group("first", "last", "step"))
    if step is None:
        raise SettingsError(f"{path} {text[:60]!r} has no step; write {first}..{last}:STEP, or the values with commas between")
    assert first is not None and last is not None
    amounts = [AMOUNT.fullmatch(part) for part in (first, last, step)]
    units = {(found["before"], found["after"].strip()) for found in amounts if found is not None}
    if None not in amounts and len(units) == 1:
        numbers = [Decimal(found["number"]) for found in amounts if found is not None]
        before, after = amounts[0].group("before", "after")  # type: ignore[union-attr]
        return [f"{before}{plainly(number)}{after}" for number in stepped(numbers, text, path)]
    try:
        durations = [Decimal(parse_duration(part)) for part in (first, last, step)]
    except QuantityError:
        raise SettingsError(
            f"{path} {text[:60]!r} has several units or none that is known; write {first}, {last} and the step alike"
        ) from None
    return [format_duration(seconds) for seconds in stepped(durations, text, path)]


def stepped(numbers: Sequence[Decimal], text: str, path: str) -> list[Decimal]:
    first, last, step = numbers
    if step <= 0:
        raise SettingsError(f"{path} {text[:60]!r} has no step above zero")
    if last < first:
        raise SettingsError(f"{path} {text[:60]!r} ends before it begins; write the smaller value first")
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise SettingsError(f"{path} takes {count:,} values; at most {MOST_VALUES:,}: make the step larger")
    return [first + step * i for i in range(count)]


def plainly(number: Decimal) -> str:
    """Without an exponent, and without zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def combinations(variations: Sequence[Variation]) -> Iterator[tuple[Setting, ...]]:
    """Every combination, the last path changing fastest. Raises SettingsError where a path comes twice."""
    paths = [one.path for one in variations]
    for path in paths:
        if paths.count(path) > 1:
            raise SettingsError(f"{path} is varied twice; write its values in one --vary, with commas between")
    for values in itertools.product(*(one.values for one in variations)):
        yield tuple(Setting(path, value) for path, value in zip(paths, values, strict=True))


def steps_of(path: str) -> list[str | int]:
    """`routing_logic[0].condition` in steps. Raises SettingsError."""
    steps = [int(part[1:-1]) if part.startswith("[") else part for part in STEP.findall(path)]
    rebuilt = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    if rebuilt != path:
        raise SettingsError(f"{path[:80]!r} is no path in a plan; write names with dots between, as roteiro explain PLAN shows them")
    return steps


def lay(node: Node, setting: Setting) -> tuple[Node, list[Problem]]:
    """The plan's node with the value at the path, and what is wrong with the value's YAML. What is not on the path is shared.

    Of names with dots in them the longest that the plan has is meant. What the plan has not is added; the reading tells if it is no key.
    """
    value, problems = parse_document(setting.value, str(setting))
    if value is None:
        return node, problems
    where = Where(str(setting), 1, len(setting.path) + 2)
    return laid(node, steps_of(setting.path), placed(value, where), where), problems


def placed(node: Node, where: Where) -> Node:
    """The node as if all of it stood where the setting's value does."""
    if isinstance(node, Scalar):
        return Scalar(node.value, where)
    if isinstance(node, document.Sequence):
        return document.Sequence([placed(item, where) for item in node.items], where, node.size, node.depth)
    return Mapping({key: Entry(where, placed(entry.node, where)) for key, entry in entries(node).items()}, where, node.size, node.depth)


def laid(node: Node | None, steps: Sequence[str | int], value: Node, where: Where) -> Node:
    if not steps:
        return value
    step = steps[0]
    if isinstance(step, int):
        items = list(node.items) if isinstance(node, document.Sequence) else []
        if step < len(items):
            items[step] = laid(items[step], steps[1:], value, where)
        else:
            items.append(laid(None, steps[1:], value, where))
        return document.Sequence(items, where)
    known = dict(entries(node)) if isinstance(node, Mapping) else {}
    for length in range(len(steps), 1, -1):
        name = ".".join(str(one) for one in steps[:length])
        if name in known and not any(isinstance(one, int) for one in steps[:length]):
            known[name] = Entry(where, laid(known[name].node, steps[length:], value, where))
            return Mapping(known, where)
    before = known.get(step)
    known[step] = Entry(where, laid(None if before is None else before.node, steps[1:], value, where))
    return Mapping(known, node.where if isinstance(node, Mapping) else where)
