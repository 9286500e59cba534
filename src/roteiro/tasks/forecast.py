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

from roteiro.analysis.anomalies import anomalies, periods_of
from roteiro.analysis.background import Background
from roteiro.analysis.change_points import changes
from roteiro.analysis.clock import to_clock, to_unix
from roteiro.analysis.decomposition import decomposed
from roteiro.analysis.forecast import Forecast, quiet
from roteiro.analysis.holiday_effect import holiday_effect, on_holidays, with_holidays
from roteiro.analysis.reconciliation import Group, reconciled
from roteiro.analysis.scenarios import Scenario, apply, begun
from roteiro.analysis.series import LEVELS, MEASURES, STEPS_S, Series, SeriesSet, coarser
from roteiro.plan.model import Plan
from roteiro.plan.zone import zone_problem
from roteiro.report.plain import plain
from roteiro.tasks.check import checked
from roteiro.tasks.forecast_blocks import forecast_blocks
from roteiro.tasks.forecast_told import scenario_told, told
from roteiro.tasks.holidays_of import holidays_of
from roteiro.tasks.scenarios import scenarios_of
from roteiro.tasks.series_source import series_from
from roteiro.terms.error import PlanError, SettingsError
from roteiro.terms.problem import Problem

__all__ = ["ForecastResult", "forecast"]

