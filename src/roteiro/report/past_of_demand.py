"""How a past is told: its trend, its seasons, what remains, and from when on it was another.

What must not live here: decompositions (`analysis.decomposition`) and change points (`analysis.change_points`).
"""

from collections.abc import Iterator

import numpy as np

from roteiro.analysis.background import Background
from roteiro.analysis.change_points import Change
from roteiro.analysis.decomposition import Decomposition, Season
from roteiro.analysis.forecast import Forecast
from roteiro.analysis.series import DAY_S, WEEK_S
from roteiro.report.chart import Axis, Chart, Dot, Line, Quantity
from roteiro.report.document import Cell, Column, Note, Part, Section, Table, Tone, cell
from roteiro.report.estimates import lasting
from roteiro.report.forecast_amounts import measure_of, moment, quantity
from roteiro.report.speech import Speech

__all__ = ["past_section"]


def past_section(one: Forecast, background: Background, speech: Speech) -> Section:
    """What the past looks like: where it changed, and its parts where they were asked for."""
    say, parts = speech.say, background.parts
    notes: list[Part] = [Note(changed(each, one, speech), Tone.WARN) for each in background.changes]
    if parts is None:
        return Section(say("past.title"), tuple(notes))
    if not notes:
        notes = [Note(say("past.steady"), Tone.QUIET)]
    columns = (Column(say("past.part")), Column(say("past.strength"), right=True), Column(say("past.what")))
    table = Table(columns, tuple(rows(one, parts, speech)))
    return Section(say("past.title"), (picture(one, background, parts, speech), *notes, table, Note(say("past.note"), Tone.QUIET)))


def picture(one: Forecast, background: Background, parts: Decomposition, speech: Speech) -> Chart:
    """The trend over the season-free past, with its change points."""
    say, series = speech.say, one.series
    origin = 0.0 if series.dated else series.start_s
    x = tuple(float(value) + series.step_s / 2 - origin for value in series.at_s)
    counted: Quantity = "date" if series.dated else "seconds"
    unit: Quantity = "money" if series.unit == "cost_usd" else "count"
    lines = (
        Line(say("past.seasonless"), x, tuple(map(float, parts.seasonless))),
        Line(say("past.trend"), x, tuple(map(float, parts.trend))),
    )
    dots = tuple(Dot(x[each.at], each.after, best=True, text=changed(each, one, speech)) for each in background.changes)
    title = say("past.chart", measure=measure_of(one, speech), step=lasting(series.step_s, speech))
    axis = Axis("", counted, x[0], x[-1])
    return Chart(title, axis, Axis("", unit, 0.0 if series.additive else None), speech.language, lines, dots)


def rows(one: Forecast, parts: Decomposition, speech: Speech) -> Iterator[tuple[Cell, ...]]:
    say = speech.say
    first, last = float(parts.trend[0]), float(parts.trend[-1])
    came = say("past.from_to", first=quantity(first, one, speech), last=quantity(last, one, speech))
    if first > 0.0:
        came = f"{came} ({signed(last / first - 1.0, speech)})"
    yield cell(say("past.trend")), cell(speech.share(parts.strength, 0)), cell(came)
    for season in parts.seasons:
        span = season.period * one.series.step_s
        name = say("past.day") if span == DAY_S else say("past.week") if span == WEEK_S else lasting(span, speech)
        yield cell(say("past.season", name=name)), cell(speech.share(season.strength, 0)), cell(swing(one, season, speech))
    left = np.abs(parts.remainder[np.isfinite(parts.remainder)])
    half = quantity(float(np.median(left)), one, speech) if len(left) else say("no_data")
    yield cell(say("past.remainder")), cell(""), cell(say("past.half", half=half))


def swing(one: Forecast, season: Season, speech: Speech) -> str:
    """Where a season is highest and lowest, and by how much; of a week, which days."""
    series = one.series
    whole = len(season.values) // season.period * season.period
    course = season.values[len(season.values) - whole :].reshape(-1, season.period).mean(axis=0)
    at_s = series.at_s[len(series) - whole : len(series) - whole + season.period]
    if season.period * series.step_s == WEEK_S and series.step_s < DAY_S:
        day = np.floor(at_s / DAY_S)
        firsts = np.array([np.nonzero(day == each)[0][0] for each in np.unique(day)])
        course, at_s = np.array([course[day == each].mean() for each in np.unique(day)]), at_s[firsts]
    top, bottom = int(np.argmax(course)), int(np.argmin(course))
    told = {
        "high": phase(float(at_s[top]), one, season, speech), "more": quantity(float(course[top]), one, speech),
        "low": phase(float(at_s[bottom]), one, season, speech), "less": quantity(float(course[bottom]), one, speech),
    }  # fmt: skip
    return speech.say("past.swing", **told)


def phase(at_s: float, one: Forecast, season: Season, speech: Speech) -> str:
    if not one.series.dated:
        return f"+{lasting(at_s % (season.period * one.series.step_s), speech)}"
    span = season.period * one.series.step_s
    if span == DAY_S:
        return f"{speech.trimmed(at_s % DAY_S / 3600, 2)} h"
    if span == WEEK_S:
        return speech.say(f"anomaly.day.{int((at_s // DAY_S + 3) % 7)}")
    return moment(at_s, one, speech)[5:10]


def changed(each: Change, one: Forecast, speech: Speech) -> str:
    """One change point: what became of the level, or of the trend where the level hardly moved."""
    when = moment(float(one.series.at_s[each.at]), one, speech)
    level = max(abs(each.before), abs(each.after))
    jump = each.after - each.before
    told = {"when": when, "before": quantity(each.before, one, speech), "after": quantity(each.after, one, speech)}
    if abs(jump) >= 0.05 * level:
        share = f" ({signed(jump / each.before, speech)})" if each.before > 0.0 else ""
        return speech.say("past.level", share=share, **told)
    return speech.say("past.slope", when=when, one=signed(each.slope_before, speech, 1), two=signed(each.slope_after, speech, 1))


def signed(share: float, speech: Speech, digits: int = 0) -> str:
    """`+12%`, `−3%`."""
    return f"{'+' if share >= 0.0 else '−'}{speech.number(abs(share) * 100, digits)}%"
