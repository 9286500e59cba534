"""The report on budgets: how likely each is passed in its period, and when.

What must not live here: drawing and counting (`analysis.exhaustion`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.exhaustion import Exhaustion
from roteiro.report.currency import currency_cells, currency_columns, currency_notes, in_currency
from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["budgets_page"]

CENT: Final = 10_000_000
LIKELY, SLIGHT = 0.5, 0.1


def budgets_page(
    budgets: Sequence[Exhaustion],
    speech: Speech,
    subtitle: str = "",
    rates: Sequence[ExchangeRate] = (),
    remarks: tuple[str, ...] = (),
) -> Document:
    """A sentence for each budget that may be passed, then all in a table. `remarks` are told above."""
    say = speech.say
    head = tuple(Note(remark, Tone.WARN) for remark in remarks)
    if not budgets:
        return Document(say("budgets.title"), (Section("", (*head, Note(say("budgets.none"), Tone.QUIET))),), subtitle)
    told = tuple(sentence(one, rates, speech) for one in budgets if one.probability is not None and one.passes)
    ways = [
        word for word, method in (("budgets.ahead", "forecast"), ("budgets.method", "history")) if method in {one.method for one in budgets}
    ]
    notes = (*currency_notes(rates, speech), *(Note(say(word), Tone.QUIET) for word in ways or ["budgets.method"]))
    return Document(say("budgets.title"), (Section("", (*head, *told, table(budgets, rates, speech))), Section("", notes)), subtitle)


def sentence(one: Exhaustion, rates: Sequence[ExchangeRate], speech: Speech) -> Note:
    """“88 % likely to pass $… on the 23rd”."""
    amount = " / ".join([speech.money(one.amount_nusd), *(in_currency(one.amount_nusd, rate, speech) for rate in rates)])
    if one.method == "passed":
        text = speech.say("budgets.passed", name=one.name, amount=amount, when=clock(one.passes[0], one))
        return Note(text, Tone.BAD)
    low, middle, high = one.passes
    likely = one.probability or 0.0
    text = speech.say(
        "budgets.will", likely=speech.share(likely, 0), name=one.name, amount=amount, when=clock(middle, one), low=clock(low, one),
        high=clock(high, one),
    )  # fmt: skip
    return Note(text, Tone.BAD if likely >= LIKELY else Tone.WARN if likely >= SLIGHT else Tone.PLAIN)


def table(budgets: Sequence[Exhaustion], rates: Sequence[ExchangeRate], speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("cost.budget")), Column(say("cost.amount"), right=True, rank=1), *currency_columns(rates, say("cost.amount"), 3),
        Column(say("cost.spent"), right=True), Column(say("budgets.until"), rank=2), Column(say("budgets.probability"), right=True),
        Column(say("budgets.when")), Column(say("budgets.ends"), right=True, rank=1), Column(say("budgets.from"), rank=3),
    )  # fmt: skip
    rows = []
    for one in budgets:
        likely = one.probability
        tone = Tone.QUIET if likely is None else Tone.BAD if likely >= LIKELY else Tone.WARN if likely >= SLIGHT else Tone.PLAIN
        when = clock(one.passes[len(one.passes) // 2], one) if one.passes else "–"
        ends = f"{cents(one.ends_nusd[0], speech)} – {cents(one.ends_nusd[-1], speech)}" if one.ends_nusd else say("no_data")
        rows.append(
            (
                cell(one.name, Tone.STRONG), cell(f"{speech.money(one.amount_nusd)}/{say(f'cost.period.{one.period}')}"),
                *currency_cells(one.amount_nusd, rates, speech), cell(cents(one.spent_nusd, speech)),
                cell(f"{one.until:%Y-%m-%d %H:%M %Z}", Tone.QUIET),
                cell(speech.share(likely, 0) if likely is not None else say("no_data"), tone), cell(when, tone), cell(ends),
                cell(say(f"budgets.from.{one.method}"), Tone.QUIET),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def cents(nusd: int, speech: Speech) -> str:
    """Dollars to the cent; below one to the nano-dollar, as hours of a small budget cost little."""
    return speech.money(round(nusd / CENT) * CENT if nusd >= 100 * CENT else nusd)


def clock(moment: datetime, one: Exhaustion) -> str:
    """The day and, in a period of up to a week, the time, by the plan's clocks."""
    return f"{moment:%Y-%m-%d %H:%M}" if one.period != "month" else f"{moment:%Y-%m-%d}"
