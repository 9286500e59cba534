"""Arguments and options that several commands share, and what stands behind them.

What must not live here: an option of one command alone.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roteiro.terms.error import SettingsError

if TYPE_CHECKING:
    from roteiro.report.document import Document
    from roteiro.report.speech import Speech

__all__ = [
    "AsHtml",
    "AsJson",
    "AsMarkdown",
    "Data",
    "Environment",
    "Lang",
    "Language",
    "PlanFile",
    "ToPdf",
    "directory",
    "in_language",
    "present",
]

DEFAULT_DATA: Final = "roteiro-data"


class Language(StrEnum):
    """Languages that reports speak."""

    EN = "en"
    PT_BR = "pt-BR"


PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's file.", show_default=False)]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", envvar="ROTEIRO_DATA", help=f"The data directory; without it {DEFAULT_DATA}.", show_default=False
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--environment", "-e", metavar="NAME", envvar="ROTEIRO_ENVIRONMENT", help="Lay PLAN.NAME.yaml over the plan.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
AsHtml = Annotated[bool, typer.Option("--html", help="Print one HTML page.")]
ToPdf = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write a PDF (extra `pdf`).", show_default=False)]
Lang = Annotated[Language, typer.Option("--lang", envvar="ROTEIRO_LANG", help="Language of the report.", case_sensitive=False)]


def directory(data: Path | None) -> Path:
    """The data directory that is meant."""
    return data if data is not None else Path(os.environ.get("ROTEIRO_DATA") or DEFAULT_DATA)


def in_language(lang: Language) -> "Speech":
    from roteiro.report.speech import speech

    return speech(lang)


def present(document: "Document", lang: Language, *, as_markdown: bool = False, as_html: bool = False, to_pdf: Path | None = None) -> None:
    """Print a report in the form that was asked for; a PDF is written, and nothing printed. Raises SettingsError where it cannot be."""
    if to_pdf is not None:
        from roteiro.report.typst import pdf

        made = pdf(document, lang)
        try:
            to_pdf.write_bytes(made)
        except OSError as error:
            raise SettingsError(f"{to_pdf} cannot be written: {error.strerror or error}") from error
        return
    if as_markdown or as_html:
        from roteiro.report.html import html
        from roteiro.report.markdown import markdown

        typer.echo(markdown(document) if as_markdown else html(document, lang), nl=False)
        return
    from roteiro.report.terminal import console, show

    show(document, console())
