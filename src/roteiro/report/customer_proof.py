"""The proof of a customer's report: plans in force, the ledger's extent, its files, and every statement that a figure was read from.

What must not live here: what the figures say (`customer`).
"""

from typing import Final

from roteiro.analysis.customer import CustomerReport
from roteiro.report.document import Code, Column, Note, Part, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["evidence", "proof", "statements"]

MB: Final = 1e6


def proof(*numbers: int | None) -> str:
    """`[Q3]`, `[Q3, Q7]`: the statements that a figure is read from."""
    return f"[{', '.join(f'Q{number}' for number in numbers if number is not None)}]"


def evidence(report: CustomerReport, speech: Speech) -> tuple[Section, ...]:
    """Plans, extent and files."""
    say = speech.say
    heads = (Column(say("customer.digest")), Column(say("requests"), right=True), Column(say("customer.from")), Column(say("customer.to")))
    plans = tuple(
        (
            cell(one.digest),
            cell(speech.number(one.requests)),
            cell(f"{one.first:%Y-%m-%d %H:%M} UTC"),
            cell(f"{one.last:%Y-%m-%d %H:%M} UTC"),
        )
        for one in report.plans
    )
    requests, runs, first, last = report.ledger
    parts: list[Part] = [
        Note(say("customer.plans", proof=proof(report.plans_query)), Tone.STRONG),
        Table(heads, plans),
        Note(say(
            "customer.ledger", requests=speech.number(requests), runs=speech.number(runs), first=f"{first:%Y-%m-%d %H:%M:%S} UTC",
            last=f"{last:%Y-%m-%d %H:%M:%S} UTC", proof=proof(report.ledger_query),
        )),
        Note(say(
            "customer.files", count=speech.number(len(report.files.files)), digest=report.files.digest,
            size=speech.number(sum(one.bytes for one in report.files.files) / MB, 1),
        )),
    ]  # fmt: skip
    if report.files.unsettled:
        parts.append(Note(say("customer.unsettled", count=speech.number(report.files.unsettled)), Tone.WARN))
    return (Section(say("customer.evidence"), tuple(parts)),)


def statements(report: CustomerReport, speech: Speech) -> tuple[Section, ...]:
    """The appendix: the tables, every statement by its number, and the files."""
    say = speech.say
    listed = "\n".join(f"{one.sha256}  {one.path}" for one in report.files.files)
    codes = (
        Code(report.preamble, name=say("customer.tables")),
        *(Code(f"{one.text};", name=f"[Q{one.number}] {say(one.title)}") for one in report.statements),
        *((Code(listed, "text", say("customer.list")),) if listed else ()),
    )
    return (Section(say("customer.queries"), (Note(say("customer.queries_note"), Tone.QUIET), *codes)),)
