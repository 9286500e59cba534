"""How well a simulation foretold what was recorded: the same figures of both, the error of each, and which part of which target it is of.

Both worlds write the same events, so every figure is counted by one function from either. What must not live here: simulating, and words
for people.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from roteiro.analysis.spread import quantile
from roteiro.terms.codes import CacheKind, Outcome
from roteiro.terms.edge import Names

__all__ = [
    "PARTS",
    "Answer",
    "Culprit",
    "Facts",
    "Fidelity",
    "Goals",
    "Judged",
    "Period",
    "QuantilePoint",
    "Quantity",
    "compare",
    "edges_of",
    "facts",
    "prediction_interval",
]

Quantity = Literal["ms", "money", "tokens", "share", "count"]
"""Of a share the error is a difference (points), of all else it is relative to what was measured."""
SUCCESS: Final = int(Outcome.SUCCESS)
REFUSED: Final = (Outcome.LIMITED, Outcome.BUDGET, Outcome.CANCELLED, Outcome.INVALID)
"""Outcomes that are the client's own affair: no part of availability, as everywhere."""
PARTS: Final = ("waiting_room", "before", "first_token", "rest", "attempt")
"""What the time of an answer is made of: waiting for a place; attempts before the last one and the waits between them; the last attempt to
its first token, and from there on, of streams; the whole last attempt, of answers that were not streamed."""
SHARES: Final = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99)
"""Percentiles of the picture."""
IN_PERIOD: Final = 60
"""Requests that a period holds on average, at least."""
MOST_PERIODS: Final = 12
STUDENT: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
Z: Final = 1.959963984540054


class Answer(StrEnum):
    """What is said of one figure."""

    MET = "met"
    """Within its goal."""
    CHANCE = "chance"
    """Beyond its goal, but what was measured lies where single seeds do: more than chance is not shown."""
    MISSED = "missed"
    NO_GOAL = "no_goal"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Goals:
    """Errors that are borne: relative, of shares in points / 100."""

    total_p50: float = 0.05
    total_mean: float = 0.05
    total_p95: float = 0.10
    ttft: float = 0.10
    cost: float = 0.01
    attainment: float = 0.01

    def of(self, key: str) -> float | None:
        """The goal of a figure by its key, None where it has none."""
        group, _, name = key.partition(".")
        if group == "total":
            return {"p50": self.total_p50, "mean": self.total_mean, "p95": self.total_p95}.get(name)
        if group == "ttft":
            return self.ttft if name in ("p50", "p95", "mean") else None
        return self.cost if group == "cost" else self.attainment if group == "tier" else None


