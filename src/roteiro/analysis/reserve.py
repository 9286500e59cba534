"""Reserved against pay-as-you-go: how much to reserve where demand is known by its sample paths.

A unit that is reserved costs its price in every hour; one that is not costs more, but only where it is used. The K-th unit is worth its
price while P(demand > K) is above the quotient of the two prices: the newsvendor's fractile (K. J. Arrow, T. Harris and J. Marschak,
"Optimal inventory policy", Econometrica 19, 1951). Demand that can wait, or bear to be interrupted, has a cheaper alternative than
pay-as-you-go (batch, spot), so a reserved unit that it would use saves less: alternatives are layers, the dearest served first.

What must not live here: several providers and models together (`analysis.purchase`), and where the paths come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Layer", "Reservation", "Term", "cost_of", "reserve", "reserve_terms", "worth"]

Floats = npt.NDArray[np.float64]

NEAR: Final = 1e-12
"""Relative. Sums that differ by the last bits of a float are equal."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Demand of one alternative: `paths` (n, h), units in use at each step of each path, and `price`, $ for a unit and hour not reserved.

    Layers of one decision have the same shape: path i is the same future in all of them.
    """

    price: float
    paths: Floats


@dataclass(frozen=True, slots=True)
class Term:
    """What may be reserved: `price` $ for a unit and hour, paid for all of `hours` whether used or not; from `least` units on by
    `increment`."""

    name: str
    price: float
    hours: float
    least: int = 1
    increment: int = 1


@dataclass(frozen=True, slots=True)
class Reservation:
    """`units` by term window, one after the other, and what that costs in $ over the horizon: `expected` over the paths, `p50` and `p95` of
    them. `unreserved` is the expected cost with none, `used` the share of what is reserved that is expected to be used."""

    term: str
    units: tuple[int, ...]
    expected: float
    p50: float
    p95: float
    unreserved: float
    used: float


def checked(layers: Sequence[Layer]) -> list[Layer]:
    """The dearest first, each as it is. Raises ValueError for none, shapes that differ, and what is missing or below 0."""
    shapes = {layer.paths.shape for layer in layers}
    if len(shapes) != 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise ValueError(f"layers of shapes {sorted(shapes)}: all the same (paths, steps), none empty")
    if not all((layer.paths >= 0.0).all() and layer.price >= 0.0 for layer in layers):
        raise ValueError("a layer has a demand that is missing or below 0, or such a price")
    return sorted(layers, key=lambda layer: -layer.price)


def cost_of(layers: Sequence[Layer], units: float, price: float, step_h: float) -> Floats:
    """What each path costs in $ with `units` reserved at `price` a unit and hour, (n,): the dearest demand takes what is reserved first."""
    ordered = checked(layers)
    total = np.full(len(ordered[0].paths), price * units * step_h * ordered[0].paths.shape[1])
    left = np.full(ordered[0].paths.shape, float(units))
    for layer in ordered:
        over = np.maximum(layer.paths - left, 0.0)
        left = np.maximum(left - layer.paths, 0.0)
        total += layer.price * step_h * over.sum(axis=1)
    return total


def worth(layers: Sequence[Layer], units: float) -> float:
    """$ that one more unit saves an hour, in expectation, with `units` reserved: Σ (price − the next layer's) × P(demand so far > units).

    With one layer it is price × P(demand > units): reserve while that is above the reserved price.
    """
    ordered = checked(layers)
    prices = [*(layer.price for layer in ordered), 0.0]
    summed = np.cumsum([layer.paths for layer in ordered], axis=0)
    return float(sum((prices[i] - prices[i + 1]) * np.mean(summed[i] > units) for i in range(len(ordered))))


def reserve(layers: Sequence[Layer], price: float, *, least: int = 1, increment: int = 1) -> int:
    """The number of units on sale (none, or `least` and then by `increment`) that has the least expected cost; the fewest of equals.

    The expected cost is convex in the units, and its slope falls by a layer's price at each value of the demand: the fractile is found
    by sorting, and what is on sale below and above it is compared. O(layers × paths × steps × log).
    """
    ordered = checked(layers)
    prices = np.array([*(layer.price for layer in ordered), 0.0])
    summed = np.cumsum([layer.paths for layer in ordered], axis=0)
    steps = -np.diff(prices)
    # P(worth falls below the price) is met at the first value where the weights above it no longer reach it.
    values = summed.reshape(len(ordered), -1)
    weights = np.repeat(steps / values.shape[1], values.shape[1])
    order = np.argsort(values, axis=None, kind="stable")
    saved = weights.sum() - np.cumsum(weights[order])
    at = int(np.argmax(saved <= price + NEAR * weights.sum()))  # the last is 0, so there is one
    exact = float(values.ravel()[order[at]]) if weights.sum() > price else 0.0
    below = least + increment * max(int((exact - least) // increment), 0)
    candidates = (0, below, least + increment * max(ceil((exact - least) / increment), 0))
    costs = [float(np.mean(cost_of(ordered, units, price, 1.0))) for units in candidates]
    tied = min(costs) * (1.0 + NEAR)
    return next(units for units, cost in zip(candidates, costs, strict=True) if cost <= tied)


def reserve_terms(layers: Sequence[Layer], terms: Sequence[Term], step_h: float) -> tuple[Reservation, ...]:
    """What to reserve by each term, the cheapest first, and what reserving nothing costs beside them.

    A term shorter than the horizon is bought anew for each of its windows, each with as many units as suit it. A window that reaches past
    the horizon is paid whole: what comes after is not known, so nothing is credited for it. Raises ValueError as `checked` does, and for
    a term shorter than a step.
    """
    ordered = checked(layers)
    horizon = ordered[0].paths.shape[1]
    free = sum(layer.price * step_h * layer.paths.sum(axis=1) for layer in ordered)
    unreserved = float(np.mean(free))
    found = [told("", (0,), np.asarray(free, np.float64), unreserved, 0.0)]
    for term in terms:
        steps = int(term.hours / step_h + 1e-9)
        if steps < 1:
            raise ValueError(f"term {term.name} of {term.hours:g} h is shorter than a step of {step_h:g} h")
        total, units, used, paid = np.zeros(len(ordered[0].paths)), [], 0.0, 0.0
        for begin in range(0, horizon, steps):
            window = [Layer(layer.price, layer.paths[:, begin : begin + steps]) for layer in ordered]
            seen = window[0].paths.shape[1]
            price = term.price * steps / seen
            count = reserve(window, price, least=term.least, increment=term.increment)
            total += cost_of(window, count, price, step_h)
            used += float(np.minimum(sum(layer.paths for layer in window), count).sum(axis=1).mean())
            paid += count * steps
            units.append(count)
        found.append(told(term.name, tuple(units), total, unreserved, used / paid if paid else 0.0))
    return tuple(sorted(found, key=lambda one: one.expected))


def told(term: str, units: tuple[int, ...], costs: Floats, unreserved: float, used: float) -> Reservation:
    middle, high = (float(np.quantile(costs, q)) for q in (0.5, 0.95))
    return Reservation(term, units, float(np.mean(costs)), middle, high, unreserved, used)
