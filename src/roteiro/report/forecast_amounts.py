"""How amounts of demand, and the moments they are of, are told: `1.42M`, `1,42 mi`, `2026-03-01 14:00`.

What must not live here: pages.
"""

import math
from datetime import UTC, datetime

import numpy as np

from roteiro.analysis.forecast import Forecast
from roteiro.report.estimates import dollars, lasting
from roteiro.report.speech import Speech

__all__ = ["measure_of", "moment", "quantity", "summed"]


def measure_of(one: Forecast, speech: Speech) -> str:
    return speech.say(f"forecast.measure.{one.series.unit}")


def quantity(value: float, one: Forecast, speech: Speech) -> str:
    """An amount of what is forecast, to four figures."""
    if not math.isfinite(value):
        return speech.say("no_data")
    if one.series.unit == "cost_usd":
        return dollars(value, speech)
    large = (" mil", " mi", " bi") if speech.language == "pt-BR" else ("k", "M", "B")
    for unit, word in zip((1e9, 1e6, 1e4), reversed(large), strict=True):
        if abs(value) >= unit:
            scaled = value / (1e3 if unit == 1e4 else unit)
            return f"{speech.number(scaled, max(0, 3 - math.floor(math.log10(abs(scaled)))))}{word}"
    return speech.trimmed(value, 0 if abs(value) >= 100 else 2)


def summed(one: Forecast, speech: Speech) -> str:
    """The whole horizon and its highest period, from the joint paths: bands of single periods do not add up."""
    whole = one.paths.sum(axis=1) if one.series.additive else one.paths.mean(axis=1)
    peaks, level = one.paths.max(axis=1), one.levels[-1]
    tails = ((1 - level) / 2, (1 + level) / 2)
    (low, high), (peak_low, peak_high) = np.quantile(whole, tails), np.quantile(peaks, tails)
    told = {"sum": np.median(whole), "low": low, "high": high, "peak": np.median(peaks), "peak_low": peak_low, "peak_high": peak_high}
    amounts = {name: quantity(float(value), one, speech) for name, value in told.items()}
    return speech.say("forecast.sum", level=speech.share(level), **amounts)


def moment(at_s: float, one: Forecast, speech: Speech) -> str:
    """A date by the series' clock; without dates, the time since the record's start."""
    if one.series.dated:
        return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M}"
    return f"+{lasting(at_s - one.series.start_s, speech)}"
