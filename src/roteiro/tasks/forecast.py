"""`roteiro forecast`: what will come, by the method that the past speaks for, with bands that were tested on it.

What must not live here: forecasting (`analysis`), and how a result is shown.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from roteiro.analysis.anomalies import Anomaly, anomalies, periods_of
from roteiro.analysis.background import Background
from roteiro.analysis.change_points import Change, changes
from roteiro.analysis.clock import to_clock, to_unix
from roteiro.analysis.decomposition import Decomposition, decomposed
from roteiro.analysis.forecast import Forecast, forecast_series
from roteiro.analysis.holiday_effect import holiday_effect, on_holidays, with_holidays
from roteiro.analysis.scenarios import Event, Factor, Scenario, apply
from roteiro.analysis.series import LEVELS, MEASURES, STEPS_S, Series, SeriesSet, coarser
from roteiro.plan.model import Plan
from roteiro.plan.zone import zone_problem
from roteiro.report.plain import plain
from roteiro.tasks.check import checked
from roteiro.tasks.holidays_of import holidays_of
from roteiro.tasks.scenarios import scenarios_of
from roteiro.tasks.series_source import series_from
from roteiro.terms.error import SettingsError
from roteiro.terms.problem import Problem

__all__ = ["ForecastResult", "forecast"]

OnProgress = Callable[[float, str], None]
PREFERRED: Final = ("tokens", "requests", "input_tokens", "output_tokens", "cost_usd", "value")
"""What is forecast where nobody says what: the first that the record has."""
MOST_AHEAD: Final = 400
"""Steps of a forecast; beyond it periods become longer where nobody says how long they are."""
MOST_PAST: Final = 3000
MOST_SERIES: Final = 12
ANOMALIES: Final = "anomalies"
LUCK: Final = 101
"""Of scenarios, apart from that of the paths."""
SPOKEN: Final = {"pt-BR": "pt_BR"}
"""Languages as the library of holidays calls them, where it is not English."""
DAYS_OFF: Final = 102
"""Of holidays."""


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """`forecasts`: of the series of one level and measure, the largest first. `took_s`: seconds. `left_out`: series beyond `most`.

    `scenarios`: each that was asked for, with the forecasts as they are in it, in their order. `backgrounds`: what else is known of each
    series. `zone`: by whose clock they are laid out; empty for UTC.
    """

    source: str
    measure: str
    level: str
    horizon_s: float
    step_s: int
    forecasts: tuple[Forecast, ...]
    problems: tuple[Problem, ...]
    left_out: int
    seed: int
    took_s: float
    scenarios: tuple[tuple[Scenario, tuple[Forecast, ...]], ...] = ()
    backgrounds: tuple[Background, ...] = ()
    zone: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null. Of the paths only their number: ask for them in Python."""
        names = ("source", "measure", "level", "horizon_s", "step_s", "left_out", "seed", "took_s", "zone")
        head = {name: plain(getattr(self, name)) for name in names}
        varied = [
            {"name": one.name, "description": one.description, "factors": [factor_told(each) for each in one.factors],
             "events": [event_told(each) for each in one.events], "forecasts": [varied_told(each) for each in found]}
            for one, found in self.scenarios
        ]  # fmt: skip
        problems = [str(one) for one in self.problems]
        return {**head, "problems": problems, "forecasts": [*map(told, self.forecasts, self.backgrounds)], "scenarios": varied}


def factor_told(one: Factor) -> dict[str, Any]:
    return {"name": one.name, "value": one.value, "spread": one.deviation, "kind": one.kind}


def event_told(one: Event) -> dict[str, Any]:
    names = ("name", "peak", "begins_s", "after_s", "ramp_s", "plateau_s", "decay_s", "spread", "lasting")
    return {name: getattr(one, name) for name in names}


def varied_told(one: Forecast) -> dict[str, Any]:
    """A forecast in a scenario: what is not as in the forecast itself."""
    bands = [{"level": level, "low": low.tolist(), "high": high.tolist()} for level, low, high in zip(one.levels, one.low, one.high, strict=True)]  # noqa: E501 # fmt: skip
    return {"name": one.series.name, "level": one.series.level, "mean": one.mean.tolist(), "median": one.median.tolist(), "bands": bands}


