"""What a unit costs: a thousand tokens, a user, a transaction; and what share of the tokens was of use.

**Cost** is all money: what providers charge for answers, and the estimated cost of attempts that were given up. **A transaction** is an
answered request. **Tokens** are input and output as the ledger records them, of all requests, whoever answered. **Useful** are those of
answers that were delivered whole. Of no use are the tokens of requests that failed or were cancelled, and those lost to hedges, rescues
and retries: of these the ledger knows the money alone, so their tokens are estimated at the mean price of their model's tokens.
**Users** are not in the ledger (a key is not a person): that measure is unverified.

**Intervals** (95 %) are of the ratio of sums, by bootstrap over stretches of time as clusters (Efron and Tibshirani, "An Introduction to
the Bootstrap", 1993, chapter 13): requests of one hour are not independent. A stretch is the longest of day, hour, minute and second of
which at least 24 have requests.

What must not live here: the plan (targets come as `UnitTargets`, teams as a mapping), and words for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from roteiro.analysis.chance import Chance
from roteiro.analysis.column import integers, is_word, numbers, words
from roteiro.analysis.cost import per
from roteiro.analysis.sla import Verdict
from roteiro.analysis.spread import Interval

__all__ = ["COLUMNS", "Measure", "UnitCost", "UnitCostReport", "UnitTargets", "unit_costs"]

COLUMNS: Final = ("time", "tenant", "workload", "model", "outcome", "cost_nusd", "lost_nusd", "input_tokens", "output_tokens")
"""The columns of `events` that are read."""

STRETCHES_S: Final = (86400, 3600, 60, 1)
FEWEST_STRETCHES: Final = 24
RESAMPLES: Final = 1000
SUMS: Final = ("cost_nusd", "tokens", "useful", "lost_tokens", "answers")


@dataclass(frozen=True, slots=True)
class UnitTargets:
    """Nano-dollars, and a share; None where there is no target."""

    per_1k_tokens_nusd: int | None = None
    per_user_nusd: int | None = None
    per_transaction_nusd: int | None = None
    token_efficiency: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure against its target. `sure`: the interval lies wholly on the verdict's side."""

    value: float | None
    interval: Interval | None
    target: float | None
    verdict: Verdict
    sure: bool


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The four measures of a group. `name` is None for what belongs to none; costs in nano-dollars.

    `lost_tokens` are estimated; `cost_nusd` holds `lost_nusd`, the cost of attempts given up.
    """

    name: str | None
    requests: int
    answers: int
    cost_nusd: int
    lost_nusd: int
    tokens: int
    useful_tokens: int
    lost_tokens: int
    per_1k_tokens_nusd: Measure
    per_user_nusd: Measure
    per_transaction_nusd: Measure
    token_efficiency: Measure


@dataclass(frozen=True, slots=True)
class UnitCostReport:
    """The same money by whose it was, each group the dearest first. `stretch_s` is what the intervals resample; None without intervals.

    `by_team` is None where nobody knows the teams.
    """

    total: UnitCost
    by_tenant: tuple[UnitCost, ...]
    by_team: tuple[UnitCost, ...] | None
    by_workload: tuple[UnitCost, ...]
    by_model: tuple[UnitCost, ...]
    stretch_s: int | None


def unit_costs(events: pa.Table, targets: UnitTargets, chance: Chance, teams: Mapping[str, str | None] | None = None) -> UnitCostReport:
    """The unit costs of `events`, which holds at least COLUMNS. `teams`: the team of each tenant, where the plan is known."""
    rows = Rows(events, targets, chance)
    tenants = words(events, "tenant")
    return UnitCostReport(
        total=rows.measure(None, np.ones(len(events), bool)),
        by_tenant=rows.by(tenants),
        by_team=None if teams is None else rows.by(tenants, teams),
        by_workload=rows.by(words(events, "workload")),
        by_model=rows.by(words(events, "model")),
        stretch_s=rows.stretch_s,
    )


class Rows:
    """Requests with what is summed over them, and the weights of the resamples."""

    def __init__(self, events: pa.Table, targets: UnitTargets, chance: Chance) -> None:
        self.targets = targets
        self.lost = integers(events, "lost_nusd")
        self.spent = integers(events, "cost_nusd") + self.lost
        self.tokens = integers(events, "input_tokens") + integers(events, "output_tokens")
        self.answered = is_word(events, "outcome", "success")
        self.lost_tokens = lost_tokens(events, self.tokens)
        self.stretch_s, self.stretch_of = stretches(np.asarray(events.column("time").cast(pa.int64()).to_numpy()))
        count = int(self.stretch_of.max()) + 1 if self.stretch_s is not None else 0
        self.weights = chance.multinomial(count, np.full(count, 1.0 / count), RESAMPLES).astype(np.float64) if count else np.empty((0, 0))

    def by(self, column: pa.ChunkedArray, under: Mapping[str, str | None] | None = None) -> tuple[UnitCost, ...]:
        """One line for each name of a column, or for each name that these stand `under`."""
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        numbered = encoded.indices.to_numpy()
        groups: dict[str | None, list[int]] = {}
        for number, name in enumerate(encoded.dictionary.to_pylist()):
            groups.setdefault(name if under is None or name is None else under.get(name), []).append(number)
        lines = [self.measure(name, np.isin(numbered, its)) for name, its in groups.items()]
        return tuple(sorted(lines, key=lambda one: (-one.cost_nusd, -one.requests, one.name is None, one.name or "")))

    def measure(self, name: str | None, mine: npt.NDArray[np.bool_]) -> UnitCost:
        answered = mine & self.answered
        cost, tokens, useful = int(self.spent[mine].sum()), int(self.tokens[mine].sum()), int(self.tokens[answered].sum())
        lost, answers = float(self.lost_tokens[mine].sum()), int(answered.sum())
        drawn = self.resampled(mine, answered)
        to = self.targets
        everything = tokens + lost
        return UnitCost(
            name=name,
            requests=int(mine.sum()),
            answers=answers,
            cost_nusd=cost,
            lost_nusd=int(self.lost[mine].sum()),
            tokens=tokens,
            useful_tokens=useful,
            lost_tokens=round(lost),
            per_1k_tokens_nusd=below(per(cost, tokens, 1000), middle(drawn, "cost_nusd", "tokens", 1000.0), to.per_1k_tokens_nusd),
            per_user_nusd=Measure(None, None, to.per_user_nusd, Verdict.UNVERIFIED, False),
            per_transaction_nusd=below(per(cost, answers), middle(drawn, "cost_nusd", "answers"), to.per_transaction_nusd),
            token_efficiency=above(useful / everything if everything else None, middle(drawn, "useful", "all"), to.token_efficiency),
        )

    def resampled(self, mine: npt.NDArray[np.bool_], answered: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.float64]]:
        """Each sum in each resample; nothing where the group is in fewer than two stretches."""
        if self.stretch_s is None or not mine.any() or np.ptp(self.stretch_of[mine]) == 0:
            return {}
        columns = (self.spent, self.tokens, np.where(answered, self.tokens, 0), self.lost_tokens, answered)
        count = self.weights.shape[1]
        sums = [self.weights @ np.bincount(self.stretch_of[mine], column[mine].astype(np.float64), count) for column in columns]
        drawn = dict(zip(SUMS, sums, strict=True))
        return drawn | {"all": drawn["tokens"] + drawn["lost_tokens"]}


def lost_tokens(events: pa.Table, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Tokens behind each request's lost money: at the mean price of its model's tokens, or of all where the model has no price."""
    cost, lost = numbers(events, "cost_nusd"), numbers(events, "lost_nusd")
    encoded = words(events, "model").combine_chunks().dictionary_encode(null_encoding="encode")
    models, paid = encoded.indices.to_numpy(), cost > 0

    def for_a_nusd(mine: npt.NDArray[np.bool_]) -> float:
        money = float(cost[mine & paid].sum())
        return float(tokens[mine & paid].sum()) / money if money else 0.0

    found = np.zeros(len(tokens))
    everywhere = for_a_nusd(np.ones(len(tokens), bool))
    for model in np.unique(models[lost > 0]):
        mine = models == model
        found[mine] = lost[mine] * (for_a_nusd(mine) or everywhere)
    return found


