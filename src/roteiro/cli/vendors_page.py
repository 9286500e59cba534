"""How vendors' scores are told: who is first and how surely, criteria, measures with intervals and sources, and what hangs on weights.

What must not live here: scoring.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from roteiro.catalog.criteria import CRITERIA, MEASURES
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import dollars, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.analysis.vendor_score import MeasureScore, Scorecard, Shift, VendorScore
    from roteiro.tasks.vendor_score import ScoreAnswer

__all__ = ["score_page", "value_text"]

DAY_S: Final = 86_400.0
NUMBERED: Final = 2


def score_page(answer: "ScoreAnswer", speech: Speech) -> Document:
    """All of it."""
    say, card = speech.say, answer.card
    head: list[Part] = [headline(card, answer.least_coverage, speech), totals(card, speech)]
    head += [Note(say("vendors.stale", what=what), Tone.WARN) for what in answer.stale]
    sections = [Section("", tuple(head)), Section(say("vendors.by_criterion"), (criteria(card, speech),))]
    if card.first is not None and len(ranked(card)) > 1:
        sections.append(Section(say("vendors.sensitivity"), (sensitivity(card, speech),)))
    sections.append(Section(say("vendors.by_measure"), (measures(card, speech),)))
    sections += [
        Section(say(title), (table,))
        for title, table in (
            ("vendors.measured_title", with_intervals(card, speech)),
            ("vendors.declared_title", with_sources(card, speech)),
        )
        if table.rows
    ]
    if answer.data is not None:
        sections.append(Section(say("vendors.compared_title"), tuple(compared(answer, speech))))
    block = value_of(answer.block_s, "seconds", speech)
    sections.append(Section("", (Note(say("vendors.method", count=len(card.common), block=block), Tone.QUIET),)))
    return Document(say("vendors.score_title"), tuple(sections), about(answer, speech))


def about(answer: "ScoreAnswer", speech: Speech) -> str:
    say = speech.say
    plan = f"{answer.plan} {answer.digest[:12]}".strip()
    if answer.data is None:
        return say("vendors.about", plan=plan, data=say("vendors.declared_only"), period=answer.on.isoformat())
    if answer.since_unix_s is None or answer.until_unix_s is None:
        return say("vendors.about", plan=plan, data=answer.data, period=say("vendors.no_attempts"))
    first, last = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") for at in (answer.since_unix_s, answer.until_unix_s))
    return say("vendors.about", plan=plan, data=answer.run or answer.data, period=f"{first} – {last} UTC")


def ranked(card: "Scorecard") -> list["VendorScore"]:
    return [one for one in card.vendors if one.rank is not None]


def headline(card: "Scorecard", least_coverage: float, speech: Speech) -> Note:
    if card.first is None:
        return Note(speech.say("vendors.no_ranking", least=speech.share(least_coverage)), Tone.WARN)
    if len(ranked(card)) == 1:
        return Note(speech.say("vendors.alone", vendor=card.first), Tone.WARN)
    key, tone = ("vendors.first_sure", Tone.GOOD) if card.sure else ("vendors.first_unsure", Tone.WARN)
    return Note(speech.say(key, vendor=card.first), tone)


def in_order(card: "Scorecard") -> list["VendorScore"]:
    """Those that are ranked first, the best of them first."""
    return sorted(card.vendors, key=lambda one: (one.rank is None, -(one.comparable or 0.0)))


def points(value: float | None, speech: Speech) -> str:
    return speech.say("no_data") if value is None else speech.number(value, NUMBERED)


def span(low: float | None, high: float | None, speech: Speech) -> str:
    return "" if low is None or high is None else f"{points(low, speech)} – {points(high, speech)}"


def totals(card: "Scorecard", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("vendor")), Column(say("vendors.rank"), right=True), Column(say("vendors.comparable"), right=True),
        Column(say("vendors.score"), right=True), Column(say("vendors.interval"), right=True, rank=1),
        Column(say("vendors.coverage"), right=True),
    )  # fmt: skip
    rows = []
    for one in in_order(card):
        rank = (
            say("vendors.not_ranked")
            if one.rank is None
            else f"{one.rank[0]}"
            if one.rank[0] == one.rank[1]
            else f"{one.rank[0]}–{one.rank[1]}"
        )
        rows.append((
            cell(one.vendor, Tone.STRONG), cell(rank, Tone.STRONG if one.rank else Tone.QUIET), cell(points(one.comparable, speech)),
            cell(points(one.total, speech)), cell(span(one.total_low, one.total_high, speech), Tone.QUIET),
            cell(speech.share(one.coverage, 0), Tone.WARN if one.rank is None else Tone.PLAIN),
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def criteria(card: "Scorecard", speech: Speech) -> Table:
    say, vendors = speech.say, in_order(card)
    rows = []
    for c, criterion in enumerate(CRITERIA):
        cells = [cell(say(f"vendors.criterion.{criterion}"), Tone.STRONG), cell(speech.trimmed(card.weights[criterion], 2))]
        for one in vendors:
            found = one.criteria[c]
            if found.score is None:
                cells.append(cell(say("no_data"), Tone.QUIET))
                continue
            part = "" if found.coverage == 1.0 else f" ({say('vendors.coverage')} {speech.share(found.coverage, 0)})"
            cells.append(cell(f"{points(found.score, speech)} [{span(found.low, found.high, speech)}]{part}"))
        rows.append(tuple(cells))
    heads = (Column(""), Column(say("vendors.weight"), right=True), *(Column(one.vendor, right=True) for one in vendors))
    return Table(heads, tuple(rows))


def sensitivity(card: "Scorecard", speech: Speech) -> Table:
    """Places that the measurements allow, weights with which each is first, and what it takes to overtake the first."""
    say, vendors = speech.say, sorted(ranked(card), key=lambda one: -(one.comparable or 0.0))
    shifts = {one.vendor: one for one in card.shifts}
    heads = (
        Column(say("vendor")), *(Column(say("vendors.place", place=k + 1), right=True) for k in range(len(vendors))),
        Column(say("vendors.first_any"), right=True), Column(say("vendors.first_ordered"), right=True), Column(say("vendors.shift")),
    )  # fmt: skip
    rows = [
        (
            cell(one.vendor, Tone.STRONG), *(cell(speech.share(share, 0)) for share in one.places), cell(speech.share(one.first_any, 0)),
            cell(speech.share(one.first_ordered, 0)), cell(shifted(shifts.get(one.vendor), speech), Tone.QUIET),
        )
        for one in vendors
    ]  # fmt: skip
    return Table(heads, tuple(rows))


def shifted(shift: "Shift | None", speech: Speech) -> str:
    if shift is None:
        return ""
    if shift.moved is None:
        return speech.say("vendors.shift_never")
    weights = ", ".join(f"{speech.say(f'vendors.criterion.{name}')} {speech.share(weight, 0)}" for name, weight in shift.weights.items())
    return speech.say("vendors.shift_to", moved=speech.share(shift.moved, 0), weights=weights)


def value_text(measure: str, value: float | None, speech: Speech) -> str:
    """A measure's value in its unit."""
    if value is None:
        return speech.say("no_data")
    match MEASURES[measure].unit:
        case "share":
            return speech.share(value)
        case "usd_per_mtok":
            return dollars(value, speech)
        case "per_s":
            return speech.trimmed(value, 1)
    return f"{speech.trimmed(value / DAY_S, 1)} d" if value >= DAY_S else value_of(value, "seconds", speech)


