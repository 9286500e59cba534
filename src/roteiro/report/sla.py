"""The report on service levels.

What must not live here: judging (`analysis.sla`).
"""

from roteiro.analysis.sla import Attainment, SlaReport, TierReport, Verdict
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["sla_page", "sla_sections", "verdict_cell"]

TONES = {
    Verdict.MET: Tone.GOOD, Verdict.MISSED: Tone.BAD, Verdict.UNVERIFIED: Tone.WARN,
    Verdict.NO_DATA: Tone.QUIET, Verdict.NO_TARGET: Tone.QUIET,
}  # fmt: skip


def sla_page(report: SlaReport, speech: Speech, subtitle: str = "", remarks: tuple[str, ...] = ()) -> Document:
    """Service levels by tier: promises with what was measured, times, what was left out. `remarks` are told above."""
    notes = tuple(Note(remark, Tone.WARN) for remark in remarks)
    first, *rest = sla_sections(report, speech)
    return Document(speech.say("sla.title"), (Section(first.title, (*notes, *first.parts)), *rest), subtitle)


def sla_sections(report: SlaReport, speech: Speech) -> tuple[Section, ...]:
    say = speech.say
    return (
        Section("", (promises(report, speech), Note(say("sla.quality_note"), Tone.WARN))),
        Section(say("sla.times"), (percentiles(report, speech),)),
        Section(say("sla.excluded"), (excluded(report, speech), Note(say("sla.method"), Tone.QUIET))),
    )


def promises(report: SlaReport, speech: Speech) -> Table | Note:
    """One row a promise."""
    say = speech.say
    if not report.tiers:
        return Note(say("no_data"), Tone.QUIET)
    rows: list[tuple[Cell, ...]] = []
    for tier in report.tiers:
        rows.append(promise(speech, tier, "sla.availability", tier.availability, at_least(speech, tier.availability.target), None))
        rows.append(promise(speech, tier, "sla.latency_p95", tier.latency, p95(speech, tier.latency_target_ms), tier.latency_target_ms))
        if tier.ttft_target_ms is not None:
            rows.append(promise(speech, tier, "sla.ttft_p95", tier.ttft, p95(speech, tier.ttft_target_ms), tier.ttft_target_ms))
        quality = say("verdict.unverified")
        rows.append(
            (
                cell(name_of(tier, speech), Tone.STRONG), cell(say("sla.quality")), cell(at_least(speech, tier.quality.target)),
                cell(say("no_data"), Tone.QUIET), cell(""), cell(""), cell(quality, TONES[tier.quality.verdict]),
            )
        )  # fmt: skip
    columns = (
        Column(say("tier")), Column(say("sla.promise")), Column(say("sla.target"), rank=1), Column(say("sla.measured"), right=True),
        Column(say("sla.interval"), right=True, rank=3), Column(say("sla.of"), right=True, rank=2), Column(say("verdict")),
    )  # fmt: skip
    return Table(columns, once(rows))


def once(rows: list[tuple[Cell, ...]]) -> tuple[tuple[Cell, ...], ...]:
    """A tier's name stands in the first of its rows."""
    shown, last = [], ""
    for first, *others in rows:
        shown.append((cell("") if first.text == last else first, *others))
        last = first.text
    return tuple(shown)


def promise(speech: Speech, tier: TierReport, what: str, attained: Attainment, target: str, bound_ms: float | None) -> tuple[Cell, ...]:
    measured = speech.share(attained.share)
    if attained.share is not None and bound_ms is not None:
        measured = speech.say("sla.within", share=measured, bound=speech.ms(bound_ms))
    interval = "" if attained.interval is None else f"{speech.share(attained.interval.low)} – {speech.share(attained.interval.high)}"
    of = f"{speech.number(attained.good)}/{speech.number(attained.total)}" if attained.total else ""
    return (
        cell(name_of(tier, speech), Tone.STRONG),
        cell(speech.say(what)),
        cell(target),
        cell(measured, Tone.PLAIN if attained.share is not None else Tone.QUIET),
        cell(interval, Tone.QUIET),
        cell(of, Tone.QUIET),
        verdict_cell(attained, speech),
    )


def verdict_cell(attained: Attainment, speech: Speech) -> Cell:
    """The verdict; with a word of doubt where the interval also holds the other one."""
    word = speech.say(f"verdict.{attained.verdict}")
    if attained.verdict in (Verdict.MET, Verdict.MISSED) and not attained.sure:
        return cell(speech.say("verdict.unsure", verdict=word), Tone.WARN)
    return cell(word, TONES[attained.verdict])


def at_least(speech: Speech, target: float | None) -> str:
    return speech.say("none") if target is None else speech.say("sla.at_least", share=speech.share(target, 4))


def p95(speech: Speech, bound_ms: float | None) -> str:
    return speech.say("none") if bound_ms is None else speech.say("sla.p95_within", bound=speech.ms(bound_ms))


def percentiles(report: SlaReport, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("tier")), Column(say("requests"), right=True, rank=1), Column(say("answered"), right=True), Column("p50", right=True),
        Column("p95", right=True), Column("p99", right=True), Column(say("sla.streams"), right=True, rank=3),
        Column(f"{say('sla.ttft')} p50", right=True, rank=2), Column(f"{say('sla.ttft')} p95", right=True, rank=2),
    )  # fmt: skip
    rows = [times_row(tier, name_of(tier, speech), speech) for tier in report.tiers]
    return Table(columns, (*rows, times_row(report.overall, speech.say("all"), speech)))


def times_row(tier: TierReport, name: str, speech: Speech) -> tuple[Cell, ...]:
    total, first = tier.total, tier.first_token
    return (
        cell(name, Tone.STRONG), cell(speech.number(tier.requests)), cell(speech.number(total.count)),
        cell(speech.ms(total.p50_ms)), cell(speech.ms(total.p95_ms)), cell(speech.ms(total.p99_ms)),
        cell(speech.number(first.count)), cell(speech.ms(first.p50_ms)), cell(speech.ms(first.p95_ms)),
    )  # fmt: skip


def excluded(report: SlaReport, speech: Speech) -> Table | Note:
    """What was left out of availability, by tier and outcome."""
    rows = [
        (cell(name_of(tier, speech), Tone.STRONG), cell(speech.say(f"outcome.{outcome}")), cell(speech.number(count)))
        for tier in report.tiers
        for outcome, count in tier.excluded.items()
    ]
    if not rows:
        return Note(speech.say("sla.excluded_none"), Tone.QUIET)
    return Table((Column(speech.say("tier")), Column(speech.say("outcome")), Column(speech.say("requests"), right=True)), tuple(rows))


def name_of(tier: TierReport, speech: Speech) -> str:
    return speech.say("no_tier") if tier.tier is None else tier.tier
