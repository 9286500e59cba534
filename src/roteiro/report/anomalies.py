"""How anomalies of a past are told: when, what came, what is usual then, and what became of them.

What must not live here: what an anomaly is (`analysis.anomalies`).
"""

from typing import Final

from roteiro.analysis.anomalies import Anomaly
from roteiro.analysis.background import Background
from roteiro.analysis.forecast import Forecast
from roteiro.report.document import Column, Note, Section, Table, Tone, cell
from roteiro.report.estimates import lasting
from roteiro.report.forecast_amounts import moment, quantity
from roteiro.report.speech import Speech

__all__ = ["anomaly_section", "strange_said"]

MOST: Final = 10
DAY_S: Final = 86_400


def anomaly_section(one: Forecast, background: Background, speech: Speech) -> Section:
    """The strangest of them, in the order of time."""
    say, found = speech.say, background.anomalies
    shown = sorted(sorted(found, key=lambda each: -each.score)[:MOST], key=lambda each: each.first)
    columns = (
        Column(say("anomaly.when")), Column(say("anomaly.length"), right=True, rank=1), Column(say("anomaly.came"), right=True),
        Column(say("anomaly.usual"), right=True), Column(say("anomaly.what")),
    )  # fmt: skip
    step_s = one.series.step_s
    rows = [
        (
            cell(moment(float(one.series.at_s[each.at]), one, speech)), cell(lasting((each.last - each.first + 1) * step_s, speech)),
            cell(quantity(each.value, one, speech), Tone.STRONG), cell(quantity(each.expected, one, speech)),
            cell(strange_said(each, one, speech)),
        )
        for each in shown
    ]  # fmt: skip
    text = say("anomaly.unlearned" if background.unlearned else "anomaly.learned", count=speech.number(len(found)))
    more = say("anomaly.more", shown=speech.number(len(shown))) if len(found) > len(shown) else ""
    note = Note(f"{text} {more}".strip(), Tone.PLAIN if background.unlearned else Tone.WARN)
    return Section(say("anomaly.title"), (note, Table(columns, tuple(rows)), Note(say("anomaly.note"), Tone.QUIET)))


def strange_said(one: Anomaly, forecast: Forecast, speech: Speech) -> str:
    """`4.2 times what 9 h on a Tuesday usually is`."""
    say = speech.say
    if one.weekday < 0:
        when = say("anomaly.then")
    elif forecast.series.step_s >= DAY_S:
        when = say(f"anomaly.day.{one.weekday}")
    else:
        when = say("anomaly.hour", hour=hour_said(one.hour), day=say(f"anomaly.day.{one.weekday}"))
    if one.expected <= 0.0 or one.value < 0.0:
        return say("anomaly.instead", came=quantity(one.value, forecast, speech), usual=quantity(one.expected, forecast, speech), when=when)
    ratio = one.value / one.expected
    if ratio >= 1.0:
        return say("anomaly.times", ratio=speech.number(ratio, 1 if ratio >= 2.0 else 2), when=when)
    return say("anomaly.share", share=speech.share(ratio, 0), when=when)


def hour_said(hour: float) -> str:
    """`9 h`, `17:49 h`."""
    whole, minutes = divmod(round(hour * 60), 60)
    return f"{whole} h" if not minutes else f"{whole}:{minutes:02d} h"
