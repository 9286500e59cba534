"""Laws of pictures: nothing outside the room or the frame, whatever is drawn; and pictures as they look, kept as files.

After a change that is meant: ROTEIRO_GOLDEN=write pytest tests/report/test_chart.py, and look.
"""

import io
import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tests.report.test_golden import hold

from roteiro.report import Document, Section, html, markdown, show
from roteiro.report.chart import Axis, Bar, Bars, Chart, Dot, Figure, Lane, Lanes, Line, Quantity, Rule, Span
from roteiro.report.chart_scale import Scale, scales, summary, tell
from roteiro.report.chart_svg import svg
from roteiro.report.chart_text import Form, drawn, text_of
from roteiro.report.speech import Language

HOURS = tuple(float(hour) for hour in range(0, 86400, 1800))
P95 = tuple(400.0 + 150.0 * math.sin(at / 86400 * 6.28) + (900.0 if 40000 < at < 45000 else 0.0) for at in HOURS)


def day(language: Language) -> Chart:
    """A day with an outage in it, a gap in the numbers, and a promise."""
    heights = tuple(math.nan if 70000 < at < 75000 else height for at, height in zip(HOURS, P95, strict=True))
    lines = (
        Line("p95", HOURS, heights, tuple(y * 0.85 for y in heights), tuple(y * 1.15 for y in heights)),
        Line("p50", HOURS, tuple(y / 2 for y in heights)),
    )
    return Chart(
        "Latência" if language == "pt-BR" else "Latency", Axis("", "clock", 0.0, 86400.0), Axis("", "ms", 0.0), language, lines,
        spans=(Span("primary", 40000.0, 45000.0),), rules=(Rule("1000 ms", 1000.0),),
    )  # fmt: skip


