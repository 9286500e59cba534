"""How a simulation is told: the verdict first, then its promises, its course in time, and every figure with its interval.

What must not live here: simulating.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from roteiro.analysis.spread import Interval
from roteiro.report import course
from roteiro.report.chart import Bar, Bars, Rule, Span
from roteiro.report.comparison import Compared, Quantity
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import PROMISE_DIGITS, about, between, signed, value_of
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.simulator.result import Estimate, Measured
    from roteiro.simulator.thinning import ThinningError
    from roteiro.tasks.demo_result import DemoResult
    from roteiro.tasks.promises import Promise
    from roteiro.tasks.simulate import SimulationResult

__all__ = ["compared_rows", "facts_table", "promise_row", "promise_verdict", "seeds_said", "simulation_page"]

MOST_ASSUMED: Final = 12
THINNED: Final = {
    "answered": ("figure.answered", "share"), "refused": ("figure.refused", "share"), "p50_ms": ("figure.p50", "ms"),
    "p95_ms": ("figure.p95", "ms"), "p99_ms": ("figure.p99", "ms"), "ttft_p95_ms": ("figure.ttft_p95", "ms"),
    "cost_a_request_usd": ("sim.cost_a_request", "money"), "attempts_a_request": ("figure.attempts", "count"),
    "attainment": ("figure.tier_availability", "share"),
}  # fmt: skip
"""Figures of `simulator.thinning`: what they are called, and their unit."""
MOSTLY: Final = 0.99
"""Of requests: where fewer are answered, it is told at once."""


def figure(what: str, quantity: Quantity, estimate: "Estimate", measured: float | None = None, scale: float = 1.0) -> Compared:
    """One estimate as a figure; NaN is no data, and one seed gives no interval."""
    if math.isnan(estimate.mean):
        return Compared(what, quantity, None, None, measured)
    one = estimate.low == estimate.high
    interval = None if one else Interval(max(0.0, estimate.low) * scale, estimate.high * scale)
    if interval is not None and quantity == "share":
        interval = Interval(interval.low, min(1.0, interval.high))
    return Compared(what, quantity, estimate.mean * scale, interval, measured)


def compared_rows(prediction: "SimulationResult", speech: Speech, result: "DemoResult") -> tuple[Compared, ...]:
    """Predicted against measured: times, answers, cost, and each tier's promises."""
    say = speech.say
    overall, report, foretold = result.sla.sla.overall, result.traffic.traffic, prediction.measured
    answered = report.outcomes.get("success", 0) / report.requests if report.requests else None
    rows = [
        figure(say("prediction.p50"), "ms", foretold.total_ms.p50, overall.total.p50_ms),
        figure(say("prediction.p95"), "ms", foretold.total_ms.p95, overall.total.p95_ms),
        figure(say("cost"), "money", foretold.cost_usd, float(result.cost.cost.total.cost_nusd), 1e9),
        figure(say("prediction.availability"), "share", foretold.outcomes["success"], answered),
    ]
    for tier in result.sla.sla.tiers:
        predicted = foretold.tiers.get(tier.tier or "")
        if predicted is None:
            continue
        rows.append(
            figure(say("prediction.available", tier=tier.tier), "share", predicted.availability, tier.attained("availability").share)
        )
        if (bound_s := tier.bound("latency_p95")) is not None:
            what = say("prediction.in_time", tier=tier.tier, bound=speech.ms(bound_s * 1e3))
            rows.append(figure(what, "share", predicted.within_latency, tier.attained("latency_p95").share))
    return tuple(rows)


