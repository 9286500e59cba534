"""A report as one HTML page that needs nothing else: no script, no font, no address. Reads in light and in dark.

What must not live here: what the report says.
"""

from html import escape
from itertools import count
from typing import Final

from roteiro.report.chart_svg import CHART_STYLE, svg
from roteiro.report.document import Cell, Code, Document, Note, Part, Table

__all__ = ["html"]

STYLE: Final = """
:root { color-scheme: light dark; --good: #18794e; --bad: #c62a2f; --warn: #946800; --quiet: #6f6e77; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --bad: #ff6369; --warn: #f1a10d; --quiet: #a09fa6; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); } .right { text-align: right; }
.strong { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.warn { color: var(--warn); } .quiet { color: var(--quiet); }
""".strip()

RARE_STYLE: Final = """
.cover { border-left: .3rem solid var(--line); padding: .1rem 1.2rem; margin: 1.5rem 0; font-size: 1.1em; }
.code { margin: 1rem 0; }
.code pre { margin: 0; padding: .7rem 1rem; border: 1px solid var(--line); white-space: pre-wrap; font-size: .85em; }
""".strip()
"""Of what few pages have."""


def html(document: Document, language: str = "en") -> str:
    """The whole page."""
    body = [f"<h1>{escape(document.title)}</h1>"]
    if document.subtitle:
        body.append(f'<p class="quiet">{escape(document.subtitle)}</p>')
    pictures = count(1)
    if document.opening:
        body.append(f'<div class="cover">\n{chr(10).join(block(part, pictures) for part in document.opening)}\n</div>')
    for section in document.sections:
        if section.title:
            body.append(f"<h2>{escape(section.title)}</h2>")
        body += [block(part, pictures) for part in section.parts]
    style = STYLE if next(pictures) == 1 else f"{STYLE}\n{CHART_STYLE}"
    if document.opening or any(isinstance(part, Code) for section in document.sections for part in section.parts):
        style += f"\n{RARE_STYLE}"
    return (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(document.title)}</title>\n'
        f"<style>\n{style}\n</style></head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def block(part: Part, pictures: "count[int]") -> str:
    match part:
        case Note():
            return f'<p class="{part.tone}">{escape(part.text)}</p>'
        case Table():
            return table(part)
        case Code():
            return code(part)
    return svg(part, next(pictures))


def table(part: Table) -> str:
    sides = ["right" if column.right else "" for column in part.columns]
    heads = "".join(f'<th class="{side}">{escape(column.head)}</th>' for column, side in zip(part.columns, sides, strict=True))
    rows = "\n".join(f"<tr>{''.join(td(cell, side) for cell, side in zip(row, sides, strict=True))}</tr>" for row in part.rows)
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def code(part: Code) -> str:
    name = f"<b>{escape(part.name)}</b>" if part.name else ""
    return f'<div class="code">{name}<pre><code class="language-{escape(part.language)}">{escape(part.text)}</code></pre></div>'


def td(cell: Cell, side: str) -> str:
    return f'<td class="{side} {cell.tone}">{escape(cell.text)}</td>'