def front(language: Language) -> Chart:
    dots = tuple(
        Dot(0.4 + i * 0.3, 1 - 0.5 / (i + 1) - (i % 2) * 0.1, "ABCDEF"[i // 2] if i % 2 == 0 else "", i % 2 == 0, f"cell {i}")
        for i in range(8)
    )
    return Chart("Pareto", Axis("cost", "money"), Axis("attainment", "share"), language, dots=dots, front=True)


def breakers(language: Language) -> Lanes:
    levels = tuple(1.0 if 40000 < at < 46000 else 0.0 for at in HOURS)
    short = tuple(0.1 if at == 70200 else math.nan if at > 80000 else 0.0 for at in HOURS)
    return Lanes(
        "Breakers", Axis("", "clock"), HOURS, 86400.0, (Lane("primary", levels), Lane("secondary", short)), language, "open",
        (Span("outage", 40000.0, 45000.0),),
    )  # fmt: skip


def costs(language: Language) -> Bars:
    return Bars(
        "Cost",
        (Bar("primary", 12.3, "$12.30", 11.0, 13.5), Bar("a very long name of a provider", 3.0, "$3.00"), Bar("none", 0.0, "$0.00")),
        language,
    )


PICTURES = {"day": day, "front": front, "breakers": breakers, "costs": costs}


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_in_text(name: str, form: Form) -> None:
    lines = text_of(PICTURES[name]("pt-BR" if name == "day" else "en"), 72, form)
    hold(f"chart.{name}.{form.value}.txt", "\n".join(lines) + "\n")
    assert form is not Form.ASCII or "\n".join(lines).replace("ê", "e").isascii()


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_picture_as_svg(name: str) -> None:
    hold(f"chart.{name}.svg", svg(PICTURES[name]("en"), 1) + "\n")


REAL = st.one_of(
    st.floats(-1e12, 1e12), st.floats(allow_nan=True, allow_infinity=True, width=32), st.sampled_from([0.0, 1.0, math.nan, 1e-300])
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
QUANTITIES = st.sampled_from(["clock", "seconds", "ms", "money", "share", "count", "per_s"])


@st.composite
def figures(draw: st.DrawFn) -> Figure:
    """Any picture, sound or not: gaps, infinities, nothing at all, one point, all the same."""
    language = draw(st.sampled_from(["en", "pt-BR"]))
    count = draw(st.integers(0, 12))
    xs = tuple(sorted(draw(st.lists(st.floats(0, 1e9), min_size=count, max_size=count))))
    heights = st.lists(REAL, min_size=count, max_size=count).map(tuple)
    lines = tuple(
        Line(draw(NAMES), xs, draw(heights), *((draw(heights), draw(heights)) if draw(st.booleans()) else ()), stepped=draw(st.booleans()))
        for _ in range(draw(st.integers(0, 7)))
    )
    spans = tuple(
        Span(draw(NAMES), *sorted((draw(st.floats(-1e9, 1e9)), draw(st.floats(-1e9, 1e9))))) for _ in range(draw(st.integers(0, 2)))
    )
    match draw(st.sampled_from(["chart", "bars", "lanes"])):
        case "bars":
            return Bars(
                draw(NAMES), tuple(Bar(draw(NAMES), draw(REAL), draw(NAMES), draw(REAL), draw(REAL)) for _ in range(count)), language
            )
        case "lanes":
            levels = st.lists(st.floats(0, 1), min_size=count, max_size=count).map(tuple)
            rows = tuple(Lane(draw(NAMES), draw(levels)) for _ in range(draw(st.integers(0, 4))))
            return Lanes(draw(NAMES), Axis(draw(NAMES), "clock"), xs, (xs[-1] if xs else 0.0) + 60.0, rows, language, draw(NAMES), spans)
    low = draw(st.one_of(st.none(), st.floats(-1e6, 1e6)))
    x, y = Axis(draw(NAMES), draw(QUANTITIES)), Axis(draw(NAMES), draw(QUANTITIES), low)
    dots = tuple(
        Dot(draw(REAL), draw(REAL), draw(st.sampled_from(["", "A", "AB"])), draw(st.booleans())) for _ in range(draw(st.integers(0, 5)))
    )
    rules = tuple(Rule(draw(NAMES), draw(st.floats(-1e6, 1e6))) for _ in range(draw(st.integers(0, 2))))
    return Chart(draw(NAMES), x, y, language, lines, dots, spans, rules, front=draw(st.booleans()))


@given(figures(), st.integers(8, 140), st.sampled_from(list(Form)))
def test_no_character_is_outside_the_room(figure: Figure, width: int, form: Form) -> None:
    for line in drawn(figure, width, form):
        assert sum(cell_len(text) for text, _ in line) <= width


@given(figures())
def test_no_mark_is_outside_the_frame_of_the_svg(figure: Figure) -> None:
    """Every coordinate is a finite number within the picture; and the page cannot be broken out of."""
    found = Places()
    found.feed(svg(figure, 1))
    assert found.box is not None
    _, _, width, height = found.box
    for x, y in found.places:
        assert -1 <= x <= width + 1 and -1 <= y <= height + 1
    assert found.tags <= {"figure", "figcaption", "svg", "title", "desc", "text", "line", "rect", "polyline", "polygon", "circle"}
    assert "nan" not in found.numbers and "inf" not in found.numbers


class Places(HTMLParser):
    """Where marks are, text aside, whose width nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[tuple[float, float]] = []
        self.tags: set[str] = set()
        self.box: list[float] | None = None
        self.numbers = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = {name: value or "" for name, value in attrs}
        if tag == "svg":
            self.box = [float(part) for part in named["viewbox"].split()]
        self.numbers += " ".join(
            value for name, value in named.items() if name in ("x", "y", "x1", "x2", "y1", "y2", "points", "width", "height")
        )
        for pair in named.get("points", "").split():
            x, y = pair.split(",")
            self.places.append((float(x), float(y)))
        if tag == "circle":
            self.places.append((float(named["cx"]), float(named["cy"])))
        if tag == "line":
            self.places += [(float(named["x1"]), float(named["y1"])), (float(named["x2"]), float(named["y2"]))]
        if tag == "rect":
            x, y = float(named["x"]), float(named["y"])
            self.places += [(x, y), (x + float(named["width"]), y + float(named["height"]))]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), QUANTITIES, st.integers(2, 10))
def test_ticks_are_few_round_and_within(low: float, length: float, quantity: Quantity, most: int) -> None:
    chart = Chart("", Axis("", "count"), Axis("", quantity, low, low + length), "en")
    _, scale = scales(chart, 4, most)
    ticks = scale.ticks()
    assert len(ticks) <= most + 1
    slack = scale.step * 1e-6
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)


@pytest.mark.parametrize(
    ("value", "scale", "said", "dito"),
    [
        (0.975, Scale(0.9, 1.0, 0.025, "share"), "97.5%", "97,5%"),
        (1500.0, Scale(0, 2000, 500, "ms"), "1,500 ms", "1.500 ms"),
        (20_000.0, Scale(0, 40_000, 2_500, "ms"), "20.0 s", "20,0 s"),
        (1.5, Scale(0, 2, 0.5, "money"), "$1.50", "US$ 1,50"),
        (12_500.0, Scale(0, 20_000, 2_500, "count"), "12.5k", "12,5 mil"),
        (2_500_000.0, Scale(0, 5_000_000, 500_000, "per_s"), "2.5M/s", "2,5 mi/s"),
        (51_300.0, Scale(0, 86_400, 300, "clock"), "14:15", "14:15"),
        (137_700.0, Scale(0, 172_800, 300, "clock"), "2d 14:15", "2d 14:15"),
        (5400.0, Scale(0, 10_800, 1800, "seconds"), "1.5 h", "1,5 h"),
    ],
)  # fmt: skip
def test_ticks_in_the_readers_language(value: float, scale: Scale, said: str, dito: str) -> None:
    assert (tell(value, scale, "en"), tell(value, scale, "pt-BR")) == (said, dito)


def test_who_cannot_see_it_is_told() -> None:
    """By its own description, or by each line's extremes; the picture names both."""
    assert summary(day("en")).startswith("p95: ")
    text = svg(day("en"), 3)
    assert 'role="img" aria-labelledby="chart3-title chart3-desc"' in text and "<desc" in text


def document() -> Document:
    return Document("d", (Section("", (day("en"), breakers("en"))),))


def test_a_page_has_the_pictures_and_needs_nothing_else() -> None:
    text = html(document())
    assert text.count("<svg") == 2 and 'id="chart1-title"' in text and 'id="chart2-title"' in text
    assert "http" not in text and "<script" not in text
    assert "prefers-color-scheme: dark" in text


def test_markdown_has_them_as_text_blocks() -> None:
    text = markdown(document())
    assert text.count("```text\n") == 2 and text.count("```") == 4


@pytest.mark.parametrize(("terminal", "encoding", "has"), [(True, "utf-8", "⣀"), (False, "utf-8", "●"), (True, "ascii", "*")])
def test_a_terminal_gets_the_form_that_it_can_show(terminal: bool, encoding: str, has: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dots of braille where colours tell lines apart, signs elsewhere, 7 bits where there are no more."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    raw = io.BytesIO()
    to = io.TextIOWrapper(raw, encoding=encoding, errors="replace", write_through=True)
    show(document(), Console(file=to, width=80, force_terminal=terminal, color_system="standard" if terminal else None))
    text = raw.getvalue().decode(encoding)
    assert has in text
    assert "?" not in text
