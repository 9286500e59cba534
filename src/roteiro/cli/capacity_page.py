"""How capacity is told: the verdict first, what to do, need against what is bought, why, and every provider's share in it.

What must not live here: reckoning it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from roteiro.report.chart import Axis, Chart, Line, Rule
from roteiro.report.currency import currency_notes, in_currency
from roteiro.report.document import Cell, Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import about, dollars, lasting, value_of
from roteiro.report.speech import Speech
from roteiro.terms.units import NUSD

if TYPE_CHECKING:
    from roteiro.analysis.currency import ExchangeRate
    from roteiro.tasks.capacity import CapacityResult, Course
    from roteiro.tasks.capacity_needs import Need, Period
    from roteiro.tasks.capacity_offers import Buying
    from roteiro.tasks.capacity_options import Option

__all__ = ["capacity_page", "comments_in", "overlay_head"]

NOTES: Final = ("was", "weight", "units", "quota", "in_flight", "variant", "replicas", "floor", "ceiling", "scaling", "trace")
MINUTE: Final = 0.99
MOST_PROBLEMS: Final = 20


def capacity_page(result: "CapacityResult", speech: Speech, rates: Sequence["ExchangeRate"] = (), kept_in: str = "") -> Document:
    """All of it. `rates`: currencies told beside dollars; `kept_in`: how to rehearse the overlay, where it was kept."""
    say = speech.say
    head: list[Part] = [*verdict(result, speech, rates), picture(result, speech)]
    sections = [Section("", tuple(head)), Section(say("capacity.first"), tuple(first(result, speech)))]
    for one in result.buyings:
        title = say("capacity.buy_in", regions=", ".join(one.regions)) if one.regions else say("capacity.buy")
        sections.append(Section(title, (bought(one, speech),)))
        sections.append(Section(say("capacity.why"), tuple(why(result, one, speech))))
    if result.confirmed is not None:
        sections.append(Section(say("capacity.confirmed"), (confirmed(result, speech),)))
    sections.append(Section(say("capacity.scenarios"), (by_scenario(result, speech), Note(say("capacity.lost_note", minute=speech.share(MINUTE)), Tone.QUIET))))  # noqa: E501 # fmt: skip
    sections.append(Section(say("capacity.periods", scenario=result.scenario), (by_period(result, speech),)))
    if result.options:
        parts = (options(result.options, speech), Note(say("capacity.options_note"), Tone.QUIET))
        sections.append(Section(say("capacity.options"), parts))
    sections.append(Section(say("capacity.changes"), tuple(changes(result, speech, kept_in))))
    notes: list[Part] = [*currency_notes(rates, speech)]
    notes.append(Note(say("capacity.method", share=speech.share(result.probability), paths=say("capacity.paths")), Tone.QUIET))
    notes += [Note(say("sim.assumed", what=what), Tone.QUIET) for what in result.assumed]
    notes += [Note(str(problem), Tone.WARN) for problem in result.problems[:MOST_PROBLEMS]]
    sections.append(Section("", tuple(notes)))
    plan = f"{result.plan} {result.digest[:12]}".strip()
    told = say("capacity.about", plan=plan, demand=result.demand, scenario=result.scenario, horizon=span(result.horizon_s, speech), step=lasting(result.step_s, speech))  # noqa: E501 # fmt: skip
    return Document(say("capacity.title"), tuple(sections), told)


def comments_in(speech: Speech) -> Mapping[str, str]:
    """What the overlay's comments say."""
    told = {name: speech.say(f"capacity.note.{name}") for name in NOTES if name != "was"}
    return {**told, "was": speech.say("capacity.note.was", before="{before}")}


def overlay_head(result: "CapacityResult", speech: Speech) -> str:
    return speech.say(
        "capacity.overlay_head", plan=result.plan or result.files[0].name, demand=result.demand, scenario=result.scenario,
        share=speech.share(result.probability),
    )  # fmt: skip


