"""How scenarios are told: side by side with the forecast they vary, in a picture and a table, and what each supposes.

What must not live here: what a scenario does (`analysis.scenarios`).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.forecast import Forecast
from roteiro.analysis.scenarios import OF_TOKENS, Event, Factor, Scenario
from roteiro.report.chart import Axis, Chart, Line, Quantity
from roteiro.report.document import Column, Note, Section, Table, Tone, cell
from roteiro.report.estimates import lasting
from roteiro.report.forecast_amounts import measure_of, moment, quantity
from roteiro.report.speech import PHRASES, Speech

__all__ = ["scenario_section"]

SHOWN_PAST: Final = 1.0
"""Horizons of past in the picture."""


def scenario_section(one: Forecast, varied: Sequence[tuple[Scenario, Forecast]], speech: Speech) -> Section:
    """The forecast and its scenarios."""
    parts = (Note(speech.say("scenario.note"), Tone.QUIET), picture(one, varied, speech), beside(one, varied, speech), supposed(varied, one, speech))  # noqa: E501 # fmt: skip
    return Section(speech.say("scenario.title"), parts)


def named(scenario: Scenario, speech: Speech) -> str:
    """Its name, where it is one of the chapter's in the reader's language."""
    return speech.say(f"scenario.name.{scenario.name}") if f"scenario.name.{scenario.name}" in PHRASES else scenario.name


def picture(one: Forecast, varied: Sequence[tuple[Scenario, Forecast]], speech: Speech) -> Chart:
    say, series = speech.say, one.series
    shown = min(len(series), max(2, round(SHOWN_PAST * len(one))))
    origin = 0.0 if series.dated else float(series.start_s)
    counted: Quantity = "date" if series.dated else "seconds"
    at = series.at_s[-shown:]
    axis = Axis("", counted, float(at[0]) - origin, float(one.at_s[-1]) + series.step_s - origin)

    def line(name: str, x: object, y: object) -> Line:
        return Line(name, tuple(float(value) + series.step_s / 2 - origin for value in np.asarray(x)), tuple(map(float, np.asarray(y))))

    # The past and the forecast are one line: pictures tell five lines apart, and the chapter has four scenarios.
    lines = [line(say("scenario.usual"), [*at, *one.at_s], [*series.values[-shown:], *one.median])]
    lines += [line(named(scenario, speech), each.at_s, each.median) for scenario, each in varied]
    unit: Quantity = "money" if series.unit == "cost_usd" else "count"
    title = say("forecast.chart", measure=measure_of(one, speech), step=lasting(series.step_s, speech), name=say("scenario.title").lower())
    return Chart(title, axis, Axis("", unit, 0.0 if series.additive else None), speech.language, tuple(lines), rows=14)


def beside(one: Forecast, varied: Sequence[tuple[Scenario, Forecast]], speech: Speech) -> Table:
    """Sum of the horizon and highest period of each, from joint paths, and against the forecast."""
    say, level = speech.say, one.levels[-1]
    band = f"{say('forecast.band')} {speech.share(level)}"
    whole_of = say("scenario.sum" if one.series.additive else "scenario.mean")
    highest = say("scenario.peak_high", level=speech.share((1 + level) / 2))
    columns = (
        Column(say("scenario")), Column(whole_of, right=True), Column(band, right=True), Column(say("scenario.against"), right=True),
        Column(say("scenario.peak"), right=True), Column(highest, right=True, rank=1),
    )  # fmt: skip
    usual = float(np.median(whole(one)))
    rows = []
    for name, each in ((say("scenario.none"), one), *((named(scenario, speech), forecast) for scenario, forecast in varied)):
        sums, peaks = whole(each), each.paths.max(axis=1)
        low, high = np.quantile(sums, ((1 - level) / 2, (1 + level) / 2))
        middle = float(np.median(sums))
        against = "" if each is one else f"× {speech.number(middle / usual, 2)}" if usual > 0.0 else say("no_data")
        amounts = [
            quantity(float(value), one, speech) for value in (middle, low, high, np.median(peaks), np.quantile(peaks, (1 + level) / 2))
        ]
        rows.append(
            (
                cell(name, Tone.QUIET if each is one else Tone.STRONG),
                cell(amounts[0], Tone.STRONG),
                cell(f"{amounts[1]} – {amounts[2]}"),
                cell(against),
                cell(amounts[3]),
                cell(amounts[4]),
            )
        )
    return Table(columns, tuple(rows))


def whole(one: Forecast) -> npt.NDArray[np.float64]:
    """Of each path, the sum of the horizon; of what cannot be added, its mean."""
    result: npt.NDArray[np.float64] = one.paths.sum(axis=1) if one.series.additive else one.paths.mean(axis=1)
    return result


def supposed(varied: Sequence[tuple[Scenario, Forecast]], one: Forecast, speech: Speech) -> Table:
    say = speech.say
    columns = (Column(say("scenario")), Column(say("scenario.supposes")))
    rows = []
    for scenario, each in varied:
        told = [factor_said(factor, one, speech) for factor in scenario.factors] + [
            event_said(event, each, speech) for event in scenario.events
        ]
        text = "; ".join(told) or say("scenario.nothing")
        key = f"scenario.about.{scenario.description}"
        about = say(key) if key in PHRASES else scenario.description
        rows.append((cell(named(scenario, speech), Tone.STRONG), cell(f"{about}: {text}" if about else text)))
    return Table(columns, tuple(rows))


def factor_said(factor: Factor, one: Forecast, speech: Speech) -> str:
    """`user growth × 1.15 a month (1.10–1.21)`: the interval is of two paths in three."""
    say = speech.say
    key = f"scenario.factor.{factor.name}"
    name = say(key) if key in PHRASES else factor.name
    if one.series.unit == "requests" and factor.name in OF_TOKENS:
        return say("scenario.of_tokens", name=name)
    low, high = (factor.value * float(np.exp(sign * factor.deviation)) for sign in (-1, 1))
    value = speech.number(factor.value, 2)
    between = f" ({speech.number(low, 2)}–{speech.number(high, 2)})" if factor.deviation > 0.0 else ""
    return say(f"scenario.kind.{factor.kind}", name=name, value=value, between=between)


def event_said(event: Event, each: Forecast, speech: Speech) -> str:
    say = speech.say
    key = f"scenario.event.{event.name}"
    name = say(key) if key in PHRASES else event.name
    if event.begins_s is not None:
        when = say("scenario.from", at=moment(event.begins_s, each, speech))
    elif event.after_s is not None:
        when = say("scenario.after", after=lasting(event.after_s, speech))
    else:
        when = say("scenario.at_peak")
    course = say("scenario.course", ramp=lasting(event.ramp_s, speech), plateau=lasting(event.plateau_s, speech), decay=lasting(event.decay_s, speech))  # noqa: E501 # fmt: skip
    low, high = (1.0 + (event.peak - 1.0) * float(np.exp(sign * event.spread)) for sign in (-1, 1))
    size = f"× {speech.number(event.peak, 1)} ({speech.number(low, 1)}–{speech.number(high, 1)})"
    stays = say("scenario.lasting", share=speech.share(event.lasting)) if event.lasting else ""
    return f"{name} {size} {when}, {course}{stays}"
