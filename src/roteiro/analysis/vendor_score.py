"""Scores of vendors: measures on their scales, criteria, a total over what is known, and how far a ranking can be trusted.

**No data is no score.** A measure that is not known is left out of its criterion, and a criterion of which nothing is known out of the
total; how much of the weight is known is told beside it (coverage). It is never zero, which would punish, and never a mean, which would
invent. Vendors are ranked by the measures that *all* of the ranked have, so that each is judged by the same; who has too little known is
not ranked, and does not take measures away from the others.

**A rank only where it is sure.** A vendor stands above another where it is ahead in at least 97.5 % of the draws of the measurements.
**How much hangs on the weights** is told by drawing weights: all that are possible (uniform on the simplex), those that keep the plan's
order of importance; and by the smallest shift of weight that puts another first (a linear program).

What must not live here: measuring (`vendor_measures`), weights and scales as people write them (the plan).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from roteiro.analysis.chance import Chance
from roteiro.analysis.vendor_measures import DRAWS, Known
from roteiro.catalog.criteria import CRITERIA, MEASURES, CriterionName, score

__all__ = ["CriterionScore", "Fact", "Judging", "MeasureScore", "Scorecard", "Shift", "VendorScore", "scorecard"]

Values = npt.NDArray[np.float64]

SURE: Final = 0.975
WEIGHTS_DRAWN: Final = 20_000


@dataclass(frozen=True, slots=True)
class Judging:
    """Weights of criteria and of the measures within them, scales (worst, best), and the least coverage of who is ranked."""

    criteria: Mapping[CriterionName, float]
    measures: Mapping[str, float]
    scales: Mapping[str, tuple[float, float]]
    least_coverage: float = 0.5


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one measure of one vendor. `known` is None where nothing is, or where what was declared is stale. `basis`: measured,
    declared, listed (of a price list), stale or none. `source` and `as_of` of what was declared; `note` for what else is to be told."""

    measure: str
    known: Known | None
    basis: str
    source: str = ""
    as_of: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MeasureScore:
    """A fact on its scale; None where it is not known. `low` and `high` bound the value, `score_low` and `score_high` its score."""

    measure: str
    basis: str
    source: str
    as_of: str
    note: str
    n: int = 0
    value: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None


@dataclass(frozen=True, slots=True)
class CriterionScore:
    """None where nothing is known. `coverage`: the weighted share of its measures that are known."""

    criterion: CriterionName
    weight: float
    score: float | None
    low: float | None
    high: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class VendorScore:
    """`total` over what is known of this vendor; `comparable` over what is known of all that are ranked. `rank`: best and worst place that
    the measurements allow, None for who is not ranked; `places`: the probability of each place; `first_any`, `first_ordered`: the share of
    drawn weights with which it is first."""

    vendor: str
    measures: tuple[MeasureScore, ...]
    criteria: tuple[CriterionScore, ...]
    total: float | None
    total_low: float | None
    total_high: float | None
    coverage: float
    comparable: float | None = None
    rank: tuple[int, int] | None = None
    places: tuple[float, ...] = ()
    first_any: float | None = None
    first_ordered: float | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """The smallest shift of weights after which `vendor` would be level with the first: the share of all weight that moves, and the
    weights then. `moved` is None where no weights do it: the first is at least as good in every criterion."""

    vendor: str
    moved: float | None
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """`common`: the measures that the ranking is made of. `first`: who has the highest comparable total; `sure`: whether it surely has."""

    vendors: tuple[VendorScore, ...]
    common: tuple[str, ...]
    first: str | None
    sure: bool
    shifts: tuple[Shift, ...]
    weights: dict[str, float]
    draws: int


def scorecard(facts: Mapping[str, Sequence[Fact]], judging: Judging, chance: Chance) -> Scorecard:
    """Score vendors by what is known of them (by vendor, a Fact a measure; those not named are not known)."""
    names = list(facts)
    points, draws = np.full((len(names), len(MEASURES)), np.nan), np.full((len(names), len(MEASURES), DRAWS), np.nan)
    shown: list[tuple[MeasureScore, ...]] = []
    for v, name in enumerate(names):
        given = {fact.measure: fact for fact in facts[name]}
        row = []
        for m, measure in enumerate(MEASURES):
            fact = given.get(measure, Fact(measure, None, "none"))
            row.append(on_scale(fact, judging))
            if fact.known is not None:
                points[v, m] = place(measure, fact.known.value, judging)
                draws[v, m] = places_of(measure, fact.known.draws, judging)
        shown.append(tuple(row))
    scored = [one_vendor(name, shown[v], points[v], draws[v], judging) for v, name in enumerate(names)]
    return ranked(scored, points, draws, judging, chance)


