"""The reports of canaries, of drift, and of the judge's own errors.

What must not live here: asking, and what is stored.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.analysis.spread import Interval
    from roteiro.quality.judge_rate import Rate
    from roteiro.tasks.canaries import (
        CanariesAnswer,
        ChangeRow,
        DriftAnswer,
        JudgeAnswer,
        RatesAnswer,
        TargetRow,
        VersionRow,
    )

__all__ = ["canaries_page", "drift_page", "judge_page", "rates_page"]

SHOWN = 160
"""Characters of an answer."""
YOUNG = 50
"""Answers below which nothing is said of a version."""
SIGN = 3.0
"""Odds below which a sign is none."""


def canaries_page(answer: "CanariesAnswer", speech: Speech) -> Document:
    """How each target did, by kind of question, and what it got wrong."""
    say = speech.say
    sections = []
    if answer.state == "budget":
        sections.append(Section("", (Note(say("canary.budget"), Tone.WARN),)))
    if not answer.rows:
        return Document(say("canary.title"), (*sections, Section("", (Note(say("canary.none"), Tone.QUIET),))), answer.about)
    sections.append(Section("", (targets(answer.rows, speech),)))
    kinds = sorted({kind for row in answer.rows for kind in row.kinds})
    columns = (Column(say("canary.target")), *(Column(say(f"canary.{kind}"), right=True) for kind in kinds))
    told = tuple(
        (cell(named(row.target, row.era, speech), Tone.STRONG), *(of_kind(row, kind, speech) for kind in kinds)) for row in answer.rows
    )
    sections.append(Section(say("canary.kinds"), (Table(columns, told),)))
    if answer.wrong:
        columns = (Column(say("canary.target")), Column(say("canary.question")), Column(say("canary.answer")))
        told = tuple((cell(one.target), cell(one.probe, Tone.STRONG), cell(brief(one.text), Tone.BAD)) for one in answer.wrong)
        sections.append(Section(say("canary.wrong"), (Table(columns, told),)))
    sections.append(Section("", (Note(say("canary.method"), Tone.QUIET),)))
    return Document(say("canary.title"), tuple(sections), answer.about)


def targets(rows: "Sequence[TargetRow]", speech: Speech) -> Part:
    say = speech.say
    columns = (
        Column(say("canary.target")), Column(say("canary.version"), rank=2), Column(say("canary.right"), right=True),
        Column(say("canary.interval"), right=True, rank=1), Column(say("canary.refused"), right=True, rank=1),
        Column(say("canary.formed"), right=True, rank=1), Column(say("canary.confidence"), right=True),
        Column(say("canary.agreement"), right=True, rank=2), Column(say("canary.latency"), right=True, rank=1),
        Column(say("canary.failed"), right=True),
    )  # fmt: skip
    told = tuple(
        (
            cell(row.target, Tone.STRONG),
            cell(named(row.version, row.era, speech), Tone.QUIET),
            ratio(row.right, row.asked, speech),
            cell(span(row.interval, speech), Tone.QUIET),
            cell(speech.number(row.refused), Tone.WARN if row.refused else Tone.PLAIN),
            ratio(*row.formed, speech),
            cell(speech.share(row.confidence, 1)),
            cell(speech.share(row.agreement, 1)),
            cell(speech.seconds(row.latency_s)),
            cell(speech.number(row.failed), Tone.BAD if row.failed else Tone.QUIET),
        )
        for row in rows
    )
    return Table(columns, told)


def of_kind(row: "TargetRow", kind: str, speech: Speech) -> Cell:
    return ratio(*row.kinds.get(kind, (0, 0)), speech)


def ratio(good: int, of: int, speech: Speech) -> Cell:
    """`47/48`, or no data."""
    if not of:
        return cell(speech.say("no_data"), Tone.QUIET)
    return cell(f"{speech.number(good)}/{speech.number(of)}", Tone.GOOD if good == of else Tone.PLAIN)


def span(interval: "Interval | Rate | None", speech: Speech) -> str:
    return speech.say("no_data") if interval is None else f"{speech.share(interval.low, 1)} – {speech.share(interval.high, 1)}"


def named(version: str, era: int, speech: Speech) -> str:
    return version if era == 1 else speech.say("canary.era", version=version, era=era)


def brief(text: str) -> str:
    """One line of it."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def drift_page(answer: "DriftAnswer", speech: Speech) -> Document:
    """What is watched, what has changed, since when, how sure that is, and questions whose answers show it."""
    say = speech.say
    sections = []
    if answer.changes:
        sections.append(Section(say("drift.changes"), (changes(answer.changes, speech),)))
        examples = [(change, one) for change in answer.changes for one in change.examples]
        if examples:
            columns = (
                Column(say("canary.target")),
                Column(say("canary.question")),
                Column(say("drift.before")),
                Column(say("drift.after")),
            )
            told = tuple(
                (cell(change.target), cell(one.probe, Tone.STRONG), cell(brief(one.before), Tone.QUIET), cell(brief(one.after)))
                for change, one in examples
            )
            sections.append(Section(say("drift.example"), (Table(columns, told),)))
    else:
        sections.append(Section("", (Note(say("drift.none"), Tone.GOOD),)))
    if answer.versions:
        sections.append(Section(say("drift.versions"), (versions(answer.versions, speech),)))
        rate = speech.share(max(one.rate for one in answer.versions))
        measures = ", ".join(say(f"drift.{measure}") for measure in sorted({one.measure for one in answer.versions}))
        sections.append(Section("", (Note(say("drift.method", rate=rate, measures=measures), Tone.QUIET),)))
    return Document(say("drift.title"), tuple(sections), answer.about)