OnProgress = Callable[[float, str], None]
PREFERRED: Final = ("tokens", "requests", "input_tokens", "output_tokens", "cost_usd", "value")
"""What is forecast where nobody says what: the first that the record has."""
MOST_AHEAD: Final = 400
"""Steps of a forecast; beyond it periods become longer where nobody says how long they are."""
MOST_PAST: Final = 3000
MOST_SERIES: Final = 12
PATHS: Final = 200
FEWEST_PATHS: Final = 20
PATHS_IN_ALL: Final = 100_000
"""Of all series together: what is kept in memory."""
ANOMALIES: Final = "anomalies"
ALL: Final = "all"
"""Level of the total and everything that it is the sum of."""
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
    series. `zone`: by whose clock they are laid out; empty for UTC. `coherent`: whether they add up.
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
    coherent: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not known is null. Of the paths only their number: ask for them in Python."""
        names = ("source", "measure", "level", "horizon_s", "step_s", "left_out", "seed", "took_s", "zone", "coherent")
        head = {name: plain(getattr(self, name)) for name in names}
        varied = [scenario_told(one, found) for one, found in self.scenarios]
        problems = [str(one) for one in self.problems]
        return {**head, "problems": problems, "forecasts": [*map(told, self.forecasts, self.backgrounds)], "scenarios": varied}


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
    paths: int | None = None,
    scenarios: Sequence[str] = (),
    plan: Path | None = None,
    environment: str | None = None,
    zone: str | None = None,
    holidays: Sequence[str] = (),
    language: str = "en",
    leave_out: Sequence[str] = (),
    explain: bool = False,
    coherent: bool = False,
    on_progress: OnProgress | None = None,
) -> ForecastResult:
    """Forecast the series of a record: `source` is a CSV or Parquet file, a folder of such, a data directory, or a run in `data`.

    `step_s`: length of a period; None takes the record's own, or a longer one where the horizon is long. `measure`: of MEASURES; None the
    first of `PREFERRED` that the record has. `level`: of LEVELS. `method`: a name, or `auto` for the one that did best on the past. `most`:
    series at most, the largest first. `paths`: joint futures of each; None for 200, or fewer of very many series. `scenarios`: names, or
    `all`, of the demand of the `plan` at that path (in an `environment`), or of the chapter's. `zone`: by whose clock days and weeks are
    told; without it, the plan's, or UTC. `holidays`: calendars (`BR`, `BR-SP`, `US`), whose days are neither learned from nor forecast like
    others; named in `language`. `leave_out`: `anomalies` for fitting without those of the past. `explain`: decompose the past too.
    `coherent`: the total too, and all so that they add up, path by path; always so at level `all`.

    Raises PlanError with every problem, and SettingsError for what the record does not have.
    """
    begun = time.monotonic()
    reading = None if plan is None else checked(plan, environment)
    if unknown := sorted(set(leave_out) - {ANOMALIES}):
        raise SettingsError(f"there is no {unknown[0]!r} to leave out; there is: {ANOMALIES}")
    zone = zone_of(zone, reading.plan if reading else None)
    found = series_from(source, data=data, step_s=step_s, zone=zone)
    chosen = measure_of(found, measure, str(source))
    series, groups, left = series_of(found, chosen, level, coherent, most, str(source))
    step = step_of(series[0], horizon_s, step_s)
    horizon = max(1, round(horizon_s / step))
    taken = [coarser(one, step) for one in series]
    free = days_off(holidays, taken[0], horizon, str(source), language)
    strange = [anomalies(one) for one in taken]
    hidden = []
    for one, found_strange in zip(taken, strange, strict=True):
        left_out = on_holidays(one, one.at_s, free.keys())
        if ANOMALIES in leave_out:
            left_out |= periods_of(found_strange, len(one))
        hidden.append(left_out if left_out.any() else None)
    made, backgrounds = [], []
    count = paths if paths is not None else max(FEWEST_PATHS, min(PATHS, PATHS_IN_ALL // len(taken)))
    try:
        together = [*forecast_blocks(taken, horizon, seed, method=method, count=count, left_out=hidden, on_progress=on_progress or quiet)]
    except PlanError as error:
        # Why nothing of it is known is what was remarked when the record was read.
        raise PlanError([*error.problems, *found.problems]) from error
    for one, found_strange, usual in zip(taken, strange, together, strict=True):
        effect = holiday_effect(one, free.keys()) if free else None
        made.append(usual if effect is None else with_holidays(usual, effect, free.keys(), np.random.default_rng([seed, DAYS_OFF])))
        ahead = tuple((date.fromordinal(day), name) for day, name in free.items() if on_holidays(one, usual.at_s, {day}).any())
        parts = decomposed(one, periods_of(found_strange, len(one))) if explain else None
        backgrounds.append(Background(ahead, effect, found_strange, ANOMALIES in leave_out, parts, changes(one)))
    made = list(reconciled(made, groups))
    begins_s = None if not taken[0].dated else float(to_unix(np.array([taken[0].end_s]), zone)[0]) if zone else taken[0].end_s
    wanted = scenarios_of(reading.plan if reading else None, scenarios, begins_s, str(plan or source)) if scenarios else ()
    wanted = tuple(by_clock(one, taken[0]) for one in wanted)
    # The same luck for every series and scenario: the sum of tenants stays the total, and scenarios differ by what they suppose alone.
    varied = tuple((one, tuple(apply(each, at_one_time(one, made[0]), np.random.default_rng([seed, LUCK])) for each in made)) for one in wanted)  # noqa: E501 # fmt: skip
    told_of = (*made, *(each for _, several in varied for each in several))
    problems = tuple(dict.fromkeys((*found.problems, *(problem for one in told_of for problem in one.problems))))
    return ForecastResult(
        str(source), chosen, level, horizon * step, step, tuple(made), problems, left, seed, time.monotonic() - begun, varied,
        tuple(backgrounds), taken[0].zone, bool(groups),
    )  # fmt: skip


def series_of(
    found: SeriesSet, measure: str, level: str, coherent: bool, most: int, source: str
) -> tuple[tuple[Series, ...], tuple[Group, ...], int]:
    """(series, which of them are the sum of which, how many are left out). Where they are to add up, the total comes first, and what is
    beyond `most` of a level is one series."""
    if level not in (*LEVELS, ALL):
        raise SettingsError(f"there is no level {level!r}; there are: {', '.join((*LEVELS, ALL))}")
    series = found.of(measure, LEVELS[0] if level == ALL else level)
    if not series:
        raise SettingsError(f"{source} tells no {level}; forecast its total, or add a column {level!r}")
    if not (coherent or level == ALL) or level == LEVELS[0]:
        return series[:most], (), max(0, len(series) - most)
    if not series[0].additive:
        raise SettingsError(f"{source} tells a value of unknown kind, which does not add up; name its column requests, tokens or cost_usd")
    taken, groups = list(found.of(measure)), []
    for each in LEVELS[1:] if level == ALL else (level,):
        parts = found.of(measure, each)
        if len(parts) > most:
            rest = np.sum([np.nan_to_num(one.values) for one in parts[most - 1 :]], axis=0)
            others = replace(parts[0], name="(others)", values=np.where(parts[0].known, rest, np.nan))
            parts = (*parts[: most - 1], others)
        if parts:
            groups.append((0, tuple(range(len(taken), len(taken) + len(parts)))))
            taken += parts
    return tuple(taken), tuple(groups), 0


def at_one_time(scenario: Scenario, first: Forecast) -> Scenario:
    """Events that meet the forecast's peak meet that of the first, so that they come to all series at once."""
    events = [
        one if one.begins_s is not None or one.after_s is not None else replace(one, after_s=begun(one, first) - float(first.at_s[0]))
        for one in scenario.events
    ]
    return replace(scenario, events=tuple(events))


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
