"""How a simulation is told: its figures with their intervals, and beside what was measured.

What must not live here: simulating.
"""

import math
from typing import TYPE_CHECKING

from roteiro.analysis.spread import Interval
from roteiro.report.comparison import Compared, Quantity, figures_table
from roteiro.report.document import Document, Note, Section, Tone
from roteiro.report.speech import Speech

if TYPE_CHECKING:
    from roteiro.simulator.result import Estimate
    from roteiro.tasks.demo_result import DemoResult
    from roteiro.tasks.simulate import SimulationResult

__all__ = ["compared_rows", "simulation_page"]

NUSD = 1e9


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
        figure(say("cost"), "money", foretold.cost_usd, float(result.cost.cost.total.cost_nusd), NUSD),
        figure(say("prediction.availability"), "share", foretold.outcomes["success"], answered),
    ]
    for tier in result.sla.sla.tiers:
        predicted = foretold.tiers.get(tier.tier or "")
        if predicted is None:
            continue
        rows.append(figure(say("prediction.available", tier=tier.tier), "share", predicted.availability, tier.availability.share))
        if tier.latency_target_ms is not None:
            what = say("prediction.in_time", tier=tier.tier, bound=speech.ms(tier.latency_target_ms))
            rows.append(figure(what, "share", predicted.within_latency, tier.latency.share))
    return tuple(rows)


def simulation_page(result: "SimulationResult", speech: Speech) -> Document:
    """What would happen: outcomes, times, tiers, providers, tenants."""
    say = speech.say
    seeds, found = len(result.seeds), result.measured
    note = say("simulation.one_seed" if seeds == 1 else "simulation.note", requests=speech.number(result.requests), seeds=seeds)
    times = [
        figure(say("prediction.p50"), "ms", found.total_ms.p50),
        figure(say("prediction.p95"), "ms", found.total_ms.p95),
        figure(say("simulation.p99"), "ms", found.total_ms.p99),
        figure(say("simulation.ttft_p95"), "ms", found.ttft_ms.p95),
        figure(say("cost"), "money", found.cost_usd, scale=NUSD),
    ]
    outcomes = [figure(say(f"outcome.{name}"), "share", share) for name, share in found.outcomes.items() if share.mean > 0.0]
    tiers = []
    for name, tier in found.tiers.items():
        if tier.requests.mean > 0.0:
            tiers.append(figure(say("prediction.available", tier=name), "share", tier.availability))
            tiers.append(figure(f"{name}: {say('prediction.p95')}", "ms", tier.total_ms.p95))
    providers = []
    for name, provider in found.providers.items():
        providers.append(figure(say("simulation.share_of", name=name), "share", provider.share))
        providers.append(figure(say("simulation.cost_of", name=name), "money", provider.cost_usd, scale=NUSD))
        providers.append(figure(say("simulation.opened", name=name), "count", provider.opened))
    reasons = [figure(say(f"reason.{name}"), "share", share) for name, share in found.reasons.items()]
    notes = [Note(str(problem), Tone.WARN) for problem in result.problems] + [Note(assumed, Tone.QUIET) for assumed in result.assumed]
    sections = [
        Section("", (Note(note), *notes)),
        Section(say("traffic.outcomes"), (figures_table(outcomes, speech),)),
        Section(say("sla.times"), (figures_table(times, speech),)),
        Section(say("traffic.providers"), (figures_table(providers, speech),)),
    ]
    if tiers:
        sections.insert(2, Section(say("sla.title"), (figures_table(tiers, speech),)))
    if reasons:
        sections.append(Section(say("traffic.reasons"), (figures_table(reasons, speech),)))
    return Document(
        say("simulation.title"), tuple(sections), f"{result.plan or ''} {say('check.digest', digest=result.digest[:12])}".strip()
    )
