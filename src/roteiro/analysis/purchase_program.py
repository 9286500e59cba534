"""The mixed-integer program of a purchase over cells of demand, for HiGHS.

Variables: of each offer whether units are bought and how many increments more; of each cell what each supply serves, reserved capacity of
one rank together; which of the highest paths are given up; and what capacity is lacking, which costs more than any capacity, so that the
program always has an answer. Loads are in shares of the peak and costs in shares of what the mean demand costs, which keeps numbers near 1.
What must not live here: which cells there are, and what the answer means (`analysis.purchase`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from roteiro.analysis.purchase_case import Case
from roteiro.analysis.recourse import Tiers, holds

__all__ = ["Cells", "Solution", "solve"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TIGHT: Final = 1e-3
"""Relative gap at which HiGHS may stop: what joining hours into cells costs is several times as much."""
MOST_NODES: Final = 300
"""Of a branch and bound. A bound in nodes, not in seconds: a busy machine must not decide what to buy."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Hours that are alike, at their mean: `tiers` of as many hours as there are cells, `weight` the hours each stands for."""

    tiers: Tiers
    weight: Floats


@dataclass(frozen=True, slots=True)
class Solution:
    """`units` of each offer; `bound`, $ below which no units cost over these cells, `lacking` capacity at `lacking_cost` $ in it."""

    units: tuple[float, ...]
    bound: float
    lacking: Floats
    lacking_cost: float


class Rows:
    """Constraints row by row, as HiGHS takes them: entries of a sparse matrix, and a lower and an upper bound of each row."""

    def __init__(self) -> None:
        self.entries: list[tuple[Ints, Ints, Floats]] = []
        self.low: list[Floats] = []
        self.high: list[Floats] = []
        self.count = 0

    def add(self, columns: Ints, values: Floats, low: Floats, high: Floats) -> None:
        """Rows of `columns` and `values` (rows, entries)."""
        rows = np.broadcast_to(np.arange(len(columns))[:, None] + self.count, columns.shape)
        self.entries.append((rows.ravel(), columns.ravel(), np.broadcast_to(values, columns.shape).ravel()))
        self.low.append(np.broadcast_to(low, (len(columns),)))
        self.high.append(np.broadcast_to(high, (len(columns),)))
        self.count += len(columns)

    def constraint(self, width: int) -> LinearConstraint:
        rows, columns, values = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        matrix = coo_array((values, (rows, columns)), shape=(self.count, width)).tocsr()
        return LinearConstraint(matrix, np.concatenate(self.low), np.concatenate(self.high))


def useful(case: Case, batch: bool) -> list[tuple[float, int, float]]:
    """Price, rank and limit of what is paid by use, without what nobody would use: cheaper supplies of such a rank or better suffice."""
    supplies = sorted(
        (one for one in case.supplies([0] * len(case.offers))[2 if batch else 1 :: 3] if one.limit * one.rank > 0.0),
        key=lambda one: one.price,
    )
    kept = []
    for i, one in enumerate(supplies):
        if sum(other.limit for other in supplies[:i] if other.rank >= one.rank) < case.peak:
            kept.append((one.price, one.rank, one.limit))
    return kept


