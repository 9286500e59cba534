"""How a drill of an outage is told: what is lost and for how long, the time around it, and what each stretch of it was like.

What must not live here: simulating.
"""

import math
from typing import TYPE_CHECKING, Final

from roteiro.cli.diff_page import headline_of
from roteiro.cli.diff_page import table as differences_table
from roteiro.cli.simulate_page import seeds_said
from roteiro.report import course
from roteiro.report.chart import Axis, Chart, Figure, Line, Span
from roteiro.report.document import Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import about, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.simulator.result import Estimate
    from roteiro.tasks.drill_outage import DrawnResult, OutageResult

__all__ = ["drawn_page", "outage_page"]

HELD: Final = 0.01
"""Of the answers in the outage: a plan that loses less carries it."""


def outage_page(result: "OutageResult", speech: Speech) -> Document:
    """All of it."""
    say = speech.say
    head: list[Part] = [headline(result, speech)]
    if result.interrupted:
        head.append(Note(say("outage.interrupted", count=len(result.seeds), wanted=result.wanted_seeds), Tone.WARN))
    head.append(measures(result, speech))
    notes = [Note(say("outage.method"), Tone.QUIET)]
    if min(result.lost.mean, result.lost_after.mean) < 0.0:
        notes.append(Note(say("outage.gained"), Tone.QUIET))
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed]
    notes += [Note(str(problem), Tone.WARN) for problem in result.problems]
    sections = (
        Section("", tuple(head)),
        Section(say("outage.course"), tuple(pictures(result, speech))),
        Section(say("outage.phases"), (phases(result, speech),)),
        Section("", tuple(notes)),
    )
    return Document(say("outage.title"), sections, subtitle(result, speech))


def subtitle(result: "OutageResult", speech: Speech) -> str:
    say, windows = speech.say, result.windows
    what = say(
        "outage.what", providers=", ".join(result.targets), kind=say(f"outage.kind.{result.kind}"),
        time=value_of(windows.end_s - windows.start_s, "seconds", speech), at=clock(result, windows.start_s),
    )  # fmt: skip
    plan = f"{result.plan} {result.digest[:12]}".strip()
    seeds = seeds_said(len(result.seeds), speech)
    return f"{what} · {say('sim.about', plan=plan, demand=result.demand, requests=speech.number(result.requests), seeds=seeds)}"


def clock(result: "OutageResult", at_s: float) -> str:
    """The time of day, where the plan is."""
    seconds = int(result.starts_at_s + at_s)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}"


def during(result: "OutageResult", name: str) -> "Estimate":
    """Requests of a stretch."""
    return next(one.requests for one in result.phases if one.name == name)


def headline(result: "OutageResult", speech: Speech) -> Note:
    """Whether the plan carries it."""
    say, lost = speech.say, max(0.0, result.lost.mean)
    requests = during(result, "during").mean
    share = lost / requests if requests else 0.0
    facts = {"lost": speech.number(round(lost)), "requests": speech.number(round(requests)), "recovery": recovery(result, speech)}
    if share < HELD and result.recovered == 1.0:
        return Note(say("outage.held", **facts), Tone.GOOD)
    return Note(say("outage.hurt", share=speech.share(min(1.0, share), 1), **facts), Tone.BAD)


def recovery(result: "OutageResult", speech: Speech) -> str:
    say, windows = speech.say, result.windows
    if result.recovered < 1.0:
        return say("outage.not_recovered", time=value_of(windows.last_s - windows.end_s, "seconds", speech))
    return say("outage.at_once") if result.recover_s.mean == 0.0 else value_of(result.recover_s.mean, "seconds", speech)


def measures(result: "OutageResult", speech: Speech) -> Table:
    """What it takes, in time, answers and money."""
    say = speech.say
    noticed = say("outage.never_noticed") if result.detected == 0.0 else about(result.detect_s, "seconds", speech)
    if 0.0 < result.detected < 1.0:
        noticed = say("outage.noticed_in", time=noticed, share=speech.share(result.detected, 0))
    back = (
        recovery(result, speech) if result.recovered < 1.0 or result.recover_s.mean == 0.0 else about(result.recover_s, "seconds", speech)
    )
    rows = (
        (say("outage.detect"), cell(noticed, Tone.STRONG if result.detected else Tone.WARN)),
        (say("outage.recover"), cell(back, Tone.STRONG if result.recovered == 1.0 else Tone.BAD)),
        (say("outage.lost"), cell(about(result.lost, "count", speech), Tone.STRONG)),
        (say("outage.lost_after"), cell(about(result.lost_after, "count", speech))),
        (say("outage.extra_cost"), cell(about(result.extra_usd, "money", speech), Tone.STRONG)),
        (say("outage.extra_after"), cell(about(result.extra_after_usd, "money", speech))),
    )
    return Table((Column(""), Column("")), tuple((cell(what), value) for what, value in rows))


