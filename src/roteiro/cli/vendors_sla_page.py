"""How vendors' promises are told, period by period; and the letter that claims what one owes.

What must not live here: counting.
"""

from typing import TYPE_CHECKING, Final

from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from datetime import datetime

    from roteiro.tasks.vendor_claim import Claim
    from roteiro.tasks.vendor_sla import PeriodKept, SlaKept
    from roteiro.tasks.vendors import VendorsOverview

__all__ = ["claim_letter", "overview_page", "sla_kept_page"]

MOST_HOURS: Final = 24
FIGURES: Final = 4
OURS: Final = ("unknown", "maintenance")


def sla_kept_page(answer: "SlaKept", speech: Speech) -> Document:
    """All promises in all periods."""
    say = speech.say
    parts: list[Part] = []
    if answer.periods:
        parts.append(promises(answer, speech))
    else:
        parts.append(Note(say("vendors.sla_none" if answer.without else "vendors.sla_no_rows"), Tone.WARN))
    parts += remarks(answer, speech)
    if answer.without and answer.periods:
        parts.append(Note(say("vendors.sla_without", names=", ".join(answer.without)), Tone.QUIET))
    parts.append(Note(say("vendors.sla_method"), Tone.QUIET))
    plan = f"{answer.plan} {answer.digest[:12]}".strip()
    about = say("vendors.sla_about", plan=plan, data=answer.run or answer.data, at=minute(answer.at))
    return Document(say("vendors.sla_title"), (Section("", tuple(parts)),), about)


def promises(answer: "SlaKept", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("vendor")), Column(say("vendors.period")), Column(say("vendors.promised"), right=True),
        Column(say("vendors.attained"), right=True), Column(say("verdict")), Column(say("vendors.counted"), rank=1),
        Column(say("vendors.left_out"), rank=2), Column(say("vendors.paid"), right=True), Column(say("vendors.due"), right=True),
        Column(say("vendors.claim_until")),
    )  # fmt: skip
    rows = []
    for one in answer.periods:
        period = one.name if one.over else say("vendors.so_far", period=one.name)
        rows.append((
            cell(one.vendor, Tone.STRONG), cell(period), cell(speech.share(one.target, FIGURES)),
            cell(speech.share(one.attained.share, FIGURES)), verdict(one, speech), cell(counted(one, speech), Tone.QUIET),
            cell(left_out(one, speech), Tone.QUIET),
            cell(speech.money(rounded(one.paid_nusd))), owed(one, speech), cell(window(one, speech)),
        ))  # fmt: skip
    return Table(columns, tuple(rows))


def rounded(nusd: int) -> int:
    """To the cent."""
    return round(nusd / 1e7) * 10**7


def verdict(one: "PeriodKept", speech: Speech) -> Cell:
    if one.attained.met is None:
        return cell(speech.say("no_data"), Tone.QUIET)
    return cell(speech.say("vendors.kept_word"), Tone.GOOD) if one.attained.met else cell(speech.say("vendors.missed"), Tone.BAD)


def owed(one: "PeriodKept", speech: Speech) -> Cell:
    if not one.due_nusd:
        return cell(speech.say("none"), Tone.QUIET)
    due = speech.say("vendors.due_share", due=speech.money(rounded(one.due_nusd)), share=speech.share(one.attained.credit))
    return cell(due, Tone.STRONG)


def window(one: "PeriodKept", speech: Speech) -> str:
    if one.claim_until is None or one.days_left is None or not one.due_nusd:
        return ""
    key = "vendors.too_late" if one.days_left < 0 else "vendors.days_left"
    return speech.say(key, date=f"{one.claim_until:%Y-%m-%d}", days=one.days_left)


def counted(one: "PeriodKept", speech: Speech) -> str:
    found = one.attained
    if one.measured == "requests":
        return speech.say("vendors.by_requests", failures=speech.number(found.failures), requests=speech.number(found.requests))
    return speech.say(
        "vendors.by_slices", down=speech.number(found.down), slices=speech.number(found.slices), seen=speech.number(found.seen)
    )


