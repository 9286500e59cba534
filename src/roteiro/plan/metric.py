"""The metrics that conditions may speak of: their units, their statistics, and whom they can be asked of.

A metric is a row of data here, not a class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from roteiro.terms import units

__all__ = ["METRICS", "STATISTICS", "Kind", "Scale"]

DEFAULT_WINDOW_S: Final = 60.0
DEFAULT_CALLS: Final = 20
"""Fewer say nothing about a percentile or a rate; a condition may ask for another minimum."""
SIX_HOURS_S: Final = 21_600.0
"""Quality is looked at now and then, not in each call."""
FEW: Final = 10

STATISTICS: Final = ("p95", "mean", "p50", "p90", "p99")
"""The first is what a latency means when nothing is said."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit of measure: how people write it (`parse`, `format`), an example, and the largest value that can ever be measured."""

    name: str
    parse: Callable[[str], float]
    format: Callable[[float], str]
    example: str
    most: float = float("inf")


def milliseconds(text: str) -> float:
    return float(units.parse_duration(text) * 1000)


def format_milliseconds(value: float) -> str:
    return f"{units.format_number(value)}ms"


DURATION: Final = Scale("duration", milliseconds, format_milliseconds, "2000ms")
SHARE: Final = Scale("share", lambda text: float(units.parse_share(text)), units.format_share, "5%", 1.0)
MONEY: Final = Scale("amount of dollars", lambda text: float(units.parse_money(text)), lambda value: units.format_money(int(value)), "$10")
COUNT: Final = Scale("count", lambda text: float(units.parse_tokens(text)), lambda value: units.format_tokens(int(value)), "100")
HOUR: Final = Scale("hour of the day", lambda text: float(units.parse_tokens(text)), lambda value: str(int(value)), "22", 23.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """One metric. `windowed`: measured over a window; `statistical`: of a distribution, so that a percentile can be asked for.

    `window_s` and `calls`: the window, and the fewest calls within it, where nothing is said.
    """

    scale: Scale
    of_target: bool
    of_fleet: bool
    doc: str
    windowed: bool = False
    statistical: bool = False
    window_s: float = DEFAULT_WINDOW_S
    calls: int = DEFAULT_CALLS


METRICS: Final[dict[str, Kind]] = {
    "latency": Kind(DURATION, True, True, "time of the whole answer", windowed=True, statistical=True),
    "ttft": Kind(DURATION, True, True, "time to the first token", windowed=True, statistical=True),
    "error_rate": Kind(SHARE, True, True, "share of attempts that failed", windowed=True),
    "availability": Kind(SHARE, True, True, "share of attempts that were answered", windowed=True),
    "quality": Kind(
        SHARE, True, True, "share of good verdicts of those who make the score", windowed=True, window_s=SIX_HOURS_S, calls=FEW
    ),
    "confidence": Kind(
        SHARE, True, True, "mean confidence of answers, by their log-probabilities", windowed=True, window_s=SIX_HOURS_S, calls=FEW
    ),
    "in_flight": Kind(COUNT, True, True, "requests in flight now"),
    "cost_per_hour": Kind(MONEY, True, True, "dollars spent in the last hour"),
    "queue_depth": Kind(COUNT, False, True, "requests waiting now"),
    "queue_depth_tokens": Kind(COUNT, False, True, "tokens estimated to be waiting now"),
    "hour": Kind(HOUR, False, False, "hour of the day in the plan's timezone, 0 to 23"),
}