def pictures(result: "OutageResult", speech: Speech) -> list[Figure]:
    """The good share with and without the outage, latency, who answers, and which breakers are open."""
    say, line, windows = speech.say, result.course, result.windows
    start = result.starts_at_s
    axis = Axis("", "clock", start + windows.first_s, start + windows.last_s)
    span = (Span(say("outage.span"), start + windows.start_s, start + windows.end_s),)

    def of(name: str, said: str, timeline: course.Course = line) -> Line:
        return course.line_of(timeline, name, said, start)

    without = result.course_without
    good = Chart(
        say("outage.good_picture"), axis, Axis("", "share", 0.0, 1.0), speech.language,
        (of("good_share", say("outage.with_line")), of("good_share", say("outage.without_line"), without)), spans=span,
    )  # fmt: skip
    latency = Chart(
        say("diff.p95_picture").split(",")[0], axis, Axis("", "ms", 0.0), speech.language,
        (of("p95_ms", say("outage.with_line")), of("p95_ms", say("outage.without_line"), without)), spans=span, rows=8,
    )  # fmt: skip
    names = [name for name in line.series if name.startswith("requests:")]
    traffic = Chart(
        say("outage.traffic_picture"), axis, Axis("", "per_s", 0.0), speech.language,
        tuple(of(name, name.removeprefix("requests:")) for name in names), spans=span, rows=8,
    )  # fmt: skip
    lanes = course.breakers(line, start, speech, span, axis)
    return [good, latency, traffic, *((lanes,) if lanes is not None else ())]


def phases(result: "OutageResult", speech: Speech) -> Table:
    """A row a figure, a column a stretch."""
    say = speech.say
    names = {"before": "outage.before", "during": "outage.during", "after": "outage.after", "without": "outage.without"}
    columns = (Column(""), *(Column(say(names[one.name]), right=True, rank=1 if one.name == "before" else 0) for one in result.phases))
    wanted = (
        ("outage.requests", "requests", "count"), ("outage.attainment", "attainment", "share"), ("figure.answered", "answered", "share"),
        ("figure.p95", "p95_ms", "ms"), ("figure.ttft_p95", "ttft_p95_ms", "ms"), ("figure.cost", "cost_usd", "money"),
        ("figure.shed", "shed", "count"), ("figure.failed", "failed", "count"), ("figure.fallbacks", "fallbacks", "count"),
    )  # fmt: skip
    rows = []
    for said, key, unit in wanted:
        values = [getattr(one, key) for one in result.phases]
        if all(math.isnan(value.mean) for value in values):
            continue
        tones = [Tone.STRONG if one.name == "during" else Tone.PLAIN for one in result.phases]
        rows.append((cell(say(said)), *(cell(about(value, unit, speech), tone) for value, tone in zip(values, tones, strict=True))))
    return Table(columns, tuple(rows))


def drawn_page(result: "DrawnResult", speech: Speech) -> Document:
    """Outages that came as they came: every figure without them and with them."""
    say = speech.say
    told = [one for one in result.differences if one.effect != "same"]
    promises = [one for one in told if one.kind.startswith("tier_")]
    others = [one for one in told if not one.kind.startswith("tier_")]
    heads = (say("outage.none"), say("outage.all_day"))
    head: list[Part] = [headline_of(result.differences, len(result.seeds), speech)]
    if result.interrupted:
        head.append(Note(say("outage.interrupted", count=len(result.seeds), wanted=result.wanted_seeds), Tone.WARN))
    sections = [Section("", tuple(head))]
    sections += [
        Section(title, (differences_table(rows, speech, heads),))
        for title, rows in ((say("diff.promises"), promises), (say("diff.figures"), others))
        if rows
    ]
    line = result.with_outages.timeline
    drawn = (
        [course.latency(line, result.starts_at_s, speech), course.traffic(line, result.starts_at_s, speech)] if len(line.at_s) > 2 else []
    )
    lanes = course.breakers(line, result.starts_at_s, speech) if drawn else None
    if drawn:
        sections.append(Section(say("sim.course"), (*drawn, *((lanes,) if lanes is not None else ()))))
    looked = sum(1 for one in result.differences if not math.isnan(one.p))
    notes = [Note(say("diff.method", figures=speech.number(looked)), Tone.QUIET)]
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed]
    sections.append(Section("", tuple(notes)))
    what = say("outage.draws", providers=", ".join(result.targets), count=speech.trimmed(result.outages, 1))
    plan = f"{result.plan} {result.digest[:12]}".strip()
    seeds = seeds_said(len(result.seeds), speech)
    subtitle = f"{what} · {say('sim.about', plan=plan, demand=result.demand, requests=speech.number(result.requests), seeds=seeds)}"
    return Document(say("outage.title"), tuple(sections), subtitle)
