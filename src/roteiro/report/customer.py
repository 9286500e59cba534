"""The report to a customer on its service levels: a cover with the verdict, promises, the month's course, incidents, credits.

What must not live here: measuring (`tasks.customer`), the proof (`customer_proof`), and the words (`words_of_customers`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from roteiro.analysis.customer import Charge, CustomerReport, Happening, Promise
from roteiro.analysis.sla import Verdict
from roteiro.report.chart import Axis, Chart, Line, Rule, Span
from roteiro.report.currency import currency_cells, currency_columns, currency_notes, in_currency
from roteiro.report.customer_proof import evidence, proof, statements
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.objective import budget_cell, interval_of, measured_of, of_how_many, target_of, what_of
from roteiro.report.sla import verdict_cell
from roteiro.report.speech import Speech
from roteiro.terms.units import NUSD

__all__ = ["customer_page"]

CENT: Final = NUSD // 100
SERIES: Final = 5
"""Lines that a picture can tell apart."""


def customer_page(report: CustomerReport, speech: Speech) -> Document:
    """The whole report."""
    say = speech.say
    sections = (
        Section(say("customer.promises"), (promises(report, speech),)),
        *course(report, speech),
        Section(say("customer.incidents"), tuple(incidents(report, speech))),
        Section(say("customer.maintenance"), maintenance(report, speech)),
        Section(say("customer.excluded"), excluded(report, speech)),
        Section(say("customer.times"), (times(report, speech),)),
        Section(say("customer.support"), (Note(support(report, speech)),)),
        Section(say("customer.credits"), tuple(credits_due(report, speech))),
        Section(say("customer.method"), (Note(say("customer.method_note", timezone=report.timezone)),)),
        *evidence(report, speech),
        *statements(report, speech),
    )
    whose = "customer.of_tier" if report.tenant is None else "customer.of_tenant"
    about = (report.plan, say(whose, tier=report.tier, tenant=report.tenant), month_of(report, speech))
    return Document(say("customer.title"), sections, " · ".join(part for part in about if part), tuple(cover(report, speech)))


def month_of(report: CustomerReport, speech: Speech) -> str:
    first = report.since.astimezone(ZoneInfo(report.timezone))
    return speech.say("customer.month", name=speech.say("customer.months").split()[first.month - 1], year=first.year)


def cover(report: CustomerReport, speech: Speech) -> Iterable[Note | Table]:
    """The verdict in a sentence, what is owed, and one line a promise."""
    say = speech.say
    yield Note(sentence(report, speech), Tone.BAD if report.verdict is Verdict.MISSED else Tone.STRONG)
    unverified = named(report, (Verdict.UNVERIFIED, Verdict.NO_DATA), speech)
    if unverified:
        yield Note(say("customer.unverified", names=unverified), Tone.WARN)
    if report.brackets:
        due = report.due_nusd
        amounts = [cents(due, speech), *(in_currency(due, rate, speech) for rate in report.currencies)]
        yield Note(say("customer.credit", amount=" = ".join(amounts)) if due else say("customer.no_credit"))
    if not report.is_over:
        yield Note(say("customer.unfinished", until=moment(report.until, report, speech)), Tone.WARN)
    if report.window != "month":
        yield Note(say("customer.other_window", window=report.window), Tone.WARN)
    columns = (Column(say("sla.promise")), Column(say("sla.target")), Column(say("sla.measured"), right=True), Column(say("verdict")))
    yield Table(columns, tuple(short(one, speech) for one in report.promises))


def short(one: Promise, speech: Speech) -> tuple[Cell, ...]:
    dimension = one.dimension
    attained = dimension.attained
    return (
        cell(what_of(dimension.objective, speech)), cell(target_of(dimension.objective, speech)), measured_of(dimension, speech),
        verdict_cell(attained.verdict, attained.sure, speech),
    )  # fmt: skip


def sentence(report: CustomerReport, speech: Speech) -> str:
    """What came of the promises together."""
    verdicts = [one.dimension.attained.verdict for one in report.promises]
    kept, missed, of = verdicts.count(Verdict.MET), verdicts.count(Verdict.MISSED), len(verdicts)
    told = {"month": month_of(report, speech), "kept": kept, "missed": missed, "of": of}
    if missed:
        key = "customer.missed_one" if missed == 1 else "customer.missed"
        return speech.say(key, names=named(report, (Verdict.MISSED,), speech), **told)
    return speech.say("customer.kept" if kept == of else "customer.kept_measured" if kept else "customer.nothing", **told)


def named(report: CustomerReport, verdicts: Sequence[Verdict], speech: Speech) -> str:
    return ", ".join(what_of(one.dimension.objective, speech) for one in report.promises if one.dimension.attained.verdict in verdicts)


def promises(report: CustomerReport, speech: Speech) -> Table:
    """Each dimension with its interval, its budget, and where the figures are from."""
    say = speech.say
    columns = (
        Column(say("sla.promise")), Column(say("sla.target")), Column(say("sla.measured"), right=True),
        Column(say("sla.interval"), right=True, rank=3), Column(say("sla.of"), right=True, rank=2),
        Column(say("sla.budget"), right=True, rank=1), Column(say("verdict")), Column(say("customer.proof"), rank=4),
    )  # fmt: skip
    rows = []
    for one in report.promises:
        what, target, measured, verdict = short(one, speech)
        rows.append((
            what, target, measured, cell(interval_of(one.dimension, speech), Tone.QUIET),
            cell(of_how_many(one.dimension.counts, speech), Tone.QUIET), budget_cell(one.dimension, speech), verdict,
            cell(proof(one.query), Tone.QUIET),
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def course(report: CustomerReport, speech: Speech) -> tuple[Section, ...]:
    """A picture for each promise that was measured, and one of the budgets."""
    told = [one for one in report.promises if one.days and one.dimension.counts.total]
    if not told:
        return ()
    pictures: list[Part] = [by_day(one, report, speech) for one in told]
    lines = tuple(
        Line(what_of(one.dimension.objective, speech), xs(one), tuple(1.0 if day.left is None else day.left for day in one.days))
        for one in told[:SERIES]
    )
    title = speech.say("customer.left_by_day", proof=proof(*sorted({one.course for one in told if one.course is not None})))
    left = Chart(title, Axis("", "date"), Axis("", "share", 0.0, 1.0), speech.language, lines)
    return (Section(speech.say("customer.course"), (*pictures, left, Note(speech.say("customer.left_note"), Tone.QUIET))),)


def by_day(one: Promise, report: CustomerReport, speech: Speech) -> Chart:
    """The share of good requests of each day against the promise; its incidents are marked."""
    objective = one.dimension.objective
    line = Line(
        speech.say("customer.measured_line"), xs(one),
        tuple(day.counts.good / day.counts.total if day.counts.total else float("nan") for day in one.days),
    )  # fmt: skip
    spans = tuple(
        Span(speech.say("customer.incident_span"), local(each.incident.since, report), local(each.incident.until, report))
        for each in report.happenings
        if each.objective.name == objective.name
    )
    rule = Rule(speech.say("customer.promised_line", share=speech.share(objective.least, 4)), objective.least)
    shares = [y for _, y in line.points()]
    low = min([*shares, objective.least], default=objective.least)
    floor = max(0.0, low - max(0.1 * (1.0 - low), 0.2 * (1.0 - objective.least)))
    title = speech.say("customer.share_by_day", what=capital(what_of(objective, speech)), proof=proof(one.course))
    return Chart(
        title, Axis("", "date"), Axis("", "share", floor, 1.0), speech.language, (line,), spans=spans, rules=(rule,), rows=8
    )  # fmt: skip


def xs(one: Promise) -> tuple[float, ...]:
    """Days as the axis counts them: the middle of each, by the customer's calendar."""
    return tuple(datetime.combine(day.day, time(12), UTC).timestamp() for day in one.days)


