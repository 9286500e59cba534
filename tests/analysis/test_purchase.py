"""Purchases against brute force, the newsvendor, and laws of promises."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roteiro.analysis.purchase import purchase
from roteiro.analysis.purchase_case import Case, Need, Offer, Promise, level_for
from roteiro.analysis.purchase_reasons import reasons
from roteiro.analysis.reserve import Layer, reserve

MTOK = 1e6


def weeks(seed: int, level: float, paths: int = 30, hours: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    day = 1 + 0.6 * np.sin(np.arange(hours) / 24 * 2 * np.pi)
    return level * MTOK * day * np.exp(rng.normal(0, 0.3, (paths, 1)) + rng.normal(0, 0.1, (paths, hours)))


@st.composite
def small(draw: st.DrawFn) -> tuple[list[Need], list[Offer], Promise]:
    """Two tiers, up to three offers of at most four purchases each: few enough to try all."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    needs = [Need(quality, rng.uniform(0, 10, (5, 4)) * MTOK, draw(st.sampled_from([0.0, 0.5]))) for quality in (0.5, 0.8)]
    offers = [
        Offer(
            f"p{i}",
            "m",
            draw(st.sampled_from([0.6, 0.9])),
            unit_load=draw(st.floats(0.5, 4)) * MTOK,
            unit_price=draw(st.floats(0.5, 6)),
            least=draw(st.integers(1, 3)),
            increment=draw(st.integers(1, 2)),
            most=draw(st.integers(3, 5)),
            usage_price=draw(st.sampled_from([None, 1.0, 2.0, 5.0])),
            quota=draw(st.floats(0.1, 8)) * MTOK,
            batch_price=draw(st.sampled_from([None, 0.5])),
            batch_quota=3 * MTOK,
        )
        for i in range(draw(st.integers(1, 3)))
    ]
    promise = Promise(
        draw(st.sampled_from([0.8, 0.99])),
        draw(st.sampled_from([0.6, 0.8, 1.0])),
        draw(st.sampled_from([0.0, 20.0])),
        draw(st.sampled_from([0.0, 0.4])),
    )
    return needs, offers, promise


@given(small())
@settings(max_examples=40, deadline=None)
def test_no_units_that_keep_the_promise_are_cheaper(asked: tuple[list[Need], list[Offer], Promise]) -> None:
    _, offers, promise = asked
    case, found = Case(*asked), purchase(*asked)
    on_sale = [[0, *(n for n in range(one.least, int(one.most) + 1, one.increment))] for one in offers]
    keeps = [units for units in product(*on_sale) if case.kept(units) >= promise.probability - 1e-9 and not case.lacking(units).any()]
    units = tuple(one.units for one in found.bought)
    assert all(count in sold for count, sold in zip(units, on_sale, strict=True))
    assert found.met == bool(keeps)
    if keeps:
        assert units in keeps
        cheapest = min(float(case.costs(one).mean()) for one in keeps)
        assert cheapest * (1 - 1e-9) <= found.cost <= cheapest * 1.0051 + 1e-9
        assert found.cost * (1 - found.gap) <= cheapest * (1 + 1e-6)


def test_one_offer_is_the_newsvendor() -> None:
    demand = weeks(1, 20)
    offer = Offer("p", "m", 1.0, unit_load=MTOK, unit_price=1.2, usage_price=3.0)
    found = purchase([Need(0.5, demand)], [offer], gap=1e-4)
    exact = reserve([Layer(3.0, demand / MTOK)], 1.2)
    costs = [float(Case([Need(0.5, demand)], [offer], Promise()).costs([units]).mean()) for units in (exact, found.units["p/m"])]
    assert costs[1] == pytest.approx(costs[0], rel=1e-4)
    assert abs(found.units["p/m"] - exact) <= 1
    assert found.unreserved == pytest.approx(3.0 * demand.sum() / MTOK / len(demand))
    spent = found.bought[0]
    assert found.cost == pytest.approx(spent.reserved + spent.usage_cost)


