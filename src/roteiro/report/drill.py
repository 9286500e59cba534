"""The report of a drill: for each model a table of what its clients saw, and every promise that was broken.

What must not live here: playing it, and judging it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.speech import Speech
from roteiro.report.words_of_drills import PROMISES_PT

__all__ = ["Drilled", "DrilledRow", "drill_page", "drill_row"]

TONES = {"kept": Tone.GOOD, "broken": Tone.BAD, "not_applicable": Tone.QUIET}


class DrilledRow(Protocol):
    """One case, as `tasks.drill_result` has it."""

    @property
    def scenario(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def must(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def complaints(self) -> Sequence[str]: ...
    @property
    def truth(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def asked(self) -> Sequence[int]: ...
    @property
    def rescues(self) -> int: ...
    @property
    def seconds(self) -> float: ...


class Drilled(Protocol):
    """A whole drill."""

    @property
    def plan_digest(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def rows(self) -> Sequence[DrilledRow]: ...


def drill_page(result: Drilled, speech: Speech) -> Document:
    """All of it."""
    say = speech.say
    models = list(dict.fromkeys(row.model for row in result.rows))
    sections = [
        Section(say("drill.model", model=model), (table([row for row in result.rows if row.model == model], speech),)) for model in models
    ]
    broken = [row for row in result.rows if row.verdict == "broken"]
    if broken:
        sections.append(Section(say("drill.broken_title"), (complaints(broken, speech),)))
    counts = {name: speech.number(count) for name, count in result.counts.items()}
    sections.append(Section("", (Note(say("drill.summary", **counts), Tone.BAD if broken else Tone.GOOD),)))
    subtitle = say("drill.subtitle", digest=result.plan_digest[:12], seconds=speech.seconds(result.seconds))
    return Document(say("drill.title"), tuple(sections), subtitle)


def table(rows: Sequence[DrilledRow], speech: Speech) -> Part:
    say = speech.say
    columns = (
        Column(say("drill.scenario")), Column(say("drill.mode")), Column(say("drill.saw")), Column(say("drill.asked"), rank=1),
        Column(say("verdict")), Column(say("drill.took"), right=True, rank=1),
    )  # fmt: skip
    return Table(columns, tuple(drill_row(row, speech) for row in rows))


def drill_row(row: DrilledRow, speech: Speech) -> tuple[Cell, ...]:
    """One line of the table."""
    say = speech.say
    absent = row.verdict == "not_applicable"
    return (
        cell(row.scenario, Tone.STRONG),
        cell(say("drill.stream" if row.stream else "drill.whole"), Tone.QUIET),
        cell(say(f"drill.why.{row.why}"), Tone.QUIET) if absent else cell(saw(row, speech)),
        cell("" if absent else "+".join(str(count) for count in row.asked), Tone.QUIET),
        cell(say(f"drill.{row.verdict}"), TONES[row.verdict]),
        cell("" if absent else speech.seconds(row.seconds)),
    )


def saw(row: DrilledRow, speech: Speech) -> str:
    """What the client saw, in words."""
    say = speech.say
    match row.truth:
        case "answer" if row.target:
            return say("drill.answer_rescued" if row.rescues else "drill.answer_from", target=row.target)
        case "error" if row.status == 200:
            return say("drill.error_frame", code=row.code)
        case "error":
            return say("drill.error", status=row.status, code=row.code).strip()
    return say(f"drill.{row.truth}")


def complaints(rows: Sequence[DrilledRow], speech: Speech) -> Part:
    """What was promised, and what was wrong; the latter in English, as it is meant for whoever mends it."""
    say = speech.say
    columns = (Column(say("drill.scenario")), Column(say("drill.must")), Column(say("drill.complaint")))
    told = tuple(
        (cell(f"{row.scenario} ({row.model})", Tone.STRONG), cell(promise(row, speech)), cell("; ".join(row.complaints), Tone.BAD))
        for row in rows
    )
    return Table(columns, told)


def promise(row: DrilledRow, speech: Speech) -> str:
    return PROMISES_PT.get(row.scenario, row.must) if speech.language == "pt-BR" else row.must
