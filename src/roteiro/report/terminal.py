"""A report on a terminal, wide or narrow, with or without colour; and the consoles that commands write to.

What must not live here: what the report says.
"""

import sys
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from roteiro.report.chart_text import Form, drawn
from roteiro.report.document import Code, Column, Document, Figure, Note, Part, Table, Tone

__all__ = ["STYLES", "console", "rendered", "show"]

STYLES: Final = {
    Tone.PLAIN: "", Tone.STRONG: "bold", Tone.GOOD: "green", Tone.BAD: "bold red", Tone.WARN: "yellow", Tone.QUIET: "dim",
}  # fmt: skip
PICTURE_STYLES: Final = {
    "title": "bold", "frame": "dim", "rule": "yellow", "span": "red", "best": "bold cyan", "lane": "red",
    "line0": "cyan", "line1": "magenta", "line2": "green", "line3": "yellow", "line4": "blue",
    "band0": "on grey19", "band1": "on grey15", "band2": "on grey19", "band3": "on grey15", "band4": "on grey19",
}  # fmt: skip
"""Of the runs that `chart_text` draws. A span's edges are red ground."""
PIPED_WIDTH: Final = 160
"""Where nobody's window sets the width, nothing need be left out."""

GAP: Final = 3
"""Columns between two columns of a table, and its margin."""


def console(stderr: bool = False) -> Console:
    """The console of a command: the window's width, or a wide one into a pipe. Colour as rich decides (NO_COLOR, TERM, a terminal);
    what files say between colons is no picture."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPED_WIDTH, highlight=False, emoji=False, soft_wrap=False)


def show(document: Document, to: Console) -> None:
    """Print the report; into a pipe without the blanks that fill a terminal's lines."""
    if to.is_terminal:
        to.print(rendered(document, to.width, form_of(to)))
        return
    with to.capture() as captured:
        to.print(rendered(document, to.width, form_of(to)))
    to.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def form_of(to: Console) -> Form:
    """Pictures in colour where there is colour, in 7 bits where the terminal's encoding has no more."""
    if to.options.ascii_only:
        return Form.ASCII
    return Form.COLOUR if to.is_terminal and to.color_system is not None and not to.no_color else Form.PLAIN


def rendered(document: Document, width: int, form: Form = Form.PLAIN) -> RenderableType:
    """The report for a room of `width` columns."""
    parts: list[RenderableType] = [Text(document.title, style="bold underline")]
    if document.subtitle:
        parts.append(Text(document.subtitle, style="dim"))
    if document.opening:
        parts += [Text(), *(block(part, width, form) for part in document.opening)]
    for section in document.sections:
        parts.append(Text())
        if section.title:
            parts.append(Text(section.title, style="bold"))
        parts += [block(part, width, form) for part in section.parts]
    return Group(*parts)


def block(part: Part, width: int, form: Form) -> RenderableType:
    match part:
        case Note():
            return Padding(Text(part.text, style=STYLES[part.tone]), (0, 0, 0, 1))
        case Table():
            return table(part, width)
        case Code():
            return Padding(Group(*([Text(part.name, style="bold")] if part.name else []), Text(part.text)), (1, 0, 0, 1))
    return Padding(picture(part, width - 1, form), (1, 0, 0, 1))


def picture(figure: Figure, width: int, form: Form) -> RenderableType:
    """Its lines, each run of text in its style."""
    lines = [
        Text.assemble(*((text, styled(style)) for text, style in line), no_wrap=True, overflow="crop")
        for line in drawn(figure, width, form)
    ]
    return Group(*lines)


def styled(names: str) -> str:
    """The style of a run: what is drawn there, on its ground."""
    return " ".join(PICTURE_STYLES[name] for name in names.split())


def table(part: Table, width: int) -> RenderableType:
    kept = fitting(part, width)
    headed = any(part.columns[i].head for i in kept)
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=(0, 1), show_edge=False, show_header=headed)
    for i in kept:
        shown.add_column(part.columns[i].head, justify="right" if part.columns[i].right else "left", overflow="fold")
    for row in part.rows:
        shown.add_row(*(Text(row[i].text, style=STYLES[row[i].tone]) for i in kept))
    return Padding(shown, (0, 0, 0, 1))


def fitting(part: Table, width: int) -> list[int]:
    """Positions of the columns to show: all that fit, the highest ranks given up first."""
    wide = [max([cell_len(column.head), *(cell_len(row[i].text) for row in part.rows)]) for i, column in enumerate(part.columns)]
    kept = list(range(len(part.columns)))
    while sum(wide[i] + GAP for i in kept) > width:
        last = max(kept, key=lambda i: (rank(part.columns, i), i))
        if rank(part.columns, last) == 0:
            break
        kept.remove(last)
    return kept


def rank(columns: tuple[Column, ...], i: int) -> int:
    return columns[i].rank