@dataclass(frozen=True, slots=True)
class Facts:
    """What one world's events tell. `figures`: by key, such as `total.p50`, `tier.gold.availability`; NaN where nothing is told.

    `periods`: (requests, p50, p95, TTFT p50) of each. `parts`: (target, part) → milliseconds, added up over answers. `percentiles`: of the
    times from arrival to end at SHARES.
    """

    figures: Mapping[str, float]
    periods: npt.NDArray[np.float64]
    parts: Mapping[tuple[str, str], float]
    answers: int
    percentiles: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One figure. `low` and `high`: where 95 % of single seeds lie (a prediction interval; the same as `predicted` with one seed).

    `error`: relative to what was measured; of shares the difference. NaN where either is not known, or nothing was measured.
    """

    key: str
    quantity: Quantity
    measured: float
    predicted: float
    low: float
    high: float
    error: float
    goal: float | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Period:
    """One part of the time: seconds since the run's epoch, requests, and each time's (measured, predicted, low, high) in ms."""

    start_s: float
    end_s: float
    requests: int
    p50_ms: tuple[float, float, float, float]
    p95_ms: tuple[float, float, float, float]
    ttft_ms: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class QuantilePoint:
    """The time of an answer at one percentile, in ms."""

    percent: int
    measured_ms: float
    predicted_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Culprit:
    """A part of the difference of the mean times: what `target` spends on `part`, milliseconds for each answer of all."""

    target: str
    part: str
    measured_ms: float
    predicted_ms: float

    @property
    def adds_ms(self) -> float:
        return self.predicted_ms - self.measured_ms


@dataclass(frozen=True, slots=True)
class Fidelity:
    """All that a comparison tells. `culprits`: the largest first."""

    figures: tuple[Judged, ...]
    periods: tuple[Period, ...]
    percentiles: tuple[QuantilePoint, ...]
    culprits: tuple[Culprit, ...]
    requests: int
    seeds: int
    goals: Goals = field(default_factory=Goals)

    @property
    def kept(self) -> bool:
        """Whether no goal is missed by more than chance has it."""
        return all(figure.answer is not Answer.MISSED for figure in self.figures)

    def figure(self, key: str) -> Judged | None:
        return next((figure for figure in self.figures if figure.key == key), None)


def facts(
    events: npt.NDArray[Any], names: Names, edges_s: npt.NDArray[np.float64], promised_ms: Mapping[str, tuple[float, float]]
) -> Facts:
    """The facts of packed EVENT rows. `edges_s`: bounds of the periods by arrival; rows beyond them are left out.

    `promised_ms`: tier → (p95 of the whole time, p95 to the first token), NaN where nothing is promised.
    """
    events = events[(events["arrival_s"] >= edges_s[0]) & (events["arrival_s"] < edges_s[-1])]
    good = events[events["outcome"] == SUCCESS]
    told: dict[str, float] = {"requests": float(len(events))}
    for group, column in (("total", "total_ms"), ("ttft", "ttft_ms")):
        told |= {f"{group}.{name}": value for name, value in times_of(good[column]).items()}
    told["cost"] = float(events["cost_nusd"].sum())
    told["tokens.input"], told["tokens.output"] = float(events["input_tokens"].sum()), float(good["output_tokens"].sum())
    told |= dict(tier_figures(events, good, names, promised_ms))
    for code, name in enumerate(names.targets):
        told[f"provider.{name}"] = share(good["target"] == code)
    for outcome in Outcome:
        told[f"outcome.{outcome.name.lower()}"] = share(events["outcome"] == int(outcome))
    told["journey.attempts"] = float(events["attempts"].mean()) if len(events) else math.nan
    told["journey.fallbacks"] = share(events["fallbacks"] > 0)
    told["journey.retried"] = share(events["attempts"] > 1)
    told["journey.queued"] = share(events["queue_ms"] > 0)
    told["journey.rescues"] = share(events["rescues"] > 0)
    told["journey.hedged"] = share(events["hedged"] > 0)
    told["journey.cached"] = share(events["cache"] != int(CacheKind.NONE))
    percentiles = np.array([in_order(np.sort(good["total_ms"]), percent) for percent in SHARES])
    return Facts(told, periods_of(events, edges_s), parts_of(good, names), len(good), percentiles)


def share(where: npt.NDArray[np.bool_]) -> float:
    return float(where.mean()) if len(where) else math.nan


def in_order(ordered: npt.NDArray[Any], percent: int) -> float:
    found = quantile(ordered, percent)
    return math.nan if found is None else found


def times_of(values: npt.NDArray[Any]) -> dict[str, float]:
    known = np.sort(values[~np.isnan(values)])
    mean = float(known.mean(dtype=np.float64)) if len(known) else math.nan
    return {"mean": mean, **{f"p{percent}": in_order(known, percent) for percent in (50, 95, 99)}}


def tier_figures(
    events: npt.NDArray[Any], good: npt.NDArray[Any], names: Names, promised_ms: Mapping[str, tuple[float, float]]
) -> Iterator[tuple[str, float]]:
    for code, tier in enumerate(names.tiers):
        own = events[events["tier"] == code]
        due = own[~np.isin(own["outcome"], [int(outcome) for outcome in REFUSED])]
        if not len(own):
            continue
        yield f"tier.{tier}.availability", share(due["outcome"] == SUCCESS)
        answered = good[good["tier"] == code]
        for name, column, bound in zip(("in_time", "first_in_time"), ("total_ms", "ttft_ms"), promised_ms.get(tier, ()), strict=False):
            known = answered[column][~np.isnan(answered[column])]
            if not math.isnan(bound):
                yield f"tier.{tier}.{name}", share(known <= bound)


def periods_of(events: npt.NDArray[Any], edges_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows = np.full((len(edges_s) - 1, 4), np.nan)
    where = np.searchsorted(edges_s, events["arrival_s"], side="right") - 1
    for k in range(len(rows)):
        own = events[where == k]
        good = own[own["outcome"] == SUCCESS]
        total, ttft = times_of(good["total_ms"]), times_of(good["ttft_ms"])
        rows[k] = len(own), total["p50"], total["p95"], ttft["p50"]
    return rows


def parts_of(good: npt.NDArray[Any], names: Names) -> dict[tuple[str, str], float]:
    """Milliseconds added up; an answer from a cache has a whole `attempt` and no target."""
    found: dict[tuple[str, str], float] = {}
    total, queue = good["total_ms"].astype(np.float64), good["queue_ms"].astype(np.float64)
    attempt = np.where(np.isnan(good["attempt_ms"]), total - queue, good["attempt_ms"])
    before = np.maximum(total - queue - attempt, 0.0)
    first = np.where(np.isnan(good["ttft_ms"]), 0.0, np.maximum(good["ttft_ms"] - queue - before, 0.0))
    streamed = ~np.isnan(good["ttft_ms"])
    columns = (queue, before, first, np.where(streamed, attempt - first, 0.0), np.where(streamed, 0.0, attempt))
    for code in np.unique(good["target"]):
        name = names.targets[code] if 0 <= code < len(names.targets) else ""
        where = good["target"] == code
        for part, values in zip(PARTS, columns, strict=True):
            found[name, part] = float(values[where].sum())
    return found


def prediction_interval(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """(mean, low, high): where one more seed lies with 95 % (Student: mean ± t s √(1 + 1/n)). NaN where no seed tells."""
    told = values[~np.isnan(values)]
    n = len(told)
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = float(told.mean())
    if n == 1:
        return mean, mean, mean
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else Z + 2.4 / (n - 1)
    half = t * float(told.std(ddof=1)) * math.sqrt(1.0 + 1.0 / n)
    return mean, mean - half, mean + half


def quantity_of(key: str) -> Quantity:
    group = key.partition(".")[0]
    if group in ("total", "ttft"):
        return "ms"
    if group in ("cost", "tokens"):
        return "money" if group == "cost" else "tokens"
    return "count" if key in ("requests", "journey.attempts") else "share"


def judged(key: str, measured: float, seeds: npt.NDArray[np.float64], goals: Goals) -> Judged:
    quantity, goal = quantity_of(key), goals.of(key)
    mean, low, high = prediction_interval(seeds)
    if quantity == "share":
        low, high, error = max(low, 0.0), min(high, 1.0), mean - measured
    else:
        low = max(low, 0.0)
        error = math.nan if measured == 0.0 and mean != 0.0 else 0.0 if measured == mean else (mean - measured) / measured
    if math.isnan(error):
        answer = Answer.NO_DATA
    elif goal is None:
        answer = Answer.NO_GOAL
    elif abs(error) <= goal:
        answer = Answer.MET
    else:
        answer = Answer.CHANCE if len(seeds) > 1 and low <= measured <= high else Answer.MISSED
    return Judged(key, quantity, measured, mean, low, high, error, goal, answer)


def edges_of(first_s: float, last_s: float, requests: int) -> npt.NDArray[np.float64]:
    """Bounds of equal periods that hold enough requests each; the last one holds the last arrival too."""
    periods = max(min(MOST_PERIODS, requests // IN_PERIOD), 1)
    return np.linspace(first_s, np.nextafter(max(last_s, first_s + 1e-3), math.inf), periods + 1)


def compare(recorded: Facts, foretold: Sequence[Facts], edges_s: npt.NDArray[np.float64], goals: Goals | None = None) -> Fidelity:
    """Judge what several seeds foretold against what was recorded. All facts are of the same periods `edges_s`."""
    goals = goals or Goals()
    keys = [key for key, value in recorded.figures.items() if value or any(one.figures.get(key, 0.0) for one in foretold)]
    figures = [judged(key, recorded.figures[key], np.array([one.figures.get(key, math.nan) for one in foretold]), goals) for key in keys]

    def banded(measured: float, values: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
        mean, low, high = prediction_interval(values)
        return measured, mean, max(low, 0.0), high

    together = np.stack([one.periods for one in foretold])
    periods = [
        Period(float(start), float(end), int(row[0]), *(banded(float(row[c]), together[:, k, c]) for c in (1, 2, 3)))
        for k, (start, end, row) in enumerate(zip(edges_s[:-1], edges_s[1:], recorded.periods, strict=True))
    ]
    drawn = np.stack([one.percentiles for one in foretold])
    percentiles = [QuantilePoint(percent, *banded(float(recorded.percentiles[k]), drawn[:, k])) for k, percent in enumerate(SHARES)]
    culprits, requests = culprits_of(recorded, foretold), int(recorded.figures["requests"])
    return Fidelity(tuple(figures), tuple(periods), tuple(percentiles), culprits, requests, len(foretold), goals)


def culprits_of(recorded: Facts, foretold: Sequence[Facts]) -> tuple[Culprit, ...]:
    """Which part of which target the difference of the means is of, the largest first."""
    told = list(dict.fromkeys(key for one in (recorded, *foretold) for key in one.parts))

    def each(one: Facts, key: tuple[str, str]) -> float:
        return one.parts.get(key, 0.0) / one.answers if one.answers else 0.0

    found = [Culprit(*key, each(recorded, key), float(np.mean([each(one, key) for one in foretold]))) for key in told]
    return tuple(sorted((one for one in found if one.measured_ms or one.predicted_ms), key=lambda one: -abs(one.adds_ms)))
