"""The timeline: it adds up to the whole, tells how many were there, and folds without losing anything."""

import math
from typing import Any

import numpy as np
import pytest
from tests.simulator.build import busy, run

from roteiro.simulator import timeline
from roteiro.simulator.result import measure
from roteiro.terms.codes import Outcome

REQUESTS = 3000


@pytest.fixture(scope="module")
def done() -> tuple[Any, Any]:
    simulation = busy(2)
    events, _ = run(simulation, REQUESTS)
    return simulation, events


def test_moments_add_up_to_the_run(done: tuple[Any, Any]) -> None:
    simulation, events = done
    told = measure(simulation).timeline
    spans = np.full(len(told.at_s), told.bucket_s)
    spans[-1] = simulation.now_s - told.at_s[-1]
    assert 20 <= len(told.at_s) <= timeline.MOMENTS
    assert np.dot(told.series["arrivals_per_s"], spans) == pytest.approx(REQUESTS)
    assert np.dot(told.series["answers_per_s"], spans) == pytest.approx((events["outcome"] == Outcome.SUCCESS).sum())
    assert math.fsum(told.series["cost_usd"]) == pytest.approx((events["cost_nusd"].sum() + events["lost_nusd"].sum()) / 1e9)
    open_s = np.dot(told.series["open:primary"], spans)
    assert open_s == pytest.approx(simulation.world.services["open_s"][0]) and open_s > 1.0
    assert measure(simulation).providers["primary"].open_share == pytest.approx(open_s / simulation.now_s)


def test_how_many_were_there(done: tuple[Any, Any]) -> None:
    simulation, events = done
    told = measure(simulation).timeline
    for k in (0, 5, len(told.at_s) - 1):
        begin, end = told.at_s[k], min(told.at_s[k] + told.bucket_s, simulation.now_s)
        there = np.clip(np.minimum(events["ended_s"], end) - np.maximum(events["arrival_s"], begin), 0.0, None).sum()
        assert told.series["in_flight"][k] == pytest.approx(there / (end - begin), abs=1e-6)


def test_quantiles_of_a_moment_are_within_the_error(done: tuple[Any, Any]) -> None:
    simulation, events = done
    told = measure(simulation).timeline
    good = events[events["outcome"] == Outcome.SUCCESS]
    for k in range(2, len(told.at_s) - 1):
        mine = good["total_ms"][(good["ended_s"] // told.bucket_s).astype(int) == k]
        if len(mine):
            exact = np.sort(mine)[max(math.ceil(0.95 * len(mine)), 1) - 1]
            assert told.series["p95_ms"][k] == pytest.approx(exact, rel=timeline.ERROR * 1.001)


def test_a_run_that_outlasts_its_moments_folds_them(done: tuple[Any, Any]) -> None:
    simulation, _ = done
    short = busy(2)
    short.world.loop["most"], short.world.loop["last_arrival"] = REQUESTS, 1e18
    short.world.loop["moment_s"] = simulation.world.loop["moment_s"][0] / 64
    short.go(1e18, None, None, None)
    width = float(short.world.loop["moment_s"][0])
    assert short.now_s <= width * timeline.MOMENTS < 2.0 * short.now_s + width * 2
    assert short.world.moments["arrivals"].sum() == short.world.moments["ended"].sum() == REQUESTS
    for column in ("answers", "good", "refused", "failed", "cost_nusd", "tokens"):
        assert short.world.moments[column].sum() == simulation.world.moments[column].sum()
    assert (short.world.moments["bins"].sum(axis=0) == simulation.world.moments["bins"].sum(axis=0)).all()
    assert short.world.moment_targets["open_s"].sum() == pytest.approx(simulation.world.moment_targets["open_s"].sum())


def test_widths_are_round() -> None:
    assert [timeline.round_width(s) for s in (86_400.0, 3600.0, 60.0, 0.0, math.inf, 1e9)] == [600.0, 30.0, 0.5, 1.0, 1.0, 86_400.0 * 81]
