"""Results as people and programs read them: on a terminal, in Markdown, HTML and JSON, in English and Brazilian Portuguese.

A page function turns a result into a `Document`; a form of showing turns any document into text. Numbers carry their units, and what there
is no data for is said to have none. What must not live here: analysis, files, clocks.
"""

from roteiro.report.chart import Axis, Bar, Bars, Chart, Dot, Figure, Lane, Lanes, Line, Rule, Span
from roteiro.report.comparison import Compared, comparison_page
from roteiro.report.cost import cost_page
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone
from roteiro.report.html import html
from roteiro.report.markdown import markdown
from roteiro.report.plain import plain
from roteiro.report.plan import check_lines, explained_page
from roteiro.report.sla import sla_page
from roteiro.report.speech import LANGUAGES, Speech, speech
from roteiro.report.story import story_page
from roteiro.report.terminal import console, show
from roteiro.report.traffic import traffic_page

__all__ = [
    "LANGUAGES",
    "Axis",
    "Bar",
    "Bars",
    "Cell",
    "Chart",
    "Column",
    "Compared",
    "Document",
    "Dot",
    "Figure",
    "Lane",
    "Lanes",
    "Line",
    "Note",
    "Rule",
    "Section",
    "Span",
    "Speech",
    "Table",
    "Tone",
    "check_lines",
    "comparison_page",
    "console",
    "cost_page",
    "explained_page",
    "html",
    "markdown",
    "plain",
    "show",
    "sla_page",
    "speech",
    "story_page",
    "traffic_page",
]