def told(one: Forecast, background: Background) -> dict[str, Any]:
    """Moments are Unix seconds, whatever the clock."""
    series = one.series
    at_s = one.at_s if not series.zone else to_unix(one.at_s, series.zone)
    past = {
        "start_s": series.start_s if not series.zone else float(to_unix(series.at_s[:1], series.zone)[0]),
        "step_s": series.step_s,
        "unit": series.unit,
        "dated": series.dated,
        "values": series.values.tolist(),
    }
    bands = [
        {"level": level, "low": low.tolist(), "high": high.tolist(), "coverage": one.coverage[level]}
        for level, low, high in zip(one.levels, one.low, one.high, strict=True)
    ]
    tried = [{"method": each.method, "error": each.error} for each in one.choice.tried]
    found = {
        "name": series.name, "level": series.level, "method": one.method, "why": list(one.why), "score": one.score, "tried": tried,
        "origins": one.choice.origins, "tested_steps": one.choice.tested, "at_s": at_s.tolist(), "mean": one.mean.tolist(),
        "median": one.median.tolist(), "seasonal_naive": one.yardstick.tolist(), "bands": bands, "paths": len(one.paths), "past": past,
    }  # fmt: skip
    effect = background.effect
    holidays = {
        "days": [{"day": day.isoformat(), "name": name} for day, name in background.holidays],
        "effect": None if effect is None else {"share": effect.share, "spread": effect.spread, "of": effect.of, "why": effect.why},
    }
    strange = [anomaly_told(each, one) for each in background.anomalies]
    changed = [change_told(each, one) for each in background.changes]
    looked: dict[str, Any] = {"changes": changed, "holidays": holidays, "anomalies": strange, "anomalies_left_out": background.unlearned}
    if background.parts is not None:
        looked["decomposition"] = parts_told(background.parts)
    return {**plain(found), **looked, "problems": [str(problem) for problem in one.problems]}


def parts_told(parts: Decomposition) -> dict[str, Any]:
    seasons = [{"period": one.period, "strength": one.strength, "values": one.values.tolist()} for one in parts.seasons]
    told = {"trend": parts.trend.tolist(), "strength": parts.strength, "seasons": seasons, "remainder": parts.remainder.tolist()}
    return dict(plain(told))


def change_told(one: Change, forecast: Forecast) -> dict[str, Any]:
    series = forecast.series
    at_s = series.at_s[one.at : one.at + 1]
    found = {name: getattr(one, name) for name in ("before", "after", "slope_before", "slope_after")}
    return {"at_s": float((to_unix(at_s, series.zone) if series.zone else at_s)[0]), **found}


def anomaly_told(one: Anomaly, forecast: Forecast) -> dict[str, Any]:
    series = forecast.series
    ends = np.array([series.at_s[one.first], series.at_s[one.last] + series.step_s, series.at_s[one.at]])
    begins_s, ends_s, at_s = (ends if not series.zone else to_unix(ends, series.zone)).tolist()
    return {"begins_s": begins_s, "ends_s": ends_s, "at_s": at_s, "value": one.value, "expected": one.expected, "score": one.score}


def forecast(
    source: Path | str,
    *,
    horizon_s: float,
    step_s: int | None = None,
    measure: str | None = None,
    level: str = "total",
    method: str = "auto",
    data: Path | None = None,
    seed: int = 1,
    most: int = MOST_SERIES,
    paths: int = 200,
    scenarios: Sequence[str] = (),
    plan: Path | None = None,
    environment: str | None = None,
    zone: str | None = None,
    holidays: Sequence[str] = (),
    language: str = "en",
    leave_out: Sequence[str] = (),
    explain: bool = False,
    on_progress: OnProgress | None = None,
) -> ForecastResult:
    """Forecast the series of a record: `source` is a CSV or Parquet file, a folder of such, a data directory, or a run in `data`.

    `step_s`: length of a period; None takes the record's own, or a longer one where the horizon is long. `measure`: of MEASURES; None the
    first of `PREFERRED` that the record has. `level`: of LEVELS. `method`: a name, or `auto` for the one that did best on the past. `most`:
    series at most, the largest first. `paths`: joint futures of each. `scenarios`: names, or `all`, of the demand of the `plan` at
    that path (in an `environment`), or of the chapter's. `zone`: by whose clock days and weeks are told; without it, the plan's, or UTC.
    `holidays`: calendars (`BR`, `BR-SP`, `US`), whose days are neither learned from nor forecast like others; named in `language`.
    `leave_out`: `anomalies` for fitting without those of the past. `explain`: decompose the past too.

    Raises PlanError with every problem, and SettingsError for what the record does not have.
    """
    begun = time.monotonic()
    reading = None if plan is None else checked(plan, environment)
    if unknown := sorted(set(leave_out) - {ANOMALIES}):
        raise SettingsError(f"there is no {unknown[0]!r} to leave out; there is: {ANOMALIES}")
    zone = zone_of(zone, reading.plan if reading else None)
    found = series_from(source, data=data, step_s=step_s, zone=zone)
    chosen = measure_of(found, measure, str(source))
    if level not in LEVELS:
        raise SettingsError(f"there is no level {level!r}; there are: {', '.join(LEVELS)}")
    series = found.of(chosen, level)
    if not series:
        raise SettingsError(f"{source} tells no {level}; forecast its total, or add a column {level!r}")
    step = step_of(series[0], horizon_s, step_s)
    horizon = max(1, round(horizon_s / step))
    taken = [coarser(one, step) for one in series[:most]]
    free = days_off(holidays, taken[0], horizon, str(source), language)
    made, backgrounds = [], []
    for at, one in enumerate(taken):

        def progress(share: float, label: str, at: int = at, one: Series = one) -> None:
            if on_progress is not None:
                on_progress((at + share) / len(taken), f"{one.name} · {label}")

        chance = np.random.default_rng([seed, at])
        strange = anomalies(one)
        left_out = on_holidays(one, one.at_s, free.keys())
        if ANOMALIES in leave_out:
            left_out |= periods_of(strange, len(one))
        usual = forecast_series(
            one, horizon, chance, method=method, count=paths, left_out=left_out if left_out.any() else None, on_progress=progress
        )
        effect = holiday_effect(one, free.keys()) if free else None
        made.append(usual if effect is None else with_holidays(usual, effect, free.keys(), np.random.default_rng([seed, DAYS_OFF])))
        ahead = tuple((date.fromordinal(day), name) for day, name in free.items() if on_holidays(one, usual.at_s, {day}).any())
        parts = decomposed(one, periods_of(strange, len(one))) if explain else None
        backgrounds.append(Background(ahead, effect, strange, ANOMALIES in leave_out, parts, changes(one)))
    begins_s = None if not taken[0].dated else float(to_unix(np.array([taken[0].end_s]), zone)[0]) if zone else taken[0].end_s
    wanted = scenarios_of(reading.plan if reading else None, scenarios, begins_s, str(plan)) if scenarios else ()
    wanted = tuple(by_clock(one, taken[0]) for one in wanted)
    # The same luck for every series and scenario: the sum of tenants stays the total, and scenarios differ by what they suppose alone.
    varied = tuple((one, tuple(apply(each, one, np.random.default_rng([seed, LUCK])) for each in made)) for one in wanted)
    told_of = (*made, *(each for _, several in varied for each in several))
    problems = tuple(dict.fromkeys((*found.problems, *(problem for one in told_of for problem in one.problems))))
    return ForecastResult(
        str(source), chosen, level, horizon * step, step, tuple(made), problems, max(0, len(series) - most), seed, time.monotonic() - begun,
        varied, tuple(backgrounds), taken[0].zone,
    )  # fmt: skip


