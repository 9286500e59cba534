"""Pictures in the cells of a terminal or of a text block, in one of three forms.

`COLOUR`: lines of braille dots (two by four in a cell), a colour each, bands as a shaded ground. `PLAIN`: a sign each, without colour, so
that lines are told apart by shape; it is what Markdown and pipes get. `ASCII`: the same in 7 bits.
What must not live here: colours of a terminal (`terminal` lays them on by the style that each run of text names).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from math import isfinite
from typing import Final

from rich.cells import cell_len, set_cell_size

from roteiro.report.chart import Bars, Chart, Figure, Lanes, Span
from roteiro.report.chart_scale import Scale, scales, tell, time_scale
from roteiro.report.speech import Language

__all__ = ["SERIES", "Form", "Run", "drawn", "text_of"]

SERIES: Final = 5
"""Styles that lines take in turn: `line0` to `line4`."""
WIDEST: Final = 110
"""A picture wider than this tells nothing more."""
NARROWEST: Final = 8
"""Columns of the plot itself, however narrow the room is."""
BRAILLE: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a dot by its row and column in the cell (Unicode, block U+2800)."""
TICK_COLUMNS: Final = 12


class Form(Enum):
    """How pictures are made of characters."""

    COLOUR = "colour"
    PLAIN = "plain"
    ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters of a form. `levels`: from nothing to full."""

    lines: str
    dot: str
    upright: str
    tick_y: str
    across: str
    tick_x: str
    corner: str
    span: str
    edge: str
    rule: str
    band: str
    levels: str
    bar: str
    parts: str
    interval: tuple[str, str, str]
    between: str
    cut: str


UNICODE: Final = Signs(
    "●○▲□◆", "·", "│", "┤", "─", "┬", "└", "━", "┊", "┄", "░", " ░▒▓█", "█", " ▏▎▍▌▋▊▉", ("├", "─", "┤"), " · ", "…",
)  # fmt: skip
SEVEN_BITS: Final = Signs("*o+x@", ".", "|", "+", "-", "+", "+", "=", ":", "-", ".", " .:+#", "#", " ", ("|", "-", "|"), " , ", "~")

Run = tuple[str, str]
"""Text and the name of its style: `title`, `frame`, `line0` to `line4`, `best`, `span`, `rule`, `band0` …, or nothing."""


@dataclass(slots=True)
class Canvas:
    """Cells of one plot: a sign, the style of what is drawn there, and that of its ground. In the form COLOUR signs are sums of dots."""

    width: int
    height: int
    form: Form
    signs: Signs
    dots: dict[tuple[int, int], int] = field(default_factory=dict)
    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    styles: dict[tuple[int, int], str] = field(default_factory=dict)
    grounds: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def fine(self) -> tuple[int, int]:
        """Dots across and upright in a cell."""
        return (2, 4) if self.form is Form.COLOUR else (1, 1)

    def spot(self, across: float, upright: float) -> tuple[int, int]:
        """The dot of a place within the plot (0 to 1 each, upright counting from below)."""
        wide, high = self.fine
        return round(across * (self.width * wide - 1)), round((1.0 - upright) * (self.height * high - 1))

    def dot(self, x: int, y: int, number: int) -> None:
        """Draw a dot of a line."""
        wide, high = self.fine
        cell = (x // wide, y // high)
        if self.form is Form.COLOUR:
            self.dots[cell] = self.dots.get(cell, 0) | BRAILLE[y % high][x % wide]
        else:
            self.cells[cell] = self.signs.lines[number % SERIES]
        self.styles[cell] = f"line{number % SERIES}"

    def stroke(self, start: tuple[int, int], end: tuple[int, int], number: int) -> None:
        """A straight line of dots, both ends included."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(steps + 1):
            share = step / steps if steps else 0.0
            self.dot(round(x0 + (x1 - x0) * share), round(y0 + (y1 - y0) * share), number)

    def cell(self, across: float, upright: float) -> tuple[int, int]:
        """The cell of a place within the plot."""
        return round(across * (self.width - 1)), round((1.0 - upright) * (self.height - 1))

    def ground(self, cell: tuple[int, int], style: str) -> None:
        self.grounds.setdefault(cell, style)

    def row(self, y: int) -> Iterator[Run]:
        """One line of cells, runs of one style together."""
        text, last = "", ""
        for x in range(self.width):
            sign, style = self.shown((x, y))
            if style != last and text:
                yield text, last
                text = ""
            text, last = text + sign, style
        yield text, last

    def shown(self, cell: tuple[int, int]) -> Run:
        style, ground = self.styles.get(cell, ""), self.grounds.get(cell, "")
        if cell in self.cells:
            sign = self.cells[cell]
        elif cell in self.dots:
            sign = chr(0x2800 + self.dots[cell])
        elif ground == "span":
            return self.signs.edge, ground
        elif ground and self.form is not Form.COLOUR:
            return self.signs.band, ground
        else:
            sign = " "
        return sign, f"{style} {ground}".strip() if self.form is Form.COLOUR and ground != "span" else style