def changes(rows: "Sequence[ChangeRow]", speech: Speech) -> Part:
    say = speech.say
    columns = (
        Column(say("canary.target")), Column(say("drift.noticed")), Column(say("drift.since")), Column(say("drift.what")),
        Column(say("drift.sure")),
    )  # fmt: skip
    return Table(
        columns,
        tuple(
            (
                cell(row.target, Tone.STRONG), cell(when(row.noticed)), cell(when(row.since)), cell(what(row, speech), Tone.WARN),
                cell(
                    say("drift.certain")
                    if row.kind == "version"
                    else say("drift.to_one", odds=odds(row.odds, speech), answers=speech.number(row.answers))
                ),
            )
            for row in rows
        ),
    )  # fmt: skip


def what(row: "ChangeRow", speech: Speech) -> str:
    say = speech.say
    if row.kind == "version":
        return say("drift.says_other", before=row.before, after=row.after)
    way = say("drift.up" if row.up else "drift.down")
    return say("drift.behaves", after=row.after, feature=say(f"drift.{row.feature}"), way=way)


def versions(rows: "Sequence[VersionRow]", speech: Speech) -> Part:
    say = speech.say
    columns = (
        Column(say("canary.target")), Column(say("canary.version")), Column(say("drift.seen"), rank=1),
        Column(say("drift.answers"), right=True), Column(say("drift.state")), Column(say("drift.odds"), rank=1),
    )  # fmt: skip
    told = []
    for row in rows:
        feature, most = max(row.odds.items(), key=lambda one: one[1])
        sign = say("drift.no_sign")
        if most >= SIGN:
            threshold = speech.number(row.threshold)
            sign = say("drift.odds_of", feature=say(f"drift.{feature}"), odds=odds(most, speech), threshold=threshold)
        state = "changed" if row.changed else "young" if row.answers < YOUNG else "quiet"
        tone = {"changed": Tone.WARN, "young": Tone.QUIET, "quiet": Tone.GOOD}[state]
        told.append((
            cell(row.target, Tone.STRONG), cell(named(row.version, row.era, speech)), cell(f"{when(row.first)} – {when(row.last)}"),
            cell(speech.number(row.answers)), cell(say(f"drift.{state}"), tone), cell(sign, Tone.QUIET),
        ))  # fmt: skip
    return Table(columns, tuple(told))


def odds(value: float, speech: Speech) -> str:
    return speech.number(value) if value < 1e6 else f"> {speech.number(1e6)}"


def when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def judge_page(answer: "JudgeAnswer", speech: Speech) -> Document:
    """How a judge did on labelled items, and what a rate of its would stand for."""
    say = speech.say
    columns = (
        Column(say("canary.target")), Column(say("canary.version"), rank=1), Column(say("judge.kind")),
        Column(say("judge.sensitivity"), right=True), Column(say("canary.interval"), right=True, rank=1),
        Column(say("judge.specificity"), right=True), Column(say("canary.interval"), right=True, rank=1),
        Column(say("judge.silent"), right=True), Column(say("judge.example"), right=True),
    )  # fmt: skip
    told = tuple(
        (
            cell(row.target, Tone.STRONG), cell(row.version, Tone.QUIET), cell(say(f"judge.{row.kind}")),
            ratio(row.sensitivity.right, row.sensitivity.of, speech), cell(span(row.sensitivity_interval, speech), Tone.QUIET),
            ratio(row.specificity.right, row.specificity.of, speech), cell(span(row.specificity_interval, speech), Tone.QUIET),
            cell(speech.number(row.silent), Tone.WARN if row.silent else Tone.QUIET), stands_for(row.example, speech),
        )
        for row in answer.rows
    )  # fmt: skip
    return Document(say("judge.title"), (Section("", (Table(columns, told), Note(say("judge.method"), Tone.QUIET))),), answer.about)


def stands_for(rate: "Rate | None", speech: Speech) -> Cell:
    if rate is None:
        return cell(speech.say("judge.nothing"), Tone.BAD)
    return cell(f"{speech.share(rate.rate, 1)} ({span(rate, speech)})")


def rates_page(answer: "RatesAnswer", speech: Speech) -> Document:
    """What a judge said of each target's answers, as it counted and as it stands corrected."""
    say = speech.say
    if not answer.rows:
        return Document(say("judge.rates"), (Section("", (Note(say("judge.none"), Tone.QUIET),)),), answer.about)
    columns = (
        Column(say("canary.target")), Column(say("judge.kind")), Column(say("judge.who"), rank=1), Column(say("judge.said"), right=True),
        Column(say("judge.corrected"), right=True),
    )  # fmt: skip
    told = tuple(
        (
            cell(row.target, Tone.STRONG), cell(say(f"judge.{row.kind}")), cell(row.judge, Tone.QUIET),
            cell(f"{speech.number(row.bad)}/{speech.number(row.judged)}"),
            stands_for(row.rate, speech) if row.measured else cell(say("judge.unmeasured"), Tone.WARN),
        )
        for row in answer.rows
    )  # fmt: skip
    return Document(say("judge.rates"), (Section("", (Table(columns, told), Note(say("judge.method"), Tone.QUIET))),), answer.about)