def large(value: float, speech: Speech) -> str:
    """A count to three figures: 940, 12.3k, 1.45M."""
    for unit, word in ((1e9, ("B", " bi")), (1e6, ("M", " mi")), (1e3, ("k", " mil"))):
        if abs(value) >= 0.9995 * unit:
            scaled = value / unit
            digits = max(0, 2 - math.floor(math.log10(abs(scaled))))
            return f"{speech.trimmed(scaled, digits)}{word[speech.language == 'pt-BR']}"
    return speech.trimmed(value, 0 if abs(value) >= 10 else 1)


def span(seconds: float, speech: Speech) -> str:
    days = seconds / 86_400.0
    return f"{speech.trimmed(days, 1)} d" if days >= 2.0 else lasting(seconds, speech)


def money(value: float, speech: Speech, rates: Sequence["ExchangeRate"] = ()) -> str:
    """Dollars, whole where they are many; and in the plan's currencies."""
    mark = "US$ " if speech.language == "pt-BR" else "$"
    whole = f"{mark}{speech.number(value)}" if value >= 1000.0 else dollars(value, speech, 2)
    return " / ".join([whole, *(in_currency(round(value * NUSD), rate, speech) for rate in rates)])


# -- the verdict ------------------------------------------------------------------------------------------------------------------------


def verdict(result: "CapacityResult", speech: Speech, rates: Sequence["ExchangeRate"]) -> Iterator[Note]:
    say = speech.say
    answers = [one.purchase for one in result.buyings]
    cost, p95 = (sum(getattr(one, name) for one in answers) for name in ("cost", "p95"))
    met = all(one.met for one in answers)
    facts = {
        "cost": money(cost, speech, rates), "horizon": span(result.horizon_s, speech),
        "kept": speech.share(min(one.kept for one in answers), 1),
        "attainment": speech.share(result.attainment, 3), "asked": speech.share(result.probability),
    }  # fmt: skip
    yield Note(
        say("capacity.met", p95=money(p95, speech), **facts) if met else say("capacity.unmet", **facts), Tone.GOOD if met else Tone.BAD
    )
    lacking = max((max(one.lacking, default=0.0) for one in answers), default=0.0)
    if lacking > 0.0:
        yield Note(say("capacity.lacking", tokens=large(lacking / 60.0, speech)), Tone.BAD)
    if result.headroom_usd > 0.0:
        yield Note(say("capacity.headroom", cost=money(result.headroom_usd, speech)))
    made = result.confirmed
    if made is None:
        yield Note(say("capacity.not_simulated"), Tone.WARN)
    else:
        told = {"rate": value_of(made.rate_per_s, "per_s", speech), "requests": speech.number(made.requests)}
        missed = [f"{one.tier} {promised(one.what, one.bound_ms, speech)}" for one in made.promises if one.kept is False]
        if missed:
            yield Note(say("capacity.simulated_missed", names=", ".join(missed), **told), Tone.BAD)
        else:
            yield Note(say("capacity.simulated", **told), Tone.GOOD)
        if made.enlarged > 1.0:
            yield Note(say("capacity.enlarged", times=speech.trimmed(made.enlarged, 2)), Tone.WARN)
    if result.interrupted:
        yield Note(say("capacity.interrupted"), Tone.WARN)
    free = sum(one.unreserved for one in answers)
    if any(one.units for one in answers):
        yield Note(say("capacity.unreserved", cost=money(free, speech), kept=speech.share(min(one.unreserved_kept for one in answers), 1)), Tone.QUIET)  # noqa: E501 # fmt: skip


def promised(what: str, bound_ms: float | None, speech: Speech) -> str:
    return speech.say(f"capacity.promise.{what}", **({} if bound_ms is None else {"bound": lasting(bound_ms / 1e3, speech)}))


