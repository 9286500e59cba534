"""How a forecast is told: what will come in one sentence, why by this method, the picture, what the bands held, and all that was tried.

What must not live here: forecasting.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from roteiro.analysis.background import Background
from roteiro.analysis.forecast import Forecast
from roteiro.analysis.scenarios import Scenario
from roteiro.analysis.series import DAY_S
from roteiro.report.anomalies import anomaly_section, strange_said
from roteiro.report.chart import Axis, Chart, Dot, Line, Quantity
from roteiro.report.document import Column, Document, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import lasting
from roteiro.report.forecast_amounts import measure_of, moment, quantity, summed
from roteiro.report.past_of_demand import past_section
from roteiro.report.scenarios import scenario_section
from roteiro.report.speech import Speech
from roteiro.terms.problem import Problem

__all__ = ["forecast_page"]

SHOWN_PAST: Final = 3
"""Horizons of past in the picture."""
LEAST_SHOWN: Final = 48
MOST_ROWS: Final = 31
MOST_PROBLEMS: Final = 20


def forecast_page(
    forecasts: Sequence[Forecast],
    problems: Sequence[Problem],
    speech: Speech,
    source: str,
    left_out: int = 0,
    scenarios: Sequence[tuple[Scenario, Sequence[Forecast]]] = (),
    backgrounds: Sequence[Background] = (),
    coherent: bool = False,
) -> Document:
    """All of it, what matters most first. `scenarios`: each with the forecasts as they are in it. `backgrounds`: one for each forecast.
    `coherent`: the first is the total of the others."""
    first, say = forecasts[0], speech.say
    sections = [coherent_section(forecasts, speech)] if coherent else []
    for at, one in enumerate(forecasts):
        varied = [(scenario, each[at]) for scenario, each in scenarios]
        background = backgrounds[at] if backgrounds else Background()
        sections += sections_of(one, varied, background, speech, named=len(forecasts) > 1)
    notes: list[Part] = [Note(say("forecast.left_out", count=speech.number(left_out)), Tone.WARN)] if left_out else []
    notes.append(Note(say("forecast.method_note"), Tone.QUIET))
    notes += [Note(str(problem), Tone.WARN) for problem in problems[:MOST_PROBLEMS]]
    told = say("forecast.about", source=source, measure=measure_of(first, speech), step=lasting(first.series.step_s, speech), steps=speech.number(len(first)))  # fmt: skip # noqa: E501
    if first.series.zone:
        told = f"{told} · {say('forecast.clock', zone=first.series.zone)}"
    return Document(say("forecast.title"), (*sections, Section("", tuple(notes))), told)


def coherent_section(forecasts: Sequence[Forecast], speech: Speech) -> Section:
    """All of them in one table: sums of the horizon, which add up in every path."""
    say, first = speech.say, forecasts[0]
    level = first.levels[-1]
    columns = (
        Column(say("coherent.level")), Column(say("coherent.name")), Column(say("coherent.mean"), right=True),
        Column(f"{say('forecast.band')} {speech.share(level)}", right=True), Column(say("coherent.share"), right=True),
    )  # fmt: skip
    total = float(first.mean.sum())
    rows = []
    for one in forecasts:
        low, high = (
            quantity(float(value), one, speech) for value in np.quantile(one.paths.sum(axis=1), ((1 - level) / 2, (1 + level) / 2))
        )
        whole = float(one.mean.sum())
        tone = Tone.STRONG if one is first else Tone.PLAIN
        name = "" if one is first else one.series.name
        share = speech.share(whole / total, 1) if total > 0.0 else say("no_data")
        rows.append(
            (cell(say(one.series.level), tone), cell(name), cell(quantity(whole, one, speech), tone), cell(f"{low} – {high}"), cell(share))
        )
    return Section("", (Note(say("coherent.note"), Tone.QUIET), Table(columns, tuple(rows))))


def sections_of(
    one: Forecast, varied: Sequence[tuple[Scenario, Forecast]], background: Background, speech: Speech, *, named: bool
) -> list[Section]:
    say, series = speech.say, one.series
    title = f"{say(series.level)}: {series.name}" if named else ""
    head: list[Part] = [
        Note(summed(one, speech), Tone.STRONG),
        *reasons(one, speech),
        *days_off(background, speech),
        picture(one, background, speech),
    ]
    sections = [Section(title, tuple(head))]
    if varied:
        sections.append(scenario_section(one, varied, speech))
    if background.anomalies:
        sections.append(anomaly_section(one, background, speech))
    if background.parts is not None or background.changes:
        sections.append(past_section(one, background, speech))
    sections.append(Section(say("forecast.bands"), (held(one, speech),)))
    if len(one.choice.tried) > 1:
        sections.append(Section(say("forecast.tried"), (tried(one, speech),)))
    sections.append(Section(say("forecast.periods"), (ahead(one, speech),)))
    return sections


def reasons(one: Forecast, speech: Speech) -> list[Part]:
    """Why this method, and what makes the forecast weaker."""
    say = speech.say
    facts = {"origins": speech.number(one.choice.origins), "steps": speech.number(one.choice.tested), "score": speech.number(one.score, 2)}
    name = say(f"forecast.method.{one.method}")
    notes: list[Part] = []
    for code in one.why:
        text = say(f"forecast.why.{code}", **facts)
        good = Tone.GOOD if code in ("best", "steady") else Tone.PLAIN if code in ("asked", "no_better") else Tone.WARN
        notes.append(Note(f"{name[0].upper()}{name[1:]}. {text}" if code == one.why[0] else text, good))
    if one.why[0] == "asked" and one.score > 1.0:
        notes.append(Note(say("forecast.why.loses"), Tone.BAD))
    return notes


def days_off(background: Background, speech: Speech) -> list[Part]:
    """Holidays that come, and what they do."""
    if background.effect is None:
        return []
    say, effect = speech.say, background.effect
    if not background.holidays:
        return [Note(say("forecast.holidays.none"), Tone.QUIET)]
    days = "; ".join(f"{day:%Y-%m-%d} {name}" for day, name in background.holidays)
    facts = {"share": speech.share(effect.share, 0), "of": speech.number(effect.of)}
    return [Note(f"{say('forecast.holidays', days=days)} {say(f'forecast.holidays.{effect.why}', **facts)}")]


def picture(one: Forecast, background: Background, speech: Speech) -> Chart:
    """The last of the past with its anomalies, the forecast with its widest band, and the yardstick."""
    say, series = speech.say, one.series
    shown = min(len(series), max(LEAST_SHOWN, SHOWN_PAST * len(one)))
    at = series.at_s[-shown:]
    middle = series.step_s / 2
    origin = 0.0 if series.dated else float(series.start_s)
    counted: Quantity = "date" if series.dated else "seconds"
    axis = Axis("", counted, float(at[0]) - origin, float(one.at_s[-1]) + series.step_s - origin)
    step, measure = lasting(series.step_s, speech), measure_of(one, speech)

    def line(name: str, x: object, y: object, low: object = (), high: object = ()) -> Line:
        x, y, low, high = (tuple(float(value) for value in np.asarray(values)) for values in (x, y, low, high))
        return Line(name, tuple(value + middle - origin for value in x), y, low, high)

    lines = (
        line(say("forecast.past"), at, series.values[-shown:]),
        line(say("forecast.line", level=speech.share(one.levels[-1])), one.at_s, one.median, one.low[-1], one.high[-1]),
        line(say("forecast.yardstick"), one.at_s, one.yardstick),
    )
    unit: Quantity = "money" if series.unit == "cost_usd" else "count"
    title = say("forecast.chart", measure=measure, step=step, name=series.name if series.name != "total" else say("total"))
    marks = tuple(
        Dot(float(series.at_s[each.at]) + middle - origin, each.value, text=strange_said(each, one, speech))
        for each in background.anomalies
        if series.at_s[each.at] >= at[0]
    )
    shown_lines = lines if one.method != "seasonal_naive" else lines[:2]
    return Chart(title, axis, Axis("", unit, 0.0 if series.additive else None), speech.language, shown_lines, marks, rows=12)


def held(one: Forecast, speech: Speech) -> Table:
    """Each band: what it held on the past, and how wide it is."""
    say = speech.say
    columns = (
        Column(say("forecast.band"), right=True),
        Column(say("forecast.held"), right=True),
        Column(say("forecast.width"), right=True),
    )
    centre = float(np.mean(one.median))
    rows = []
    for level, low, high in zip(one.levels, one.low, one.high, strict=True):
        got = one.coverage[level]
        tone = Tone.QUIET if math.isnan(got) else Tone.GOOD if abs(got - level) <= 0.05 else Tone.WARN
        width = float(np.mean(high - low))
        share = speech.share(width / centre, 0) if centre > 0.0 else quantity(width, one, speech)
        rows.append((cell(speech.share(level)), cell(speech.share(None if math.isnan(got) else got, 1), tone), cell(share)))
    return Table(columns, tuple(rows))


def tried(one: Forecast, speech: Speech) -> Table:
    say = speech.say
    columns = (Column(say("forecast.method")), Column(say("forecast.error"), right=True), Column(""))
    rows = []
    for each in one.choice.tried:
        taken = each.method == one.method
        tone = Tone.STRONG if taken else Tone.PLAIN
        error = cell(speech.number(each.error, 3) if math.isfinite(each.error) else say("no_data"), Tone.BAD if each.error > 1.0 else tone)
        rows.append((cell(say(f"forecast.method.{each.method}"), tone), error, cell(say("forecast.taken") if taken else "", Tone.GOOD)))
    return Table(columns, tuple(rows))


def ahead(one: Forecast, speech: Speech) -> Table:
    """What comes by period, or by longer ones where they are many."""
    say, level = speech.say, one.levels[-1]
    columns = (
        Column(say("forecast.from")), Column(say("forecast.median"), right=True),
        Column(f"{say('forecast.band')} {speech.share(level)}", right=True), Column(say("forecast.yardstick"), right=True, rank=1),
    )  # fmt: skip
    origin = 0.0 if one.series.dated else one.series.start_s
    length = len(one) * one.series.step_s
    fold_s = next((step for step in (one.series.step_s, 3600, 6 * 3600, DAY_S, 7 * DAY_S) if length <= MOST_ROWS * step), length)
    key = np.floor((one.at_s - origin) / max(fold_s, one.series.step_s))
    fold = np.sum if one.series.additive else np.mean
    rows = []
    for each in np.unique(key)[:MOST_ROWS]:
        mine = key == each
        paths = fold(one.paths[:, mine], axis=1)
        low, high = np.quantile(paths, ((1 - level) / 2, (1 + level) / 2))
        amounts = [quantity(float(value), one, speech) for value in (np.median(paths), low, high, fold(one.yardstick[mine]))]
        begins = moment(float(one.at_s[mine][0]), one, speech)
        rows.append((cell(begins), cell(amounts[0], Tone.STRONG), cell(f"{amounts[1]} – {amounts[2]}"), cell(amounts[3], Tone.QUIET)))
    return Table(columns, tuple(rows))
