"""What to buy over uncertain demand: the cheapest reserved units that, with pay-as-you-go and batch, keep a promise with a probability.

A two-stage mixed-integer program over sample paths. First stage: units of every offer, integers as they are sold. Second: each hour of each
path is served at least cost (`analysis.recourse`). One program over all hours and paths would have millions of variables, and needs none of
them: given the units, hours are independent and cost is convex in demand. So hours that are alike are joined into cells at their mean.
By Jensen's inequality that program (HiGHS) costs too little, and its units, costed exactly over all hours, cost too much: between the two
lies the optimum. The cells in which they differ most are split until the gap is small (Y. Song and J. Luedtke, "An adaptive partition-based
approach for solving two-stage stochastic programs with fixed recourse", SIAM Journal on Optimization 25, 2015).

The promise is a chance constraint, and depends on units through capacity alone: a path is kept if capacity reaches a level known
beforehand. With n paths, any of the ⌊(1 − P) n⌋ may be given up, so binaries stand only for paths among the highest (J. Luedtke, S. Ahmed
and G. Nemhauser, "An integer programming approach for linear programs with probabilistic constraints", Mathematical Programming 122, 2010).

What must not live here: the program itself (`analysis.purchase_program`), what a unit carries (`analysis.provisioned`), words for people.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.purchase_case import Case, Need, Offer, Promise
from roteiro.analysis.purchase_program import Cells, Solution, solve
from roteiro.analysis.recourse import Tiers, serve

__all__ = ["Bought", "Purchase", "purchase"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COARSE: Final = 40
"""Cells over which units are first whole: HiGHS answers that in seconds, and over 100 no better once single increments are moved. Bounds
come from as many cells as it takes."""
MOST_CELLS: Final = 600
GAP: Final = 0.005
"""Relative distance from the optimum that is good enough: forecasts are not so good."""


@dataclass(frozen=True, slots=True)
class Bought:
    """One offer in the answer. `units` reserved cost `reserved` $; `used` is the expected share of them in use; `usage` and `batch` are
    expected tokens, `usage_cost` and `batch_cost` what they cost; `at_quota` is the share of hours at which the quota is reached."""

    offer: Offer
    units: int
    reserved: float
    used: float
    usage: float
    usage_cost: float
    batch: float
    batch_cost: float
    at_quota: float


@dataclass(frozen=True, slots=True)
class Purchase:
    """The answer. `cost` is the expected $ over the horizon, missed load included, p50 and p95 of it over the paths; no units at all cost
    `unreserved`. The optimum lies within `gap` of `cost`, relative. `kept` is the share of paths that keep the promise, `met` whether
    that reaches the probability; `lacking`, tokens an hour of capacity that no offer sells, by tier from the lowest.
    """

    bought: tuple[Bought, ...]
    cost: float
    p50: float
    p95: float
    missed: float
    unreserved: float
    unreserved_kept: float
    kept: float
    met: bool
    lacking: tuple[float, ...]
    gap: float
    cells: int

    @property
    def units(self) -> dict[str, int]:
        """Units by the offer's name, where there are some."""
        return {one.offer.name: one.units for one in self.bought if one.units}


# -- cells ----------------------------------------------------------------------------------------------------------------------------