def simulation_page(result: "SimulationResult", speech: Speech) -> Document:
    """All of it, what matters most first."""
    say, found = speech.say, result.measured
    head: list[Part] = [headline(result.promises, speech)]
    answered = found.outcomes.get("success")
    if answered is not None and answered.mean < MOSTLY:
        head.append(Note(unanswered(found, answered, speech), Tone.WARN))
    if result.interrupted:
        head.append(Note(say("sim.interrupted", count=len(result.seeds), wanted=result.wanted_seeds), Tone.WARN))
    if result.promises:
        head.append(promises_table(result.promises, speech))
    sections = [Section("", tuple(head)), *timed(result, speech)]
    sections.append(Section(say("sim.figures"), (in_all(found, speech),)))
    sections.append(Section(say("sim.times"), (times(found, speech),)))
    sections.append(Section(say("sim.by_provider"), by_provider(found, speech)))
    sections.append(Section(say("sim.by_tenant"), (by_tenant(found, speech),)))
    sections.append(Section(say("sim.outcomes"), (outcomes(found, speech),)))
    if any(budget.spent_usd.mean > 0.0 for budget in found.budgets.values()):
        sections.append(Section(say("sim.budgets"), (budgets(found, speech),)))
    if found.objectives:
        sections.append(Section(say("sim.objectives"), (objectives(found, speech), Note(say("sim.objectives_note"), Tone.QUIET))))
    if found.pools:
        sections.append(Section(say("sim.pools"), (pools(found, speech),)))
    if result.thinning is not None:
        sections.append(Section(say("sim.thinning"), thinning(result.thinning, speech)))
    sections.append(Section("", tuple(footnotes(result, speech))))
    told = say("sim.about", plan=f"{result.plan} {result.digest[:12]}".strip(), demand=result.demand, requests=speech.number(result.requests), seeds=seeds_said(len(result.seeds), speech))  # fmt: skip # noqa: E501
    return Document(say("simulation.title"), tuple(sections), told)


def unanswered(found: "Measured[Estimate]", answered: "Estimate", speech: Speech) -> str:
    """What becomes of the rest, where it is much: promises do not count what clients are refused by their own limits and budgets."""
    others = sorted(
        ((name, one.mean) for name, one in found.outcomes.items() if name != "success" and one.mean > 0.0), key=lambda item: -item[1]
    )
    rest = ", ".join(f"{speech.say(f'outcome.{name}')} {value_of(share, 'share', speech)}" for name, share in others[:3])
    return speech.say("sim.answered", share=value_of(answered.mean, "share", speech), rest=rest)


def seeds_said(count: int, speech: Speech) -> str:
    return speech.say("sim.seed") if count == 1 else speech.say("sim.seeds", count=speech.number(count))


def headline(promises: Sequence["Promise"], speech: Speech) -> Note:
    """The verdict in a sentence."""
    say = speech.say
    judged = [one for one in promises if one.kept is not None]
    if not promises:
        return Note(say("sim.no_promise"), Tone.QUIET)
    if not judged:
        return Note(say("sim.no_tier"), Tone.WARN)
    missed = [one for one in judged if not one.kept]
    if missed:
        return Note(say("sim.missed", names=listed(missed, speech)), Tone.BAD)
    unsure = [one for one in judged if not one.sure]
    if unsure:
        return Note(say("sim.unsure", names=listed(unsure, speech)), Tone.WARN)
    return Note(say("sim.kept", count=speech.number(len(judged))), Tone.GOOD)


def listed(promises: Sequence["Promise"], speech: Speech) -> str:
    return ", ".join(f"{one.tier} ({speech.say(f'sla.{one.what}')})" for one in promises)


def promises_table(promises: Sequence["Promise"], speech: Speech) -> Table:
    """One row a promise, a tier's name once."""
    say = speech.say
    columns = (
        Column(say("tier")), Column(say("sla.promise")), Column(say("sla.target"), rank=1), Column(say("sim.predicted"), right=True),
        Column(say("prediction.interval"), right=True, rank=2), Column(say("verdict")),
    )  # fmt: skip
    rows, last = [], ""
    for one in promises:
        rows.append((cell("" if one.tier == last else one.tier, Tone.STRONG), *promise_row(one, speech)))
        last = one.tier
    return Table(columns, tuple(rows))


def promise_row(one: "Promise", speech: Speech) -> tuple[Cell, ...]:
    """What is promised, what is predicted, and the verdict."""
    say = speech.say
    if one.bound_ms is None:
        target = say("sla.at_least", share=speech.share(one.least, 4))
        told = value_of(one.share.mean, "share", speech, PROMISE_DIGITS)
    else:
        target = say("sla.p95_within", bound=speech.ms(one.bound_ms))
        known = not math.isnan(one.share.mean)
        told = (
            say("sla.within", share=value_of(one.share.mean, "share", speech, PROMISE_DIGITS), bound=speech.ms(one.bound_ms))
            if known
            else say("no_data")
        )
    return (
        cell(say(f"sla.{one.what}")),
        cell(target),
        cell(told),
        cell(between(one.share, "share", speech, PROMISE_DIGITS), Tone.QUIET),
        promise_verdict(one, speech),
    )