def first(result: "CapacityResult", speech: Speech) -> Iterator[Note]:
    """What to do, in its order: what the promise hangs on, quotas to ask for, then what saves."""
    say, told = speech.say, list[Note]()
    actions = [(one, action) for one in result.buyings if one.reasons is not None for action in one.reasons.actions]
    quotas: dict[str, list[str]] = {}
    for change in result.changes:
        if change.why == "quota":
            quotas.setdefault(change.path[1], []).append(f"{change.path[-1]} {change.before} → {change.after}")
    rows: list[tuple[str, dict[str, str]]] = []
    for needed in (True, False):
        for one, action in actions:
            if action.needed == needed:
                facts = {"units": counted(one, action.offer, action.units, speech), "offer": action.offer}
                facts |= {"kept": speech.share(action.kept_without, 1), "worth": money(action.worth, speech)}
                kind = "saves" if not needed else "needed" if action.kept_without < result.probability else "survive"
                rows.append((kind, facts))
        if needed:
            rows += [("quota", {"provider": name, "what": ", ".join(what)}) for name, what in quotas.items()]
    for number, (kind, facts) in enumerate(rows, 1):
        told.append(Note(say(f"capacity.do.{kind}", number=str(number), **facts), Tone.PLAIN if kind == "saves" else Tone.STRONG))
    yield from told or [Note(say("capacity.do.nothing"), Tone.GOOD)]


def counted(one: "Buying", offer: str, units: int, speech: Speech) -> str:
    own = any(each.offer.name == offer and each.variant is not None for each in one.offered)
    return speech.say("capacity.replicas" if own else "capacity.units", count=speech.number(units))


def picture(result: "CapacityResult", speech: Speech) -> Chart:
    """The quantile of every scenario, the median of the one that is planned for, and what is bought."""
    say = speech.say

    def line(name: str, course: "Course", values: Sequence[float]) -> Line:
        return Line(name, tuple(at + result.step_s / 2.0 for at in course.at_s), tuple(values))

    planned = next(one for one in result.courses if one.scenario == result.scenario)
    others = [one for one in result.courses if one.scenario != result.scenario]
    lines = [line(say("capacity.high", scenario=planned.scenario, share=speech.share(result.probability)), planned, planned.high)]
    lines.append(line(say("capacity.median", scenario=planned.scenario), planned, planned.median))
    lines += [
        line(say("capacity.high", scenario=one.scenario, share=speech.share(result.probability)), one, one.high) for one in others[:3]
    ]
    highest = max(max(one.high) for one in result.courses)
    rules = (Rule(say("capacity.bought"), result.capacity),) if result.capacity is not None and result.capacity < 4.0 * highest else ()
    axis = Axis("", "date" if result.dated else "seconds")
    return Chart(say("capacity.chart"), axis, Axis("", "count", 0.0), speech.language, tuple(lines), rules=rules, rows=12)


# -- the purchase -----------------------------------------------------------------------------------------------------------------------


def bought(one: "Buying", speech: Speech) -> Table:
    say = speech.say
    heads = (
        ("offer", 0), ("reserved", 0), ("cost", 0), ("used", 1), ("usage", 0), ("usage_cost", 0), ("batch", 1), ("at_quota", 2)
    )  # fmt: skip
    columns = tuple(Column(say(f"capacity.{name}"), right=name != "offer", rank=rank) for name, rank in heads)
    rows = []
    for each in one.purchase.bought:
        none = cell("–", Tone.QUIET)
        rows.append(
            (
                cell(each.offer.name, Tone.STRONG if each.units or each.usage > 0.0 else Tone.QUIET),
                cell(counted(one, each.offer.name, each.units, speech), Tone.STRONG) if each.units else none,
                cell(money(each.reserved, speech)) if each.units else none,
                cell(speech.share(each.used, 0)) if each.units else none,
                cell(large(each.usage, speech)) if each.usage > 0.0 else none,
                cell(money(each.usage_cost, speech)) if each.usage > 0.0 else none,
                cell(f"{large(each.batch, speech)}, {money(each.batch_cost, speech)}") if each.batch > 0.0 else none,
                cell(speech.share(each.at_quota, 1), Tone.WARN) if each.at_quota > 0.0 else none,
            )
        )
    return Table(columns, tuple(rows))


