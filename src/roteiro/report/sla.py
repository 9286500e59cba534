"""The report on service levels.

What must not live here: judging (`analysis.sla`), and one objective's words (`objective`).
"""

from collections.abc import Iterable

from roteiro.analysis.error_budget import Counts
from roteiro.analysis.objective import Measure
from roteiro.analysis.sla import Dimension, Service, SlaReport, TierReport, Verdict, attain
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.objective import budget_cell, interval_of, measured, measured_of, of_how_many, target_of, what_of
from roteiro.report.speech import Speech

__all__ = ["sla_page", "sla_sections", "verdict_cell"]

TONES = {
    Verdict.MET: Tone.GOOD, Verdict.MISSED: Tone.BAD, Verdict.UNVERIFIED: Tone.WARN,
    Verdict.NO_DATA: Tone.QUIET, Verdict.NO_TARGET: Tone.QUIET,
}  # fmt: skip
WORDS_OF_GROUPS = {"target": "provider", "region": "sla.region"}


def sla_page(report: SlaReport, speech: Speech, subtitle: str = "", remarks: tuple[str, ...] = ()) -> Document:
    """Verdicts by tier, promises with what was measured, groups, times, what was left out. `remarks` are told above."""
    notes = tuple(Note(remark, Tone.WARN) for remark in remarks)
    first, *rest = sla_sections(report, speech)
    return Document(speech.say("sla.title"), (Section(first.title, (*notes, *first.parts)), *rest), subtitle)


def sla_sections(report: SlaReport, speech: Speech) -> tuple[Section, ...]:
    """Verdicts, promises, those of no tier, groups, times, what was left out; the first, the second and the last two always."""
    say = speech.say
    if not report.tiers:
        return (Section("", (Note(say("no_data"), Tone.QUIET),)),)
    promised = promises(report, speech)
    own = (Section(say("sla.own"), (dimensions_table(say("sla.objective"), own_rows(report.own, speech), speech),)),) if report.own else ()
    return (
        Section("", (verdicts(report, speech),)),
        Section(say("sla.promises"), (promised, *unverified(report, speech))),
        *own,
        *groups(report, speech),
        Section(say("sla.times"), (percentiles(report, speech),)),
        Section(say("sla.excluded"), (excluded(report, speech), Note(say("sla.method"), Tone.QUIET))),
    )


def unverified(report: SlaReport, speech: Speech) -> tuple[Note, ...]:
    """A word where something promised was measured by nothing."""
    its = any(one.attained.verdict is Verdict.UNVERIFIED for tier in report.tiers for one in tier.dimensions)
    return (Note(speech.say("sla.unverified_note"), Tone.WARN),) if its else ()


def verdicts(report: SlaReport, speech: Speech) -> Table:
    """One verdict a tier, over all its promises."""
    say = speech.say
    rows = [
        (
            cell(name_of(tier, speech), Tone.STRONG), verdict_cell(tier.verdict, tier.sure, speech),
            cell(speech.number(tier.service.requests)), cell(speech.share(tier.service.availability.share)),
            cell(tier.support or "", Tone.QUIET),
        )
        for tier in report.tiers
    ]  # fmt: skip
    columns = (
        Column(say("tier")), Column(say("verdict")), Column(say("requests"), right=True), Column(say("answered"), right=True, rank=1),
        Column(say("sla.support"), rank=2),
    )  # fmt: skip
    return Table(columns, tuple(rows))


def promises(report: SlaReport, speech: Speech) -> Table | Note:
    """One row a promise."""
    rows: list[tuple[Cell, ...]] = []
    for tier in report.tiers:
        name = name_of(tier, speech)
        rows += [dimension_row(name, one, speech) for one in tier.dimensions]
        if not tier.dimensions:
            rows.append(unpromised(name, tier.service, speech))
    return dimensions_table(speech.say("tier"), rows, speech)


def dimensions_table(head: str, rows: Iterable[tuple[Cell, ...]], speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(head), Column(say("sla.promise")), Column(say("sla.target"), rank=1), Column(say("sla.measured"), right=True),
        Column(say("sla.interval"), right=True, rank=4), Column(say("sla.of"), right=True, rank=3),
        Column(say("sla.budget"), right=True, rank=2), Column(say("verdict")),
    )  # fmt: skip
    return Table(columns, once(rows))