def on_scale(fact: Fact, judging: Judging) -> MeasureScore:
    told = MeasureScore(fact.measure, fact.basis, fact.source, fact.as_of, fact.note)
    if (known := fact.known) is None:
        return told
    low, high = sorted(place(fact.measure, end, judging) for end in (known.low, known.high))
    return replace(
        told, n=known.n, value=known.value, low=known.low, high=known.high, score=place(fact.measure, known.value, judging),
        score_low=low, score_high=high,
    )  # fmt: skip


def place(measure: str, value: float, judging: Judging) -> float:
    worst, best = judging.scales[measure]
    return score(value, worst, best, MEASURES[measure].curve)


def places_of(measure: str, values: Values, judging: Judging) -> Values:
    if (values == values[0]).all():
        return np.full(len(values), place(measure, float(values[0]), judging))
    return np.array([place(measure, float(value), judging) for value in values])


def criterion_scores(scores: Values, known: npt.NDArray[np.bool_], judging: Judging) -> tuple[Values, Values]:
    """(criteria × draws, coverage by criterion) from measures × draws; a criterion without any known measure is NaN."""
    found, coverage = np.full((len(CRITERIA), scores.shape[1]), np.nan), np.zeros(len(CRITERIA))
    for c, criterion in enumerate(CRITERIA):
        rows = [m for m, row in enumerate(MEASURES.values()) if row.criterion == criterion]
        weights = np.array([judging.measures.get(name, 1.0) for name, row in MEASURES.items() if row.criterion == criterion])
        there = known[rows] & (weights > 0.0)
        if weights.sum() > 0.0:
            coverage[c] = weights[there].sum() / weights.sum()
        if there.any():
            chosen = [row for row, one in zip(rows, there, strict=True) if one]
            found[c] = weights[there] @ scores[chosen] / weights[there].sum()
    return found, coverage


def total_of(criteria: Values, judging: Judging) -> Values:
    """By draw, over the criteria that are known; NaN where none with a weight is."""
    weights = weights_of(judging)
    there = ~np.isnan(criteria[:, 0]) & (weights > 0.0)
    if not there.any():
        return np.full(criteria.shape[1], np.nan)
    total: Values = weights[there] @ criteria[there] / weights[there].sum()
    return total


def weights_of(judging: Judging) -> Values:
    return np.array([judging.criteria[criterion] for criterion in CRITERIA])


def one_vendor(name: str, measures: tuple[MeasureScore, ...], points: Values, draws: Values, judging: Judging) -> VendorScore:
    known = ~np.isnan(points)
    middle, coverage = criterion_scores(points[:, None], known, judging)
    drawn, _ = criterion_scores(draws, known, judging)
    weights = weights_of(judging)
    rows = []
    for c, criterion in enumerate(CRITERIA):
        value = none_of(middle[c, 0])
        low, high = (None, None) if value is None else ends(drawn[c], value)
        rows.append(CriterionScore(criterion, float(weights[c]), value, low, high, float(coverage[c])))
    total = none_of(total_of(middle, judging)[0])
    low, high = (None, None) if total is None else ends(total_of(drawn, judging), total)
    share = float(weights @ coverage / weights.sum()) if weights.sum() > 0.0 else 0.0
    return VendorScore(name, measures, tuple(rows), total, low, high, share)


