"""How the loss of vendors is told: what breaks, what it costs, what hangs on whom, and what to do.

What must not live here: simulating.
"""

import math
from typing import TYPE_CHECKING

from roteiro.cli.simulate_page import seeds_said
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import PROMISE_DIGITS, about, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.tasks.contingency import Contingency, Kept, Loss, Remedy, VendorLoss
    from roteiro.tasks.contingency_options import Option

__all__ = ["contingency_page"]

TONES = {"kept": Tone.GOOD, "broken": Tone.BAD, "missed_anyway": Tone.WARN, "no_data": Tone.QUIET}
DAY_S = 86_400.0


def contingency_page(answer: "Contingency", speech: Speech) -> Document:
    """All of it."""
    say = speech.say
    sections = [Section("", (headline(answer, speech), overview(answer, speech)))]
    for one in answer.vendors:
        parts: list[Part] = [promises(one, speech)]
        sections.append(Section(say("contingency.loss", vendor=one.vendor, providers=", ".join(one.providers)), tuple(parts)))
        if one.remedies:
            sections.append(Section(say("contingency.remedies", vendor=one.vendor), tuple(remedies(one, speech))))
    sections += [
        Section(say("contingency.concentration"), (shares(answer, speech),)),
        Section(say("contingency.points"), tuple(points(answer, speech))),
        Section("", tuple(notes(answer, speech))),
    ]
    plan = f"{answer.plan} {answer.digest[:12]}".strip()
    simulated, seeds = speech.number(answer.simulated), seeds_said(len(answer.seeds), speech)
    about_it = say("contingency.about", plan=plan, demand=answer.demand, simulated=simulated, seeds=seeds)
    return Document(say("contingency.title"), tuple(sections), about_it)


def headline(answer: "Contingency", speech: Speech) -> Note:
    worst = max(answer.vendors, key=lambda one: [len(loss.broken) for loss in reversed(one.losses)])
    counts = {loss.kind: len(loss.broken) for loss in worst.losses}
    if not any(counts.values()):
        return Note(speech.say("contingency.all_kept"), Tone.GOOD)
    return Note(speech.say("contingency.worst", vendor=worst.vendor, **counts), Tone.BAD)


def promise_name(one: "Kept") -> str:
    return f"{one.tier}.{one.what}"


def overview(answer: "Contingency", speech: Speech) -> Table:
    """A row a loss."""
    say = speech.say
    columns = (
        Column(say("vendor")), Column(say("contingency.gone")), Column(say("contingency.broken")),
        Column(say("contingency.lost"), right=True), Column(say("share"), right=True, rank=1), Column(say("contingency.extra"), right=True),
        Column(say("contingency.recovery"), right=True),
    )  # fmt: skip
    rows = []
    for vendor in answer.vendors:
        for k, loss in enumerate(vendor.losses):
            broken = ", ".join(promise_name(one) for one in loss.broken)
            rows.append((
                cell(vendor.vendor if k == 0 else "", Tone.STRONG), cell(say(f"contingency.kind.{loss.kind}")),
                cell(broken or say("contingency.none_broken"), Tone.BAD if broken else Tone.GOOD),
                cell(hourly(about(loss.lost, "count", speech), loss)), cell(about(loss.lost_share, "share", speech), Tone.QUIET),
                cell(hourly(about(loss.extra_usd, "money", speech), loss)), recovery(loss, speech),
            ))  # fmt: skip
    return Table(columns, tuple(rows))


def hourly(text: str, loss: "Loss") -> str:
    """A loss for good is told by the hour."""
    return f"{text}/h" if loss.kind == "good" else text


def recovery(loss: "Loss", speech: Speech) -> Cell:
    if loss.kind == "good":
        return cell("")
    if math.isnan(loss.recover_s.mean):
        return cell(speech.say("contingency.not_seen"), Tone.BAD)
    return cell(speech.say("contingency.at_once") if loss.recover_s.mean == 0.0 else about(loss.recover_s, "seconds", speech))


def promises(vendor: "VendorLoss", speech: Speech) -> Table:
    """A row a promise: as usual, and while the vendor is gone; verdicts for each loss."""
    say = speech.say
    kinds = [say(f"contingency.kind.{loss.kind}") for loss in vendor.losses]
    columns = (
        Column(say("tier")), Column(say("contingency.promise")), Column(say("contingency.usual"), right=True),
        *(Column(head, right=True) for head in kinds),
    )  # fmt: skip
    rows = []
    for k, one in enumerate(vendor.losses[0].promises):
        share = speech.share(one.least, PROMISE_DIGITS)
        wanted = (
            say("contingency.answered", share=share)
            if one.bound_ms is None
            else say("contingency.within", share=share, bound=speech.ms(one.bound_ms))
        )
        what = one.what.replace("_", " ")
        cells = [cell(one.tier, Tone.STRONG), cell(f"{what}: {wanted}"), cell(value_of(one.usual.mean, "share", speech, PROMISE_DIGITS))]
        for loss in vendor.losses:
            kept = loss.promises[k]
            told = kept.during if loss.kind == "good" else kept.month
            share = "" if math.isnan(told.mean) else f"{value_of(told.mean, 'share', speech, PROMISE_DIGITS)} "
            cells.append(cell(f"{share}{say(f'contingency.verdict.{kept.verdict}')}", TONES[kept.verdict]))
        rows.append(tuple(cells))
    return Table(columns, tuple(rows))


