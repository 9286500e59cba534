"""How a mean with its interval is told: `412 ms ± 8`, and a difference with its sign.

What must not live here: what is estimated.
"""

import math
from typing import Literal, Protocol

from roteiro.report.speech import Speech
from roteiro.terms.units import NUSD

__all__ = ["PROMISE_DIGITS", "Estimated", "Unit", "about", "between", "signed", "value_of"]

Unit = Literal["share", "ms", "money", "count", "per_s", "seconds"]
"""`money` is dollars; the others as elsewhere."""
SHARE_DIGITS, PROMISE_DIGITS = 2, 3
"""Of shares, in per cent; service levels promise up to two, and the difference to them is wanted."""


class Estimated(Protocol):
    """A mean and its 95 % interval; NaN where nothing tells it."""

    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def value_of(value: float, unit: str, speech: Speech, digits: int = SHARE_DIGITS) -> str:
    """A number with its unit; `no data` for NaN. `digits` of shares."""
    if math.isnan(value):
        return speech.say("no_data")
    match unit:
        case "share":
            return speech.share(min(1.0, value), digits) if value >= 0.0 else f"-{speech.share(-value, digits)}"
        case "ms":
            return speech.ms(value)
        case "money":
            return dollars(value, speech)
        case "seconds":
            return lasting(value, speech)
        case "per_s":
            return f"{speech.trimmed(value, digits_for(value))}/s"
        case _:
            return speech.trimmed(value, digits_for(value))


def dollars(value: float, speech: Speech, digits: int | None = None) -> str:
    """To the cent; of less than a dollar three figures."""
    if value == 0.0 or not math.isfinite(value):
        return speech.money(0)
    digits = decimals_of(value) if digits is None else digits
    return speech.money(round(round(value, digits) * NUSD), digits)


def decimals_of(dollars: float) -> int:
    """Of an amount, as it is told."""
    return min(9, max(2, 2 - math.floor(math.log10(abs(dollars))))) if dollars else 2


def digits_for(value: float) -> int:
    """Decimals that a count needs: none for many, three for few."""
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3


def lasting(seconds: float, speech: Speech) -> str:
    """`38 s`, `12 min 5 s`, `2 h 15 min`."""
    if abs(seconds) < 60.0:
        return speech.seconds(round(seconds, 1)) if seconds >= 1.0 or seconds == 0.0 else speech.seconds(seconds)
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{speech.number(hours)} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def about(estimate: Estimated, unit: str, speech: Speech) -> str:
    """Mean and half of the interval: `412 ms ± 8 ms`. One seed alone has none."""
    text = value_of(estimate.mean, unit, speech)
    half = max(estimate.high - estimate.mean, estimate.mean - estimate.low)
    if math.isnan(estimate.mean) or not half > 0.0 or estimate.mean == 0.0:
        return text
    if unit == "money":
        digits = decimals_of(estimate.mean)
        return text if round(half, digits) == 0.0 else f"{text} ± {dollars(half, speech, digits)}"
    return f"{text} ± {points(half, speech) if unit == 'share' else value_of(half, unit, speech)}"


def between(estimate: Estimated, unit: str, speech: Speech, digits: int = SHARE_DIGITS) -> str:
    """The interval; nothing where there is none. What can be no less than nothing, and no share above all, is not told to be."""
    if math.isnan(estimate.mean) or not estimate.high > estimate.low:
        return ""
    low, high = max(0.0, estimate.low), min(1.0, estimate.high) if unit == "share" else estimate.high
    ends = [value_of(edge, unit, speech, digits) for edge in (low, high)]
    return "" if ends[0] == ends[1] else " – ".join(ends)


def signed(value: float, unit: str, speech: Speech) -> str:
    """A difference: `+12 ms`, `-0.4 pp`."""
    if math.isnan(value):
        return speech.say("no_data")
    size = points(abs(value), speech) if unit == "share" else value_of(abs(value), unit, speech)
    return f"{'+' if value > 0 else '-' if value < 0 else '±'}{size}"


def points(share: float, speech: Speech) -> str:
    """A difference of shares, in percentage points."""
    value = share * 100
    return f"{speech.trimmed(value, 1 if value >= 10 else 2 if value >= 0.1 or value == 0.0 else 4)} pp"
