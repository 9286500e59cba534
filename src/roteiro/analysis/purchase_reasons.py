"""Why a purchase is what it is: what the promise costs and one more nine of it, what quality and quotas cost, and what to do first.

What must not live here: words for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roteiro.analysis.purchase import Purchase, purchase
from roteiro.analysis.purchase_case import Case, Need, Offer, Promise

__all__ = ["Action", "Reasons", "Tight", "reasons"]

MORE_QUOTA = 1.1
"""What a quota is worth is asked by this much more of it."""


@dataclass(frozen=True, slots=True)
class Action:
    """Buying the units of one offer. Without them, all else as it is, the horizon costs `worth` $ more, and the promise is kept by the
    share `kept_without` of the paths; `needed` where that is too few."""

    offer: str
    units: int
    worth: float
    kept_without: float
    needed: bool


@dataclass(frozen=True, slots=True)
class Tight:
    """A quota that is reached in the share `reached` of the hours. A tenth more of it saves `worth` $, units as they are."""

    offer: str
    reached: float
    worth: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """In $ over the horizon: `promise` is what keeping the promise costs beyond the cheapest without it, `nine` what one more nine of
    attainment costs beyond this (None where attainment is whole), `nine_met` whether the offers reach it; `quality`, what could be saved
    with these units if every tier bore the lowest quality. `quotas`: the dearest first. `actions`: what to do first comes first.
    """

    promise: float
    nine: float | None
    nine_attainment: float
    nine_met: bool
    quality: float
    quotas: tuple[Tight, ...]
    actions: tuple[Action, ...]


def reasons(needs: Sequence[Need], offers: Sequence[Offer], promise: Promise, answer: Purchase) -> Reasons:
    """Of an answer of `purchase` to the same needs, offers and promise. Two further purchases are computed: it takes twice as long.

    Differences of less than the answers' gaps are not told apart from nothing: they count as 0.
    """
    case = Case(needs, offers, promise)
    units = [one.units for one in answer.bought]
    free = purchase(needs, offers, promise, promised=False)
    attainment = 1.0 - (1.0 - promise.attainment) / 10.0
    further = purchase(needs, offers, replace(promise, attainment=attainment)) if promise.attainment < 1.0 else None
    lowest = min(need.quality for need in needs)
    plain = Case([replace(need, quality=lowest) for need in needs], offers, promise)
    return Reasons(
        promise=beyond(answer, free),
        nine=None if further is None else beyond(further, answer),
        nine_attainment=attainment,
        nine_met=further is not None and further.met,
        quality=max(answer.cost - float(plain.costs(units).mean()), 0.0),
        quotas=tuple(sorted(quotas(needs, promise, answer, units), key=lambda one: -one.worth)),
        actions=tuple(sorted(actions(case, answer, units), key=lambda one: (not one.needed, -one.worth))),
    )


def beyond(dearer: Purchase, cheaper: Purchase) -> float:
    difference = dearer.cost - cheaper.cost
    return difference if difference > max(dearer.gap * dearer.cost, cheaper.gap * cheaper.cost) else 0.0


def quotas(needs: Sequence[Need], promise: Promise, answer: Purchase, units: Sequence[int]) -> list[Tight]:
    offers = [one.offer for one in answer.bought]
    found = []
    for o, one in enumerate(answer.bought):
        if one.at_quota > 0.0:
            wider = [*offers[:o], replace(one.offer, quota=one.offer.quota * MORE_QUOTA), *offers[o + 1 :]]
            cost = float(Case(needs, wider, promise).costs(units).mean())
            found.append(Tight(one.offer.name, one.at_quota, max(answer.cost - cost, 0.0)))
    return found


def actions(case: Case, answer: Purchase, units: Sequence[int]) -> list[Action]:
    found = []
    for o, one in enumerate(answer.bought):
        if one.units:
            without = [*units[:o], 0, *units[o + 1 :]]
            kept = case.kept(without)
            needed = answer.met and (kept < case.promise.probability - 1e-9 or bool(case.lacking(without).any()))
            found.append(Action(one.offer.name, one.units, float(case.costs(without).mean()) - answer.cost, kept, needed))
    return found