def why(result: "CapacityResult", one: "Buying", speech: Speech) -> Iterator[Note]:
    say, told = speech.say, one.reasons
    if told is not None:
        yield Note(
            say("capacity.why.promise", cost=money(told.promise, speech)) if told.promise > 0.0 else say("capacity.why.promise_free")
        )
        nine = {"attainment": speech.share(told.nine_attainment, 5)}
        if told.nine is not None and not told.nine_met:
            yield Note(say("capacity.why.nine_none", **nine), Tone.WARN)
        elif told.nine is not None and told.nine > 0.0:
            yield Note(say("capacity.why.nine", cost=money(told.nine, speech), **nine))
        elif told.nine is not None:
            yield Note(say("capacity.why.nine_free", **nine))
        if told.quality > 0.005 * one.purchase.cost:
            yield Note(say("capacity.why.quality", cost=money(told.quality, speech)))
        for tight in told.quotas[:5]:
            yield Note(say("capacity.why.quota", offer=tight.offer, share=speech.share(tight.reached, 1), worth=money(tight.worth, speech)))
    highest = max(next(each for each in result.courses if each.scenario == result.scenario).high)
    if result.capacity:
        yield Note(say("capacity.why.capacity", share=speech.share(highest / result.capacity, 0)))
    if result.losses:
        yield Note(say("capacity.why.survive", names=", ".join(result.losses)), Tone.QUIET)
    yield Note(say("capacity.why.gap", share=speech.share(one.purchase.gap)), Tone.QUIET)