def local(at: datetime, report: CustomerReport) -> float:
    """A moment on that axis."""
    return at.astimezone(ZoneInfo(report.timezone)).replace(tzinfo=UTC).timestamp()


def incidents(report: CustomerReport, speech: Speech) -> Iterable[Part]:
    say = speech.say
    if not report.happenings:
        yield Note(say("customer.incidents_none"))
        yield from steady(report, speech)
        return
    columns = (
        Column(say("sla.promise")), Column(say("customer.began")), Column(say("customer.ended"), rank=2),
        Column(say("customer.length"), right=True, rank=1), Column(say("customer.bad"), right=True),
        Column(say("customer.spent"), right=True), Column(say("customer.providers"), rank=3), Column(say("customer.breakers"), rank=4),
        Column(say("customer.proof"), rank=5),
    )  # fmt: skip
    yield Table(columns, tuple(incident_row(one, report, speech) for one in report.happenings))
    if report.unsaid:
        yield Note(say("customer.incidents_more", count=report.unsaid))
    yield from steady(report, speech)
    yield Note(say("customer.incidents_note"), Tone.QUIET)


def steady(report: CustomerReport, speech: Speech) -> Iterable[Note]:
    """A word on each promise that was missed, and not by its incidents."""
    for one in report.promises:
        bad, objective = one.dimension.counts.bad, one.dimension.objective
        in_incidents = sum(each.incident.bad for each in report.happenings if each.objective.name == objective.name)
        if one.dimension.attained.verdict is Verdict.MISSED and one.days and in_incidents < bad / 2:
            yield Note(
                speech.say("customer.steady", what=capital(what_of(objective, speech)), share=speech.share(in_incidents / bad, 1)),
                Tone.WARN,
            )