def left_out(one: "PeriodKept", speech: Speech) -> str:
    told = [
        f"{speech.say(f'vendors.class.{name}') if name in OURS else name} {speech.number(count)}" for name, count in one.excluded.items()
    ]
    return ", ".join(told) or speech.say("none")


def remarks(answer: "SlaKept", speech: Speech) -> list[Part]:
    found: list[Part] = []
    stale = {one.vendor: one for one in answer.periods if one.stale}
    found += [Note(speech.say("vendors.stale_terms", vendor=name, as_of=one.as_of.isoformat()), Tone.WARN) for name, one in stale.items()]
    for one in answer.periods:
        if unknown := one.excluded.get("unknown"):
            found.append(Note(speech.say("vendors.unknown_left_out", vendor=one.vendor, count=speech.number(unknown)), Tone.WARN))
    return found


def minute(at: "datetime") -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def overview_page(answer: "VendorsOverview", speech: Speech) -> Document:
    """All vendors at a glance, and what to ask next."""
    say = speech.say
    columns = (
        Column(say("vendor")), Column(say("claim.covered"), rank=2), Column(say("vendors.attempts"), right=True),
        Column(say("vendors.measure.availability"), right=True),
        Column(say("vendors.paid"), right=True), Column(say("vendors.promised"), right=True), Column(say("vendors.attained"), right=True),
        Column(say("vendors.due"), right=True), Column(say("vendors.facts"), right=True, rank=1),
    )  # fmt: skip
    rows = []
    for one in answer.rows:
        now, due = one.now, sum(claim.due_nusd for claim in one.claims)
        facts = say("vendors.facts_stale", count=one.facts, stale=one.stale) if one.stale else str(one.facts)
        attained = cell("") if now is None else cell(
            f"{speech.share(now.attained.share, FIGURES)} ({now.name})", Tone.BAD if now.attained.met is False else Tone.PLAIN
        )  # fmt: skip
        rows.append((
            cell(one.vendor, Tone.STRONG), cell(", ".join(one.models) or say("vendors.candidate"), Tone.QUIET),
            cell(speech.number(one.attempts)), cell(speech.share(one.availability)),
            cell(speech.money(rounded(one.paid_nusd))), cell("" if now is None else speech.share(now.target, FIGURES)), attained,
            cell(speech.money(rounded(due)) if due else say("none"), Tone.STRONG if due else Tone.QUIET),
            cell(facts, Tone.WARN if one.stale else Tone.PLAIN),
        ))  # fmt: skip
    parts: list[Part] = [Table(columns, tuple(rows))]
    for one in answer.rows:
        for claim in one.claims:
            owes = speech.money(rounded(claim.due_nusd))
            told = say("vendors.claim_open", vendor=one.vendor, month=claim.name, due=owes, window=window(claim, speech))
            parts.append(Note(told, Tone.WARN))
    parts.append(Note(say("vendors.commands"), Tone.QUIET))
    plan = f"{answer.plan} {answer.digest[:12]}".strip()
    period = say("vendors.ever") if answer.since is None else f"{minute(answer.since)} UTC –"
    return Document(
        say("vendors.title"), (Section("", tuple(parts)),), say("vendors.about", plan=plan, data=answer.run or answer.data, period=period)
    )