def solve(case: Case, cells: Cells, *, promised: bool = True, whole: bool = True) -> Solution | None:
    """The cheapest units over the cells, to within TIGHT, or the best that MOST_NODES nodes come by. `promised` False leaves the promise
    out; `whole` False lets units be any number and paths be given up in part, which bounds the cost. None where the nodes end before
    any answer: there always is one. The same case has the same answer on every machine, however busy it is.
    """
    offers, hours, count = case.offers, case.hours, len(cells.weight)
    many, tiers = len(offers), cells.tiers.count
    steps = [case.step(offer) for offer in offers]
    ranks = sorted({rank for rank, offer, (least, _) in zip(case.ranks, offers, steps, strict=True) if rank and least})
    patient = bool(cells.tiers.patient.any())
    paid = [(*one, False) for one in useful(case, False)] + [(*one, True) for one in useful(case, True) if patient]
    above = (case.needed > case.base[:, None]).any(axis=0) & promised
    given = np.flatnonzero(above) if case.given_up else np.zeros(0, np.int64)

    # Columns: increments, whether bought, given up, lacking; then per cell: reserved by rank, paid by use, short.
    bought, up, lack = many, 2 * many, 2 * many + len(given)
    first = lack + tiers
    each = len(ranks) + len(paid) + 1
    width = first + each * count
    cell = first + each * np.arange(count)
    scale = max(float(cells.weight @ (cells.tiers.at_once + cells.tiers.patient).sum(axis=1)), 1e-30)
    dearest = max([case.missed_price, *(one[0] for one in paid), 1e-12])
    money = scale * dearest  # what all of the demand would cost at the dearest price

    cost = np.zeros(width)
    low, high = np.zeros(width), np.full(width, np.inf)
    capacity_cost = dearest
    for o, (offer, (least, more)) in enumerate(zip(offers, steps, strict=True)):
        cost[o], cost[bought + o] = (offer.unit_price * n * hours / money for n in (offer.increment, least))
        high[o], high[bought + o] = more, float(bool(least))
        if least:
            capacity_cost = max(capacity_cost, offer.unit_price / offer.unit_load * (least + offer.increment) / least)
    lacking_price = 20.0 * capacity_cost * hours * case.peak / money
    cost[lack:first] = lacking_price if promised else 0.0
    high[up:lack] = 1.0
    for n, (price, _, limit, _) in enumerate(paid):
        cost[cell + len(ranks) + n] = cells.weight * price * case.peak / money
        high[cell + len(ranks) + n] = limit / case.peak
    cost[cell + each - 1] = cells.weight * case.missed_price * case.peak / money

    rows = Rows()
    rows.add(
        np.array([[o, bought + o] for o in range(many)]),
        np.array([[1.0, -float(more)] for _, more in steps]),
        zeros(many) - np.inf,
        zeros(many),
    )
    loads = [
        (offer.unit_load * offer.increment / case.peak, offer.unit_load * least / case.peak)
        for offer, (least, _) in zip(offers, steps, strict=True)
    ]
    for n, rank in enumerate(ranks):
        its = [o for o in range(many) if case.ranks[o] == rank and steps[o][0]]
        columns = np.hstack([(cell + n)[:, None], np.tile([*its, *(bought + o for o in its)], (count, 1))])
        values = np.array([1.0, *(-loads[o][0] for o in its), *(-loads[o][1] for o in its)])
        rows.add(columns, values, zeros(count) - np.inf, zeros(count))
    supplies = [*((rank, False) for rank in ranks), *((rank, batch) for _, rank, _, batch in paid)]
    bounds, seen = cells.tiers.bounds() / case.peak, set()
    for one, bound in zip(cells.tiers.sets, bounds, strict=True):
        members = tuple(n for n, (rank, batch) in enumerate(supplies) if holds(one, rank, batch))
        if members and members not in seen and one != (tiers, tiers):
            rows.add(cell[:, None] + np.array(members), np.ones(len(members)), zeros(count) - np.inf, bound)
        seen.add(members)
    rows.add(cell[:, None] + np.arange(each), np.ones(each), bounds[-1], bounds[-1])
    if promised:
        promise_rows(case, rows, steps, loads, bought, lack, {int(s): up + n for n, s in enumerate(given)})
    if len(given):
        rows.add(np.arange(up, lack)[None, :], np.ones(len(given)), zeros(1), zeros(1) + case.given_up)

    integers = np.zeros(width)
    integers[:lack] = whole
    found = milp(
        cost,
        integrality=integers,
        bounds=Bounds(low, high),
        constraints=rows.constraint(width),
        options={"node_limit": MOST_NODES, "mip_rel_gap": TIGHT} if whole else {},
    )
    if found.x is None:
        return None
    answer = np.round(found.x[:up]) if whole else found.x[:up]
    units = [
        answer[bought + o] * least + answer[o] * offer.increment for o, (offer, (least, _)) in enumerate(zip(offers, steps, strict=True))
    ]
    lacking = np.where(found.x[lack:first] > 1e-7, found.x[lack:first], 0.0) if promised else zeros(tiers)
    # SciPy tells no bound where nothing had to be branched on; the value is then the bound.
    bound = found.mip_dual_bound if found.mip_dual_bound is not None else found.fun
    return Solution(
        tuple(int(n) if whole else float(n) for n in units),
        float(bound) * money,
        lacking * case.peak,
        float(lacking.sum()) * lacking_price * money,
    )


def zeros(count: int) -> Floats:
    return np.zeros(count)


def promise_rows(
    case: Case, rows: Rows, steps: list[tuple[int, int]], loads: list[tuple[float, float]], bought: int, lack: int, given: dict[int, int]
) -> None:
    """Capacity for each tier and those above it: what no path may lack, what the highest lack unless they are given up, and what must
    remain without any one provider. `given`: path → the column that gives it up."""
    nothing = [0] * len(case.offers)
    for tier in range(len(case.qualities)):
        for without in [None, *(sorted({offer.provider for offer in case.offers}) if case.promise.survive else [])]:
            paid = float(case.capacity(nothing, without)[tier])
            if np.isinf(paid):
                continue
            its = [o for o, offer in enumerate(case.offers) if case.ranks[o] > tier and steps[o][0] and offer.provider != without]
            columns = [*its, *(bought + o for o in its), lack + tier]
            values = [*(loads[o][0] for o in its), *(loads[o][1] for o in its), 1.0]
            base = case.base[tier] * (1.0 if without is None else case.promise.survive)
            rows.add(np.array([columns]), np.array([values]), zeros(1) + (base - paid) / case.peak, zeros(1) + np.inf)
            for path, column in given.items() if without is None else ():
                more = (case.needed[tier, path] - base) / case.peak
                if more > 0.0:
                    least = (case.needed[tier, path] - paid) / case.peak
                    rows.add(np.array([[*columns, column]]), np.array([[*values, more]]), zeros(1) + least, zeros(1) + np.inf)
