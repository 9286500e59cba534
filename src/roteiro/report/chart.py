"""Pictures as values: what is drawn over what, told once and shown on a terminal, in Markdown or as SVG.

Three kinds: a `Chart` of lines and dots between two axes, `Bars` of quantities by name, `Lanes` of how strongly something held over time.
What must not live here: any one form of showing, and where the numbers come from.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from roteiro.report.speech import Language

__all__ = ["Axis", "Bar", "Bars", "Chart", "Dot", "Figure", "Lane", "Lanes", "Line", "Quantity", "Rule", "Span"]

Quantity = Literal["clock", "date", "seconds", "ms", "money", "share", "count", "per_s"]
"""What an axis counts, and in what: `clock` seconds since midnight of the first day, `date` Unix seconds,
`seconds` since the start, `money` dollars, `share` 0 to 1; the others as they are called."""


@dataclass(frozen=True, slots=True)
class Axis:
    """`low` and `high` bound it where they are given; else what is drawn does."""

    label: str
    quantity: Quantity
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """As many `y` as `x`, ascending in `x`; NaN is a gap. `low` and `high`, where given, are the band around it, as many again.

    `stepped`: a value holds until the next, as a count of replicas does.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    stepped: bool = False

    def points(self) -> Iterator[tuple[float, float]]:
        """Those that can be drawn."""
        return ((x, y) for x, y in zip(self.x, self.y, strict=True) if math.isfinite(x) and math.isfinite(y))

    def pieces(self) -> Iterator[list[tuple[float, float]]]:
        """Runs of points between gaps, their corners included where it is stepped."""
        piece: list[tuple[float, float]] = []
        for x, y in zip(self.x, self.y, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                if piece:
                    yield piece
                piece = []
                continue
            if self.stepped and piece:
                piece.append((x, piece[-1][1]))
            piece.append((x, y))
        if piece:
            yield piece

    def band(self) -> Iterator[list[tuple[float, float, float]]]:
        """Runs of (x, low, high) between gaps."""
        run: list[tuple[float, float, float]] = []
        for x, low, high in zip(self.x, self.low, self.high, strict=True) if self.low else ():
            if math.isfinite(x) and math.isfinite(low) and math.isfinite(high):
                run.append((x, low, high))
                continue
            if run:
                yield run
            run = []
        if run:
            yield run


@dataclass(frozen=True, slots=True)
class Dot:
    """One point of a scatter. `mark`: a letter or two that a table repeats; `best`: it lies on the front; `text` tells it to whoever
    points at it."""

    x: float
    y: float
    mark: str = ""
    best: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the x axis, as an outage is."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A height that things are held against, as a promise is."""

    name: str
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines and dots between two axes. `description` says what is to be seen, for whoever cannot see it; without it, its extremes are said.

    `front`: join the best dots. `rows`: the height in lines of a terminal.
    """

    title: str
    x: Axis
    y: Axis
    language: Language
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    spans: tuple[Span, ...] = ()
    rules: tuple[Rule, ...] = ()
    description: str = ""
    front: bool = False
    rows: int = 10

    def seen(self) -> list[tuple[float, float]]:
        """Every point that must be inside: lines, bands, dots, rules."""
        points = [point for line in self.lines for point in line.points()]
        for line in self.lines:
            for run in line.band():
                points += [(x, low) for x, low, _ in run] + [(x, high) for x, _, high in run]
        points += [(dot.x, dot.y) for dot in self.dots if math.isfinite(dot.x) and math.isfinite(dot.y)]
        return points


@dataclass(frozen=True, slots=True)
class Bar:
    """`low` and `high`: the interval of its value, NaN where there is none. `text` is how the value is told."""

    name: str
    value: float
    text: str
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Bars:
    """Quantities by name, from 0; what is less, or no number, has no length."""

    title: str
    bars: tuple[Bar, ...]
    language: Language
    description: str = ""

    def shares(self, bar: Bar) -> tuple[float, tuple[float, float] | None]:
        """How much of the room the bar takes (0 to 1), and where its interval lies; None where it has none."""
        top = max((value for one in self.bars for value in (one.value, one.high) if math.isfinite(value)), default=0.0)

        def of(value: float) -> float:
            return min(1.0, max(0.0, value / top)) if top > 0.0 and math.isfinite(value) else 0.0

        known = math.isfinite(bar.low) and math.isfinite(bar.high) and bar.high > bar.low
        return of(bar.value), (of(bar.low), of(bar.high)) if known else None


@dataclass(frozen=True, slots=True)
class Lane:
    """One row: `levels` from 0 to 1, one for each start in the figure's `x`; NaN is not known."""

    name: str
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """How strongly something held, over time. `x` are the starts of buckets, `end` the end of the last; `legend` says what full means."""

    title: str
    x: Axis
    starts: tuple[float, ...]
    end: float
    lanes: tuple[Lane, ...]
    language: Language
    legend: str = ""
    spans: tuple[Span, ...] = ()
    description: str = ""


Figure = Chart | Bars | Lanes