def incident_row(one: Happening, report: CustomerReport, speech: Speech) -> tuple[Cell, ...]:
    incident = one.incident
    return (
        cell(what_of(one.objective, speech), Tone.STRONG), cell(moment(incident.since, report, speech)),
        cell(moment(incident.until, report, speech)),
        cell(speech.say("customer.minutes", minutes=speech.number(incident.length_s / 60.0))),
        cell(f"{speech.number(incident.bad)}/{speech.number(incident.total)}"),
        cell(speech.share(incident.spent, 1), Tone.BAD if incident.spent >= 1.0 else Tone.PLAIN),
        cell(counted(one.providers, speech), Tone.QUIET), cell(counted(one.breakers, speech), Tone.QUIET),
        cell(proof(*one.queries), Tone.QUIET),
    )  # fmt: skip


def counted(names: Iterable[tuple[str | None, int]], speech: Speech) -> str:
    none = speech.say("customer.none_tried")
    return ", ".join(speech.say("customer.provider_count", name=name or none, count=speech.number(count)) for name, count in names)


def maintenance(report: CustomerReport, speech: Speech) -> tuple[Part, ...]:
    say = speech.say
    if not report.maintenance:
        return (Note(say("customer.maintenance_none"), Tone.QUIET),)
    columns = (
        Column(say("customer.from")), Column(say("customer.to")), Column(say("customer.reason"), rank=1),
        Column(say("requests"), right=True), Column(say("customer.proof"), rank=2),
    )  # fmt: skip
    rows = tuple(
        (
            cell(moment(one.absence.since, report, speech)), cell(moment(one.absence.until, report, speech)),
            cell(one.absence.reason or ""), cell(speech.number(one.requests)), cell(proof(one.query), Tone.QUIET),
        )
        for one in report.maintenance
    )  # fmt: skip
    return Table(columns, rows), Note(say("customer.maintenance_note"), Tone.QUIET)