class Partition:
    """Every hour of every path in one cell. `features` (points, 2 × tiers) is the demand, `label` (points,) the cell."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.features = np.hstack([case.tiers.at_once, case.tiers.patient])
        bounds = case.tiers.bounds()
        self.measures = np.unique(np.concatenate([self.features.T, bounds, bounds[-1] - bounds[:-1]]), axis=0)
        self.label = np.zeros(len(self.features), np.int64)
        self.count = 1

    def means(self, label: Ints | None = None, count: int = 0) -> Cells:
        """The cells at their means; of another partition into `count` where one is given. An empty cell has no weight."""
        label, count = (self.label, self.count) if label is None else (label, count)
        sizes = np.bincount(label, minlength=count)
        sums = np.array([np.bincount(label, column, count) for column in self.features.T]).T
        at_once, patient = np.hsplit(np.maximum(sums / np.maximum(sizes, 1)[:, None], 0.0), 2)
        return Cells(Tiers(at_once, patient), sizes / self.case.paths)

    def cost(self, units: Sequence[float], cells: Cells) -> Floats:
        """What serving each cell at its mean costs, in $ of the horizon, beside what is reserved."""
        hours = serve(cells.tiers, self.case.supplies(units))
        paid: Floats = cells.weight * (hours.cost + self.case.missed_price * hours.short)
        return paid

    def too_cheap(self, units: Sequence[float], exact: Floats) -> Floats:
        """By how much each cell, served at its mean, costs less than its hours `exact` (points,), in $ of the horizon; never below 0."""
        whole = np.bincount(self.label, exact, self.count) / self.case.paths
        missing: Floats = np.maximum(whole - self.cost(units, self.means()), 0.0)
        return missing

    def copy(self) -> "Partition":
        """One to split further without this one."""
        other = copy(self)
        other.label = self.label.copy()
        return other

    def split(self, units: Sequence[float], exact: Floats) -> int:
        """Split the cells that are the most too cheap, those with nine tenths of it together. How many there were.

        Each is cut at the mean of one measure of demand: the one by which its two halves, at these units, cost the most beyond the whole.
        """
        weight = self.too_cheap(units, exact)
        weight[weight <= 1e-9 * exact.sum() / self.case.paths] = 0.0  # the last bits of a float
        order = np.argsort(-weight, kind="stable")
        enough = int(np.searchsorted(np.cumsum(weight[order]), 0.9 * weight.sum())) + 1
        chosen = np.zeros(self.count, bool)
        chosen[order[:enough]] = weight[order[:enough]] > 0.0
        sizes = np.bincount(self.label, minlength=self.count)
        best, upper = np.full(self.count, -np.inf), np.zeros(len(self.label), bool)
        for measure in self.measures:
            above = measure > (np.bincount(self.label, measure, self.count) / sizes)[self.label]
            halves = self.means(2 * self.label + above, 2 * self.count)
            cost = self.cost(units, halves).reshape(-1, 2).sum(axis=1)
            better = (cost > best) & (halves.weight.reshape(-1, 2) > 0.0).all(axis=1)
            best = np.where(better, cost, best)
            upper = np.where(better[self.label], above, upper)
        done = 0
        for cell in order[:enough]:
            if chosen[cell] and np.isfinite(best[cell]) and self.count < MOST_CELLS:
                self.label[upper & (self.label == cell)] = self.count
                self.count += 1
                done += 1
        return done


# -- the answer -----------------------------------------------------------------------------------------------------------------------


def purchase(
    needs: Sequence[Need], offers: Sequence[Offer], promise: Promise | None = None, *, gap: float = GAP, promised: bool = True
) -> Purchase:
    """The cheapest units for these needs, within `gap` of the optimum or as near as MOST_CELLS cells and the program's nodes come.

    `promised` False leaves the promise out and only weighs costs. Where no offers can keep it the answer comes as near as they can, with
    `met` False and what is lacking. Raises ValueError for needs of several shapes, no offers, or two of one name.
    """
    case = Case(needs, offers, promise or Promise())
    partition = Partition(case)
    # Without integers first: that tells much sooner about where the answer lies, and as good a bound.
    lower, coarse = 0.0, partition
    found = Solution(tuple(0 for _ in offers), 0.0, np.zeros(case.tiers.count), 0.0)
    while True:
        solved = solve(case, partition.means(), promised=promised, whole=False)
        if solved is None:
            break
        found = solved
        exact = case.by_hour(found.units)
        cost = case.reserved(found.units) + float(exact.sum()) / case.paths
        lower = max(lower, found.bound)
        if partition.count <= COARSE:
            coarse = partition.copy()
        if cost + found.lacking_cost - lower <= gap / 2.0 * cost or not partition.split(found.units, exact):
            break
    best = answer(case, found)
    while (promised and not best.kept) or best.cost + best.lacking_cost - lower > gap * best.cost:
        whole = solve(case, coarse.means(), promised=promised)
        if whole is None:  # no answer within the nodes
            break
        lower = max(lower, whole.bound)
        best = min(best, answer(case, whole), key=lambda one: (promised and not one.kept, one.cost + one.lacking_cost))
        if coarse.count > COARSE or not coarse.split(whole.units, case.by_hour(whole.units)):
            break
    beyond = max(best.cost + best.lacking_cost - lower, 0.0)
    return told(case, best.units, beyond / best.cost if best.cost else 0.0, max(partition.count, coarse.count))


@dataclass(frozen=True, slots=True)
class Answer:
    """Units with their exact cost, what the program charges for the capacity that they lack, and whether enough paths are kept."""

    units: list[int]
    cost: float
    lacking_cost: float
    kept: bool


def answer(case: Case, found: Solution) -> Answer:
    """Units rounded up, then single increments more or less. Rounding up loses no capacity; but where paths were given up in part, too few
    may be kept."""
    units = polished(case, rounded_up(case, found.units))
    kept = case.kept(units) >= case.promise.probability - 1e-9
    return Answer(units, float(case.costs(units).mean()), found.lacking_cost, kept)


def rounded_up(case: Case, units: Sequence[float]) -> list[int]:
    """The fewest units on sale that are no fewer, as far as there are so many."""
    found = []
    for offer, count in zip(case.offers, units, strict=True):
        least, more = case.step(offer)
        above = min(max(ceil((count - least) / offer.increment - 1e-6), 0), more)
        found.append(least + above * offer.increment if count > 1e-6 and least else 0)
    return found


def polished(case: Case, units: list[int]) -> list[int]:
    """The same with single increments more or less while that saves, exactly: whole units were found over cells coarser than the bound."""

    def promise_of(candidate: Sequence[int]) -> tuple[float, float]:
        return min(case.kept(candidate), case.promise.probability), -float(case.lacking(candidate).sum())

    least, cost = promise_of(units), float(case.costs(units).mean())
    better = True
    while better:
        better = False
        for o, offer in enumerate(case.offers):
            first, more = case.step(offer)
            for step in (offer.increment, -offer.increment) if units[o] else ():
                changed = units[o] + step
                candidate = [*units[:o], changed if changed >= first else 0, *units[o + 1 :]]
                if changed > first + more * offer.increment or any(a < b for a, b in zip(promise_of(candidate), least, strict=True)):
                    continue
                paid = float(case.costs(candidate).mean())
                if paid < cost * (1.0 - 1e-9):
                    units, cost, better = candidate, paid, True
    return units


def told(case: Case, units: Sequence[int], gap: float, cells: int) -> Purchase:
    costs, nothing = case.costs(units), [0] * len(case.offers)
    hours = case.served(units)
    kept, lacking = case.kept(units), case.lacking(units)
    bought = []
    for o, (offer, count) in enumerate(zip(case.offers, units, strict=True)):
        used, usage, batch = hours.amounts[3 * o : 3 * o + 3]
        carried = count * offer.unit_load
        sums = [float(part.sum()) / case.paths for part in (usage, batch)]
        full = float(np.mean(usage >= offer.quota * (1.0 - 1e-9))) if offer.usage_price is not None else 0.0
        prices = [(price or 0.0) / 1e6 for price in (offer.usage_price, offer.batch_price)]
        bought.append(
            Bought(
                offer=offer,
                units=count,
                reserved=offer.unit_price * count * case.hours,
                used=float(used.mean()) / carried if carried else 0.0,
                usage=sums[0],
                usage_cost=sums[0] * prices[0],
                batch=sums[1],
                batch_cost=sums[1] * prices[1],
                at_quota=full,
            )
        )
    return Purchase(
        bought=tuple(bought),
        cost=float(costs.mean()),
        p50=float(np.quantile(costs, 0.5)),
        p95=float(np.quantile(costs, 0.95)),
        missed=float(hours.short.sum()) / case.paths,
        unreserved=float(case.costs(nothing).mean()),
        unreserved_kept=case.kept(nothing),
        kept=kept,
        met=kept >= case.promise.probability - 1e-9 and not lacking.any(),
        lacking=tuple(float(one) for one in lacking),
        gap=gap,
        cells=cells,
    )