def stretches(micros: npt.NDArray[np.int64]) -> tuple[int | None, npt.NDArray[np.int64]]:
    """The longest stretch of which enough have requests, and the number of each request's; None where even seconds are too few."""
    for length in STRETCHES_S:
        known, numbered = np.unique(micros // (length * 1_000_000), return_inverse=True)
        if len(known) >= FEWEST_STRETCHES:
            return length, numbered.astype(np.int64)
    return None, np.zeros(len(micros), np.int64)


def middle(drawn: dict[str, npt.NDArray[np.float64]], over: str, under: str, units: float = 1.0) -> Interval | None:
    """The middle 95 % of the ratio over the resamples that have something to divide by."""
    if not drawn or not np.any(drawn[under] > 0):
        return None
    some = drawn[under] > 0
    low, high = np.quantile(drawn[over][some] * units / drawn[under][some], (0.025, 0.975))
    return Interval(float(low), float(high))


def below(value: float | None, interval: Interval | None, target: float | None) -> Measure:
    """A measure that should be below its target."""
    return judged(value, interval, target, -1)


def above(value: float | None, interval: Interval | None, target: float | None) -> Measure:
    """A measure that should be above its target."""
    return judged(value, interval, target, 1)


def judged(value: float | None, interval: Interval | None, target: float | None, sign: int) -> Measure:
    if target is None:
        return Measure(value, interval, target, Verdict.NO_TARGET, False)
    if value is None:
        return Measure(value, interval, target, Verdict.NO_DATA, False)
    met = (value - target) * sign > 0
    sure = interval is not None and ((interval.low - target) * sign > 0) == met == ((interval.high - target) * sign > 0)
    return Measure(value, interval, target, Verdict.MET if met else Verdict.MISSED, sure)
