"""Forms of showing: nothing in the data can break out of them."""

import io
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.report import results

from roteiro.report.document import Code, Column, Document, Note, Section, Table, cell
from roteiro.report.html import html
from roteiro.report.markdown import markdown
from roteiro.report.plain import dumps, plain
from roteiro.report.terminal import console, fitting, show

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


def one(text: str) -> Document:
    table = Table((Column(text), Column("b", right=True, rank=1)), ((cell(text), cell("1")),))
    return Document(text, (Section(text, (table, Note(text))),), text)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


@given(TEXT)
def test_html_is_escaped(text: str) -> None:
    found, plain_one = Tags(), Tags()
    found.feed(html(one(text)))
    plain_one.feed(html(one("x")))
    assert found.seen <= plain_one.seen


@given(TEXT)
def test_a_markdown_table_keeps_its_columns(text: str) -> None:
    rows = [line for line in markdown(one(text)).split("\n") if line.startswith("| ")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {3}


@given(TEXT.filter(lambda text: text.isprintable()), st.integers(20, 120))
def test_markup_in_the_data_is_shown_and_not_obeyed(text: str, width: int) -> None:
    out = io.StringIO()
    show(one(f"[red]{text}[/red]"), Console(file=out, width=width, highlight=False))
    assert "[red]" in out.getvalue().replace("\n", "").replace(" ", "")


@given(TEXT, TEXT)
def test_code_stands_as_it_is(text: str, name: str) -> None:
    """In Markdown within a fence that nothing in it closes; in HTML escaped; on a terminal letter by letter."""
    document = Document("t", (Section("s", (Code(f"```\n{text}\n```", name=name),)),))
    lines = markdown(document).split("\n")
    fences = [line for line in lines if line.startswith("````")]
    assert len(fences) == 2 and fences[0] == f"{fences[1]}sql"
    found, plain_one = Tags(), Tags()
    found.feed(html(document))
    plain_one.feed(html(Document("t", (Section("s", (Code("x", name="x"),)),))))
    assert found.seen <= plain_one.seen


def test_a_cover_opens_the_page_and_its_tables_are_for_paper() -> None:
    document = Document("t", (Section("s", (Note("later"),)),), cover=(Note("verdict"), Table((Column("head"),), ((cell("a cell"),),))))
    out = io.StringIO()
    show(document, Console(file=out, width=80, highlight=False))
    for text in (out.getvalue(), markdown(document), html(document)):
        assert text.index("verdict") < text.index("later") and "a cell" not in text


def test_columns_of_the_highest_rank_go_first_and_rank_0_stays() -> None:
    columns = (Column("x" * 20), Column("y" * 20, rank=1), Column("z" * 20, rank=2), Column("w" * 20))
    table = Table(columns, ())
    assert fitting(table, 200) == [0, 1, 2, 3]
    assert fitting(table, 75) == [0, 1, 3]
    assert fitting(table, 50) == [0, 3]
    assert fitting(table, 10) == [0, 3]


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR keeps the words: nothing is said by colour alone."""
    document = Document("t", (Section("", (Note("met"),)),))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    show(document, Console(file=out, width=80, force_terminal=True))
    assert "met" in out.getvalue() and "\x1b[3" not in out.getvalue()


def test_a_pipe_gets_no_blanks_at_line_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show(one("text"), console())
    said = capsys.readouterr().out
    assert said and not [line for line in said.splitlines() if line != line.rstrip()]


def test_words_between_colons_are_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("root:x:0:0 is no column", markup=False)
    assert capsys.readouterr().out.startswith("root:x:0:0 is")


@pytest.mark.parametrize("result", [results.levels(), results.money(), results.moves(), results.story()])
def test_results_are_json_as_they_stand(result: object) -> None:
    text = dumps(result)
    assert json.loads(text) == json.loads(json.dumps(plain(result), default=str))
    assert "NaN" not in text