def ends(draws: Values, value: float) -> tuple[float, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return min(float(low), value), max(float(high), value)


def none_of(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def ranked(scored: Sequence[VendorScore], points: Values, draws: Values, judging: Judging, chance: Chance) -> Scorecard:
    """The ranking of those of whom enough is known, by what is known of all of them."""
    chosen = [v for v, one in enumerate(scored) if one.total is not None and one.coverage >= judging.least_coverage]
    common: npt.NDArray[np.bool_] = np.zeros(len(MEASURES), np.bool_)
    if chosen:
        common |= (~np.isnan(points[chosen])).all(axis=0)
    weights = weights_of(judging)
    plain: dict[str, float] = {criterion: float(weight) for criterion, weight in zip(CRITERIA, weights, strict=True)}
    by_vendor = [criterion_scores(points[v][:, None], common, judging)[0][:, 0] for v in chosen]
    usable = [c for c in range(len(CRITERIA)) if by_vendor and not np.isnan(by_vendor[0][c])]
    if not usable or not weights[usable].sum():
        return Scorecard(tuple(scored), (), None, False, (), plain, DRAWS)
    middle = np.array([row[usable] for row in by_vendor])
    own = weights[usable] / weights[usable].sum()
    totals = middle @ own
    drawn = np.array([total_of(criterion_scores(draws[v], common, judging)[0], judging) for v in chosen])
    ahead = np.array([[float((a > b).mean()) for b in drawn] for a in drawn])
    order = np.argsort(np.argsort(-drawn, axis=0, kind="stable"), axis=0)
    any_first = firsts(middle, chance.dirichlet(np.ones(len(usable)), WEIGHTS_DRAWN))
    ordered_first = firsts(middle, in_order(own, chance))
    rows = list(scored)
    for k, v in enumerate(chosen):
        above, below = int((ahead[:, k] >= SURE).sum()), int((ahead[k] >= SURE).sum())
        rows[v] = replace(
            scored[v], comparable=float(totals[k]), rank=(above + 1, len(chosen) - below),
            places=tuple(float((order[k] == place).mean()) for place in range(len(chosen))),
            first_any=float(any_first[k]), first_ordered=float(ordered_first[k]),
        )  # fmt: skip
    first = int(np.argmax(totals))
    shifts = [shift(scored[v].vendor, middle[first] - middle[k], own, usable) for k, v in enumerate(chosen) if k != first]
    names = list(MEASURES)
    return Scorecard(
        vendors=tuple(rows),
        common=tuple(names[m] for m in range(len(names)) if common[m] and CRITERIA.index(MEASURES[names[m]].criterion) in usable),
        first=scored[chosen[first]].vendor,
        sure=len(chosen) > 1 and all(ahead[first, k] >= SURE for k in range(len(chosen)) if k != first),
        shifts=tuple(shifts), weights=plain, draws=DRAWS,
    )  # fmt: skip


def firsts(scores: Values, weights: Values) -> Values:
    """The share of weight vectors with which each vendor is first; who ties shares it."""
    totals = weights @ scores.T
    best = totals >= totals.max(axis=1, keepdims=True) - 1e-12
    share: Values = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return share


def in_order(own: Values, chance: Chance) -> Values:
    """Weights drawn uniformly among those in which what the plan weighs more does not weigh less; equals in any order."""
    drawn = -np.sort(-chance.dirichlet(np.ones(len(own)), WEIGHTS_DRAWN), axis=1)
    shuffled = chance.random((WEIGHTS_DRAWN, len(own)))
    place = np.argsort(np.lexsort((shuffled, np.broadcast_to(-own, shuffled.shape)), axis=1), axis=1)
    found: Values = np.take_along_axis(drawn, place, axis=1)
    return found


def shift(vendor: str, lead: Values, own: Values, usable: Sequence[int]) -> Shift:
    """The nearest weights at which the lead of the first is gone: half the sum of changes is what moves."""
    n = len(own)
    cost = np.concatenate([np.zeros(n), np.full(n, 0.5)])
    eye = np.eye(n)
    bounds_of = np.vstack([np.hstack([eye, -eye]), np.hstack([-eye, -eye]), np.concatenate([lead, np.zeros(n)])[None]])
    most = np.concatenate([own, -own, [0.0]])
    found = linprog(cost, A_ub=bounds_of, b_ub=most, A_eq=np.concatenate([np.ones(n), np.zeros(n)])[None], b_eq=[1.0], method="highs")
    if found.status != 0:
        return Shift(vendor, None)
    return Shift(vendor, float(found.fun), {CRITERIA[c]: float(weight) for c, weight in zip(usable, found.x[:n], strict=True)})