def excluded(report: CustomerReport, speech: Speech) -> tuple[Part, ...]:
    say = speech.say
    number = proof(report.outcomes_query)
    note = Note(say("customer.excluded_note", requests=speech.number(report.requests), proof=number), Tone.QUIET)
    if not report.excluded:
        return note, Note(say("sla.excluded_none"))
    rows = tuple((cell(say(f"outcome.{name}")), cell(speech.number(count))) for name, count in report.excluded.items())
    return note, Table((Column(say("outcome")), Column(say("requests"), right=True)), rows)


def times(report: CustomerReport, speech: Speech) -> Part:
    say = speech.say
    if not report.total_ms:
        return Note(say("no_data"), Tone.QUIET)
    heads = (*(Column(name, right=True) for name in ("p50", "p95", "p99")), Column(say("customer.proof"), rank=1))
    rows = [
        (cell(say(name)), *(cell(speech.ms(value)) for value in values), cell(proof(report.times_query), Tone.QUIET))
        for name, values in (("customer.whole", report.total_ms), ("sla.ttft", report.ttft_ms))
        if values
    ]
    return Table((Column(""), *heads), tuple(rows))


def support(report: CustomerReport, speech: Speech) -> str:
    if report.support is None:
        return speech.say("customer.support_none")
    return speech.say("customer.support_note", support=report.support)


def credits_due(report: CustomerReport, speech: Speech) -> Iterable[Part]:
    say = speech.say
    if not report.brackets:
        yield Note(say("customer.credits_none"), Tone.QUIET)
        return
    columns = (
        Column(say("tenant")), Column(say("customer.attained"), right=True), Column(say("customer.bracket"), rank=1),
        Column(say("customer.charged"), right=True, rank=2), Column(say("customer.due"), right=True),
        *currency_columns(report.currencies, say("customer.due"), rank=3), Column(say("customer.proof"), rank=4),
    )  # fmt: skip
    yield Table(columns, tuple(charge_row(one, report, speech) for one in report.charges))
    brackets = "; ".join(bracket_of(one.below, one.credit, speech) for one in report.brackets)
    yield Note(say("customer.credits_note", brackets=brackets), Tone.QUIET)
    yield from currency_notes(report.currencies, speech)


def charge_row(one: Charge, report: CustomerReport, speech: Speech) -> tuple[Cell, ...]:
    owed = one.credit
    bracket = owed.bracket
    return (
        cell(owed.customer, Tone.STRONG), cell(speech.share(owed.attained, 3)),
        cell(speech.say("customer.bracket_none") if bracket is None else bracket_of(bracket.below, bracket.credit, speech)),
        cell(cents(owed.charged_nusd, speech)), cell(cents(owed.due_nusd, speech), Tone.BAD if owed.due_nusd else Tone.PLAIN),
        *currency_cells(owed.due_nusd, report.currencies, speech), cell(proof(*one.queries), Tone.QUIET),
    )  # fmt: skip


def bracket_of(below: float, credit: float, speech: Speech) -> str:
    return speech.say("customer.bracket_of", below=speech.share(below, 4), credit=speech.share(credit))


def capital(text: str) -> str:
    """With a capital, but for `p95`."""
    return text if text[1:2].isdigit() else text[:1].upper() + text[1:]


def cents(nusd: int, speech: Speech) -> str:
    """To the cent, half up; what is less than one is told exactly."""
    return speech.money(nusd if 0 < nusd < CENT else (nusd + CENT // 2) // CENT * CENT)


def moment(at: datetime, report: CustomerReport, speech: Speech) -> str:
    """By the customer's clocks, to the minute."""
    there = at.astimezone(ZoneInfo(report.timezone))
    return f"{day_of(there.date(), speech)} {there:%H:%M}"


def day_of(day: date, speech: Speech) -> str:
    return f"{day:%d/%m/%Y}" if speech.language == "pt-BR" else f"{day:%Y-%m-%d}"