def measures(card: "Scorecard", speech: Speech) -> Table:
    """A row a measure that anyone has or could have; a column a vendor."""
    say, vendors = speech.say, in_order(card)
    rows = []
    for m, (name, measure) in enumerate(MEASURES.items()):
        told = [one.measures[m] for one in vendors]
        common = name in card.common
        what = cell(say(f"vendors.measure.{name}"), Tone.STRONG if common else Tone.PLAIN)
        rows.append((cell(say(f"vendors.criterion.{measure.criterion}"), Tone.QUIET), what, *(measure_cell(one, speech) for one in told)))
    heads = (Column(""), Column(say("vendors.measure")), *(Column(one.vendor, right=True) for one in vendors))
    return Table(heads, tuple(rows))


def measure_cell(told: "MeasureScore", speech: Speech) -> Cell:
    """`99.2% → 0.37`."""
    if told.value is None:
        return cell(speech.say(f"vendors.basis.{told.basis}"), Tone.WARN if told.basis == "stale" else Tone.QUIET)
    return cell(f"{value_text(told.measure, told.value, speech)} → {points(told.score, speech)}")


def with_intervals(card: "Scorecard", speech: Speech) -> Table:
    say = speech.say
    heads = (
        Column(say("vendor")), Column(say("vendors.measure")), Column(say("vendors.value"), right=True),
        Column(say("vendors.interval"), right=True), Column(say("vendors.n"), right=True, rank=1), Column(say("vendors.score"), right=True),
        Column(say("vendors.interval"), right=True, rank=2),
    )  # fmt: skip
    rows = []
    for one in in_order(card):
        for told in one.measures:
            if told.basis == "measured" and told.value is not None:
                ends = f"{value_text(told.measure, told.low, speech)} – {value_text(told.measure, told.high, speech)}"
                note = f" ({noted(told, speech)})" if told.note else ""
                rows.append((
                    cell(one.vendor, Tone.STRONG), cell(say(f"vendors.measure.{told.measure}") + note),
                    cell(value_text(told.measure, told.value, speech)),
                    cell(ends, Tone.QUIET), cell(speech.number(told.n)), cell(points(told.score, speech)),
                    cell(span(told.score_low, told.score_high, speech), Tone.QUIET),
                ))  # fmt: skip
    return Table(heads, tuple(rows))


