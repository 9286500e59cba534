"""Stretches: the fullest of a demand, and the demand of a stretch alone, which is what the whole has there."""

import math
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import BUSY, compiled

from roteiro.simulator.demand import Demand, of_plan, recorded
from roteiro.simulator.demand_stretch import busiest, expected, stretch_of
from roteiro.simulator.records import ARRIVAL
from roteiro.simulator.sample import sample

HOUR_S, DAY_S = 3600.0, 86_400.0
FOR_EVER = math.inf


def demand(rate: str = "10/s", shape: str = "") -> Demand:
    return of_plan(compiled(BUSY.replace("process: gamma, rate: 60/s, cv: 2}", f"process: poisson, rate: {rate}}}\n  shape: {{{shape}}}")))


def test_a_steady_demand_is_as_full_at_first_as_ever() -> None:
    assert busiest(demand(), 1000.0, FOR_EVER, FOR_EVER, 0.0) == (0.0, pytest.approx(100.0))


def test_the_fullest_hour_of_a_day_is_found() -> None:
    hours = [1] * 24
    hours[17] = 5
    start, length = busiest(demand(shape=f"daily: {hours}"), 20_000.0, FOR_EVER, DAY_S, 0.0)
    rate = 10.0 * 5 * 24 / sum(hours)
    assert (start, length) == (pytest.approx(17 * HOUR_S), pytest.approx(20_000 / rate))
    # A run that ends before it never has it.
    assert busiest(demand(shape=f"daily: {hours}"), 20_000.0, FOR_EVER, 10 * HOUR_S, 0.0)[0] == 0.0
    assert busiest(demand(shape=f"daily: {hours}"), 20_000.0, 100_000.0, DAY_S, 0.0)[0] == 0.0


def test_what_is_short_is_taken_whole() -> None:
    assert busiest(demand(), 5000.0, FOR_EVER, 60.0, 0.0) == (0.0, 60.0)
    assert busiest(demand(), 5000.0, 300.0, FOR_EVER, 0.0) == (0.0, pytest.approx(30.0))


def rows_at(times: Any) -> Any:
    rows = np.zeros(len(times), ARRIVAL)
    rows["at"] = times
    rows["input"] = rows["output"] = 1
    return rows


def test_the_fullest_stretch_of_a_record() -> None:
    times = np.sort(np.concatenate([np.linspace(0.0, 4000.0, 4001), np.linspace(3000.0, 3010.0, 2000)]))
    record = recorded(compiled(), "crowd", rows_at(times))
    start, length = busiest(record, 1500.0, FOR_EVER, FOR_EVER, 0.0)
    assert 2998.0 < start < 3010.0 and length < 12.0
    part = stretch_of(record, start, length, 0.0)
    assert len(part.arrivals) == pytest.approx(1500, rel=0.1) and part.arrivals["at"][0] >= 0.0 and part.arrivals["at"][-1] < length


def test_all_at_one_moment_has_no_length() -> None:
    record = recorded(compiled(), "one moment", rows_at(np.zeros(500)))
    assert busiest(record, 100.0, FOR_EVER, FOR_EVER, 0.0)[1] == pytest.approx(0.0, abs=1e-6)


def test_the_stretch_of_a_demand_is_what_the_whole_expects_there() -> None:
    whole = demand(shape="daily: {peak_at: '14:00', trough: 25%}, growth: +50%, bursts: {rate: 20/h, length: 2min, size: 4}")
    start, length = 13.3 * HOUR_S, 1.7 * HOUR_S
    part = stretch_of(whole, start, length, 0.0)
    t, came = expected(whole, DAY_S, 0.0, 1)
    here, mine = expected(part, length, start, 1)
    for share in (0.1, 0.4, 1.0):
        known = np.interp(start + share * length, t, came) - np.interp(start, t, came)
        assert np.interp(share * length, here, mine) == pytest.approx(known)
    drawn = sample(compiled(), part, 400_000, 1, duration_s=length)
    assert len(drawn) == pytest.approx(mine[-1], abs=5.0 * math.sqrt(mine[-1]))
