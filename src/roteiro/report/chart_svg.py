"""Pictures as SVG inside a page: no script, no font and no address; colours are the page's, light or dark, and lines differ by dashes too.

A reader who cannot see it is given the title and the description; who points at a mark is told its numbers.
What must not live here: the page around it, and its colours (`html`).
"""

from html import escape
from math import isfinite
from typing import Final

from roteiro.report.chart import Axis, Bars, Chart, Figure, Lanes, Line, Span
from roteiro.report.chart_scale import Scale, scales, summary, tell, time_scale
from roteiro.report.chart_text import SERIES
from roteiro.report.speech import Language

__all__ = ["CHART_STYLE", "picture", "svg"]

WIDTH: Final = 760
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 78, 34, 16, 44
LANE: Final = 22
BAR: Final = 24
LABEL: Final = 16
"""A line of the legend."""
LETTER: Final = 6.6
"""Width of a letter of the page's small type, about, in the units of the picture."""

CHART_STYLE: Final = """
:root { --line0: #0b62c4; --line1: #b3541e; --line2: #18794e; --line3: #8e4ec6; --line4: #946800; --ground: #8882; }
@media (prefers-color-scheme: dark) {
  :root { --line0: #70b8ff; --line1: #ffa057; --line2: #4cc38a; --line3: #d19dff; --line4: #f5d90a; --ground: #fff2; }
}
figure { margin: 1rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; max-width: 60rem; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; } svg .tick { fill: var(--quiet); } svg .frame { stroke: var(--line); fill: none; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; } svg .band { opacity: .18; stroke: none; }
svg .rule { stroke: var(--quiet); stroke-dasharray: 3 4; } svg .span { fill: var(--bad); opacity: .14; }
svg .dot { fill: var(--quiet); } svg .best { fill: var(--line0); } svg .mark { font-weight: 600; }
svg .level { fill: var(--bad); } svg .ground { fill: var(--ground); } svg .interval { stroke: currentColor; stroke-width: 1.5; }
svg .s0 { stroke: var(--line0); } svg .s1 { stroke: var(--line1); stroke-dasharray: 7 3; }
svg .s2 { stroke: var(--line2); stroke-dasharray: 2 3; } svg .s3 { stroke: var(--line3); stroke-dasharray: 9 3 2 3; }
svg .s4 { stroke: var(--line4); stroke-dasharray: 12 4; }
svg .f0 { fill: var(--line0); } svg .f1 { fill: var(--line1); } svg .f2 { fill: var(--line2); } svg .f3 { fill: var(--line3); }
svg .f4 { fill: var(--line4); }
""".strip()


def svg(figure: Figure, number: int) -> str:
    """A `figure` element. `number` tells it from the others of its page."""
    height, inside, told = drawing(figure)
    names = f"chart{number}-title chart{number}-desc" if told else f"chart{number}-title"
    head = f'<title id="chart{number}-title">{escape(figure.title)}</title>'
    if told:
        head += f'<desc id="chart{number}-desc">{escape(told)}</desc>'
    return (
        f"<figure><figcaption>{escape(figure.title)}</figcaption>\n"
        f'<svg role="img" aria-labelledby="{names}" viewBox="0 0 {WIDTH} {height}">{head}\n' + "\n".join(inside) + "\n</svg></figure>"
    )


def picture(figure: Figure, style: str) -> tuple[str, str]:
    """(an SVG file that stands alone, what it shows in words). `style`: a sheet for the classes of CHART_STYLE."""
    height, inside, told = drawing(figure)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"><style>{style}</style>'
    return "\n".join([head, *inside, "</svg>"]), told


def drawing(figure: Figure) -> tuple[int, list[str], str]:
    """(height, elements, what it shows in words)."""
    match figure:
        case Chart():
            return chart(figure)
        case Bars():
            return bars(figure)
    return lanes(figure)