def test_a_hundred_paths_of_which_five_may_fail() -> None:
    """No pay-as-you-go: capacity must reach the 95th path, and not the five highest."""
    demand = np.arange(1.0, 101.0)[:, None] * np.ones((1, 3)) * MTOK
    offer = Offer("p", "m", 1.0, unit_load=MTOK, unit_price=1.0)
    promise = Promise(attainment=1.0, probability=0.95, missed_price=0.0)
    found = purchase([Need(0.5, demand)], [offer], promise)
    assert (found.units, found.kept, found.met) == ({"p/m": 95}, 0.95, True)
    assert purchase([Need(0.5, demand)], [offer], replace(promise, attainment=0.9)).units == {"p/m": 86}
    scarce = purchase([Need(0.5, demand)], [replace(offer, most=60)], promise)
    assert (scarce.units, scarce.met, scarce.lacking) == ({"p/m": 60}, False, (35 * MTOK,))


def test_any_provider_may_be_lost() -> None:
    demand = np.full((4, 3), 12 * MTOK)
    offers = [Offer(name, "m", 1.0, unit_load=MTOK, unit_price=price) for name, price in (("a", 1.0), ("b", 1.1), ("c", 1.2))]
    assert purchase([Need(0.5, demand)], offers).units == {"a/m": 12}
    found = purchase([Need(0.5, demand)], offers, Promise(survive=1.0))
    assert found.units == {"a/m": 6, "b/m": 6, "c/m": 6}


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=4, max_size=4), min_size=1, max_size=4), st.floats(0.01, 1.0))
def test_the_level_serves_just_the_share(rows: list[list[float]], attainment: float) -> None:
    values = np.array(rows)
    levels = level_for(values, attainment)

    def share(at: np.ndarray) -> np.ndarray:
        return np.minimum(values, at[:, None]).sum(axis=1)

    assert (share(levels) >= attainment * values.sum(axis=1) * (1 - 1e-9) - 1e-6).all()
    assert (share(levels * 0.999) <= attainment * values.sum(axis=1) + 1e-6).all()


def test_reasons() -> None:
    needs = [Need(0.5, weeks(1, 20), 0.3), Need(0.8, weeks(2, 8))]
    offers = [
        Offer("a", "small", 0.6, MTOK, 0.9, usage_price=2.0, quota=12 * MTOK, batch_price=1.0, batch_quota=5 * MTOK),
        Offer("a", "large", 0.9, MTOK, 4.0, least=3, usage_price=8.0, quota=15 * MTOK),
        Offer("b", "large", 0.85, MTOK, 4.2, increment=5, least=5, usage_price=9.0, quota=6 * MTOK),
    ]
    promise = Promise(0.99, 0.9, missed_price=30.0)
    answer = purchase(needs, offers, promise)
    found = reasons(needs, offers, promise, answer)
    assert answer.met and answer.gap <= 0.005
    assert answer.cost < answer.unreserved
    assert found.promise >= 0.0 and found.nine is not None and found.nine >= 0.0
    assert found.nine_attainment == pytest.approx(0.999)
    assert found.quality > 0.0
    assert {one.offer for one in found.actions} == set(answer.units)
    assert [one.needed for one in found.actions] == sorted((one.needed for one in found.actions), reverse=True)
    # Whatever is bought saves, or the promise wants it.
    assert all(one.needed or one.worth > 0.0 for one in found.actions)
    assert all(one.worth >= 0.0 and 0.0 < one.reached <= 1.0 for one in found.quotas)
    batch = next(one for one in answer.bought if one.offer.model == "small")
    assert batch.batch > 0.0 and batch.batch_cost == pytest.approx(batch.batch / MTOK)


def test_nonsense_is_refused() -> None:
    need, offer = Need(0.5, np.ones((2, 2))), Offer("p", "m", 1.0)
    with pytest.raises(ValueError, match="shapes"):
        purchase([need, Need(0.6, np.ones((2, 3)))], [offer])
    with pytest.raises(ValueError, match="same provider"):
        purchase([need], [offer, offer])
    with pytest.raises(ValueError, match="shares"):
        Promise(attainment=1.5)