def drawn(figure: Figure, width: int, form: Form = Form.PLAIN) -> list[list[Run]]:
    """The picture's lines, none wider than `width` cells; nothing is drawn outside its frame."""
    room = max(NARROWEST, min(width, WIDEST))
    signs = SEVEN_BITS if form is Form.ASCII else UNICODE
    match figure:
        case Chart():
            lines = chart(figure, room, form, signs)
        case Bars():
            lines = bars(figure, room, signs)
        case Lanes():
            lines = lanes(figure, room, signs)
    return [fitted(line, room, signs) for line in ([(figure.title, "title")], *lines)]


def text_of(figure: Figure, width: int = 96, form: Form = Form.PLAIN) -> list[str]:
    """The same without styles and without blanks at the ends."""
    return ["".join(text for text, _ in line).rstrip() for line in drawn(figure, width, form)]


def fitted(line: list[Run], width: int, signs: Signs) -> list[Run]:
    """Cut to the width, with a sign where it was cut."""
    room, kept = width, list[Run]()
    for text, style in line:
        wide = cell_len(text)
        if wide <= room:
            kept.append((text, style))
            room -= wide
            continue
        kept.append((set_cell_size(text, room - 1) + signs.cut if room > 1 else signs.cut * room, style))
        break
    return kept


