"""Predicted beside measured, and a simulation's figures with their intervals.

What must not live here: simulating, and measuring.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from roteiro.analysis.spread import Interval
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["Compared", "Quantity", "comparison_page", "comparison_section", "figures_table"]

MICRO: Final = 1_000
Quantity = Literal["ms", "money", "share", "count"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure. `what` is said as it stands; `interval` is over seeds, `measured` what happened; either may be missing."""

    what: str
    quantity: Quantity
    predicted: float | None
    interval: Interval | None = None
    measured: float | None = None


def comparison_section(rows: Sequence[Compared], seeds: int, speech: Speech) -> Section:
    """Predicted against measured."""
    say = speech.say
    columns = (
        Column(say("prediction.what")), Column(say("prediction.predicted"), right=True),
        Column(say("prediction.interval"), right=True, rank=1), Column(say("prediction.measured"), right=True),
        Column(say("prediction.difference"), right=True),
    )  # fmt: skip
    cells = tuple(
        (
            cell(row.what), cell(text(row.predicted, row.quantity, speech)), cell(span(row, speech), Tone.QUIET),
            cell(text(row.measured, row.quantity, speech), Tone.STRONG), difference(row, speech),
        )
        for row in rows
    )  # fmt: skip
    return Section(say("prediction.title"), (Table(columns, cells), Note(say("prediction.note", seeds=seeds), Tone.QUIET)))


def comparison_page(rows: Sequence[Compared], seeds: int, speech: Speech) -> Document:
    return Document(speech.say("prediction.title"), (comparison_section(rows, seeds, speech),))


def figures_table(rows: Sequence[Compared], speech: Speech) -> Table:
    """A simulation's figures: mean and interval over seeds."""
    say = speech.say
    columns = (Column(say("prediction.what")), Column(say("simulation.mean"), right=True), Column(say("prediction.interval"), right=True))
    rows_shown = ((row.what, text(row.predicted, row.quantity, speech), span(row, speech)) for row in rows)
    return Table(columns, tuple((cell(what), cell(mean, Tone.STRONG), cell(over, Tone.QUIET)) for what, mean, over in rows_shown))


def text(value: float | None, quantity: Quantity, speech: Speech) -> str:
    if value is None:
        return speech.say("no_data")
    match quantity:
        case "ms":
            return speech.ms(value)
        case "money":
            return speech.money(round(value / MICRO) * MICRO, 6)  # estimates are not told to the nano-dollar
        case "share":
            return speech.share(value)
        case "count":
            return speech.trimmed(value, 1)


def span(row: Compared, speech: Speech) -> str:
    if row.interval is None:
        return ""
    return f"{text(row.interval.low, row.quantity, speech)} – {text(row.interval.high, row.quantity, speech)}"


def difference(row: Compared, speech: Speech) -> Cell:
    """Of a share in points, of all else in per cent of what was measured."""
    if row.predicted is None or row.measured is None:
        return cell(speech.say("no_data"), Tone.QUIET)
    if row.quantity == "share":
        points = (row.predicted - row.measured) * 100
        return cell(f"{'+' if points >= 0 else '-'}{speech.number(abs(points), 2)} pp", tone(abs(points), 5, 15))
    if row.measured == 0:
        return cell("", Tone.QUIET)
    relative = (row.predicted - row.measured) / row.measured * 100
    return cell(f"{'+' if relative >= 0 else '-'}{speech.number(abs(relative), 1)}%", tone(abs(relative), 15, 40))


def tone(size: float, fair: float, poor: float) -> Tone:
    return Tone.GOOD if size <= fair else Tone.WARN if size <= poor else Tone.BAD
