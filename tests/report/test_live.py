"""The live view: what it shows and what it remembers."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.analysis.build import events
from tests.analysis.test_moment import ROWS

from roteiro.analysis.moment import BudgetLeft, Fleet, Moment, moment
from roteiro.report.live import LiveView, bar, sparkline
from roteiro.report.speech import speech


def at(seconds: float, breaker: str) -> Moment:
    budgets = (BudgetLeft("tenant/gama/daily", 150_000_000, 120_000_000, 1_000_000),)
    fleet = Fleet({"primary": breaker, "secondary": "closed"}, ("0: primary.error_rate > 5% → avoid_primary",), 3, 1, budgets)
    return moment(events(*ROWS), seconds, fleet)


def drawn(view: LiveView, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(view.render(width))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_it_fits_any_terminal(width: int, language: str) -> None:
    view = LiveView(speech(language), "roteiro demo", 60.0)
    assert drawn(view, width).strip() == ""
    view.update(at(20.0, "open"), "storm", 20.0)
    text = drawn(view, width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "primary" in text and speech(language).say("breaker.open") in text


def test_a_breaker_that_turns_is_remembered_once() -> None:
    view = LiveView(speech(), "t", 60.0)
    for seconds, state in ((18.0, "closed"), (19.0, "open"), (19.5, "open"), (20.0, "half_open")):
        view.update(at(seconds, state), "storm", seconds)
    lines = [line for line in drawn(view, 120).splitlines() if "primary: breaker" in line]
    assert [line.split("breaker ")[1].strip() for line in lines] == ["open", "half-open"]


def test_a_line_says_the_same_without_a_terminal() -> None:
    view = LiveView(speech(), "t", 60.0)
    assert view.line() == ""
    view.update(at(20.0, "open"), "storm", 20.0)
    assert "primary 50% open" in view.line() and "4 requests" in view.line()


def test_bars_and_sparks() -> None:
    assert bar(0.5, 4) == "██  " and bar(1.5, 2) == "██" and bar(0.0, 3) == "   " and bar(1 / 16, 2) == "▏ "
    assert sparkline([0, 1, 2], 2) == "▅█" and sparkline([0, 0], 4) == "▁▁" and sparkline([], 3) == ""