def chart(figure: Chart, width: int, form: Form, signs: Signs) -> list[list[Run]]:
    """The label of the y axis, the plot beside its ticks, the x axis with its ticks and label, and what each sign stands for."""
    rows = max(3, figure.rows)
    across, upright = scales(figure, max(2, width // TICK_COLUMNS), max(2, rows // 2))
    labels = {round((1.0 - upright.at(tick)) * (rows - 1)): tell(tick, upright, figure.language) for tick in upright.ticks()}
    margin = min(max(map(cell_len, labels.values()), default=0), max(0, width - NARROWEST - 1))
    canvas = Canvas(max(1, width - margin - 2), rows, form, signs)
    paint(figure, canvas, across, upright)
    lines: list[list[Run]] = [[(figure.y.label, "frame")]] if figure.y.label else []
    for y in range(rows):
        label = labels.get(y, "")
        label = set_cell_size(" " * max(0, margin - cell_len(label)) + label, margin)
        lines.append([(f"{label} {signs.tick_y if y in labels else signs.upright}", "frame"), *canvas.row(y)])
    lines += bottom(across, canvas.width, margin + 1, figure.spans, figure.language, signs)
    if figure.x.label:
        lines.append([(" " * (margin + 2) + figure.x.label, "frame")])
    return lines + legend(figure, width, form, signs)


def paint(figure: Chart, canvas: Canvas, across: Scale, upright: Scale) -> None:
    """Grounds first, then rules, then lines, then dots: what matters most is seen."""

    def place(x: float, y: float) -> tuple[int, int]:
        return canvas.spot(across.at(x), upright.at(y))

    for span in figure.spans:
        edges = [canvas.cell(across.at(at), 0.0)[0] for at in (span.start, span.end) if across.low <= at <= across.high]
        for x in edges:
            for y in range(canvas.height):
                canvas.ground((x, y), "span")
    for number, line in enumerate(figure.lines):
        for run in line.band():
            shade(run, number, canvas, across, upright)
    for rule in figure.rules:
        y = canvas.cell(0.0, upright.at(rule.y))[1]
        for x in range(canvas.width):
            canvas.cells[x, y], canvas.styles[x, y] = canvas.signs.rule, "rule"
    for number, line in reversed(list(enumerate(figure.lines))):  # the first line is the one that matters most: it comes last
        for piece in line.pieces():
            spots = [place(x, y) for x, y in piece]
            for start, end in zip(spots, [*spots[1:], spots[-1]], strict=True):
                canvas.stroke(start, end, number)
    for cell in canvas.dots:
        canvas.cells.pop(cell, None)
    scatter(figure, canvas, across, upright)


def shade(run: list[tuple[float, float, float]], number: int, canvas: Canvas, across: Scale, upright: Scale) -> None:
    """The cells between the lower and the upper edge of a band."""
    cells = [(canvas.cell(across.at(x), upright.at(low)), canvas.cell(across.at(x), upright.at(high))) for x, low, high in run]
    for (below, above), (next_below, next_above) in zip(cells, [*cells[1:], cells[-1]], strict=True):
        steps = max(1, next_below[0] - below[0])
        for step in range(steps + 1):
            share = step / steps
            bottom_y = round(below[1] + (next_below[1] - below[1]) * share)
            top_y = round(above[1] + (next_above[1] - above[1]) * share)
            for y in range(top_y, bottom_y + 1):
                canvas.ground((below[0] + step if next_below[0] > below[0] else below[0], y), f"band{number % SERIES}")


def scatter(figure: Chart, canvas: Canvas, across: Scale, upright: Scale) -> None:
    """Dots, the best last and with their marks."""
    best = sorted((dot for dot in figure.dots if dot.best), key=lambda dot: (dot.x, dot.y))
    if figure.front and canvas.form is Form.COLOUR:
        spots = [canvas.spot(across.at(dot.x), upright.at(dot.y)) for dot in best]
        for spot, after in pairwise(spots):
            canvas.stroke(spot, after, 0)
    for dot in [*(dot for dot in figure.dots if not dot.best), *best]:
        if not (isfinite(dot.x) and isfinite(dot.y)):
            continue
        x, y = canvas.cell(across.at(dot.x), upright.at(dot.y))
        sign = dot.mark if dot.mark and dot.best else canvas.signs.lines[0] if dot.best else dot.mark or canvas.signs.dot
        start = max(0, min(x, canvas.width - len(sign)))
        for i, letter in enumerate(sign[: canvas.width]):
            canvas.cells[start + i, y], canvas.styles[start + i, y] = letter, "best" if dot.best else "line1"


def bottom(scale: Scale, width: int, margin: int, spans: Iterable[Span], language: Language, signs: Signs) -> list[list[Run]]:
    """The x axis, thick where a span is, and its ticks' labels, as many as stand apart."""
    line, styles = [signs.across] * width, ["frame"] * width
    labels, free = [" "] * width, 0
    for tick in scale.ticks():
        x = round(scale.at(tick) * (width - 1))
        text = tell(tick, scale, language)
        start = max(0, min(x - len(text) // 2, width - len(text)))
        line[x] = signs.tick_x
        if start >= free and len(text) <= width:
            labels[start : start + len(text)] = text
            free = start + len(text) + 1
    for span in spans:
        if span.end >= scale.low and span.start <= scale.high:
            first, last = (round(scale.at(at) * (width - 1)) for at in (span.start, span.end))
            for x in range(first, last + 1):
                line[x], styles[x] = signs.span, "span"
    runs: list[Run] = [(" " * margin + signs.corner, "frame")]
    for sign, style in zip(line, styles, strict=True):
        if runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + sign, style)
        else:
            runs.append((sign, style))
    return [runs, [(" " * (margin + 1) + "".join(labels), "frame")]]


def legend(figure: Chart, width: int, form: Form, signs: Signs) -> list[list[Run]]:
    """What each sign stands for; where nothing could be taken for anything else, nothing."""
    entries: list[tuple[str, str, str]] = []
    for number, line in enumerate(figure.lines):
        sign = "⣀⠤⠒⠉" if form is Form.COLOUR else signs.lines[number % SERIES]
        entries.append((sign, line.name, f"line{number % SERIES}"))
    entries += [(signs.rule * 2, rule.name, "rule") for rule in figure.rules]
    entries += [(signs.span * 2, span.name, "span") for span in {span.name: span for span in figure.spans}.values()]
    return wrapped([(f"{sign} {name}", style) for sign, name, style in entries if name], width, signs)


def wrapped(entries: list[Run], width: int, signs: Signs) -> list[list[Run]]:
    """Entries side by side, as many a line as fit."""
    lines: list[list[Run]] = []
    room = 0
    for text, style in entries:
        wide = cell_len(text) + cell_len(signs.between)
        if not lines or wide > room:
            lines.append([(" ", ""), (text, style)])
            room = width - 1 - cell_len(text)
        else:
            lines[-1] += [(signs.between, "frame"), (text, style)]
            room -= wide
    return lines


def bars(figure: Bars, width: int, signs: Signs) -> list[list[Run]]:
    """A line each: name, bar with its interval, value."""
    if not figure.bars:
        return []
    names = min(max(cell_len(bar.name) for bar in figure.bars), max(4, width // 3))
    values = max(cell_len(bar.text) for bar in figure.bars)
    room = max(1, width - names - values - 3)
    lines: list[list[Run]] = []
    for bar in figure.bars:
        share, interval = figure.shares(bar)
        full, rest = divmod(round(share * room * len(signs.parts)), len(signs.parts))
        drawn_bar = (signs.bar * full + (signs.parts[rest] if rest else "")).ljust(room)
        if interval is not None:
            first, last = (round(at * (room - 1)) for at in interval)
            left, middle, right = signs.interval
            drawn_bar = drawn_bar[:first] + (left + middle * (last - first - 1) + right if last > first else middle) + drawn_bar[last + 1 :]
        name = bar.name if cell_len(bar.name) <= names else set_cell_size(bar.name, names - 1) + signs.cut
        lines.append([(" ", ""), (set_cell_size(name, names), "frame"), (" ", ""), (drawn_bar, "line0"), (" ", ""), (bar.text, "")])
    return lines


def lanes(figure: Lanes, width: int, signs: Signs) -> list[list[Run]]:
    """A line each, darker where it held more; then the time axis."""
    names = min(max((cell_len(lane.name) for lane in figure.lanes), default=0), max(4, width // 3))
    room = max(1, width - names - 2)
    across = time_scale(figure, max(2, room // TICK_COLUMNS))
    which = columns(figure, across, room)
    lines: list[list[Run]] = []
    for lane in figure.lanes:
        cells = ""
        for buckets in which:
            known = [lane.levels[i] for i in buckets if i < len(lane.levels) and lane.levels[i] == lane.levels[i]]
            level = max(known, default=0.0)
            # What held at all is seen, however short it was beside a column.
            step = min(4, max(1, round(level * 4))) if level > 0.0 else 0
            cells += signs.levels[step] if known else " "
        name = lane.name if cell_len(lane.name) <= names else set_cell_size(lane.name, names - 1) + signs.cut
        lines.append([(set_cell_size(name, names), "frame"), (f" {signs.upright}", "frame"), (cells, "lane")])
    lines += bottom(across, room, names + 1, figure.spans, figure.language, signs)
    entries: list[Run] = [(f"{signs.levels[4]} {figure.legend}", "lane")] if figure.legend else []
    entries += [(f"{signs.span * 2} {span.name}", "span") for span in figure.spans if span.name]
    return lines + wrapped(entries, width, signs)


def columns(figure: Lanes, across: Scale, room: int) -> list[list[int]]:
    """Which buckets each column of cells covers; at least the one it lies in."""
    ends = [*figure.starts[1:], figure.end]
    found: list[list[int]] = [[] for _ in range(room)]
    for i, (start, end) in enumerate(zip(figure.starts, ends, strict=False)):
        first = min(room - 1, int(across.at(start) * room))
        last = min(room - 1, max(first, int(across.at(end) * room - 1e-9)))
        for x in range(first, last + 1):
            found[x].append(i)
    return found