def once(rows: Iterable[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    """A name stands in the first of its rows."""
    shown, last = [], ""
    for first, *others in rows:
        shown.append((cell("") if first.text == last else first, *others))
        last = first.text
    return tuple(shown)


def dimension_row(name: str, dimension: Dimension, speech: Speech) -> tuple[Cell, ...]:
    objective, attained = dimension.objective, dimension.attained
    return (
        cell(name, Tone.STRONG), cell(what_of(objective, speech)), cell(target_of(objective, speech)), measured_of(dimension, speech),
        cell(interval_of(dimension, speech), Tone.QUIET), cell(of_how_many(dimension.counts, speech), Tone.QUIET),
        budget_cell(dimension, speech), verdict_cell(attained.verdict, attained.sure, speech),
    )  # fmt: skip


def unpromised(name: str, service: Service, speech: Speech) -> tuple[Cell, ...]:
    """What there is to say of a tier that promises nothing."""
    say, attained = speech.say, service.availability
    interval = "" if attained.interval is None else f"{speech.share(attained.interval.low)} – {speech.share(attained.interval.high)}"
    of = f"{speech.number(attained.good)}/{speech.number(attained.total)}" if attained.total else ""
    return (
        cell(name, Tone.STRONG), cell(say("sla.of.availability")), cell(say("none")), cell(speech.share(attained.share)),
        cell(interval, Tone.QUIET), cell(of, Tone.QUIET), cell(""), verdict_cell(attained.verdict, sure=True, speech=speech),
    )  # fmt: skip


def own_rows(own: Iterable[Dimension], speech: Speech) -> list[tuple[Cell, ...]]:
    return [dimension_row(one.objective.name, one, speech) for one in own]


def groups(report: SlaReport, speech: Speech) -> tuple[Section, ...]:
    """Each objective by tenant, workload and so on."""
    if report.by is None:
        return ()
    say = speech.say
    what = say(WORDS_OF_GROUPS.get(report.by, report.by))
    rows = [
        group_row(one, group, counts, speech)
        for one in (*(one for tier in report.tiers for one in tier.dimensions), *report.own)
        if one.objective.measure is Measure.SHARE
        for group, counts in sorted(one.groups.items(), key=lambda item: (not item[0], item[0]))
        if counts.total
    ]
    columns = (
        Column(say("sla.objective")), Column(what), Column(say("sla.measured"), right=True), Column(say("sla.of"), right=True, rank=1),
        Column(say("verdict")),
    )  # fmt: skip
    return (Section(say("sla.by", what=what), (Table(columns, once(rows)) if rows else Note(say("no_data"), Tone.QUIET),)),)


def group_row(one: Dimension, group: str, counts: Counts, speech: Speech) -> tuple[Cell, ...]:
    attained = attain(counts.good, counts.total, one.objective.least)
    return (
        cell(one.objective.name, Tone.STRONG), cell(group or speech.say("none")), cell(*measured(one.objective, counts, speech)),
        cell(of_how_many(counts, speech), Tone.QUIET), verdict_cell(attained.verdict, attained.sure, speech),
    )  # fmt: skip


def verdict_cell(verdict: Verdict, sure: bool, speech: Speech) -> Cell:
    """The verdict; with a word of doubt where the interval also holds the other one."""
    word = speech.say(f"verdict.{verdict}")
    if verdict in (Verdict.MET, Verdict.MISSED) and not sure:
        return cell(speech.say("verdict.unsure", verdict=word), Tone.WARN)
    return cell(word, TONES[verdict])


def percentiles(report: SlaReport, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("tier")), Column(say("requests"), right=True, rank=1), Column(say("answered"), right=True), Column("p50", right=True),
        Column("p95", right=True), Column("p99", right=True), Column(say("sla.streams"), right=True, rank=3),
        Column(f"{say('sla.ttft')} p50", right=True, rank=2), Column(f"{say('sla.ttft')} p95", right=True, rank=2),
    )  # fmt: skip
    rows = [times_row(tier.service, name_of(tier, speech), speech) for tier in report.tiers]
    return Table(columns, (*rows, times_row(report.overall, speech.say("all"), speech)))


def times_row(service: Service, name: str, speech: Speech) -> tuple[Cell, ...]:
    total, first = service.total, service.first_token
    return (
        cell(name, Tone.STRONG), cell(speech.number(service.requests)), cell(speech.number(total.count)),
        cell(speech.ms(total.p50_ms)), cell(speech.ms(total.p95_ms)), cell(speech.ms(total.p99_ms)),
        cell(speech.number(first.count)), cell(speech.ms(first.p50_ms)), cell(speech.ms(first.p95_ms)),
    )  # fmt: skip


def excluded(report: SlaReport, speech: Speech) -> Table | Note:
    """What was left out: of a tier by outcome; of an objective by maintenance, and slices without a request."""
    say = speech.say
    rows = [
        (cell(name_of(tier, speech), Tone.STRONG), cell(say(f"outcome.{outcome}")), cell(speech.number(count)))
        for tier in report.tiers
        for outcome, count in tier.service.excluded.items()
    ]
    away = {name_of(tier, speech): max((one.counts.maintenance for one in tier.dimensions), default=0) for tier in report.tiers}
    away |= {one.objective.name: one.counts.maintenance for one in report.own}
    empty = {one.objective.name: one.empty or 0 for one in report.own}
    for what, counted in (("sla.maintenance", away), ("sla.empty_slices", empty)):
        rows += [(cell(name, Tone.STRONG), cell(say(what)), cell(speech.number(count))) for name, count in counted.items() if count]
    if not rows:
        return Note(say("sla.excluded_none"), Tone.QUIET)
    return Table((Column(say("tier")), Column(say("sla.left_out")), Column(say("sla.count"), right=True)), tuple(rows))


def name_of(tier: TierReport, speech: Speech) -> str:
    return speech.say("no_tier") if tier.tier is None else tier.tier
