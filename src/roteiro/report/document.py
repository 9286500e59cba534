"""A report as a value: sections of tables, notes, pictures and code, told once and shown on a terminal, in Markdown, in HTML or as PDF.

What must not live here: what a report says, and any one form of showing it.
"""

from dataclasses import dataclass
from enum import StrEnum

from roteiro.report.chart import Bars, Chart, Figure, Lanes

__all__ = ["Bars", "Cell", "Chart", "Code", "Column", "Document", "Figure", "Lanes", "Note", "Part", "Section", "Table", "Tone", "cell"]


class Tone(StrEnum):
    """What a text means to its reader; a form of showing may colour it, and nothing may hang on the colour alone."""

    PLAIN = "plain"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Column:
    """`rank`: where the room is too narrow, columns of the highest rank go first; those of rank 0 stay."""

    head: str
    right: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied as it stands, in `language`'s writing. `name` is what other parts call it by."""

    text: str
    language: str = "sql"
    name: str = ""


Part = Table | Note | Code | Figure


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """`subtitle` says what the report is about: the period, the run, the plan.

    `cover`: what a reader of one page alone must know. Forms without pages show its notes; what its tables say follows there at once.
    """

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    cover: tuple[Note | Table, ...] = ()

    @property
    def opening(self) -> tuple[Note, ...]:
        return tuple(part for part in self.cover if isinstance(part, Note))


def cell(text: str, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(text, tone)
