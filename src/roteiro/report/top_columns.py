"""The columns of the live view: what each shows of a name's figures, and what it is sorted by.

What must not live here: layout.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from roteiro.report.speech import Speech

__all__ = ["COLUMNS", "Cell", "Column"]

Figures = Mapping[str, Any]


class Cell(NamedTuple):
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`word`: of `top.…`; `value`: to sort by; `rank`: given up where there is no room, the highest first; 0 is kept."""

    word: str
    value: Callable[[Figures], float | None]
    form: Callable[[float, Speech], Cell]
    rank: int = 0
    in_all: bool = True
    """Shown in the figures of all requests."""

    def cell(self, figures: Figures, speech: Speech) -> Cell:
        value = self.value(figures)
        return Cell("–", "dim") if value is None else self.form(value, speech)


def of(field: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.get(field)


def percentile(field: str, which: str) -> Callable[[Figures], float | None]:
    return lambda figures: figures.get(field, {}).get(which)


def rate(value: float, speech: Speech) -> Cell:
    return Cell(speech.number(value, 1 if value < 1000 else 0), "bold")


def count(value: float, speech: Speech) -> Cell:
    return Cell(speech.number(value))


def time(value_ms: float, speech: Speech) -> Cell:
    """`4.2 ms`, `402 ms`, `2.15 s`."""
    return Cell(speech.ms(value_ms) if value_ms < 1000 else f"{speech.number(value_ms / 1e3, 2 if value_ms < 10_000 else 1)} s")


def bad_share(value: float, speech: Speech) -> Cell:
    return Cell("0%", "dim") if not value else Cell(speech.share(value, 1), "yellow" if value < 0.05 else "bold red")


def mild_share(value: float, speech: Speech) -> Cell:
    return Cell("0%", "dim") if not value else Cell(speech.share(value, 1), "yellow")


def good_share(value: float, speech: Speech) -> Cell:
    return Cell("0%", "dim") if not value else Cell(speech.share(value, 1), "green")


def money(value: float, speech: Speech) -> Cell:
    return Cell(speech.number(value, 4 if value < 0.1 else 2 if value < 1000 else 0))


COLUMNS: Final = (
    Column("name", lambda _: None, count, in_all=False),
    Column("rate", of("requests_per_s"), rate),
    Column("p50", percentile("latency_ms", "p50"), time, 4),
    Column("p95", percentile("latency_ms", "p95"), time),
    Column("p99", percentile("latency_ms", "p99"), time, 3),
    Column("ttft50", percentile("ttft_ms", "p50"), time, 6),
    Column("ttft95", percentile("ttft_ms", "p95"), time, 1),
    Column("errors", of("failed_share"), bad_share),
    Column("refused", of("refused_share"), mild_share, 5),
    Column("cached", of("cache_share"), good_share, 5),
    Column("tokens", of("output_tokens_per_s"), count, 2),
    Column("cost", of("cost_dollars_per_h"), money, 1),
)
