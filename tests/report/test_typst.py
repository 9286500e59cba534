"""A report as PDF: nothing in the data is markup, the same report gives the same bytes, and no font comes from the machine."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report import results
from tests.report.test_chart import breakers, costs, day, front

from roteiro.cli.option import Language, present
from roteiro.report import Column, Document, Note, Section, Table, Tone, cost_page, sla_page, speech, story_page
from roteiro.report import typst as ours
from roteiro.report.document import Code, cell
from roteiro.report.typst import pdf, quoted, typst_source
from roteiro.terms.error import SettingsError

SQL = Code("SELECT 'a#b' AS \"c\\d\"\nFROM events -- $x$ *y* ção", name="[Q1] <label> @ref")


def full(language: str = "pt-BR") -> Document:
    """One of everything."""
    said = speech(language)
    pictures = (day("pt-BR"), front("pt-BR"), breakers("pt-BR"), costs("pt-BR"))
    levels = sla_page(results.levels(), said, "DIR · run-1", (said.say("sla.targets_unknown"),))
    sections = (*levels.sections, Section("Figuras", pictures), Section("", (SQL, Table((Column("leer"),), ()))))
    return Document(levels.title, sections, levels.subtitle, (Note("não há", Tone.STRONG), Table((Column("a"),), ((cell("b"),),))))


def pages(made: bytes) -> int:
    return len(re.findall(rb"/Type/Page\b", made))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_literal_is_its_text(text: str) -> None:
    assert json.loads(typst.eval(b"", quoted(text), ignore_system_fonts=True)) == text.replace("\r\n", "\n")


def test_the_same_report_is_the_same_bytes_and_tells_no_date_of_its_own() -> None:
    made = pdf(full(), "pt-BR")
    assert made == pdf(full(), "pt-BR")
    assert b"CreationDate" not in made
    assert b"(D:20261103" in pdf(full(), "pt-BR", datetime(2026, 11, 3, tzinfo=UTC))


def test_fonts_are_those_inside_typst() -> None:
    fonts = set(re.findall(rb"/BaseFont/\w+\+(\w+)", pdf(full(), "pt-BR")))
    assert fonts and not [name for name in fonts if not name.startswith((b"Libertinus", b"DejaVu"))]


def test_a_long_table_goes_on_over_the_page() -> None:
    rows = tuple((cell(str(n)), cell("maçã", Tone.BAD)) for n in range(150))
    table = Table((Column("n", right=True), Column("nome")), rows)
    assert pages(pdf(Document("t", (Section("s", (table,)),)))) == 4
    assert "table.header(" in typst_source(Document("t", (Section("s", (table,)),)))


def test_pictures_are_vectors_without_variables() -> None:
    source = typst_source(full())
    assert "var(--" not in source and "currentColor" not in source
    assert b"/Subtype/Image" not in pdf(full())


def test_a_cover_is_a_page_of_its_own() -> None:
    body = (Section("s", (Note("text"),)),)
    assert pages(pdf(Document("t", body))) == 1
    assert pages(pdf(Document("t", body, cover=(Note("verdict"),)))) == 2


@pytest.mark.parametrize("language", ["en", "pt-BR"])
def test_every_kind_of_page_can_be_printed(language: str) -> None:
    said = speech(language)
    for document in (full(language), cost_page(*results.money(), said, "x"), story_page(results.story(), said)):
        assert pdf(document, language).startswith(b"%PDF-1.7")


def test_without_the_extra_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"roteiro\[pdf\]"):
        pdf(full())


def test_a_command_writes_it_where_it_was_told_to(tmp_path: Path) -> None:
    to = tmp_path / "levels.pdf"
    present(full(), Language.PT_BR, to_pdf=to)
    assert to.read_bytes() == pdf(full(), "pt-BR")
    with pytest.raises(SettingsError, match="cannot be written"):
        present(full(), Language.EN, to_pdf=tmp_path / "none" / "levels.pdf")