def promise_verdict(one: "Promise", speech: Speech) -> Cell:
    if one.kept is None:
        return cell(speech.say("verdict.no_data"), Tone.QUIET)
    word = speech.say("verdict.met" if one.kept else "verdict.missed")
    if not one.sure:
        return cell(speech.say("verdict.unsure", verdict=word), Tone.WARN)
    return cell(word, Tone.GOOD if one.kept else Tone.BAD)


def timed(result: "SimulationResult", speech: Speech) -> list[Section]:
    """How it would go in time."""
    line, start = result.measured.timeline, result.starts_at_s
    if len(line.at_s) < 2:
        return []
    ahead = start if course.time_axis(line, start).quantity == "clock" else 0.0
    spans = [Span(", ".join(one.targets), one.start_s + ahead, one.end_s + ahead) for one in result.outages]
    bounds = [
        Rule(f"{one.tier}: {speech.ms(one.bound_ms)}", one.bound_ms)
        for one in result.promises
        if one.bound_ms is not None and one.what == "latency_p95"
    ]
    pictures: list[Part] = [course.latency(line, start, speech, spans, bounds), course.traffic(line, start, speech, spans)]
    others = (course.breakers(line, start, speech, spans), course.replicas(line, start, speech))
    pictures += [picture for picture in others if picture is not None]
    return [Section(speech.say("sim.course"), tuple(pictures))]


def facts_table(rows: Sequence[tuple[str, "Estimate", str]], speech: Speech) -> Table:
    """One figure a row: what it is, its mean, its interval."""
    say = speech.say
    columns = (Column(say("figure")), Column(say("simulation.mean"), right=True), Column(say("prediction.interval"), right=True))
    return Table(
        columns,
        tuple(
            (cell(what), cell(value_of(one.mean, unit, speech), Tone.STRONG), cell(between(one, unit, speech), Tone.QUIET))
            for what, one, unit in rows
        ),
    )


def in_all(found: "Measured[Estimate]", speech: Speech) -> Table:
    """Goodput, cost, and what became of requests; what never happened is left out."""
    say = speech.say
    cost = "figure.cost_of_tokens" if found.servers_usd.mean > 0.0 else "figure.cost"
    always = [(say("figure.goodput"), found.goodput_per_s, "per_s"), (say(cost), found.cost_usd, "money")]
    sometimes = [
        ("servers", found.servers_usd, "money"),
        ("goodput_tokens", found.goodput_tokens_per_s, "per_s"), ("shed", found.sheds, "count"), ("refused", found.refused, "count"),
        ("returned", found.returned, "count"), ("fallbacks", found.fallbacks, "count"), ("degraded", found.degraded, "count"),
        ("attempts", found.attempts_a_request, "count"), ("cached", found.cached, "share"), ("rescues", found.rescues, "count"),
        ("hedged", found.hedged, "count"), ("lost", found.lost_usd, "money"), ("saved", found.saved_usd, "money"),
    ]  # fmt: skip
    return facts_table([*always, *((say(f"figure.{kind}"), one, unit) for kind, one, unit in sometimes if one.mean > 0.0)], speech)


def times(found: "Measured[Estimate]", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("tier")), Column(say("requests"), right=True, rank=2), Column("p50", right=True), Column("p95", right=True),
        Column("p99", right=True),
        Column(f"{say('sla.ttft')} p50", right=True, rank=1), Column(f"{say('sla.ttft')} p95", right=True, rank=1),
    )  # fmt: skip
    everything = [(name, tier.requests, tier.total_ms, tier.ttft_ms) for name, tier in found.tiers.items() if tier.requests.mean > 0.0]
    everything.append((say("all"), found.requests, found.total_ms, found.ttft_ms))
    rows = tuple(
        (
            cell(name, Tone.STRONG), cell(value_of(requests.mean, "count", speech)),
            *(cell(about(one, "ms", speech)) for one in (total.p50, total.p95, total.p99, first.p50, first.p95)),
        )
        for name, requests, total, first in everything
    )  # fmt: skip
    return Table(columns, rows)