def noted(told: "MeasureScore", speech: Speech) -> str:
    key = f"vendors.note.{told.measure}"
    return speech.say(key, what=told.note) if told.measure in ("certifications", "recovery", "price_rise", "price") else told.note


def with_sources(card: "Scorecard", speech: Speech) -> Table:
    say = speech.say
    heads = (
        Column(say("vendor")), Column(say("vendors.measure")), Column(say("vendors.value"), right=True),
        Column(say("vendors.score"), right=True), Column(say("vendors.basis")), Column(say("vendors.source"), rank=1),
        Column(say("vendors.as_of")),
    )  # fmt: skip
    rows = []
    for one in in_order(card):
        for told in one.measures:
            if told.basis in ("declared", "listed", "stale"):
                note = f" ({noted(told, speech)})" if told.note else ""
                stale = told.basis == "stale"
                rows.append((
                    cell(one.vendor, Tone.STRONG), cell(say(f"vendors.measure.{told.measure}") + note),
                    cell("" if stale else value_text(told.measure, told.value, speech)),
                    cell("" if stale else points(told.score, speech)),
                    cell(say(f"vendors.basis.{told.basis}"), Tone.WARN if stale else Tone.PLAIN), cell(told.source, Tone.QUIET),
                    cell(told.as_of),
                ))  # fmt: skip
    return Table(heads, tuple(rows))


def compared(answer: "ScoreAnswer", speech: Speech) -> list[Part]:
    say = speech.say
    key = "vendors.matched" if answer.matched else "vendors.unmatched"
    parts: list[Part] = [Note(say(key, strata=answer.strata, of_strata=answer.of_strata), Tone.PLAIN if answer.matched else Tone.WARN)]
    heads = (
        Column(say("vendor")), Column(say("vendors.attempts"), right=True), Column(say("vendors.compared"), right=True),
        Column(say("vendors.failures")), Column("p50", right=True), Column(say("vendors.incidents"), right=True),
    )  # fmt: skip
    rows = []
    for name, one in answer.compared.items():
        classes = ", ".join(f"{error} {speech.number(count)}" for error, count in sorted(one.failures.items(), key=lambda item: -item[1]))
        rows.append((
            cell(name, Tone.STRONG), cell(speech.number(one.attempts)), cell(speech.share(one.compared, 0)), cell(classes or say("none")),
            cell(speech.seconds(one.latency_p50_s)), cell(speech.number(len(one.incidents))),
        ))  # fmt: skip
        if one.told_by_events:
            parts.append(Note(say("vendors.from_events", vendor=name, count=speech.number(one.told_by_events)), Tone.WARN))
    return [*parts, Table(heads, tuple(rows))]
