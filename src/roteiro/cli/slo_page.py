"""How objectives are told: a plan's, with what carries them, and a ledger's, with what is left of budgets and when alerts fired.

What must not live here: finding any of it out.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from roteiro.analysis.objective import BurnAlert, Objective, Severity
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.objective import of_how_many, target_of, what_of
from roteiro.report.speech import Speech
from roteiro.terms.units import format_duration

if TYPE_CHECKING:
    from roteiro.analysis.error_budget import Exhaustion
    from roteiro.tasks.objective_list import ObjectiveList, PathOfTier
    from roteiro.tasks.objective_status import AlertsAnswer, Burn, ObjectiveStatus, StatusAnswer

__all__ = ["alerts_page", "compose_page", "list_page", "status_page"]

LOW = 0.1


def list_page(answer: "ObjectiveList", speech: Speech, subtitle: str) -> Document:
    """Objectives with their windows; alerts with what they take to fire."""
    say = speech.say
    columns = (
        Column(say("sla.objective")), Column(say("sla.promise"), rank=1), Column(say("sla.target")), Column(say("slo.of"), rank=2),
        Column(say("slo.window")), Column(say("slo.steps"), rank=3),
    )  # fmt: skip
    rows = tuple(
        (
            cell(one.name, Tone.STRONG), cell(what_of(one, speech)), cell(target_of(one, speech)), cell(scope_of(one, speech)),
            cell(window_of(one, speech)), cell(", ".join(f"{speech.share(step.spent)} {say(f'slo.do.{step.do}')}" for step in one.steps)),
        )
        for one in answer.objectives
    )  # fmt: skip
    sections = [Section("", (Table(columns, rows) if rows else Note(say("slo.no_objectives"), Tone.QUIET),))]
    if answer.alerts:
        sections.append(Section(say("slo.alerts"), (terms_table(answer, speech), Note(say("slo.terms"), Tone.QUIET))))
    return Document(say("slo.title"), tuple(sections), subtitle)


def terms_table(answer: "ObjectiveList", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("sla.objective")), Column(say("slo.severity")), Column(say("slo.burn"), right=True), Column(say("slo.windows")),
        Column(say("slo.spends"), right=True, rank=2), Column(say("slo.events"), right=True, rank=1),
        Column(say("slo.failures"), right=True),
    )  # fmt: skip
    rows, last = [], ""
    for one in answer.alerts:
        rows.append(
            (
                cell("" if one.objective == last else one.objective, Tone.STRONG), cell(say(f"slo.{one.alert.severity}")),
                cell(times(one.alert.burn, speech)), cell(windows(one.alert)), cell(speech.share(one.budget_share, 1)),
                cell(say("slo.unknown") if one.events is None else speech.number(one.events)),
                cell(say("slo.unknown" if one.events is None else "slo.never") if one.failures is None else speech.number(one.failures)),
            )
        )  # fmt: skip
        last = one.objective
    return Table(columns, tuple(rows))


def compose_page(answer: "tuple[PathOfTier, ...]", speech: Speech, subtitle: str) -> Document:
    """Model by model: the parts, what they make, and the tiers that ask for it."""
    say = speech.say
    sections = []
    for one in answer:
        path = one.path
        columns = (
            Column(say("provider")), Column(say("slo.first"), right=True), Column(say("sla.of.availability"), right=True),
            Column(say("slo.p95"), right=True), Column(say("slo.fate"), rank=1),
        )  # fmt: skip
        rows = tuple(
            (
                cell(part.target, Tone.STRONG), cell(speech.share(part.share)), cell(promise(part.availability, speech)),
                cell(say("slo.nothing") if part.latency_p95_s is None else speech.seconds(part.latency_p95_s)), cell(part.fate, Tone.QUIET),
            )
            for part in path.parts
        )  # fmt: skip
        told = [
            cell(say("slo.independent", share=promise(path.independent, speech))),
            cell(say("slo.together", share=promise(path.together, speech))),
            cell(say("slo.carried_p95", bound=say("slo.nothing") if path.latency_p95_s is None else speech.seconds(path.latency_p95_s))),
            cell(say("slo.cached", share=speech.share(path.cached))),
            *([cell(say("slo.alone"), Tone.WARN)] if path.reach == 1 and len(path.parts) > 1 else []),
        ]
        notes = [Note(each.text, each.tone) for each in told]
        notes += [note for tier, available, p95_s in one.tiers for note in tier_notes(tier, available, p95_s, one, speech)]
        sections.append(Section(f"{say('model')} {path.model}", (Table(columns, rows), *notes)))
    sections.append(Section("", (Note(say("slo.caveat"), Tone.QUIET),)))
    return Document(say("slo.composition"), tuple(sections), subtitle)


def tier_notes(tier: str, available: float | None, p95_s: float | None, one: "PathOfTier", speech: Speech) -> list[Note]:
    """What a tier promises of this path, and whether it is carried, promise by promise."""
    path = one.path
    told = []
    if available is not None:
        carried = path.independent is not None and available <= path.independent + 1e-12
        told.append((promise(available, speech), carried))
    if p95_s is not None:
        carried = path.latency_p95_s is not None and p95_s >= path.latency_p95_s
        told.append((speech.say("sla.p95_within", bound=speech.seconds(p95_s)), carried))
    words = {True: ("slo.carried", Tone.GOOD), False: ("slo.not_carried", Tone.WARN)}
    return [Note(speech.say(words[carried][0], tier=tier, promise=what), words[carried][1]) for what, carried in told]


def status_page(answer: "StatusAnswer", speech: Speech, subtitle: str) -> Document:
    """Budgets, then burns."""
    say = speech.say
    if not answer.objectives:
        word = "slo.no_objectives" if answer.targets_known else "sla.targets_unknown"
        return Document(say("slo.status"), (Section("", (Note(say(word), Tone.QUIET),)),), subtitle)
    columns = (
        Column(say("sla.objective")), Column(say("sla.target"), rank=2), Column(say("slo.window"), rank=1),
        Column(say("sla.measured"), right=True), Column(say("sla.of"), right=True, rank=3), Column(say("sla.budget"), right=True),
        Column(say("slo.spent_by")), Column(say("slo.steps"), rank=4),
    )  # fmt: skip
    rows = tuple(status_row(one, speech) for one in answer.objectives)
    burns = [(one, burn) for one in answer.objectives for burn in one.burns if burn.firing or burn.long]
    parts: list[Table | Note] = [burns_table(burns, speech)] if burns else [Note(say("slo.no_burn"), Tone.GOOD)]
    return Document(
        say("slo.status"),
        (
            Section("", (Table(columns, rows), Note(say("slo.status_note", at=clock(answer.at)), Tone.QUIET))),
            Section(say("slo.burns"), tuple(parts)),
        ),
        subtitle,
    )


def status_row(one: "ObjectiveStatus", speech: Speech) -> tuple[Cell, ...]:
    say, counts = speech.say, one.counts
    share = speech.share(counts.good / counts.total, 3) if counts.total else say("no_data")
    left = None if one.budget is None else one.budget.remaining
    return (
        cell(one.objective.name, Tone.STRONG), cell(target_of(one.objective, speech)), cell(window_of(one.objective, speech)),
        cell(share, Tone.PLAIN if counts.total else Tone.QUIET), cell(of_how_many(counts, speech), Tone.QUIET),
        left_cell(left, speech), cell(*when(one.exhaustion, speech)),
        cell(", ".join(say(f"slo.do.{step.do}") for step in one.steps), Tone.WARN),
    )  # fmt: skip


def left_cell(left: float | None, speech: Speech) -> Cell:
    if left is None:
        return cell("")
    if left < 0.0:
        return cell(speech.say("sla.overspent", times=speech.trimmed(1.0 - left, 1)), Tone.BAD)
    return cell(speech.share(left, 1), Tone.WARN if left < LOW else Tone.PLAIN)


def when(exhausted: "Exhaustion | None", speech: Speech) -> tuple[str, Tone]:
    """When the budget is spent, with what the interval says."""
    if exhausted is None:
        return "", Tone.QUIET
    earliest, latest = (speech.say("slo.not_in_window") if at is None else clock(at) for at in (exhausted.earliest, exhausted.latest))
    if exhausted.at is None:
        if exhausted.earliest is None:
            return speech.say("slo.not_in_window"), Tone.GOOD
        return speech.say("slo.at_worst", at=earliest), Tone.PLAIN
    if exhausted.at == exhausted.earliest == exhausted.latest:
        return speech.say("slo.spent_already"), Tone.BAD
    return speech.say("slo.between", at=clock(exhausted.at), earliest=earliest, latest=latest), Tone.WARN


def burns_table(burns: "list[tuple[ObjectiveStatus, Burn]]", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("sla.objective")), Column(say("slo.severity")), Column(say("slo.fires_at"), right=True),
        Column(say("slo.windows"), rank=1), Column(say("slo.long"), right=True),
        Column(say("slo.short"), right=True), Column(say("slo.state")),
    )  # fmt: skip
    rows = tuple(
        (
            cell(one.objective.name, Tone.STRONG), cell(say(f"slo.{burn.alert.severity}")), cell(times(burn.alert.burn, speech)),
            cell(windows(burn.alert)), cell(times(burn.long, speech)), cell(times(burn.short, speech)),
            cell(say("slo.fires"), Tone.BAD) if burn.firing else cell(say("slo.quiet"), Tone.QUIET),
        )
        for one, burn in burns
    )  # fmt: skip
    return Table(columns, rows)


def alerts_page(answer: "AlertsAnswer", speech: Speech, subtitle: str) -> Document:
    """How often each alert fired, beside the usual rule, and when."""
    say = speech.say
    if not answer.alerts:
        word = "slo.no_objectives" if answer.targets_known else "sla.targets_unknown"
        return Document(say("slo.alerts"), (Section("", (Note(say(word), Tone.QUIET),)),), subtitle)
    pages, tickets = answer.fired(Severity.PAGE), answer.fired(Severity.TICKET)
    head = Note(say("slo.fired", pages=speech.number(pages), tickets=speech.number(tickets)), Tone.BAD if pages else Tone.GOOD)
    columns = (
        Column(say("sla.objective")), Column(say("slo.severity")), Column(say("slo.burn"), right=True), Column(say("slo.windows"), rank=1),
        Column(say("slo.times"), right=True), Column(say("slo.usual"), right=True, rank=2),
    )  # fmt: skip
    rows = tuple(
        (
            cell(one.objective, Tone.STRONG), cell(say(f"slo.{one.alert.severity}")), cell(times(one.alert.burn, speech)),
            cell(windows(one.alert)), cell(speech.number(len(one.firings)), Tone.WARN if one.firings else Tone.PLAIN),
            cell(speech.number(one.usual), Tone.QUIET),
        )
        for one in answer.alerts
        if one.firings or one.usual
    )  # fmt: skip
    parts: list[Table | Note] = [head, *([Table(columns, rows)] if rows else []), Note(say("slo.usual_note"), Tone.QUIET)]
    return Document(say("slo.alerts"), (Section("", tuple(parts)), *story(answer, speech)), subtitle)


def story(answer: "AlertsAnswer", speech: Speech) -> tuple[Section, ...]:
    """Each firing, by time."""
    say = speech.say
    fired = sorted(((one.objective, firing) for one in answer.alerts for firing in one.firings), key=lambda pair: pair[1].since)
    if not fired:
        return ()
    columns = (
        Column(say("slo.from")), Column(say("slo.to")), Column(say("sla.objective")), Column(say("slo.severity")),
        Column(say("slo.burn"), right=True, rank=1), Column(say("slo.failed"), right=True, rank=2),
    )  # fmt: skip
    rows = tuple(
        (
            cell(clock(one.since)), cell(say("slo.still") if one.until is None else clock(one.until)), cell(name, Tone.STRONG),
            cell(say(f"slo.{one.alert.severity}")), cell(times(one.burn, speech)),
            cell(f"{speech.number(one.bad)}/{speech.number(one.total)}", Tone.QUIET),
        )
        for name, one in fired
    )  # fmt: skip
    return (Section(say("slo.story"), (Table(columns, rows),)),)


def promise(share: float | None, speech: Speech) -> str:
    return speech.say("slo.nothing") if share is None else speech.share(share, 6)


def scope_of(one: Objective, speech: Speech) -> str:
    named = {"provider" if column == "target" else column: word for column, word in one.scope.named().items()}
    return ", ".join(f"{speech.say('sla.region' if key == 'region' else key)} {word}" for key, word in named.items()) or speech.say("all")


def window_of(one: Objective, speech: Speech) -> str:
    window = one.window
    if window.period is None:
        told = speech.say("slo.rolling", length=format_duration(window.length_s))
    else:
        told = speech.say(f"slo.calendar.{window.period}", zone=window.timezone)
    return told if one.slices is None else speech.say("slo.in_slices", window=told, length=format_duration(one.slices.length_s))


def windows(alert: BurnAlert) -> str:
    return f"{format_duration(alert.long_s)}, {format_duration(alert.short_s)}"


def times(value: float | None, speech: Speech) -> str:
    return speech.say("no_data") if value is None else f"{speech.trimmed(value, 1)}×"


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
