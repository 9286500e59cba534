"""Reports as they read, kept as files. After a change that is meant: ROTEIRO_GOLDEN=write pytest tests/report/test_golden.py, and look."""

import io
import os
from pathlib import Path

import pytest
from rich.console import Console
from tests.report import results

from roteiro.report import LANGUAGES, Document, cost_page, html, markdown, show, sla_page, speech, story_page, traffic_page

GOLDEN = Path(__file__).parent / "golden"


def page(name: str, language: str) -> Document:
    said = speech(language)
    match name:
        case "sla":
            return sla_page(results.levels(), said, "DIR · run-1", (said.say("sla.targets_unknown"),))
        case "cost":
            return cost_page(*results.money(), said, "DIR · run-1")
        case "traffic":
            return traffic_page(results.moves(), said, "DIR · run-1")
    return story_page(results.story(), said)


def printed(document: Document, width: int) -> str:
    out = io.StringIO()
    show(document, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def hold(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("ROTEIRO_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["sla", "cost", "traffic", "story"])
def test_a_report_in_markdown(name: str, language: str) -> None:
    hold(f"{name}.{language}.md", markdown(page(name, language)))


@pytest.mark.parametrize("name", ["sla", "cost", "traffic", "story"])
def test_a_report_on_a_wide_terminal(name: str) -> None:
    hold(f"{name}.wide.txt", printed(page(name, "en"), 130))


def test_a_report_on_a_narrow_terminal() -> None:
    """Columns that matter least are left out, and the verdict stays."""
    text = printed(page("sla", "en"), 60)
    hold("sla.narrow.txt", text)
    assert max(map(len, text.splitlines())) <= 60
    assert "verdict" in text


def test_a_report_in_html() -> None:
    text = html(page("sla", "pt-BR"), "pt-BR")
    hold("sla.pt-BR.html", text)
    assert "http" not in text and "<script" not in text, "the page needs nothing else"
