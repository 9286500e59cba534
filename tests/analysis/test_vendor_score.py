"""Scores of vendors: no data is no score, dominance holds under any weights, and a rank is only given where it is sure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from roteiro.analysis.vendor_measures import DRAWS, Known
from roteiro.analysis.vendor_score import Fact, Judging, Scorecard, VendorScore, scorecard
from roteiro.catalog.criteria import CRITERIA, MEASURES, CriterionName

SCALES = {name: (row.worst, row.best) for name, row in MEASURES.items()}
WEIGHTS: dict[CriterionName, float] = {"performance": 3, "quality": 3, "security": 3, "cost": 2, "support": 2, "ecosystem": 2}
ONE_OF_EACH = {
    "performance": "availability",
    "quality": "benchmarks",
    "security": "certifications",
    "cost": "price",
    "support": "documentation",
    "ecosystem": "community",
}


def judging(weights: dict[CriterionName, float] = WEIGHTS, least: float = 0.0, measures: dict[str, float] | None = None) -> Judging:
    return Judging(weights, measures or {}, SCALES, least)


def fact(measure: str, value: float, spread: float = 0.0) -> Fact:
    draws = np.full(DRAWS, value) if not spread else np.clip(default_rng(sum(map(ord, measure))).normal(value, spread, DRAWS), 0.0, 1.0)
    return Fact(measure, Known(value, value - spread, value + spread, 10, draws), "measured")


def graded(*grades: float | None) -> list[Fact]:
    """One measure of each criterion, by grades from 0 to 1 on its scale; None where it is not known."""
    facts = []
    for criterion, grade in zip(CRITERIA, grades, strict=True):
        if grade is not None:
            name = ONE_OF_EACH[criterion]
            worst, best = SCALES[name]
            value = worst + (best - worst) * grade
            if MEASURES[name].curve == "nines":
                value = 1.0 - (1.0 - worst) * ((1.0 - best) / (1.0 - worst)) ** grade
            elif MEASURES[name].curve == "log":
                value = worst * (best / worst) ** grade
            facts.append(fact(name, value))
    return facts


def card_of(judged: Judging, **vendors: list[Fact]) -> Scorecard:
    return scorecard(vendors, judged, default_rng(1))


def by_name(card: Scorecard) -> dict[str, VendorScore]:
    return {one.vendor: one for one in card.vendors}


def test_a_known_vector() -> None:
    card = card_of(judging(), a=graded(0.5, 0.9, 1.0, 0.2, 0.4, 0.6))
    (one,) = card.vendors
    assert one.total == pytest.approx((3 * (0.5 + 0.9 + 1.0) + 2 * (0.2 + 0.4 + 0.6)) / 15)
    assert [found.score for found in one.criteria] == pytest.approx([0.5, 0.9, 1.0, 0.2, 0.4, 0.6])
    known = [1 / 5, 1 / 5, 1 / 5, 1 / 2, 1 / 3, 1 / 3]
    assert one.coverage == pytest.approx(sum(weight * part for weight, part in zip(WEIGHTS.values(), known, strict=True)) / 15)


def test_no_data_is_no_score() -> None:
    card = card_of(judging(), a=graded(0.5, None, None, 0.5, None, None), b=[], c=[Fact("price", None, "stale")])
    found = by_name(card)
    assert found["a"].total == pytest.approx(0.5), "neither zero nor a mean stands in for what is not known"
    for name in ("b", "c"):
        assert found[name].total is None and found[name].coverage == 0.0 and found[name].rank is None and found[name].places == ()
    assert card.first == "a" and not card.sure


def test_who_has_too_little_known_is_not_ranked_and_takes_nothing_from_the_others() -> None:
    card = card_of(
        judging(least=0.2),
        a=graded(0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
        b=graded(0.4, 0.4, 0.4, 0.4, 0.4, 0.4),
        c=graded(1.0, None, None, None, None, None),
    )
    found = by_name(card)
    assert found["c"].rank is None and found["c"].total == pytest.approx(1.0)
    assert (found["a"].rank, found["b"].rank) == ((1, 1), (2, 2)) and card.sure and len(card.common) == 6


def test_ranks_are_made_of_what_all_have() -> None:
    card = card_of(judging(), a=graded(0.6, 1.0, None, None, None, None), b=graded(0.7, None, None, None, None, None))
    assert card.common == ("availability",) and card.first == "b"


def test_what_the_measurements_do_not_tell_apart_shares_a_place() -> None:
    card = card_of(judging(), a=[fact("documentation", 0.60, 0.1)], b=[fact("documentation", 0.59, 0.1)], c=[fact("documentation", 0.1)])
    card2 = scorecard(
        {
            "a": [fact("documentation", 0.6, 0.1)],
            "b": [Fact("documentation", Known(0.59, 0.4, 0.8, 10, default_rng(5).normal(0.59, 0.1, DRAWS)), "measured")],
            "c": [fact("documentation", 0.1)],
        },
        judging(),
        default_rng(1),
    )
    assert by_name(card)["c"].rank == (3, 3)
    found = by_name(card2)
    assert found["a"].rank == found["b"].rank == (1, 2) and not card2.sure
    assert sum(found["a"].places) == pytest.approx(1.0)


GRADES = st.tuples(*[st.floats(0.0, 1.0)] * 6)


@settings(max_examples=12)
@given(GRADES, st.tuples(*[st.floats(0.0, 0.5)] * 6), st.tuples(*[st.floats(0.01, 10.0)] * 6), st.floats(0.1, 10.0))
def test_dominance_and_the_scale_of_weights(
    low: tuple[float, ...], more: tuple[float, ...], weights: tuple[float, ...], factor: float
) -> None:
    high = [min(1.0, grade + plus) for grade, plus in zip(low, more, strict=True)]
    judged = judging(dict(zip(CRITERIA, weights, strict=True)))
    card = card_of(judged, a=graded(*high), b=graded(*low))
    found = by_name(card)
    assert (found["a"].comparable or 0.0) >= (found["b"].comparable or 0.0) - 1e-9
    assert (found["a"].first_any or 0.0) >= 0.5 - 1e-9
    scaled = card_of(judging({name: weight * factor for name, weight in judged.criteria.items()}), a=graded(*high), b=graded(*low))
    assert [one.total for one in scaled.vendors] == pytest.approx([one.total for one in card.vendors])
    assert [one.rank for one in scaled.vendors] == [one.rank for one in card.vendors]


def test_how_much_weight_must_move() -> None:
    card = card_of(
        judging(), a=graded(1.0, 0.5, 0.5, 0.5, 0.5, 0.5), b=graded(0.5, 0.5, 0.5, 1.0, 0.5, 0.5), c=graded(0.5, 0.5, 0.5, 0.5, 0.5, 0.4)
    )
    shifts = {one.vendor: one for one in card.shifts}
    # a leads b by 0.5 × (3 - 2) / 15: moving half of that difference of weights makes them level.
    assert card.first == "a" and shifts["b"].moved == pytest.approx(0.5 / 15)
    assert shifts["b"].weights["performance"] == pytest.approx(shifts["b"].weights["cost"]) == pytest.approx(2.5 / 15)
    assert shifts["c"].moved is not None and shifts["c"].moved == pytest.approx(5 / 15), (
        "level only where performance and ecosystem weigh nothing"
    )
    assert 0.4 < (by_name(card)["a"].first_any or 0.0) < 0.6 and (by_name(card)["a"].first_ordered or 0.0) == pytest.approx(1.0)


def test_no_weights_beat_who_is_better_in_all() -> None:
    card = card_of(judging(), a=graded(*[0.9] * 6), b=graded(*[0.5] * 6))
    assert [one.moved for one in card.shifts] == [None]