def by_provider(found: "Measured[Estimate]", speech: Speech) -> tuple[Part, ...]:
    """Shares, cost and breakers; and the cost as a picture where there are several."""
    say = speech.say
    columns = (
        Column(say("provider")), Column(say("share"), right=True), Column(say("requests"), right=True, rank=2),
        Column(say("cost"), right=True), Column(say("sim.opened"), right=True, rank=1), Column(say("sim.open_share"), right=True),
    )  # fmt: skip
    rows = tuple(
        (
            cell(name, Tone.STRONG), cell(about(one.share, "share", speech)), cell(value_of(one.requests.mean, "count", speech)),
            cell(about(one.cost_usd, "money", speech)), cell(about(one.opened, "count", speech)),
            cell(about(one.open_share, "share", speech), Tone.WARN if one.open_share.mean > 0.0 else Tone.PLAIN),
        )
        for name, one in found.providers.items()
    )  # fmt: skip
    bars = [
        Bar(name, one.cost_usd.mean, value_of(one.cost_usd.mean, "money", speech), one.cost_usd.low, one.cost_usd.high)
        for name, one in found.providers.items()
    ]
    paid = sum(bar.value > 0.0 for bar in bars)
    picture: tuple[Part, ...] = (Bars(say("sim.cost_picture"), tuple(bars), speech.language),) if paid > 1 else ()
    return (Table(columns, rows), *picture)


def by_tenant(found: "Measured[Estimate]", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("tenant")), Column(say("requests"), right=True), Column(say("answered"), right=True), Column(say("cost"), right=True),
    )  # fmt: skip
    rows = tuple(
        (
            cell(name, Tone.STRONG), cell(about(one.requests, "count", speech)), cell(about(one.answered, "count", speech)),
            cell(about(one.cost_usd, "money", speech)),
        )
        for name, one in found.tenants.items()
    )  # fmt: skip
    return Table(columns, rows)


def outcomes(found: "Measured[Estimate]", speech: Speech) -> Table:
    """Shares of requests by outcome, and under them the reasons of those that got no answer."""
    say = speech.say

    def rows_of(shares: Mapping[str, "Estimate"], kind: str, tone: Tone, sign: str = "") -> list[tuple[Cell, ...]]:
        return [
            (
                cell(f"{sign}{say(f'{kind}.{name}')}", tone), cell(value_of(one.mean, "share", speech)),
                cell(between(one, "share", speech), Tone.QUIET),
            )
            for name, one in sorted(shares.items(), key=lambda item: -item[1].mean)
            if one.mean > 0.0
        ]  # fmt: skip

    columns = (Column(say("outcome")), Column(say("share"), right=True), Column(say("prediction.interval"), right=True))
    return Table(columns, (*rows_of(found.outcomes, "outcome", Tone.STRONG), *rows_of(found.reasons, "reason", Tone.QUIET, "· ")))