def confirmed(result: "CapacityResult", speech: Speech) -> Table:
    say, made = speech.say, result.confirmed
    assert made is not None
    columns = (
        Column(say("capacity.tier")), Column(say("capacity.promise")), Column(say("capacity.least"), right=True),
        Column(say("capacity.foretold"), right=True), Column(say("capacity.found"), right=True),
    )  # fmt: skip
    foretold = {one.tier: one.within_latency for one in made.foretold}
    rows = []
    for one in made.promises:
        said = foretold.get(one.tier) if one.what == "latency_p95" else None
        tone = Tone.QUIET if one.kept is None else Tone.GOOD if one.kept else Tone.BAD
        rows.append(
            (
                cell(one.tier, Tone.STRONG), cell(promised(one.what, one.bound_ms, speech)), cell(speech.share(one.least, 3)),
                cell("–" if said is None else speech.share(said)), cell(about(one.share, "share", speech), tone),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


# -- needs ------------------------------------------------------------------------------------------------------------------------------


def with_lost(usual: str, lost: str) -> str:
    return usual if usual == lost else f"{usual} ({lost})"


def replicas_of(need: "Need", speech: Speech) -> str:
    """Of each variant: `fp16 3 (4) · int8 2`."""
    told = []
    for variant, count in need.replicas.items():
        name = f"{variant} " if variant else ""
        known = with_lost(f"{count}", f"{need.lost_replicas[variant]}") if count >= 0 else speech.say("capacity.none_keeps")
        told.append(f"{name}{known}")
    return " · ".join(told) or "–"


def by_scenario(result: "CapacityResult", speech: Speech) -> Table:
    """Each provider's need at the highest period of each scenario."""
    say = speech.say
    columns = (
        Column(say("capacity.scenario")), Column(say("capacity.provider")), Column(say("capacity.rate"), right=True, rank=2),
        Column(say("capacity.requests"), right=True), Column(say("capacity.tokens"), right=True),
        Column(say("capacity.ptu"), right=True, rank=1), Column(say("capacity.own")),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for course in result.courses:
        mine = [one for one in result.periods if one.scenario == course.scenario]
        worst: Period = max(mine, key=lambda one: one.rate_per_s)
        for at, need in enumerate(worst.needs):
            units = "–" if need.units is None else with_lost(f"{need.units}", f"{need.lost_units}")
            rows.append(
                (
                    cell(course.scenario if not at else "", Tone.STRONG), cell(need.provider),
                    cell(with_lost(large(need.rate_per_s, speech), large(need.lost_rate_per_s, speech))),
                    cell(with_lost(large(need.requests_per_min, speech), large(need.lost_requests_per_min, speech))),
                    cell(with_lost(large(need.tokens_per_min, speech), large(need.lost_tokens_per_min, speech))),
                    cell(units), cell(replicas_of(need, speech)),
                )
            )  # fmt: skip
    return Table(columns, tuple(rows))


def by_period(result: "CapacityResult", speech: Speech) -> Table:
    """What is planned for: all requests, and each provider's tokens a minute, units or replicas."""
    say = speech.say
    names = list(dict.fromkeys(need.provider for period in result.planned for need in period.needs))
    running = {one.provider: one.variant for buying in result.buyings for one in buying.offered if one.variant is not None}
    columns = (Column(say("capacity.from")), Column(say("capacity.rate"), right=True), *(Column(name, right=True) for name in names))
    rows = []
    for period in result.planned:
        needs = {need.provider: need for need in period.needs}
        cells = [cell(moment(period.at_s, result, speech), Tone.QUIET), cell(value_of(period.rate_per_s, "count", speech))]
        for name in names:
            need = needs.get(name)
            cells.append(cell("–", Tone.QUIET) if need is None else cell(briefly(need, running.get(name, ""), speech)))
        rows.append(tuple(cells))
    return Table(columns, tuple(rows))


def briefly(need: "Need", variant: str, speech: Speech) -> str:
    """`690k (760k)`, and `· 6 (8) replicas` of own servers."""
    text = with_lost(large(need.tokens_per_min, speech), large(need.lost_tokens_per_min, speech))
    count, lost = need.replicas.get(variant), need.lost_replicas.get(variant)
    if count is None or count < 0:
        return text
    return f"{text} · {speech.say('capacity.replicas', count=with_lost(f'{count}', f'{lost}'))}"


def moment(at_s: float, result: "CapacityResult", speech: Speech) -> str:
    if not result.dated:
        return f"+{lasting(at_s - result.courses[0].at_s[0], speech)}"
    return f"{datetime.fromtimestamp(at_s, ZoneInfo(result.resolved.timezone)):%Y-%m-%d %H:%M}"


def options(found: Sequence["Option"], speech: Speech) -> Table:
    say = speech.say
    columns = (
        Column(say("capacity.provider")), Column(say("capacity.way")), Column(say("capacity.machine")),
        Column(say("capacity.batch_size"), right=True, rank=2), Column(say("capacity.own"), right=True),
        Column(say("capacity.per_hour"), right=True), Column(say("capacity.p95"), right=True),
        Column(say("capacity.quality"), right=True, rank=1), Column(say("capacity.lost"), right=True, rank=1),
    )  # fmt: skip
    rows = []
    for one in found:
        none = cell("–", Tone.QUIET)
        endless = say("capacity.none_keeps") if one.replicas is None else say("capacity.endless")
        rows.append(
            (
                cell(one.provider), cell(say(f"capacity.kind.{one.kind}"), Tone.STRONG), cell(one.variant or "–"), cell(f"{one.batch}"),
                none if one.replicas is None else cell(f"{one.replicas}"),
                none if one.cost_usd_per_h is None else cell(dollars(one.cost_usd_per_h, speech, 2)),
                cell(endless, Tone.BAD) if one.latency_p95_s is None else cell(speech.seconds(round(one.latency_p95_s, 2))),
                cell(say("capacity.unmeasured"), Tone.QUIET) if one.quality is None else cell(speech.share(one.quality)),
                none if one.lost is None else cell(speech.share(one.lost, 0), Tone.WARN if one.lost >= 0.5 else Tone.PLAIN),
            )
        )  # fmt: skip
    return Table(columns, tuple(rows))


def changes(result: "CapacityResult", speech: Speech, kept_in: str) -> Iterator[Part]:
    say = speech.say
    if not result.changes:
        yield Note(say("capacity.unchanged"), Tone.GOOD)
        return
    columns = (
        Column(say("capacity.key")), Column(say("capacity.before"), right=True), Column(say("capacity.after"), right=True),
        Column(say("capacity.why"), rank=1),
    )  # fmt: skip
    rows = tuple(
        (
            cell(".".join(one.path), Tone.STRONG), cell(one.before or "–", Tone.QUIET), cell(one.after),
            cell(say(f"capacity.note.{one.why}"), Tone.QUIET),
        )
        for one in result.changes
    )  # fmt: skip
    yield Table(columns, rows)
    yield Note(kept_in or say("capacity.overlay_hint"), Tone.STRONG if kept_in else Tone.QUIET)
