"""The report on savings: what could have been saved, and what proves it.

What must not live here: finding them (`analysis.savings`).
"""

from collections.abc import Sequence

from roteiro.analysis.currency import ExchangeRate
from roteiro.analysis.savings import Saving
from roteiro.report.currency import currency_cells, currency_columns, currency_notes
from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["savings_page"]


def savings_page(
    found: Sequence[Saving],
    cost_nusd: int,
    speech: Speech,
    subtitle: str = "",
    rates: Sequence[ExchangeRate] = (),
    remarks: tuple[str, ...] = (),
) -> Document:
    """One row a finding, the largest first. `cost_nusd`: all money that was looked at; `remarks` are told above."""
    say = speech.say
    head = tuple(Note(remark, Tone.WARN) for remark in remarks)
    columns = (
        Column(say("savings.what")), Column(say("cost"), right=True, rank=2), Column(say("savings.could"), right=True),
        *currency_columns(rates, say("savings.could")), Column(say("savings.share"), right=True, rank=1),
        Column(say("savings.proof"), rank=3),
    )  # fmt: skip
    rows = tuple(
        (
            cell(subject(one, speech), Tone.STRONG), cell(speech.money(one.cost_nusd)), cell(speech.money(one.saving_nusd)),
            *currency_cells(one.saving_nusd, rates, speech), cell(speech.share(one.saving_nusd / cost_nusd if cost_nusd else None)),
            cell(proof(one, speech), Tone.QUIET),
        )
        for one in found
    )  # fmt: skip
    told = Table(columns, rows) if rows else Note(say("savings.none"), Tone.QUIET)
    notes = (*currency_notes(rates, speech), Note(say("savings.note"), Tone.QUIET))
    return Document(say("savings.title"), (Section("", (*head, told)), Section("", notes)), subtitle)


def subject(one: Saving, speech: Speech) -> str:
    name = speech.say(f"outcome.{one.subject}") if one.kind == "undelivered" else one.subject
    return speech.say(f"savings.{one.kind}", subject=name, instead=one.instead)


def proof(one: Saving, speech: Speech) -> str:
    requests = speech.number(one.requests)
    if one.kind == "smaller_model" and one.proof is not None:
        asked, answers = (speech.number(count) for count in one.proof)
        return speech.say("savings.proof.smaller_model", requests=requests, asked=asked, answers=answers)
    if one.kind == "reserved" and one.proof is not None:
        units, hours = (speech.number(count) for count in one.proof)
        return speech.say("savings.proof.reserved", requests=requests, units=units, hours=hours)
    if one.kind == "trimming" and one.proof is not None:
        most, median = (speech.number(count) for count in one.proof)
        return speech.say("savings.proof.trimming", requests=requests, most=most, median=median)
    if one.kind == "cache" and one.proof is not None:
        cached, could = (speech.number(count) for count in one.proof)
        return speech.say("savings.proof.cache", requests=requests, cached=cached, could=could, source=one.instead)
    if one.kind == "batch":
        return speech.say("savings.proof.batch", requests=requests)
    return speech.say("savings.proof.off_peak" if one.kind == "off_peak" else "savings.proof.other", requests=requests)
