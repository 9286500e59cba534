"""One objective in words: what is promised, how much of it, and what was measured.

What must not live here: judging (`analysis.sla`), and pages.
"""

from roteiro.analysis.error_budget import Counts
from roteiro.analysis.objective import Measure, Objective, Sli
from roteiro.analysis.sla import Dimension
from roteiro.analysis.spread import Interval, wilson
from roteiro.report.document import Cell, Tone, cell
from roteiro.report.speech import Speech

__all__ = ["bound_of", "budget_cell", "interval_of", "measured_of", "of_how_many", "target_of", "what_of"]

TIMED = (Sli.LATENCY, Sli.TTFT)
LOW = 0.1


def what_of(objective: Objective, speech: Speech) -> str:
    """`p95 latency`, `availability`; of an objective of one's own without the percentile."""
    what = speech.say(f"sla.of.{objective.sli}")
    if objective.tier is None or objective.sli not in TIMED:
        return what
    return speech.say("sla.percentile", percent=f"{objective.least * 100:g}", what=what)


def bound_of(objective: Objective, speech: Speech) -> str:
    """What makes an event good, with its unit; empty where nothing has to be said."""
    bound = objective.bound
    if bound is None or objective.sli in (Sli.QUALITY, Sli.HALLUCINATION):
        return ""
    match objective.sli:
        case Sli.LATENCY | Sli.TTFT:
            return speech.ms(bound * 1e3)
        case Sli.THROUGHPUT:
            return speech.say("sla.tokens_a_second", tokens=speech.trimmed(bound))
        case Sli.COST:
            return speech.money(round(bound))
        case _:
            return speech.trimmed(bound)


def target_of(objective: Objective, speech: Speech) -> str:
    """How much is promised."""
    say, bound, least = speech.say, bound_of(objective, speech), speech.share(objective.least, 4)
    if objective.measure is Measure.MEAN:
        return say("sla.mean_at_most", value=bound)
    match objective.sli:
        case Sli.LATENCY | Sli.TTFT if objective.tier is not None:
            return say("sla.percentile_within", percent=f"{objective.least * 100:g}", bound=bound)
        case Sli.LATENCY | Sli.TTFT | Sli.COST:
            return say("sla.share_within", share=say("sla.at_least", share=least), bound=bound)
        case Sli.THROUGHPUT | Sli.CONFIDENCE:
            return say("sla.share_above", share=least, bound=bound)
        case Sli.HALLUCINATION:
            return say("sla.at_most", share=speech.share(1.0 - objective.least, 4))
        case Sli.LEAKS:
            return say("sla.zero_leaks")
        case _ if objective.least >= 1.0:
            return least
        case _:
            return say("sla.at_least", share=least)


def measured_of(dimension: Dimension, speech: Speech) -> Cell:
    """What came of it."""
    if (mean := dimension.mean) is not None:
        return cell(speech.say("sla.mean", value=speech.money(round(mean.value))))
    if (told := dimension.corrected) is not None:
        if told.share is None:
            return cell(speech.say("sla.judge_tells_nothing"), Tone.WARN)
        share = 1.0 - told.share if dimension.objective.sli is Sli.HALLUCINATION else told.share
        return cell(speech.say("sla.corrected", share=speech.share(share)))
    return cell(*measured(dimension.objective, dimension.counts, speech))


def measured(objective: Objective, counts: Counts, speech: Speech) -> tuple[str, Tone]:
    """The share of good events in the words of their indicator."""
    if not counts.total:
        return speech.say("no_data"), Tone.QUIET
    share = speech.share(counts.good / counts.total)
    match objective.sli:
        case Sli.LATENCY | Sli.TTFT:
            return speech.say("sla.share_within", share=share, bound=bound_of(objective, speech)), Tone.PLAIN
        case Sli.HALLUCINATION:
            return speech.share(counts.bad / counts.total), Tone.PLAIN
        case Sli.LEAKS:
            told = {"count": speech.number(counts.bad), "looked": speech.number(counts.total)}
            return speech.say("sla.leaks_found", **told), Tone.PLAIN
        case _:
            return share, Tone.PLAIN


def interval_of(dimension: Dimension, speech: Speech) -> str:
    """The 95 % interval in the unit that was measured."""
    if dimension.mean is not None:
        interval = dimension.mean.interval
        return "" if interval is None else f"{speech.money(round(interval.low))} – {speech.money(round(interval.high))}"
    attained = dimension.attained
    if attained.interval is None:
        return ""
    if dimension.corrected is not None and dimension.objective.sli is Sli.HALLUCINATION:
        return f"{speech.share(1.0 - attained.interval.high)} – {speech.share(1.0 - attained.interval.low)}"
    return shares(dimension.objective, dimension.counts, attained.interval, speech)


def shares(objective: Objective, counts: Counts, interval: Interval, speech: Speech) -> str:
    if objective.sli is Sli.HALLUCINATION:
        interval = wilson(counts.bad, counts.total) or interval
    return f"{speech.share(interval.low)} – {speech.share(interval.high)}"


def of_how_many(counts: Counts, speech: Speech) -> str:
    return f"{speech.number(counts.good)}/{speech.number(counts.total)}" if counts.total else ""


def budget_cell(dimension: Dimension, speech: Speech) -> Cell:
    """What is left of the error budget."""
    budget = dimension.budget
    if budget is None or budget.remaining is None:
        return cell("")
    left = budget.remaining
    if left < 0.0:
        return cell(speech.say("sla.overspent", times=speech.trimmed(1.0 - left, 1)), Tone.BAD)
    return cell(speech.share(left, 1), Tone.BAD if left == 0.0 else Tone.WARN if left < LOW else Tone.PLAIN)