def budgets(found: "Measured[Estimate]", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("cost.budget")), Column(say("cost.spent"), right=True), Column(say("sim.used"), right=True),
        Column(say("sim.exhausted"), right=True), Column(say("sim.exhausted_in"), right=True, rank=1),
    )  # fmt: skip
    rows = []
    for name, one in found.budgets.items():
        gone = one.exhausted.mean > 0.0
        rows.append(
            (
                cell(name, Tone.STRONG), cell(about(one.spent_usd, "money", speech)),
                cell(f"{speech.trimmed(one.share.mean * 100, 1)}%" if not math.isnan(one.share.mean) else say("no_data")),
                cell(about(one.exhausted_s, "seconds", speech) if gone else say("sim.never"), Tone.BAD if gone else Tone.QUIET),
                cell(speech.share(one.exhausted.mean, 0) if gone else ""),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def objectives(found: "Measured[Estimate]", speech: Speech) -> Table:
    """What was left of each error budget, and whom it would have woken."""
    say = speech.say
    columns = (
        Column(say("sim.objective")), Column(say("sim.good_events"), right=True), Column(say("sim.budget_spent"), right=True),
        Column(say("sim.pages"), right=True), Column(say("sim.tickets"), right=True), Column(say("sim.firing"), right=True, rank=1),
        Column(say("sim.steps"), right=True, rank=2),
    )  # fmt: skip
    rows = []
    for name, one in found.objectives.items():
        spent = one.spent.mean
        rows.append(
            (
                cell(name, Tone.STRONG), cell(about(one.good, "share", speech)),
                cell(
                    say("none") if math.isnan(spent) else f"{speech.trimmed(spent * 100, 1)}%",
                    Tone.BAD if spent > 1.0 else Tone.PLAIN,
                ),
                cell(speech.trimmed(one.pages.mean, 1), Tone.WARN if one.pages.mean > 0.0 else Tone.QUIET),
                cell(speech.trimmed(one.tickets.mean, 1), Tone.WARN if one.tickets.mean > 0.0 else Tone.QUIET),
                cell(about(one.firing_s, "seconds", speech) if one.firing_s.mean > 0.0 else "", Tone.QUIET),
                cell(about(one.steps_s, "seconds", speech) if one.steps_s.mean > 0.0 else "", Tone.QUIET),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def pools(found: "Measured[Estimate]", speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("provider")), Column(say("sim.replicas_mean"), right=True), Column(say("sim.replicas_most"), right=True),
        Column(say("sim.started"), right=True, rank=1), Column(say("sim.stopped"), right=True, rank=1),
        Column(say("sim.replica_hours"), right=True), Column(say("sim.replica_cost"), right=True),
    )  # fmt: skip
    rows = tuple(
        (
            cell(name, Tone.STRONG),
            *(
                cell(about(value, "count", speech))
                for value in (one.replicas_mean, one.replicas_most, one.started, one.stopped, one.replica_hours)
            ),
            cell(about(one.cost_usd, "money", speech)),
        )
        for name, one in found.pools.items()
    )  # fmt: skip
    return Table(columns, rows)


def thinning(error: "ThinningError", speech: Speech) -> tuple[Part, ...]:
    """What simulating a share of it does to the main figures, measured on a stretch."""
    say = speech.say
    columns = (
        Column(say("figure")), Column(say("sim.whole"), right=True), Column(say("sim.thin"), right=True),
        Column(say("diff.difference"), right=True), Column(say("prediction.interval"), right=True, rank=1),
    )  # fmt: skip
    rows = []
    for key, one in error.figures.items():
        kind, _, tier = key.partition(":")
        said, unit = THINNED[kind]
        spread = "" if not one.difference.high > one.difference.low else " – ".join(
            signed(edge, unit, speech) for edge in (one.difference.low, one.difference.high)
        )  # fmt: skip
        rows.append(
            (
                cell(say(said, name=tier)), cell(value_of(one.whole.mean, unit, speech)), cell(value_of(one.thinned.mean, unit, speech)),
                cell(signed(one.difference.mean, unit, speech), Tone.STRONG), cell(spread, Tone.QUIET),
            )
        )  # fmt: skip
    stretch = value_of(error.stretch_s, "seconds", speech)
    start = value_of(error.start_s, "seconds", speech)
    note = say("sim.thinned", share=speech.share(error.factor), stretch=stretch, start=start, seeds=seeds_said(len(error.seeds), speech))
    return (Note(note, Tone.WARN), Table(columns, tuple(rows)))


def footnotes(result: "SimulationResult", speech: Speech) -> list[Note]:
    """How it was found, what was assumed, and what the plan's reading remarked."""
    say, count = speech.say, len(result.seeds)
    notes = [Note(say("sim.one_seed") if count == 1 else say("sim.method", count=speech.number(count)), Tone.QUIET)]
    if count == 1 and result.intervals == "batches":
        notes = [Note(say("sim.batches"), Tone.QUIET)]
    if result.checked:
        notes.append(Note(say("sim.checked"), Tone.GOOD))
    if result.runs:
        notes.append(Note(say("sim.kept_rows", runs=", ".join(result.runs)), Tone.QUIET))
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed[:MOST_ASSUMED]]
    return notes + [Note(str(problem), Tone.WARN) for problem in result.problems]
