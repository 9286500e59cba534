"""A report in Markdown, as GitHub reads it.

What must not live here: what the report says.
"""

import re
from typing import Final

from roteiro.report.chart_text import text_of
from roteiro.report.document import Cell, Code, Document, Figure, Note, Part, Table, Tone

__all__ = ["markdown"]

PICTURE_WIDTH: Final = 92
"""What a pull request shows without a bar to scroll."""
BACKTICKS: Final = re.compile("`+")
SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|])")


def markdown(document: Document) -> str:
    """The whole report; ends with a line break."""
    blocks = [f"# {escaped(document.title)}"]
    if document.subtitle:
        blocks.append(escaped(document.subtitle))
    blocks += [block(part) for part in document.opening]
    for section in document.sections:
        if section.title:
            blocks.append(f"## {escaped(section.title)}")
        blocks += [block(part) for part in section.parts]
    return "\n\n".join(blocks) + "\n"


def block(part: Part) -> str:
    match part:
        case Note():
            return toned(Cell(part.text, part.tone))
        case Table():
            return table(part)
        case Code():
            return code(part)
    return picture(part)


def picture(figure: Figure) -> str:
    """A text block: it needs no colour, and a pull request shows it as it stands."""
    return fenced("\n".join(text_of(figure, PICTURE_WIDTH)), "text")


def code(part: Code) -> str:
    name = f"**{escaped(part.name)}**\n\n" if part.name else ""
    return name + fenced(part.text, part.language)


def fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(part: Table) -> str:
    heads = [escaped(column.head) for column in part.columns]
    rule = ["---:" if column.right else "---" for column in part.columns]
    rows = [[toned(cell) for cell in row] for row in part.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def toned(cell: Cell) -> str:
    text = escaped(cell.text)
    return f"**{text}**" if text and cell.tone in (Tone.STRONG, Tone.BAD) else text


def escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text).replace("\n", " ")
