"""A report as a document to print: its source in Typst, and from that a PDF with tags for readers who cannot see it.

Fonts are those that Typst carries, pictures are vectors, and nothing is fetched. The same report gives the same bytes: no date is in it
but one that is given. All text goes in as string literals, so that nothing in the data can be markup.
What must not live here: what the report says.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import Final

from roteiro.report.chart_svg import CHART_STYLE, picture
from roteiro.report.document import Cell, Code, Document, Figure, Note, Part, Table, Tone
from roteiro.terms.error import SettingsError

__all__ = ["pdf", "typst_source"]

SERIF: Final = "Libertinus Serif"
MONOSPACE: Final = "DejaVu Sans Mono"
"""Both are inside Typst."""

PAPER: Final = {
    "line0": "#0b62c4", "line1": "#b3541e", "line2": "#18794e", "line3": "#8e4ec6", "line4": "#946800", "ground": "#ececef",
    "quiet": "#6f6e77", "bad": "#c62a2f", "line": "#d4d4d8",
}  # fmt: skip
"""Colours of pictures on paper: those of a light page, none of them seen through."""
COLOURS: Final = {Tone.GOOD: "#18794e", Tone.BAD: "#c62a2f", Tone.WARN: "#946800", Tone.QUIET: "#6f6e77"}
WIDTH_PT: Final = 482.0
"""Of the text: A4 less its margins."""
LETTER_EM: Final = 0.44
"""Mean width of a letter or figure of the serif."""
GAP_PT: Final = 9.0
SIZES_PT: Final = (9.5, 9.0, 8.5, 8.0, 7.5, 7.0)
"""Of a table's text: the largest in which no short cell need be broken into lines."""
BOLD: Final = 'weight: "semibold"'
WHOLE: Final = 28
"""A cell of so few signs is short; in a column of numbers it is never broken."""
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

SETTINGS: Final = """
#set page(
  paper: "a4", margin: (x: 2cm, top: 2.3cm, bottom: 2.2cm),
  header: context if counter(page).get().first() > 1 {{ text(size: 8pt, fill: rgb("#6f6e77"), {title}) }},
  footer: context align(center, text(size: 8pt, fill: rgb("#6f6e77"), {page} + counter(page).display("1 / 1", both: true))),
)
#set text(font: "{serif}", size: 10.5pt, lang: "{lang}", region: {region}, number-width: "tabular", fallback: true)
#set par(leading: 0.6em, spacing: 0.95em)
#set table(stroke: (x, y) => (bottom: 0.5pt + rgb("#d4d4d8")), inset: (x: 0.42em, y: 0.45em))
#set table.cell(breakable: false)
#show heading: set text(size: 14pt, weight: "semibold")
#show heading: set block(above: 1.7em, below: 0.9em, sticky: true)
#show title: set text(size: 24pt, weight: "semibold")
#show title: set block(below: 0.7em)
#set raw(theme: none)
#show raw: set text(font: "{monospace}", size: 7.2pt)
#show raw.where(block: true): it => block(width: 100%, fill: rgb("#f6f6f8"), inset: 7pt, radius: 2pt, it)
""".strip()
COVER: Final = """#v(24%)
{head}
#v(1.2em)
#block(stroke: (left: 2.5pt + rgb("#d4d4d8")), inset: (left: 1.1em, y: 0.4em))[
#set text(size: 12pt)
{parts}
]
#pagebreak()"""


def pdf(document: Document, language: str = "en", date: datetime | None = None) -> bytes:
    """The PDF. `date`: when it was made, where that is to stand in it. Raises SettingsError where the extra `pdf` is not installed."""
    if find_spec("typst") is None:
        raise SettingsError("a PDF needs the extra `pdf`: pip install 'roteiro[pdf]', or ask for --html and print it from a browser")
    import typst

    source = typst_source(document, language, date).encode()
    made = typst.compile(source, format="pdf", font_paths=[], ignore_system_fonts=True, pdf_standards=["ua-1"])
    assert isinstance(made, bytes)
    return made