def option_said(option: "Option", speech: Speech) -> str:
    return speech.say(f"contingency.option.{option.kind}", what=option.what, factor=speech.trimmed(option.factor))


def standing(one: "Remedy", speech: Speech) -> str:
    return speech.say("contingency.unknown_cost") if one.standing_usd_per_h is None else value_of(one.standing_usd_per_h, "money", speech)


def remedies(vendor: "VendorLoss", speech: Speech) -> list[Part]:
    say = speech.say
    columns = (
        Column(say("contingency.remedy")), Column(say("contingency.still_broken")), Column(say("contingency.lost"), right=True),
        Column(say("contingency.cost_h"), right=True), Column(say("contingency.standing_h"), right=True),
    )  # fmt: skip
    rows = tuple(
        (
            cell(option_said(one.option, speech), Tone.STRONG if k == vendor.choice else Tone.PLAIN),
            cell(", ".join(one.missed) or say("contingency.none_broken"), Tone.BAD if one.missed else Tone.GOOD),
            cell(about(one.lost_share, "share", speech)), cell(about(one.usd_per_h, "money", speech)), cell(standing(one, speech)),
        )
        for k, one in enumerate(vendor.remedies)
    )  # fmt: skip
    return [Table(columns, rows), verdict(vendor, speech)]


def verdict(vendor: "VendorLoss", speech: Speech) -> Note:
    if vendor.choice is None:
        nearest = min(vendor.remedies, key=lambda one: (one.broken, one.lost_share.mean))
        return Note(speech.say("contingency.no_choice", option=option_said(nearest.option, speech), broken=nearest.broken), Tone.WARN)
    one = vendor.remedies[vendor.choice]
    cost = value_of(one.usd_per_h.mean, "money", speech)
    more = speech.say("contingency.and_unknown") if one.standing_usd_per_h is None else ""
    if one.standing_usd_per_h:
        more = speech.say("contingency.and_standing", cost=standing(one, speech))
    return Note(speech.say("contingency.choice", option=option_said(one.option, speech), cost=cost, standing=more), Tone.GOOD)


def shares(answer: "Contingency", speech: Speech) -> Table:
    say = speech.say
    told = ((say("requests"), answer.requests), (say("tokens"), answer.tokens), (say("contingency.spend"), answer.spend))
    names = list(answer.requests.shares)
    columns = (Column(""), *(Column(name, right=True) for name in names), Column(say("contingency.index"), right=True), Column(""))
    rows = []
    for what, one in told:
        cells = [cell(what, Tone.STRONG), *(cell(speech.share(one.shares[name], 1)) for name in names)]
        like = "" if one.like is None else say("contingency.like", count=speech.trimmed(one.like, 1))
        rows.append((*cells, cell(say("no_data") if one.index is None else speech.number(one.index, 2)), cell(like, Tone.QUIET)))
    return Table(columns, tuple(rows))


def points(answer: "Contingency", speech: Speech) -> list[Part]:
    if not answer.points:
        return [Note(speech.say("contingency.no_points"), Tone.QUIET)]
    return [Note(speech.say(f"contingency.point.{one.kind}", what=one.what, who=", ".join(one.who)), Tone.WARN) for one in answer.points]


def notes(answer: "Contingency", speech: Speech) -> list[Part]:
    say = speech.say
    found: list[Part] = [Note(say("contingency.method"), Tone.QUIET)]
    if any(loss.lost.mean < 0.0 for vendor in answer.vendors for loss in vendor.losses):
        found.append(Note(say("outage.gained"), Tone.QUIET))
    if answer.day_s < DAY_S:
        found.append(Note(say("contingency.short_day", time=value_of(answer.day_s, "seconds", speech)), Tone.WARN))
    if any(one.option.kind == "vendor" for vendor in answer.vendors for one in vendor.remedies):
        found.append(Note(say("contingency.assumed_vendor"), Tone.QUIET))
    found += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in answer.assumed]
    return [*found, *(Note(str(problem), Tone.WARN) for problem in answer.problems)]
