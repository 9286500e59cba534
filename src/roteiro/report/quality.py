"""The report on the quality of answers. What must not live here: counting (`analysis.quality`)."""

from roteiro.analysis.quality import BY, Group, QualityReport, SignalValue
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["quality_page", "quality_sections"]

ALARMING = ("leaks", "repetition")
"""Signals of which any is too many."""


def quality_page(report: QualityReport, speech: Speech, subtitle: str = "") -> Document:
    return Document(speech.say("quality.title"), quality_sections(report, speech), subtitle)


def quality_sections(report: QualityReport, speech: Speech) -> tuple[Section, ...]:
    say, overall = speech.say, report.overall
    if not report.kinds:
        return (Section("", (Note(say("quality.none"), Tone.WARN),)),)
    covered = say(
        "quality.covered", looked=speech.number(overall.looked_at), answers=speech.number(overall.answers),
        share=speech.share(overall.coverage),
    )  # fmt: skip
    parts = (Note(covered, Tone.WARN if overall.looked_at < overall.answers else Tone.QUIET), signals(overall, speech))
    groups = (
        Section(say(f"quality.by_{by}"), (matrix([group for group in report.groups if group.by == by], report.kinds, speech),)) for by in BY
    )
    return (Section(say("quality.overall"), parts), *groups, Section("", (Note(say("quality.method"), Tone.QUIET),)))


def signals(group: Group, speech: Speech) -> Table:
    """One row a signal, of everything."""
    say = speech.say
    columns = (
        Column(say("quality.signal")), Column(say("quality.value"), right=True), Column(say("quality.interval"), right=True, rank=1),
        Column(say("quality.of"), right=True), Column(say("quality.meaning"), rank=2),
    )  # fmt: skip
    return Table(columns, tuple(row(one, speech) for one in group.signals))


def row(one: SignalValue, speech: Speech) -> tuple[Cell, ...]:
    interval = "" if one.interval is None else f"{shown(one, one.interval.low, speech)} – {shown(one, one.interval.high, speech)}"
    return (
        cell(speech.say(f"signal.{one.kind}"), Tone.STRONG), value_cell(one, speech), cell(interval, Tone.QUIET),
        cell(speech.number(one.count)), cell(speech.say(f"signal.{one.kind}.says", total=speech.number(one.total)), Tone.QUIET),
    )  # fmt: skip


def matrix(groups: list[Group], kinds: tuple[str, ...], speech: Speech) -> Table:
    """One row a group, one column a signal: the value and of how many it is."""
    say = speech.say
    columns = (
        Column(say(f"quality.by_{groups[0].by}") if groups else ""), Column(say("quality.answers"), right=True),
        Column(say("quality.coverage"), right=True),
        *(Column(say(f"signal.{kind}"), right=True, rank=0 if kind in ALARMING else 1 + at // 3) for at, kind in enumerate(kinds)),
    )  # fmt: skip
    return Table(columns, tuple(group_row(group, kinds, speech) for group in groups))


def group_row(group: Group, kinds: tuple[str, ...], speech: Speech) -> tuple[Cell, ...]:
    by_kind, none = {one.kind: one for one in group.signals}, cell(speech.say("quality.unverified"), Tone.QUIET)
    return (
        cell(group.name or speech.say("quality.nobody"), Tone.STRONG), cell(speech.number(group.answers)),
        cell(speech.share(group.coverage)),
        *(value_cell(by_kind[kind], speech, counted=True) if kind in by_kind else none for kind in kinds),
    )  # fmt: skip


def value_cell(one: SignalValue, speech: Speech, counted: bool = False) -> Cell:
    text = shown(one, one.value, speech) + (f" ({speech.number(one.count)})" if counted else "")
    return cell(text, Tone.BAD if one.kind in ALARMING and one.value > 0 else Tone.PLAIN)


def shown(one: SignalValue, value: float, speech: Speech) -> str:
    if one.measure == "share":
        return speech.share(value)
    return speech.number(value, 1 if one.kind == "length" else 3)
