"""What is asked of a purchase: demand by tier of quality, what is on offer, the promise; and what some units then cost and keep, exactly.

What must not live here: choosing the units (`analysis.purchase`, `analysis.purchase_program`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import Final

import numpy as np
import numpy.typing as npt

from roteiro.analysis.recourse import Served, Supply, Tiers, serve

__all__ = ["Case", "Need", "Offer", "Promise", "level_for"]

Floats = npt.NDArray[np.float64]

MILLION: Final = 1e6
NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider. Load is in tokens an hour of the demand's own mix; prices are $ per million tokens, of units $ an hour.

    `unit_load` 0: no units are sold (then the rest of units means nothing). `usage_price` None: no pay-as-you-go; `quota` bounds it.
    `batch_price` None: no batch. Units: none, or `least` and then by `increment`, at most `most`.
    """

    provider: str
    model: str
    quality: float
    unit_load: float = 0.0
    unit_price: float = 0.0
    least: int = 1
    increment: int = 1
    most: float = inf
    usage_price: float | None = None
    quota: float = inf
    batch_price: float | None = None
    batch_quota: float = inf

    @property
    def name(self) -> str:
        """provider/model."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Need:
    """Demand of one tier: tokens an hour, (paths, hours), that bear no less than `quality`; the share `patient` may wait for batch."""

    quality: float
    paths: Floats
    patient: float = 0.0


@dataclass(frozen=True, slots=True)
class Promise:
    """Of what a path asks at once, in each tier with those above it, the share `attainment` finds capacity; with `probability` over paths.

    `missed_price`: $ per million tokens that find none, in the cost, at least the dearest price of use. `survive`: the share of the
    promised capacity that remains whichever one provider is lost.
    """

    attainment: float = 0.999
    probability: float = 0.95
    missed_price: float = 100.0
    survive: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.attainment <= 1.0 and 0.0 < self.probability <= 1.0 and 0.0 <= self.survive <= 1.0 and self.missed_price >= 0.0):
            raise ValueError("attainment, probability and survive are shares, the first two above 0; missed_price is at least 0")


def level_for(values: Floats, attainment: float) -> Floats:
    """The least capacity with which each row (n, h) finds the share a = `attainment` served: Σ (value − level)⁺ ≤ (1 − a) Σ value."""
    ordered = -np.sort(-values, axis=1)
    count = np.arange(1, ordered.shape[1] + 1)
    summed = np.cumsum(ordered, axis=1)
    allowed = (1.0 - attainment) * summed[:, -1:]
    # With the level between the m-th and the next value, the excess is the sum of m less m levels: the largest of these lines counts.
    levels: Floats = np.maximum(((summed - allowed) / count).max(axis=1), 0.0)
    return levels


class Case:
    """A problem made ready: demand by tier, the ranks of offers, and what each path needs for the promise. Scaled by nothing."""

    def __init__(self, needs: Sequence[Need], offers: Sequence[Offer], promise: Promise) -> None:
        shapes = {need.paths.shape for need in needs}
        if len(shapes) != 1 or not offers:
            raise ValueError(f"demand of shapes {sorted(shapes)} and {len(offers)} offers: one shape (paths, hours), at least one offer")
        if len({offer.name for offer in offers}) != len(offers):
            raise ValueError("two offers have the same provider and model")
        self.offers, self.promise = tuple(offers), promise
        # Were it cheaper to miss load than to serve it, what can be served would not be.
        dearest = max(price or 0.0 for offer in offers for price in (offer.usage_price, offer.batch_price))
        self.missed_price = max(promise.missed_price, dearest) / MILLION
        self.paths, self.hours = needs[0].paths.shape
        self.qualities = sorted({need.quality for need in needs})
        count = len(self.qualities)
        parts = np.zeros((2, count, self.paths * self.hours))
        for need in needs:
            parts[:, self.qualities.index(need.quality)] += np.array([[1.0 - need.patient], [need.patient]]) * need.paths.ravel()
        self.tiers = Tiers(parts[0].T, parts[1].T)
        self.ranks = [sum(quality <= offer.quality for quality in self.qualities) for offer in offers]
        above = np.cumsum(parts[0][::-1], axis=0)[::-1].reshape(count, self.paths, self.hours)
        self.needed = np.array([level_for(tier, promise.attainment) for tier in above])
        self.given_up = floor((1.0 - promise.probability) * self.paths + NEAR)
        # What must be there whichever paths are given up, by tier.
        self.base = np.sort(self.needed, axis=1)[:, self.paths - 1 - self.given_up]
        self.peak = float((parts.sum(axis=(0, 1))).max())

    def step(self, offer: Offer) -> tuple[int, int]:
        """Units of the least purchase, and how many increments may follow: no more than the peak needs."""
        if not offer.unit_load > 0.0 or offer.most < offer.least:
            return 0, 0
        useful = min(
            offer.most, offer.least + offer.increment * max(ceil((self.peak / offer.unit_load - offer.least) / offer.increment), 0)
        )
        return offer.least, floor((useful - offer.least) / offer.increment + NEAR)

    def supplies(self, units: Sequence[float]) -> list[Supply]:
        """Reserved capacity by offer, then pay-as-you-go, then batch: three supplies an offer, in this order; 0 of what it sells not."""
        found = []
        for offer, rank, count in zip(self.offers, self.ranks, units, strict=True):
            found.append(Supply(0.0, rank, count * offer.unit_load))
            found.append(Supply((offer.usage_price or 0.0) / MILLION, rank, 0.0 if offer.usage_price is None else offer.quota))
            found.append(Supply((offer.batch_price or 0.0) / MILLION, rank, 0.0 if offer.batch_price is None else offer.batch_quota, True))
        return found

    def reserved(self, units: Sequence[float]) -> float:
        """$ of the units over the horizon."""
        return float(sum(offer.unit_price * count for offer, count in zip(self.offers, units, strict=True)) * self.hours)

    def served(self, units: Sequence[float]) -> Served:
        """All hours of all paths."""
        return serve(self.tiers, self.supplies(units))

    def by_hour(self, units: Sequence[float]) -> Floats:
        """$ of each hour of all paths beside what is reserved: used, and missed."""
        hours = self.served(units)
        paid: Floats = hours.cost + self.missed_price * hours.short
        return paid

    def costs(self, units: Sequence[float]) -> Floats:
        """$ of each path, exactly, (paths,)."""
        total: Floats = self.reserved(units) + self.by_hour(units).reshape(self.paths, self.hours).sum(axis=1)
        return total

    def capacity(self, units: Sequence[float], without: str | None = None) -> Floats:
        """Tokens an hour that serve a tier at once, and those above it, (tiers,); without one provider's offers."""
        total = np.zeros(len(self.qualities))
        for offer, rank, count in zip(self.offers, self.ranks, units, strict=True):
            if offer.provider != without:
                total[:rank] += count * offer.unit_load + (offer.quota if offer.usage_price is not None else 0.0)
        # Tier j is served by ranks above j: each offer adds to all tiers below its rank.
        return total

    def lacking(self, units: Sequence[float]) -> Floats:
        """What capacity the promise still lacks, (tiers,), the loss of any one provider included."""
        worst = np.maximum(self.base - self.capacity(units), 0.0)
        if self.promise.survive:
            for provider in {offer.provider for offer in self.offers}:
                worst = np.maximum(worst, self.promise.survive * self.base - self.capacity(units, provider))
        return np.where(worst > self.base * NEAR, worst, 0.0)

    def kept(self, units: Sequence[float]) -> float:
        """The share of paths that keep the promise."""
        return float(np.mean((self.needed <= self.capacity(units)[:, None] * (1.0 + NEAR)).all(axis=0)))
