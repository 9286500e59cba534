"""Measures of vendors: like with like, intervals that hold what they say, and what bursts do to them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from roteiro.analysis.price_history import price_move
from roteiro.analysis.vendor_incidents import incidents
from roteiro.analysis.vendor_measures import DRAWS, Rows, durations, match, percentile, ratio, share


def alone(count: int, block: int = 1) -> Rows:
    """Unweighted rows, so many a block of time."""
    return Rows(np.arange(count) // block, np.ones(count))


def test_vendors_are_compared_by_what_all_were_asked() -> None:
    # Vendor 0 gets easy requests (stratum 0) mostly, vendor 1 hard ones; stratum 2 is vendor 1's alone.
    vendor = np.repeat([0, 0, 1, 1, 1], [90, 30, 30, 60, 40])
    stratum = np.repeat([0, 1, 0, 1, 2], [90, 30, 30, 60, 40])
    matching = match(vendor, stratum, 2)
    assert (matching.strata, matching.of_strata, matching.matched) == (2, 3, True)
    assert matching.kept == pytest.approx((1.0, 90 / 130))
    failed = stratum == 1  # only what is hard fails, alike for both
    told = [float((matching.weight * failed)[vendor == v].sum() / matching.weight[vendor == v].sum()) for v in (0, 1)]
    assert told[0] == pytest.approx(told[1]) == pytest.approx(90 / 210)


def test_without_a_common_kind_all_stands_as_it_is() -> None:
    matching = match(np.array([0] * 30 + [1] * 30), np.array([0] * 30 + [1] * 30), 3)
    assert not matching.matched and matching.weight.tolist() == [1.0] * 60 and matching.kept == (1.0, 1.0, 0.0)


def test_a_share_without_failures_is_not_certain() -> None:
    known = share(np.ones(1000, np.bool_), alone(1000), default_rng(1))
    assert known is not None and (known.value, known.high) == (1.0, 1.0)
    assert 0.996 < known.low < 0.999 and known.draws.mean() < 1.0 and len(known.draws) == DRAWS


def test_failures_in_bursts_tell_less() -> None:
    spread = np.arange(10_000) % 100 != 0
    burst = np.arange(10_000) >= 100  # as many failures, all within one block
    loose, tight = (share(good, alone(10_000, 100), default_rng(1)) for good in (burst, spread))
    assert loose is not None and tight is not None and loose.value == tight.value == 0.99
    assert loose.high - loose.low > 3 * (tight.high - tight.low)


def test_the_interval_of_a_percentile_holds_it_as_often_as_it_says() -> None:
    luck, truth = default_rng(7), math.exp(1.6448536269514722)
    held = 0
    for _ in range(200):
        known = percentile(luck.lognormal(0.0, 1.0, 400), 0.95, alone(400), default_rng(1))
        held += known is not None and known.low <= truth <= known.high
    assert 180 <= held <= 199


def test_a_price_is_a_ratio_of_sums() -> None:
    known = ratio(np.array([1.0, 3.0]), np.array([1.0, 1.0]), Rows(np.array([0, 1]), np.array([1.0, 1.0])), default_rng(1))
    assert known is not None and known.value == 2.0 and known.low < 2.0 < known.high
    assert ratio(np.zeros(0), np.zeros(0), alone(0), default_rng(1)) is None


def test_a_few_durations_are_uncertain() -> None:
    known = durations([600.0, 1800.0], default_rng(1))
    assert known is not None and known.value == 1200.0 and known.low < 500.0 and known.high > 4000.0
    longer = durations([600.0, 1800.0], default_rng(1), going_on_s=[2400.0])
    assert longer is not None and longer.value == 2400.0
    assert durations([], default_rng(1), [60.0]) is None


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.0, 10_000.0), st.booleans()), max_size=80))
def test_incidents_follow_one_another(rows: list[tuple[float, bool]]) -> None:
    found = incidents(np.array([at for at, _ in rows]), np.array([bad for _, bad in rows], np.bool_), least=1)
    for one in found:
        assert one.failures >= 1 and (one.end_s is None or one.end_s >= one.start_s)
    ends = [one.end_s for one in found]
    assert None not in ends[:-1]
    assert all(one.start_s >= end for one, end in zip(found[1:], ends, strict=False))


def test_the_silence_of_an_open_breaker_does_not_end_an_incident() -> None:
    at = np.concatenate([np.arange(0, 60, 5.0), np.arange(60, 75, 1.0), np.arange(600, 605, 1.0), np.arange(700, 760, 5.0)])
    failed = (at >= 60) & (at < 700)
    (one,) = incidents(at, failed)
    assert (one.start_s, one.end_s, one.failures, one.attempts) == (60.0, 700.0, 20, 20)
    (going_on,) = incidents(at[at < 700], failed[at < 700])
    assert going_on.end_s is None and going_on.lasted_s is None


def test_a_price_that_fell_and_rose() -> None:
    from datetime import date

    history = [(date(2024, 1, 1), 10.0), (date(2025, 6, 1), 5.0), (date(2026, 1, 1), 6.0), (date(2027, 1, 1), 99.0)]
    move = price_move(history, date(2026, 3, 1))
    assert move is not None
    assert (move.rise, move.change, move.changes) == (pytest.approx(0.2), pytest.approx(-0.4), 2)
    assert price_move(history, date(2023, 1, 1)) is None
    assert price_move([(date(2026, 1, 1), 0.0)], date(2026, 3, 1)) is None
