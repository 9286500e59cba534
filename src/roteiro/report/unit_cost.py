"""The report on unit costs: four measures against their targets.

What must not live here: sums and verdicts (`analysis.unit_cost`).
"""

from collections.abc import Sequence

from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.sla import Verdict
from roteiro.analysis.unit_cost import Measure, UnitCost, UnitCostReport
from roteiro.report.currency import currency_cells, currency_columns, currency_notes
from roteiro.report.document import Cell, Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["unit_cost_page"]

TONES = {
    Verdict.MET: Tone.GOOD, Verdict.MISSED: Tone.BAD, Verdict.NO_DATA: Tone.QUIET, Verdict.NO_TARGET: Tone.QUIET,
    Verdict.UNVERIFIED: Tone.WARN,
}  # fmt: skip


def unit_cost_page(
    report: UnitCostReport,
    speech: Speech,
    subtitle: str = "",
    rates: Sequence[ExchangeRate] = (),
    remarks: tuple[str, ...] = (),
) -> Document:
    """All traffic against the targets, then by tenant, team, workload and model. `remarks` are told above."""
    say = speech.say
    head = tuple(Note(remark, Tone.WARN) for remark in remarks)
    groups = [
        ("unit.by_tenant", "tenant", report.by_tenant), ("unit.by_team", "unit.team", report.by_team or ()),
        ("unit.by_workload", "workload", report.by_workload), ("unit.by_model", "model", report.by_model),
    ]  # fmt: skip
    sections = [
        Section(say(title), (group_table(lines, say(what), rates, speech),))
        for title, what, lines in groups
        if any(line.name is not None for line in lines)
    ]
    lost = report.total.lost_tokens
    stretch = say("unit.no_interval") if report.stretch_s is None else say("unit.interval", stretch=say(f"unit.stretch.{report.stretch_s}"))
    notes = (
        *currency_notes(rates, speech), Note(say("unit.useful", lost=speech.number(lost)), Tone.QUIET), Note(stretch, Tone.QUIET),
        Note(say("unit.users"), Tone.WARN),
    )  # fmt: skip
    return Document(say("unit.title"), (Section("", (*head, measures(report.total, speech))), *sections, Section("", notes)), subtitle)


def measures(total: UnitCost, speech: Speech) -> Table:
    """The four measures of all traffic, with interval, target and verdict."""
    say = speech.say
    columns = (
        Column(say("unit.measure")), Column(say("sla.measured"), right=True), Column(say("sla.interval"), right=True, rank=2),
        Column(say("sla.target"), right=True, rank=1), Column(say("verdict")),
    )  # fmt: skip
    rows = [
        (cell(say(f"unit.{name}"), Tone.STRONG), *measure_cells(getattr(total, name), speech, money=name != "token_efficiency"))
        for name in ("per_1k_tokens_nusd", "per_user_nusd", "per_transaction_nusd", "token_efficiency")
    ]
    return Table(columns, tuple(rows))


def measure_cells(measure: Measure, speech: Speech, *, money: bool) -> tuple[Cell, ...]:
    def told(value: float | None) -> str:
        return amount(value, speech) if money else speech.share(value)

    interval = "" if measure.interval is None else f"{told(measure.interval.low)} – {told(measure.interval.high)}"
    bound = speech.say("none")
    if measure.target is not None:
        bound = f"{'<' if money else '>'} {speech.money(round(measure.target)) if money else speech.share(measure.target)}"
    return (
        cell(told(measure.value), Tone.QUIET if measure.value is None else Tone.PLAIN), cell(interval, Tone.QUIET), cell(bound),
        verdict(measure, speech),
    )  # fmt: skip


def verdict(measure: Measure, speech: Speech) -> Cell:
    """The verdict; with a word of doubt where the interval also holds the other one."""
    word = speech.say(f"verdict.{measure.verdict}")
    if measure.verdict in (Verdict.MET, Verdict.MISSED) and not measure.sure:
        return cell(speech.say("verdict.unsure", verdict=word), Tone.WARN)
    return cell(word, TONES[measure.verdict])


def amount(nusd: float | None, speech: Speech) -> str:
    """Dollars to the millionth, as a quotient is not exact anyway; below that to the nano-dollar."""
    if nusd is None:
        return speech.say("no_data")
    return speech.money(round(nusd / 1000) * 1000 if nusd >= 1000 else round(nusd))


def group_table(lines: Sequence[UnitCost], what: str, rates: Sequence[ExchangeRate], speech: Speech) -> Table:
    """One row a group; a target that is missed is told in words."""
    say = speech.say
    columns = (
        Column(what), Column(say("requests"), right=True, rank=2), Column(say("cost"), right=True, rank=1),
        *currency_columns(rates, say("cost")), Column(say("unit.per_1k_tokens_nusd"), right=True),
        Column(say("unit.per_transaction_nusd"), right=True), Column(say("unit.token_efficiency"), right=True),
    )  # fmt: skip

    def judged(measure: Measure, text: str) -> Cell:
        missed = measure.verdict == Verdict.MISSED
        return cell(f"{text} ({say('verdict.missed')})" if missed else text, Tone.BAD if missed else Tone.PLAIN)

    rows = [
        (
            cell(line.name or say("none"), Tone.STRONG), cell(speech.number(line.requests)), cell(speech.money(line.cost_nusd)),
            *currency_cells(line.cost_nusd, rates, speech),
            judged(line.per_1k_tokens_nusd, amount(line.per_1k_tokens_nusd.value, speech)),
            judged(line.per_transaction_nusd, amount(line.per_transaction_nusd.value, speech)),
            judged(line.token_efficiency, speech.share(line.token_efficiency.value)),
        )
        for line in lines
    ]  # fmt: skip
    return Table(columns, tuple(rows))
