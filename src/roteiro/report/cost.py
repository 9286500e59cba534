"""The report on cost.

What must not live here: sums (`analysis.cost`).
"""

from collections.abc import Sequence

from roteiro.analysis.cost import CostLine, CostReport
from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.purse import PurseUse
from roteiro.report.currency import currency_cells, currency_columns, currency_notes
from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["cost_page", "cost_table", "purse_table"]


def cost_page(
    report: CostReport,
    purses: Sequence[PurseUse],
    speech: Speech,
    subtitle: str = "",
    remarks: tuple[str, ...] = (),
    rates: Sequence[ExchangeRate] = (),
) -> Document:
    """Cost by tenant, provider and model, and what is left of the budgets. `remarks` are told above; `rates` beside dollars."""
    say = speech.say
    head = tuple(Note(remark, Tone.WARN) for remark in remarks)
    sections = [
        Section(say("cost.by_tenant"), (*head, cost_table(report.by_tenant, report.total, say("tenant"), speech, rates))),
        Section(say("cost.by_provider"), (cost_table(report.by_provider, report.total, say("provider"), speech, rates),)),
        Section(say("cost.by_model"), (cost_table(report.by_model, report.total, say("model"), speech, rates),)),
    ]
    if purses:
        sections.append(Section(say("cost.budgets"), (purse_table(purses, speech),)))
    notes = [Note(say("cost.exact"), Tone.QUIET), *currency_notes(rates, speech)]
    if report.total.estimated:
        notes.insert(0, Note(say("cost.estimated", count=speech.number(report.total.estimated)), Tone.WARN))
    return Document(say("cost.title"), (*sections, Section("", tuple(notes))), subtitle)


def cost_table(lines: Sequence[CostLine], total: CostLine, what: str, speech: Speech, rates: Sequence[ExchangeRate] = ()) -> Table:
    """One row a line, and the total."""
    say = speech.say
    columns = (
        Column(what), Column(say("requests"), right=True), Column(say("answered"), right=True, rank=2),
        Column(say("input_tokens"), right=True, rank=3), Column(say("output_tokens"), right=True, rank=3), Column(say("cost"), right=True),
        *currency_columns(rates, say("cost")),
        Column(say("cost.per_1k"), right=True, rank=1), Column(say("cost.per_answer"), right=True, rank=1),
    )  # fmt: skip
    everything = [*lines, total]
    decimals = [
        speech.decimals_of(amounts)
        for amounts in zip(*((line.cost_nusd, line.per_1k_tokens_nusd, line.per_answer_nusd) for line in everything), strict=True)
    ]
    rows = []
    for line in everything:
        name = say("total") if line is total else line.name or say("no_provider")
        amounts = (line.cost_nusd, line.per_1k_tokens_nusd, line.per_answer_nusd)
        rows.append(
            (
                cell(name, Tone.STRONG if line is total else Tone.PLAIN),
                *(cell(speech.number(n)) for n in (line.requests, line.answered, line.input_tokens, line.output_tokens)),
                cell(speech.money(line.cost_nusd, decimals[0])), *currency_cells(line.cost_nusd, rates, speech),
                *(cell(speech.money(amount, places)) for amount, places in zip(amounts[1:], decimals[1:], strict=True)),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def purse_table(purses: Sequence[PurseUse], speech: Speech) -> Table:
    """What is left of each budget in its period."""
    say = speech.say
    decimals = speech.decimals_of(amount for purse in purses for amount in (purse.spent_nusd, purse.left_nusd))
    columns = (
        Column(say("cost.budget")), Column(say("cost.since"), rank=2), Column(say("cost.amount"), right=True, rank=1),
        Column(say("cost.spent"), right=True), Column(say("cost.left"), right=True), Column(say("cost.used"), right=True),
    )  # fmt: skip
    rows = []
    for purse in purses:
        used = purse.share_used or 0.0
        tone = Tone.BAD if used >= 1.0 else Tone.WARN if used >= 0.8 else Tone.PLAIN
        since = f"{purse.since:%Y-%m-%d %H:%M %Z}"
        rows.append(
            (
                cell(purse.name), cell(since, Tone.QUIET),
                cell(f"{speech.money(purse.amount_nusd)}/{say(f'cost.period.{purse.period}')}"),
                cell(speech.money(purse.spent_nusd, decimals)), cell(speech.money(purse.left_nusd, decimals), tone),
                cell(speech.share(purse.share_used), tone),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))