class Frame:
    """Places of a plot in the picture's units."""

    def __init__(self, across: Scale, upright: Scale | None, left: float, height: float, top: float = TOP) -> None:
        self.across, self.upright = across, upright
        self.left, self.right, self.top, self.bottom = left, float(WIDTH - RIGHT), top, top + height

    def x(self, value: float) -> float:
        return self.left + self.across.at(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        assert self.upright is not None
        return self.bottom - self.upright.at(value) * (self.bottom - self.top)


def chart(figure: Chart) -> tuple[int, list[str], str]:
    across, upright = scales(figure, 8, 6)
    frame = Frame(across, upright, LEFT, HEIGHT - TOP - BOTTOM, TOP + LABEL)
    parts = [f'<text x="{LEFT - 8}" y="{TOP}" text-anchor="end" class="tick">{escape(figure.y.label)}</text>'] if figure.y.label else []
    if figure.y.label and len(figure.y.label) * LETTER > LEFT - 8:
        parts = [f'<text x="0" y="{TOP}" class="tick">{escape(figure.y.label)}</text>']
    parts += [spanned(span, frame) for span in figure.spans if span.end >= across.low and span.start <= across.high]
    for tick in upright.ticks():
        y = frame.y(tick)
        parts.append(f'<line class="frame" x1="{LEFT}" x2="{n(frame.right)}" y1="{n(y)}" y2="{n(y)}"/>')
        text = escape(tell(tick, upright, figure.language))
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{n(y + 4)}" text-anchor="end">{text}</text>')
    parts += time_axis(frame, figure.x, figure.language)
    for number, line in enumerate(figure.lines):
        parts += [band(run, number, frame) for run in line.band()]
    for rule in figure.rules:
        height = n(frame.y(rule.y))
        parts.append(
            f'<line class="rule" x1="{LEFT}" x2="{n(frame.right)}" y1="{height}" y2="{height}"><title>{escape(rule.name)}</title></line>'
        )
    for number, line in enumerate(figure.lines):
        parts += stroke(line, number, frame)
    parts += scatter(figure, frame)
    entries = [(f"s{number % SERIES}", line.name) for number, line in enumerate(figure.lines) if line.name]
    entries += [("rule", rule.name) for rule in figure.rules if rule.name]
    entries += [("span", name) for name in dict.fromkeys(span.name for span in figure.spans) if name]
    below, bottom = legend(entries, frame.bottom + BOTTOM)
    return round(bottom), parts + below, summary(figure)


def spanned(span: Span, frame: Frame) -> str:
    x, end = frame.x(span.start), frame.x(span.end)
    shape = f'<rect class="span" x="{n(x)}" y="{n(frame.top)}" width="{n(max(1.0, end - x))}" height="{n(frame.bottom - frame.top)}">'
    return f"{shape}<title>{escape(span.name)}</title></rect>"


def time_axis(frame: Frame, axis: Axis, language: Language) -> list[str]:
    """The x axis: its line, ticks and label."""
    y = frame.bottom
    parts = [f'<line class="frame" x1="{n(frame.left)}" x2="{n(frame.right)}" y1="{n(y)}" y2="{n(y)}"/>']
    for tick in frame.across.ticks():
        x = n(frame.x(tick))
        text = escape(tell(tick, frame.across, language))
        parts.append(f'<line class="frame" x1="{x}" x2="{x}" y1="{n(y)}" y2="{n(y + 5)}"/>')
        # A last one that would reach over the picture's edge ends there.
        over = frame.x(tick) + len(text) * LETTER / 2 > WIDTH
        placed = f'x="{WIDTH}" y="{n(y + 18)}" text-anchor="end"' if over else f'x="{x}" y="{n(y + 18)}" text-anchor="middle"'
        parts.append(f'<text class="tick" {placed}>{text}</text>')
    if axis.label:
        parts.append(
            f'<text class="tick" x="{n((frame.left + frame.right) / 2)}" y="{n(y + 34)}" text-anchor="middle">{escape(axis.label)}</text>'
        )
    return parts


def band(run: list[tuple[float, float, float]], number: int, frame: Frame) -> str:
    edge = [(frame.x(x), frame.y(high)) for x, _, high in run] + [(frame.x(x), frame.y(low)) for x, low, _ in reversed(run)]
    return f'<polygon class="band f{number % SERIES}" points="{points(edge)}"/>'


def stroke(line: Line, number: int, frame: Frame) -> list[str]:
    """The line between its gaps; a point alone is a dot."""
    parts = []
    for piece in line.pieces():
        places = [(frame.x(x), frame.y(y)) for x, y in piece]
        if len(places) == 1:
            parts.append(f'<circle class="f{number % SERIES}" cx="{n(places[0][0])}" cy="{n(places[0][1])}" r="2.5"/>')
        else:
            parts.append(
                f'<polyline class="line s{number % SERIES}" points="{points(places)}"><title>{escape(line.name)}</title></polyline>'
            )
    return parts


def scatter(figure: Chart, frame: Frame) -> list[str]:
    best = sorted((dot for dot in figure.dots if dot.best), key=lambda dot: (dot.x, dot.y))
    parts = []
    if figure.front and len(best) > 1:
        parts.append(f'<polyline class="line s0" points="{points([(frame.x(dot.x), frame.y(dot.y)) for dot in best])}"/>')
    for dot in [*(dot for dot in figure.dots if not dot.best), *best]:
        if not (isfinite(dot.x) and isfinite(dot.y)):
            continue
        x, y = frame.x(dot.x), frame.y(dot.y)
        told = f"<title>{escape(dot.text)}</title>" if dot.text else ""
        parts.append(f'<circle class="{"best" if dot.best else "dot"}" cx="{n(x)}" cy="{n(y)}" r="{5 if dot.best else 4}">{told}</circle>')
        if dot.mark:
            right = x > frame.right - 30
            parts.append(
                f'<text class="mark" x="{n(x - 8 if right else x + 8)}" y="{n(y - 6)}"'
                f"{' text-anchor=' + chr(34) + 'end' + chr(34) if right else ''}>{escape(dot.mark)}</text>"
            )
    return parts


def legend(entries: list[tuple[str, str]], top: float) -> tuple[list[str], float]:
    """What each line stands for, side by side → the parts, and where the picture ends."""
    parts, x, y = list[str](), float(LEFT), top + 8
    for style, name in entries:
        wide = 34 + len(name) * LETTER + 18
        if x + wide > WIDTH and x > LEFT:
            x, y = float(LEFT), y + LABEL + 2
        if style in ("span", "level"):
            parts.append(f'<rect class="{style}" x="{n(x)}" y="{n(y - 9)}" width="26" height="10"/>')
        else:
            shape = "rule" if style == "rule" else f"line {style}"
            parts.append(f'<line class="{shape}" x1="{n(x)}" x2="{n(x + 26)}" y1="{n(y - 4)}" y2="{n(y - 4)}"/>')
        parts.append(f'<text x="{n(x + 32)}" y="{n(y)}">{escape(name)}</text>')
        x += wide
    return parts, y + 8 if entries else top


def bars(figure: Bars) -> tuple[int, list[str], str]:
    left = min(WIDTH / 3, max((len(bar.name) for bar in figure.bars), default=0) * LETTER + 12)
    right = WIDTH - RIGHT - max((len(bar.text) for bar in figure.bars), default=0) * LETTER - 12
    parts, y = [], 6
    for bar in figure.bars:
        middle, (share, interval) = y + BAR / 2, figure.shares(bar)
        parts.append(f'<text x="{n(left - 8)}" y="{n(middle + 4)}" text-anchor="end">{escape(bar.name)}</text>')
        parts.append(f'<rect class="f0" x="{n(left)}" y="{y + 4}" width="{n(share * (right - left))}" height="{BAR - 8}"/>')
        if interval is not None:
            low, high = (left + at * (right - left) for at in interval)
            parts.append(f'<line class="interval" x1="{n(low)}" x2="{n(high)}" y1="{n(middle)}" y2="{n(middle)}"/>')
        parts.append(f'<text x="{n(right + 8)}" y="{n(middle + 4)}">{escape(bar.text)}</text>')
        y += BAR
    return y + 6, parts, figure.description or "; ".join(f"{bar.name}: {bar.text}" for bar in figure.bars)


def lanes(figure: Lanes) -> tuple[int, list[str], str]:
    left = min(WIDTH / 3, max((len(lane.name) for lane in figure.lanes), default=0) * LETTER + 12)
    height = LANE * len(figure.lanes)
    frame = Frame(time_scale(figure, 8), None, left, height, 4.0)
    ends = [*figure.starts[1:], figure.end]
    parts = []
    for row, lane in enumerate(figure.lanes):
        y = 4 + row * LANE
        parts.append(f'<text x="{n(left - 8)}" y="{n(y + LANE / 2 + 4)}" text-anchor="end">{escape(lane.name)}</text>')
        parts.append(f'<rect class="ground" x="{n(left)}" y="{y + 3}" width="{n(frame.right - left)}" height="{LANE - 6}"/>')
        for start, end, level in zip(figure.starts, ends, lane.levels, strict=False):
            if level > 0.0:
                x, wide = frame.x(start), max(1.0, frame.x(end) - frame.x(start))
                shape = f'<rect class="level" x="{n(x)}" y="{y + 3}" width="{n(wide)}" height="{LANE - 6}"'
                parts.append(f'{shape} opacity="{n(max(0.2, level))}"/>')
    parts += [spanned(span, frame) for span in figure.spans if span.end >= frame.across.low and span.start <= frame.across.high]
    parts += time_axis(frame, figure.x, figure.language)
    entries = [("level", figure.legend)] if figure.legend else []
    entries += [("span", span.name) for span in figure.spans if span.name]
    below, bottom = legend(entries, frame.bottom + BOTTOM - 12)
    return round(bottom), parts + below, figure.description


def points(places: list[tuple[float, float]]) -> str:
    return " ".join(f"{n(x)},{n(y)}" for x, y in places)


def n(value: float) -> str:
    """A number of the picture: a tenth is finer than the eye."""
    return f"{value:.1f}".removesuffix(".0")