def zone_of(asked: str | None, plan: Plan | None) -> str | None:
    """The zone whose clock counts; None for UTC. Raises SettingsError for one that is not there."""
    zone = asked if asked is not None else plan.timezone if plan is not None else None
    if zone is None or zone == "UTC":
        return None
    if (wrong := zone_problem(zone)) is not None:
        raise SettingsError(f"--zone {wrong[0]}; {wrong[1]}")
    return zone


def days_off(calendars: Sequence[str], series: Series, horizon: int, source: str, language: str) -> dict[int, str]:
    """Holidays from the record's beginning to the forecast's end, by their ordinal."""
    if not calendars:
        return {}
    if not series.dated:
        raise SettingsError(f"{source} has no dates, so no day of it is known to be a holiday; leave --holidays out")
    first = datetime.fromtimestamp(series.start_s, UTC).date()
    last = datetime.fromtimestamp(series.end_s + horizon * series.step_s, UTC).date() + timedelta(days=1)
    return {day.toordinal(): name for day, name in holidays_of(calendars, first, last, SPOKEN.get(language, "en_US")).items()}


def by_clock(scenario: Scenario, series: Series) -> Scenario:
    """Its events in the time of the series."""
    if not series.zone:
        return scenario
    events = [
        one if one.begins_s is None else replace(one, begins_s=float(to_clock(np.array([one.begins_s]), series.zone)[0]))
        for one in scenario.events
    ]
    return replace(scenario, events=tuple(events))


def measure_of(found: SeriesSet, asked: str | None, source: str) -> str:
    there = found.measures
    if asked is None:
        return next(name for name in PREFERRED if name in there)
    if asked not in there:
        known = "" if asked in MEASURES else f" (measures are {', '.join(MEASURES)})"
        raise SettingsError(f"{source} does not tell {asked!r}{known}; it tells {', '.join(there)}")
    return asked


def step_of(series: Series, horizon_s: float, asked: int | None) -> int:
    """The period that was asked for; else the shortest that the record has and that keeps horizon and past to a length that can be seen."""
    if asked is not None:
        if asked % series.step_s:
            raise SettingsError(f"the record's periods are {series.step_s} s long; --step {asked} s is no multiple of that")
        return asked
    if horizon_s < series.step_s:
        raise SettingsError(f"the record's periods are {series.step_s} s long; a horizon of {horizon_s:g} s is less than one")
    fits = [
        step for step in (series.step_s, *STEPS_S)
        if step % series.step_s == 0 and horizon_s / step <= MOST_AHEAD and len(series) * series.step_s / step <= MOST_PAST
        and step <= horizon_s
    ]  # fmt: skip
    return fits[0] if fits else series.step_s