def typst_source(document: Document, language: str = "en", date: datetime | None = None) -> str:
    """The document in Typst's language; needs no other file."""
    lang, _, region = language.partition("-")
    made = f"datetime(year: {date.year}, month: {date.month}, day: {date.day})" if date is not None else "none"
    lines = [
        f"#set document(title: {quoted(document.title)}, date: {made})",
        SETTINGS.format(
            title=quoted(document.title), page=quoted("página " if lang == "pt" else "page "), serif=SERIF, monospace=MONOSPACE, lang=lang,
            region=quoted(region) if region else "none",
        ),
    ]  # fmt: skip
    head = "#title()"
    if document.subtitle:
        head += f"\n{toned(Cell(document.subtitle, Tone.QUIET))}"
    lines.append(COVER.format(head=head, parts="\n\n".join(map(block, document.cover))) if document.cover else head)
    for section in document.sections:
        if section.title:
            lines.append(f"#heading(level: 1, {quoted(section.title)})")
        lines += map(block, section.parts)
    return "\n\n".join(lines) + "\n"


def block(part: Part) -> str:
    match part:
        case Note():
            return f"#par[{toned(Cell(part.text, part.tone))}]"
        case Table():
            return table(part)
        case Code():
            return code(part)
    return drawn(part)


def table(part: Table) -> str:
    """Breaks over pages between rows, and repeats its head."""
    if not part.rows:
        return ""
    sides = ", ".join("right" if column.right else "left" for column in part.columns)
    lines = [f"#block(text(size: {size_of(part)}pt, table(columns: {len(part.columns)}, align: ({sides},),"]
    if any(column.head for column in part.columns):
        heads = (toned(Cell(column.head, Tone.QUIET), bold=True) for column in part.columns)
        lines.append(f"  table.header({', '.join(f'[{head}]' for head in heads)}),")
    for row in part.rows:
        cells = (one if not column.right else kept_whole(one) for one, column in zip(row, part.columns, strict=True))
        lines.append(f"  {', '.join(f'[{toned(one)}]' for one in cells)},")
    return "\n".join(lines) + "\n)))"


def size_of(part: Table) -> float:
    wide = [
        max(*map(len, column.head.split(" ")), *(min(len(row[i].text), WHOLE) for row in part.rows))
        for i, column in enumerate(part.columns)
    ]  # fmt: skip
    room = WIDTH_PT - GAP_PT * len(wide)
    return next((size for size in SIZES_PT if sum(wide) * LETTER_EM * size <= room), SIZES_PT[-1] if len(wide) > 6 else 8.5)


def kept_whole(one: Cell) -> Cell:
    return Cell(one.text.replace(" ", "\u00a0"), one.tone) if len(one.text) <= WHOLE else one


def code(part: Code) -> str:
    """Where it has a name, that stands above and goes with it to the next page."""
    name = f"#block(sticky: true, below: 0.5em, {styled(part.name, BOLD)})\n" if part.name else ""
    return f"{name}#raw({quoted(part.text)}, block: true, lang: {quoted(part.language)})"


def drawn(part: Figure) -> str:
    """A picture with its title above, kept together."""
    svg, told = picture(part, STYLE_ON_PAPER)
    alt = f"{part.title}. {told}" if told else part.title
    return (
        f"#block(breakable: false)[#block(below: 0.6em, {styled(part.title, BOLD)})\n"
        f'#image(bytes({quoted(svg)}), format: "svg", width: 100%, alt: {quoted(alt)})]'
    )


def sheet() -> Iterator[str]:
    """The style of pictures, its variables told: what draws a picture into a PDF knows none."""
    for line in CHART_STYLE.split("\n"):
        if line.startswith(("svg .", "svg text")) or " svg ." in line:
            yield re.sub(r"var\(--(\w+)\)", lambda found: PAPER[found.group(1)], line).replace("currentColor", "#1c1c1f")
    yield f'svg text {{ font: 12px "{SERIF}"; }}'


STYLE_ON_PAPER: Final = "\n".join(sheet())


def toned(one: Cell, *, bold: bool = False) -> str:
    """Text in its tone."""
    options = [f'fill: rgb("{COLOURS[one.tone]}")'] if one.tone in COLOURS else []
    if bold or one.tone in (Tone.STRONG, Tone.BAD):
        options.append(BOLD)
    return f"#{styled(one.text, ', '.join(options))}"


def styled(text: str, options: str) -> str:
    return f"text({options + ', ' if options else ''}{quoted(text)})"


def quoted(text: str) -> str:
    """A string literal of Typst's."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + CONTROL.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text) + '"'
