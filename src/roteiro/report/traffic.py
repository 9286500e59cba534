"""The report on traffic: outcomes, providers, failovers, breakers, and what each reason decided.

What must not live here: counting (`analysis.traffic`).
"""

from roteiro.analysis.traffic import TrafficReport, Transition
from roteiro.report.document import Column, Document, Note, Section, Table, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["traffic_page", "traffic_sections"]

MOST_TRANSITIONS = 24
STATE_TONES = {"open": Tone.BAD, "half_open": Tone.WARN, "closed": Tone.GOOD}


def traffic_page(report: TrafficReport, speech: Speech, subtitle: str = "") -> Document:
    return Document(speech.say("traffic.title"), traffic_sections(report, speech), subtitle)


def traffic_sections(report: TrafficReport, speech: Speech) -> tuple[Section, ...]:
    say = speech.say
    failovers = report.failovers
    told = {
        "requests": failovers.requests, "answered": failovers.answered, "retried": failovers.retried, "degraded": report.degraded,
        "unrouted": report.unrouted,
    }  # fmt: skip
    return (
        Section(say("traffic.outcomes"), (outcomes(report, speech),)),
        Section(
            say("traffic.providers"),
            (providers(report, speech), Note(say("traffic.failovers", **{key: speech.number(n) for key, n in told.items()}))),
        ),
        Section(say("traffic.breakers"), breakers(report.transitions, speech)),
        Section(say("traffic.reasons"), (reasons(report, speech),)),
    )


def outcomes(report: TrafficReport, speech: Speech) -> Table:
    say = speech.say
    rows = tuple(
        (
            cell(say(f"outcome.{name}"), Tone.PLAIN if name == "success" else Tone.STRONG), cell(speech.number(count)),
            cell(speech.share(count / report.requests)),
        )
        for name, count in report.outcomes.items()
    )  # fmt: skip
    return Table((Column(say("outcome")), Column(say("requests"), right=True), Column(say("share"), right=True)), rows)


def providers(report: TrafficReport, speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("provider")), Column(say("answered"), right=True), Column(say("share"), right=True),
        Column(say("traffic.asked_first"), right=True, rank=1),
    )  # fmt: skip
    rows = tuple(
        (cell(row.name), cell(speech.number(row.answered)), cell(speech.share(row.share)), cell(speech.number(row.asked_first)))
        for row in report.by_provider
    )
    return Table(columns, rows)


def breakers(transitions: tuple[Transition, ...], speech: Speech) -> tuple[Table | Note, ...]:
    """The first transitions, and how many more there were."""
    say = speech.say
    if not transitions:
        return (Note(say("traffic.no_transitions"), Tone.QUIET),)
    several = len({one.run for one in transitions}) > 1
    rows = tuple(
        (
            cell(one.run if several else "", Tone.QUIET), cell(f"{one.time:%H:%M:%S}.{one.time.microsecond // 100_000} UTC"),
            cell(one.target or "", Tone.STRONG),
            cell(say(f"breaker.{one.state}"), STATE_TONES[one.state]), cell(say(f"reason.{one.reason}")),
            cell(numbers(one, speech), Tone.QUIET),
        )
        for one in transitions[:MOST_TRANSITIONS]
    )  # fmt: skip
    columns = (
        Column(say("run") if several else "", rank=2), Column(say("time"), right=True), Column(say("provider")),
        Column(say("traffic.breaker")), Column(say("reason"), rank=1), Column("", rank=3),
    )  # fmt: skip
    table = Table(columns, rows)
    if not several:
        table = Table(columns[1:], tuple(row[1:] for row in rows))
    more = len(transitions) - len(rows)
    return (table, Note(say("traffic.more", count=speech.number(more)), Tone.QUIET)) if more else (table,)


def numbers(one: Transition, speech: Speech) -> str:
    """The numbers that were compared, where they are shares; the others only repeat who it is about."""
    if one.reason != "breaker_opened" or one.x is None or one.y is None:
        return ""
    labels = (speech.say("fact.failure_share"), speech.say("fact.threshold"))
    return ", ".join(f"{label} {speech.share(value)}" for label, value in zip(labels, (one.x, one.y), strict=True))


def reasons(report: TrafficReport, speech: Speech) -> Table:
    say = speech.say
    rows = tuple(
        (
            cell(say(f"command.{row.command}")),
            cell(say(f"reason.{row.reason}")),
            cell(row.reason, Tone.QUIET),
            cell(speech.number(row.count)),
        )
        for row in report.reasons
    )
    return Table((Column(say("command")), Column(say("reason")), Column("", rank=1), Column(say("count"), right=True)), rows)
