"""A forecast and what is beside it as plain values, for JSON. Moments are Unix seconds, whatever the clock.

What must not live here: forecasting.
"""

from typing import Any

import numpy as np

from roteiro.analysis.anomalies import Anomaly
from roteiro.analysis.background import Background
from roteiro.analysis.change_points import Change
from roteiro.analysis.clock import to_unix
from roteiro.analysis.decomposition import Decomposition
from roteiro.analysis.forecast import Forecast
from roteiro.analysis.scenarios import Event, Factor, Scenario
from roteiro.report.plain import plain

__all__ = ["scenario_told", "told"]


def scenario_told(one: Scenario, found: tuple[Forecast, ...]) -> dict[str, Any]:
    return {
        "name": one.name, "description": one.description, "factors": [factor_told(each) for each in one.factors],
        "events": [event_told(each) for each in one.events], "forecasts": [varied_told(each) for each in found],
    }  # fmt: skip


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