def claim_letter(claim: "Claim", speech: Speech) -> Document:
    """The letter, ready to send."""
    say, kept = speech.say, claim.kept
    facts = {
        "due": speech.money(rounded(kept.due_nusd)),
        "credit": speech.share(kept.attained.credit),
        "paid": speech.money(rounded(kept.paid_nusd)),
    }
    bounds = {"since": minute(kept.since), "until": minute(kept.until)}
    shares = {"share": speech.share(kept.attained.share, FIGURES), "target": speech.share(kept.target, FIGURES)}
    head: list[Part] = [addressed(claim, speech), Note(say("claim.opening", period=kept.name, **facts, **bounds, **shares))]
    if kept.claim_until is not None:
        key = "claim.late" if claim.late else "claim.in_time"
        head.append(Note(say(key, date=f"{kept.claim_until:%Y-%m-%d}"), Tone.WARN if claim.late else Tone.PLAIN))
    sections = (
        Section("", tuple(head)),
        Section(say("claim.how"), (measured(claim, speech),)),
        Section(say("claim.failures"), (failures(claim, speech),)),
        Section(say("claim.hours"), tuple(hours(claim, speech))),
        Section(say("claim.evidence"), (Note(say("claim.evidence_note")), files(claim, speech))),
        Section("", (Note(say("claim.closing")),)),
    )
    return Document(say("claim.title", period=kept.name), sections)


def facts_table(rows: list[tuple[str, str]]) -> Table:
    return Table((Column(""), Column("")), tuple((cell(name, Tone.QUIET), cell(text)) for name, text in rows))


def addressed(claim: "Claim", speech: Speech) -> Table:
    vendor = claim.vendor.legal_name or claim.kept.vendor
    to = vendor if claim.sla.claim_to is None else f"{vendor}, {claim.sla.claim_to}"
    rows = [(speech.say("claim.to"), to), (speech.say("claim.date"), f"{claim.on:%Y-%m-%d}")]
    if claim.vendor.account is not None:
        rows.append((speech.say("claim.account"), claim.vendor.account))
    return facts_table(rows)


def measured(claim: "Claim", speech: Speech) -> Table:
    say, kept, sla = speech.say, claim.kept, claim.sla
    slices = {"length": value_of(sla.slices.length_s, "seconds", speech), "above": speech.share(sla.slices.failures_above)}
    rows = [
        (
            say("claim.promise"),
            f"{speech.share(sla.target, FIGURES)}, {say('claim.source', source=sla.source, as_of=sla.as_of.isoformat())}",
        ),
        (say("claim.measured"), say(f"claim.measured.{sla.measured}", **slices)),
        (say("claim.result"), f"{speech.share(kept.attained.share, FIGURES)}: {counted(kept, speech)}"),
        (say("claim.excluded"), left_out(kept, speech)),
    ]
    if sla.models:
        rows.append((say("claim.covered"), ", ".join(sla.models)))
    return facts_table(rows)


def failures(claim: "Claim", speech: Speech) -> Table:
    rows = tuple((cell(name), cell(speech.number(count))) for name, count in claim.classes.items())
    return Table((Column(speech.say("claim.class")), Column(speech.say("requests"), right=True)), rows)


def hours(claim: "Claim", speech: Speech) -> list[Part]:
    """The worst of them, in their order."""
    say = speech.say
    worst = sorted(sorted(claim.hours, key=lambda one: -one.failures)[:MOST_HOURS], key=lambda one: one.at)
    rows = tuple(
        (
            cell(minute(one.at)),
            cell(speech.number(one.requests)),
            cell(speech.number(one.failures)),
            cell(speech.share(one.failures / one.requests)),
        )
        for one in worst
    )
    heads = (Column(say("claim.hour")), *(Column(say(key), right=True) for key in ("requests", "vendors.failures", "share")))
    more = len(claim.hours) - len(worst)
    return [Table(heads, rows), *([Note(say("claim.hours_more", count=more), Tone.QUIET)] if more else [])]


def files(claim: "Claim", speech: Speech) -> Part:
    say = speech.say
    if not claim.files:
        return Note(say("claim.no_files"), Tone.QUIET)
    rows = tuple(
        (
            cell(one.name),
            cell("" if one.rows is None else speech.number(one.rows)),
            cell(speech.number(one.size)),
            cell(one.sha256, Tone.QUIET),
        )
        for one in claim.files
    )
    heads = (Column(say("claim.file")), Column(say("claim.rows"), right=True), Column(say("claim.bytes"), right=True), Column("SHA-256"))
    return Table(heads, rows)
