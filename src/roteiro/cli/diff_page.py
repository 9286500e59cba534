"""How a comparison of two plans is told: one sentence, what changed, promises, figures; it is read in a pull request.

What must not live here: comparing.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from roteiro.cli.simulate_page import seeds_said
from roteiro.report.chart import Axis, Chart
from roteiro.report.course import line_of, time_axis
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import points, signed, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.tasks.diff import Change, Difference, DiffResult

__all__ = ["diff_page", "headline_of", "table"]

MOST_CHANGES: Final = 40
MOST_TOLD: Final = 4
"""Figures that the headline tells."""
LEADING: Final = (
    "attainment", "tier_availability", "tier_latency", "tier_ttft", "answered", "p95", "cost", "p99", "ttft_p95", "goodput", "shed", "p50",
    "ttft_p50", "attempts",
)  # fmt: skip
"""What the headline tells first."""
BY_NAME: Final = ("provider_share", "provider_cost", "provider_open", "tenant_cost")
TIERS: Final = ("tier_availability", "tier_latency", "tier_ttft")
TONES: Final = {"better": Tone.GOOD, "worse": Tone.BAD, "changed": Tone.STRONG, "unsure": Tone.WARN}


def diff_page(result: "DiffResult", speech: Speech) -> Document:
    """All of it."""
    say = speech.say
    head: list[Part] = [headline(result, speech)]
    if result.interrupted:
        head.append(Note(say("outage.interrupted", count=len(result.seeds), wanted=result.wanted_seeds), Tone.WARN))
    if result.demand != result.new_demand:
        head.append(Note(say("diff.demands", old=result.demand, new=result.new_demand), Tone.WARN))
    sections = [Section("", tuple(head)), Section(say("diff.changes"), changes(result.changes, speech))]
    groups = (
        (say("diff.promises"), [one for one in result.differences if one.kind in TIERS]),
        (say("diff.figures"), [one for one in result.differences if one.kind not in TIERS + BY_NAME]),
        (say("diff.by_name"), [one for one in result.differences if one.kind in BY_NAME]),
    )
    sections += [Section(title, (table(rows, speech),)) for title, rows in groups if rows]
    pictured = pictures(result, speech)
    if pictured:
        sections.append(Section(say("sim.course"), pictured))
    looked = sum(1 for one in result.differences if not math.isnan(one.p))
    notes = [Note(say("diff.method", figures=speech.number(looked)), Tone.QUIET)]
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed]
    notes += [Note(str(problem), Tone.WARN) for problem in result.problems]
    sections.append(Section("", tuple(notes)))
    about = say("diff.about", old=f"{result.old.file} {result.old.digest[:12]}", new=f"{result.new.file} {result.new.digest[:12]}", demand=result.demand, requests=speech.number(result.requests), seeds=seeds_said(len(result.seeds), speech))  # fmt: skip # noqa: E501
    return Document(say("diff.title"), tuple(sections), about)


def headline(result: "DiffResult", speech: Speech) -> Note:
    """What the change would do, in a sentence: promises first, then the figures that matter most."""
    if result.old.digest == result.new.digest:
        return Note(speech.say("diff.same_plan"), Tone.QUIET)
    return headline_of(result.differences, len(result.seeds), speech, failing=result.worse)


def headline_of(differences: Sequence["Difference"], seeds: int, speech: Speech, *, failing: bool = False) -> Note:
    """The same of differences alone. `failing`: they are bad, whatever else is better."""
    say = speech.say
    told = [one for one in differences if one.effect in ("better", "worse")]
    told.sort(key=lambda one: LEADING.index(one.kind) if one.kind in LEADING else len(LEADING))
    parts = []
    newly_missed = [one for one in differences if one.newly_missed]
    if newly_missed:
        parts.append(say("diff.newly_missed", names=", ".join(name_of(one, speech) for one in newly_missed)))
    newly_kept = [one for one in differences if one.kept_before is False and one.kept_after is True]
    if newly_kept:
        parts.append(say("diff.newly_kept", names=", ".join(name_of(one, speech) for one in newly_kept)))
    first = told[:MOST_TOLD]
    # Where there is both better and worse, both are told.
    first += [one for one in told[MOST_TOLD:] if str(one.effect) not in {str(other.effect) for other in first}][:1]
    parts += [move(one, speech) for one in first]
    effects = {str(one.effect) for one in told}
    effects |= {"worse"} if newly_missed else set()
    effects |= {"better"} if newly_kept else set()
    if not parts:
        changed = [one for one in differences if one.effect == "changed"]
        if changed:
            return Note(say("diff.headline.changed", what="; ".join(move(one, speech) for one in changed[:MOST_TOLD])), Tone.STRONG)
        if seeds < 2 and any(one.effect == "unsure" for one in differences):
            return Note(say("diff.unsure"), Tone.WARN)
        return Note(say("diff.nothing", figures=speech.number(len(differences)), seeds=seeds_said(seeds, speech)), Tone.STRONG)
    kind = "mixed" if effects == {"better", "worse"} else "worse" if "worse" in effects else "better"
    tone = {"mixed": Tone.WARN, "worse": Tone.BAD, "better": Tone.GOOD}["worse" if failing else kind]
    return Note(say(f"diff.headline.{kind}", what="; ".join(parts)), tone)


def move(one: "Difference", speech: Speech) -> str:
    """`cost improves, $3.21 → $2.83 (-11.8%)`."""
    old, new = (value_of(side.mean, one.unit, speech) for side in (one.old, one.new))
    return speech.say(
        "diff.moves", what=name_of(one, speech), way=speech.say(f"diff.way.{one.effect}"), old=old, new=new, change=relative(one, speech)
    )


def relative(one: "Difference", speech: Speech) -> str:
    """Of a share in points, of all else in per cent of the old, where it is something."""
    if one.change is None:
        return speech.say("no_data")
    if one.unit == "share":
        return signed(one.change.mean, "share", speech)
    if not one.old.mean:
        return signed(one.change.mean, one.unit, speech)
    share = one.change.mean / one.old.mean * 100
    return f"{'+' if share >= 0 else '-'}{speech.number(abs(share), 1)}%"


def name_of(one: "Difference", speech: Speech) -> str:
    return speech.say(f"figure.{one.kind}", name=one.name)


def changes(rows: Sequence["Change"], speech: Speech) -> tuple[Part, ...]:
    """Path, old, new."""
    say = speech.say
    if not rows:
        return (Note(say("diff.no_changes"), Tone.QUIET),)
    columns = (Column(say("diff.path")), Column(say("diff.old")), Column(say("diff.new")))
    written = [one for one in rows if not one.follows]
    following = [one.path for one in rows if one.follows]
    shown = tuple(
        (cell(one.path, Tone.STRONG), cell(one.old or say("diff.absent")), cell(one.new or say("diff.absent")))
        for one in written[:MOST_CHANGES]
    )
    parts: list[Part] = [Table(columns, shown)] if shown else []
    more = len(written) - len(shown)
    if more:
        parts.append(Note(say("diff.more", count=speech.number(more)), Tone.QUIET))
    if following:
        paths = ", ".join(following[:MOST_TOLD]) + (" …" if len(following) > MOST_TOLD else "")
        parts.append(Note(say("diff.follow", count=speech.number(len(following)), paths=paths), Tone.QUIET))
    return tuple(parts)


def table(rows: Sequence["Difference"], speech: Speech, heads: tuple[str, str] | None = None) -> Table:
    """Old, new, the difference with its interval, and whether it is more than chance."""
    say = speech.say
    old, new = heads or (say("diff.old"), say("diff.new"))
    columns = (
        Column(say("figure")), Column(old, right=True), Column(new, right=True),
        Column(say("diff.difference"), right=True),
        Column(say("sla.interval"), right=True, rank=2), Column(say("diff.p"), right=True, rank=1), Column(say("diff.judged")),
    )  # fmt: skip
    return Table(columns, tuple(row(one, speech) for one in rows))


def row(one: "Difference", speech: Speech) -> tuple[Cell, ...]:
    change = one.change
    moved = "" if change is None or one.effect == "same" else signed(change.mean, one.unit, speech)
    return (
        cell(name_of(one, speech)),
        cell(value_of(one.old.mean, one.unit, speech)),
        cell(value_of(one.new.mean, one.unit, speech), Tone.STRONG if one.effect in ("better", "worse", "changed") else Tone.PLAIN),
        cell(moved),
        cell(interval(one, speech), Tone.QUIET),
        cell(p_text(one.p, speech), Tone.QUIET),
        judged(one, speech),
    )


def interval(one: "Difference", speech: Speech) -> str:
    """Of the difference."""
    change = one.change
    if change is None or not change.high > change.low:
        return ""
    if one.unit == "share":
        return " – ".join(f"{'-' if edge < 0 else '+'}{points(abs(edge), speech)}" for edge in (change.low, change.high))
    return f"{signed(change.low, one.unit, speech)} – {signed(change.high, one.unit, speech)}"


def p_text(p: float, speech: Speech) -> str:
    if math.isnan(p):
        return ""
    return f"< {speech.number(0.001, 3)}" if p < 0.001 else speech.number(p, 3)


def judged(one: "Difference", speech: Speech) -> Cell:
    """Whether it is more than chance; of a promise, whether it is newly missed or kept."""
    say = speech.say
    word = say(f"diff.effect.{one.effect}")
    if one.newly_missed:
        return cell(f"{word}, {say('diff.missed_now')}", Tone.BAD)
    if one.kept_before is False and one.kept_after is True:
        return cell(f"{word}, {say('diff.kept_now')}", Tone.GOOD)
    return cell(word, TONES.get(str(one.effect), Tone.QUIET))


def pictures(result: "DiffResult", speech: Speech) -> tuple[Part, ...]:
    """p95 over time under both plans, where both have the same moments."""
    say = speech.say
    old, new = result.old_measured.timeline, result.new_measured.timeline
    if len(old.at_s) < 3 or len(new.at_s) < 3:
        return ()
    axis = time_axis(new, result.starts_at_s)
    offset = result.starts_at_s if axis.quantity == "clock" else 0.0
    drawn: list[Part] = []
    for name, title, quantity in (("p95_ms", "diff.p95_picture", "ms"), ("good_per_s", "diff.good_picture", "per_s")):
        lines = (line_of(new, name, say("diff.new"), offset), line_of(old, name, say("diff.old"), offset))
        drawn.append(Chart(say(title), axis, Axis("", quantity, 0.0), speech.language, lines, rows=8))  # type: ignore[arg-type]
    return tuple(drawn)
