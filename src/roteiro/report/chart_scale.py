"""Scales of pictures: where an axis begins and ends, where its ticks stand, and how they are told in the reader's language.

What must not live here: any one form of showing.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from roteiro.report.chart import Axis, Chart, Lanes, Quantity
from roteiro.report.speech import Language, Speech

__all__ = ["Scale", "scales", "summary", "tell", "time_scale"]

MOST_TICKS: Final = 64
STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
CLOCK_STEPS: Final = (
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 21600.0, 43200.0, 86400.0,
)  # fmt: skip
DAY_S: Final = 86400.0
HEADROOM: Final = 0.04
"""Of the height, above what is drawn: the highest line does not lie on the frame."""
LARGE_MS: Final = 10_000.0
BEYOND: Final = 1.6
"""Of the highest point: as far as bands and rules may push the scale."""
ROUND: Final = 1e-9
"""A tick's number may miss its place by so many steps, for it is a sum of floats."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high` (low < high), with ticks of `step`."""

    low: float
    high: float
    step: float
    quantity: Quantity

    def at(self, value: float) -> float:
        """Where the value stands: 0 at the low end, 1 at the high one; what lies outside is taken to the edge."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self) -> list[float]:
        """Multiples of the step within the scale."""
        first = math.ceil(self.low / self.step - ROUND)
        last = math.floor(self.high / self.step + ROUND)
        return [number * self.step for number in range(first, min(last, first + MOST_TICKS) + 1)]


def scales(chart: Chart, most_x: int, most_y: int) -> tuple[Scale, Scale]:
    """Both scales of a chart, with about as many ticks as there is room for."""
    points = chart.seen()
    sure = [y for line in chart.lines for _, y in line.points()] + [dot.y for dot in chart.dots if math.isfinite(dot.y)]
    across = [x for x, _ in points] + [at for span in chart.spans for at in (span.start, span.end) if not points]
    upright = [y for _, y in points] + [rule.y for rule in chart.rules if math.isfinite(rule.y)]
    if sure and max(sure) > 0.0:  # a band far above its line (a part of a bucket, few requests) may leave the picture, not flatten it
        upright = [min(y, BEYOND * max(sure)) for y in upright]
    return scale(chart.x, across, most_x, 0.0), scale(chart.y, upright, most_y, HEADROOM)


def time_scale(figure: Lanes, most: int) -> Scale:
    return scale(figure.x, [*figure.starts, figure.end], most, 0.0)


def scale(axis: Axis, values: list[float], most: int, headroom: float) -> Scale:
    low = axis.low if axis.low is not None else min(values, default=0.0)
    high = axis.high if axis.high is not None else max(values, default=1.0)
    if axis.high is None and high > low:
        high += (high - low) * headroom
    if axis.quantity == "share" and headroom:
        low, high = max(0.0, low), min(1.0, max(high, low))
    # What hardly differs is drawn as one height: a scale finer than floats can tell is noise.
    if not high - low > max(abs(low), abs(high), 1e-290) * 1e-9:
        reach = abs(low) * 0.05 or 1.0
        low, high = (max(0.0, low - reach) if low >= 0.0 else low - reach), low + reach
    return Scale(low, high, step_of(high - low, max(1, most), axis.quantity), axis.quantity)


def step_of(length: float, most: int, quantity: Quantity) -> float:
    """The finest round step that makes no more than `most` ticks."""
    if quantity in ("clock", "date", "seconds") and length > most:
        for step in CLOCK_STEPS:
            if length / step <= most:
                return step
        return math.ceil(length / most / DAY_S) * DAY_S
    magnitude = 10.0 ** math.floor(math.log10(length / most))
    return next(step * magnitude for step in (*STEPS, 20.0) if length / (step * magnitude) <= most)


@lru_cache(maxsize=4)
def said_in(language: Language) -> Speech:
    return Speech(language)


def tell(value: float, scale: Scale, language: Language) -> str:
    """A tick's text, with as many digits as its step needs."""
    speech, step = said_in(language), scale.step
    match scale.quantity:
        case "clock":
            return clock(value, step, scale.high > DAY_S, language)
        case "date":
            return date(value, step, language)
        case "seconds":
            return elapsed(value, scale, speech)
        case "ms":
            if scale.high >= LARGE_MS:
                return f"{speech.number(value / 1e3, digits_of(step / 1e3))} s"
            return f"{speech.number(value, digits_of(step))} ms"
        case "money":
            mark = "US$ " if language == "pt-BR" else "$"
            return f"{'-' if value < 0 else ''}{mark}{speech.number(abs(value), max(2, digits_of(step)) if step < 1 else 0)}"
        case "share":
            return f"{speech.number(value * 100, digits_of(step * 100))}%"
        case "per_s":
            return f"{large(value, step, speech)}/s"
        case _:
            return large(value, step, speech)


def large(value: float, step: float, speech: Speech) -> str:
    """A count, by the thousand or the million where it is many."""
    million, thousand = (" mi", " mil") if speech.language == "pt-BR" else ("M", "k")
    for unit, word in ((1e6, million), (1e3, thousand)):
        if abs(value) >= 10 * unit or (abs(value) >= unit and step >= unit / 10):
            return f"{speech.number(value / unit, min(3, digits_of(step / unit)))}{word}"
    return speech.number(value, digits_of(step))


def digits_of(step: float) -> int:
    """Decimals that tell two neighbours of this distance apart."""
    for digits in range(9):
        if abs(step * 10**digits - round(step * 10**digits)) < 1e-6 * max(1.0, step * 10**digits) and round(step * 10**digits):
            return digits
    return 9


def clock(value: float, step: float, days: bool, language: Language) -> str:
    """`14:05`; with the day where there are several."""
    seconds = round(value, 3)
    day, rest = divmod(seconds, DAY_S)
    text = f"{int(rest // 3600):02d}:{int(rest // 60 % 60):02d}"
    if step < 60.0:
        text += f":{int(rest % 60):02d}"
    if not days:
        return text
    word = "dia" if language == "pt-BR" else "day"
    return f"{word} {int(day) + 1}" if step >= DAY_S else f"{int(day) + 1}d {text}"


def date(value: float, step: float, language: Language) -> str:
    """`11-23`, or `23/11`; with the time of day (UTC) where ticks are closer than days."""
    at = datetime.fromtimestamp(round(value), UTC)
    day = f"{at:%d/%m}" if language == "pt-BR" else f"{at:%m-%d}"
    return day if step >= DAY_S else f"{day} {at:%H:%M}"


def elapsed(value: float, scale: Scale, speech: Speech) -> str:
    for unit, word in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if scale.high >= 2 * unit:
            return f"{speech.number(value / unit, min(2, digits_of(scale.step / unit)))} {word}"
    return f"{speech.number(value, digits_of(scale.step))} s"


def summary(chart: Chart) -> str:
    """What a chart shows, in words: its own description, or each line's ends and extremes."""
    if chart.description:
        return chart.description
    _, upright = scales(chart, 6, 6)
    fine = Scale(upright.low, upright.high, upright.step / 10, upright.quantity)
    told = []
    for line in chart.lines:
        heights = [y for _, y in line.points()]
        if heights:
            between = f"{tell(min(heights), fine, chart.language)} – {tell(max(heights), fine, chart.language)}"
            told.append(f"{line.name}: {between}")
    return "; ".join(told)
