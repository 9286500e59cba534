"""Hours of the day: `16:30` and `22:00-06:00`, as seconds since midnight and back.

What must not live here: time zones (`zone`), the clock.
"""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from roteiro.plan.quantity import refuse
from roteiro.terms.units import show

__all__ = ["DAY_S", "TimeOfDay", "format_hours", "format_time", "parse_hours", "parse_time"]

DAY_S: Final = 86_400.0
TIME: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")


def parse_time(text: str) -> float | None:
    """Seconds since midnight of `16:30`; 24:00 is 0. None where the text is no time."""
    match = TIME.fullmatch(text.strip())
    if match is None or (match[1] == "24" and match[2] != "00"):
        return None
    return (int(match[1]) * 3600.0 + int(match[2]) * 60.0) % DAY_S


def format_time(seconds: float) -> str:
    """`16:30`."""
    minutes = round(seconds / 60.0) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_hours(text: str) -> tuple[float, float] | None:
    """Both ends of `22:00-06:00`, in seconds since midnight; past midnight where the first is the later. None where it is malformed."""
    begin, dash, end = text.replace("–", "-").partition("-")
    first, last = parse_time(begin), parse_time(end)
    return (first, last) if dash and first is not None and last is not None else None


def format_hours(begin_s: float, end_s: float) -> str:
    """`22:00-06:00`."""
    return f"{format_time(begin_s)}-{format_time(end_s)}"


def read_time(value: object) -> object:
    seconds = parse_time(value) if isinstance(value, str) else None
    if seconds is None:
        raise refuse(f"is {show(value)}, not a time of day", 'write for example "16:30"', "E115")
    return seconds


TimeOfDay = Annotated[
    float,
    BeforeValidator(read_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": "A time of day", "examples": ["16:30"], "pattern": "^[0-9]{1,2}:[0-9]{2}$"}),
]
