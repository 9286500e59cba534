"""An hour's demand served at least cost by what is there: reserved capacity, pay-as-you-go within its quota, batch for what can wait.

Demand comes in tiers of quality, each served by supplies of its own rank or better; a part of it is patient and may go to batch. What a
supply costs does not depend on whom it serves, so what can be served together is a polymatroid, and taking the cheapest supply as far as it
goes, then the next, is optimal (J. Edmonds, "Submodular functions, matroids, and certain polyhedra", 1970). With ranks that are nested, the
sets that matter are few (`Tiers.bounds`), so thousands of hours are served at once by array arithmetic, exactly, without a solver.

What must not live here: what to reserve (`analysis.purchase`), and quotas that a vendor counts otherwise than in load an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

__all__ = ["Served", "Supply", "Tiers", "holds", "serve"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Supply:
    """`price` a unit of load, up to `limit` an hour, for the `rank` lowest tiers; `batch`: only for those who are patient."""

    price: float
    rank: int
    limit: float = inf
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Tiers:
    """Demand of some hours, (hours, tiers) each, the lowest tier first: load that wants its answer `at_once`, and that is `patient`."""

    at_once: Floats
    patient: Floats

    def __post_init__(self) -> None:
        if self.at_once.shape != self.patient.shape or self.at_once.ndim != 2 or 0 in self.at_once.shape:
            raise ValueError(f"demand of shapes {self.at_once.shape} and {self.patient.shape}: both (hours, tiers), not empty")
        if not ((self.at_once >= 0.0).all() and (self.patient >= 0.0).all()):
            raise ValueError("a demand is missing or below 0")

    @property
    def count(self) -> int:
        """How many tiers there are."""
        return int(self.at_once.shape[1])

    @property
    def sets(self) -> list[tuple[int, int]]:
        """Sets of supplies (a, b): all of ranks to a, and batch of ranks to b ≥ a."""
        return [(a, b) for a in range(self.count + 1) for b in range(a, self.count + 1) if b]

    def bounds(self) -> Floats:
        """The most load that each of `sets` can serve, (sets, hours): at_once of tiers below a, patient of tiers below b (Hall 1935)."""
        zero = np.zeros((len(self.at_once), 1))
        first, second = (np.hstack([zero, np.cumsum(part, axis=1)]) for part in (self.at_once, self.patient))
        return np.array([first[:, a] + second[:, b] for a, b in self.sets])


def holds(one: tuple[int, int], rank: int, batch: bool) -> bool:
    """Whether a set of `Tiers.sets` has such a supply in it."""
    return rank <= one[1 if batch else 0]


@dataclass(frozen=True, slots=True)
class Served:
    """By hour, (hours,): `cost` of what was served and `short`, the load that nothing could serve; `amounts` (supplies, hours)."""

    cost: Floats
    short: Floats
    amounts: Floats


def serve(tiers: Tiers, supplies: Sequence[Supply]) -> Served:
    """Each hour at least cost, serving as much as can be served. O(supplies × sets × hours)."""
    sets, slack = tiers.sets, tiers.bounds()
    total = slack[sets.index((tiers.count, tiers.count))].copy()
    amounts = np.zeros((len(supplies), len(total)))
    cost = np.zeros(len(total))
    for i in sorted(range(len(supplies)), key=lambda i: supplies[i].price):
        supply = supplies[i]
        inside = [n for n, one in enumerate(sets) if holds(one, supply.rank, supply.batch)]
        if not supply.rank or not supply.limit > 0.0:
            continue
        amounts[i] = np.minimum(slack[inside].min(axis=0), supply.limit)
        slack[inside] = np.maximum(slack[inside] - amounts[i], 0.0)
        cost += supply.price * amounts[i]
    return Served(cost, np.maximum(total - amounts.sum(axis=0), 0.0), amounts)
