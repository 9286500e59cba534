"""What signals of quality say, by whom they are about: rates and means with their intervals, and how much was looked at.

A verdict of yes or no gives a share with Wilson's interval; a measured value a mean with Student's. Values are of what was looked at alone:
what nobody looked at is *unverified*, and counts neither for nor against. What must not live here: how a signal is found (`quality`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, Literal

from scipy.stats import t as student

from roteiro.analysis.spread import Interval, wilson
from roteiro.terms.codes import Signal

__all__ = ["BY", "LOOKED", "MEANS", "Group", "QualityReport", "SignalValue", "quality_report"]

Sums = Sequence[Mapping[str, Any]]
By = Literal["all", "model", "target", "workload", "tenant"]
BY: Final[tuple[By, ...]] = ("model", "target", "workload", "tenant")

MEANS: Final = frozenset({Signal.CONFIDENCE, Signal.FEEDBACK, Signal.AGREEMENT, Signal.GROUNDED, Signal.LENGTH, Signal.DISTANCE})
"""Signals whose value is measured; all others are verdicts, or counts of which any is one too many."""
LOOKED: Final = (
    Signal.REFUSED, Signal.TRUNCATED, Signal.REPETITION, Signal.LEAKS, Signal.CONFIDENCE, Signal.FORMAT, Signal.LANGUAGE, Signal.GROUNDED,
)  # fmt: skip
"""Signals of an answer itself: one that has any was looked at."""
SURE: Final = 0.95


@dataclass(frozen=True, slots=True)
class SignalValue:
    """One signal of a group. `value` is a share of yes, or a mean; `count` says of how many; `total` is the sum of a count's."""

    kind: str
    measure: Literal["share", "mean"]
    count: int
    value: float
    interval: Interval | None
    total: float


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of one model, provider, workload or tenant; `answers` in words were given, `looked_at` of them were looked at."""

    by: By
    name: str | None
    answers: int
    looked_at: int
    signals: tuple[SignalValue, ...]

    @property
    def coverage(self) -> float | None:
        """Share of the answers that were looked at; None where there were none."""
        return min(self.looked_at / self.answers, 1.0) if self.answers else None

    def of(self, kind: Signal) -> SignalValue | None:
        """None: unverified."""
        return next((one for one in self.signals if one.kind == kind.name.lower()), None)


@dataclass(frozen=True, slots=True)
class QualityReport:
    """`kinds` are the signals that anybody has, in their own order; `groups` those with answers or signals, the busiest first."""

    overall: Group
    groups: tuple[Group, ...]
    kinds: tuple[str, ...]


@dataclass(slots=True)
class _Sums:
    count: int = 0
    positive: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        self.count += row["count"]
        self.positive += row["positive"]
        self.total += row["total"]
        self.squares += row["squares"]


def quality_report(signals: Sums, looked: Sums, answers: Sums) -> QualityReport:
    """The report of sums by tenant, workload, model and target (columns of those names).

    `signals`: with `kind`, `count`, `positive` (values above a half, or above nothing for counts), `total` and `squares`; `looked`: with
    `count`, the answers that were looked at; `answers`: with `count`, those that were given.
    """
    groups = [_group(by, name, signals, looked, answers) for by in BY for name in _names(by, (*signals, *answers))]
    groups.sort(key=lambda group: (BY.index(group.by) if group.by != "all" else -1, -group.answers, str(group.name)))
    overall = _group("all", None, signals, looked, answers)
    return QualityReport(overall, tuple(groups), tuple(one.kind for one in overall.signals))


def _names(by: By, rows: Iterable[Mapping[str, Any]]) -> list[str | None]:
    return list(dict.fromkeys(row[by] for row in rows))


def _group(by: By, name: str | None, signals: Sums, looked: Sums, answers: Sums) -> Group:
    def mine(row: Mapping[str, Any]) -> bool:
        return by == "all" or row[by] == name

    sums: dict[str, _Sums] = {}
    for row in filter(mine, signals):
        sums.setdefault(row["kind"], _Sums()).add(row)
    values = tuple(_value(kind, sums[kind.name.lower()]) for kind in Signal if kind.name.lower() in sums)
    given, seen = (sum(row["count"] for row in filter(mine, rows)) for rows in (answers, looked))
    return Group(by, name, given, seen, values)


def _value(kind: Signal, sums: _Sums) -> SignalValue:
    name = kind.name.lower()
    if kind in MEANS:
        mean = sums.total / sums.count
        return SignalValue(name, "mean", sums.count, mean, _around(mean, sums, bounded=kind is not Signal.LENGTH), sums.total)
    return SignalValue(name, "share", sums.count, sums.positive / sums.count, wilson(sums.positive, sums.count), sums.total)


def _around(mean: float, sums: _Sums, bounded: bool) -> Interval | None:
    """Student's interval of the mean; None of a single value. Of signals on a scale it does not leave the scale."""
    if sums.count < 2:
        return None
    variance = max(sums.squares - sums.count * mean * mean, 0.0) / (sums.count - 1)
    half = float(student.ppf(0.5 + SURE / 2, sums.count - 1)) * sqrt(variance / sums.count)
    low, high = mean - half, mean + half
    return Interval(max(low, 0.0), min(high, 2.0 if mean > 1.0 else 1.0)) if bounded else Interval(max(low, 0.0), high)
