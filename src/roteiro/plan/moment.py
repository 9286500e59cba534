"""Moments of the calendar: `2026-03-01`, `2026-03-01T14:30`, `2026-03-01T14:30-03:00`, as Unix seconds and back.

A `DayOrMoment` stays as it was written, since a day alone begins at another moment in each zone.
What must not live here: the clock, and hours that come again every day (`hours`).
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from roteiro.plan.quantity import refuse
from roteiro.terms.units import show

__all__ = ["DayOrMoment", "Moment", "begins_at", "format_moment", "parse_moment"]

DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
WRITTEN: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?")


def parse_moment(text: str) -> float | None:
    """Unix seconds of a date or of a date and time; UTC where no offset is written. None where the text is neither."""
    text = text.strip()
    if WRITTEN.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def format_moment(unix_s: float) -> str:
    """`2026-03-01` at midnight UTC, else `2026-03-01T14:30Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    if moment.hour == moment.minute == moment.second == 0:
        return moment.date().isoformat()
    return moment.strftime("%Y-%m-%dT%H:%MZ" if moment.second == 0 else "%Y-%m-%dT%H:%M:%SZ")


def read_moment(value: object) -> object:
    unix_s = parse_moment(value) if isinstance(value, str) else float(value) if isinstance(value, float) else None
    if unix_s is None:
        raise refuse(f"is {show(value)}, not a date", "write for example 2026-03-01 or 2026-03-01T14:30Z", "E116")
    return unix_s


Moment = Annotated[
    float,
    BeforeValidator(read_moment),
    PlainSerializer(format_moment, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "description": "A date, or a date and time; UTC unless it says another offset", "examples": ["2026-03-01"]}
    ),
]
"""Unix seconds."""


def begins_at(text: str, zone: str) -> float:
    """Unix seconds at which a day or moment begins: a day alone at its midnight in `zone`."""
    if DAY.fullmatch(text) is None:
        unix_s = parse_moment(text)
        assert unix_s is not None, text
        return unix_s
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def read_day_or_moment(value: object) -> object:
    text = value.strip() if isinstance(value, str) else ""
    unix_s = parse_moment(text)
    if unix_s is None:
        raise refuse(f"is {show(value)}, not a date", "write for example 2026-03-01 or 2026-03-01T14:30-03:00", "E116")
    if DAY.fullmatch(text):
        return text
    if datetime.fromisoformat(text).tzinfo is None:
        raise refuse(f"is {show(value)}, without a zone", f"write for example {text}Z, or the date alone", "E116")
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):  # in UTC it lies before the first year, or after the last
        raise refuse(f"is {show(value)}, beyond the calendar", "mend the year", "E116") from None


DayOrMoment = Annotated[
    str,
    BeforeValidator(read_day_or_moment),
    WithJsonSchema({
        "type": "string",
        "description": "A date, which begins at midnight in the plan's timezone, or a date and time with its zone",
        "examples": ["2026-03-01", "2026-03-01T14:30-03:00"],
    }),
]  # fmt: skip
"""A day as written, or a moment in UTC."""
