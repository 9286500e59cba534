"""Counts are exact, quantiles within the width of a bin, and intervals those of Student."""

import math

import numpy as np
import pytest
from tests.simulator.build import busy, run

from roteiro.simulator.result import Measured, estimate, measure, over_seeds
from roteiro.terms.codes import Outcome


def test_a_tally_agrees_with_its_events() -> None:
    simulation = busy(4)
    events, _ = run(simulation, 5000)
    told = measure(simulation)
    names = simulation.compiled.names
    good = events["outcome"] == Outcome.SUCCESS
    assert told.requests == 5000
    assert told.outcomes["success"] == good.mean()
    for share, found in ((0.5, told.total_ms.p50), (0.95, told.total_ms.p95), (0.99, told.total_ms.p99)):
        assert found == pytest.approx(np.quantile(events["total_ms"][good], share), rel=0.02)
    assert told.total_ms.mean == pytest.approx(events["total_ms"][good].mean(dtype=float))
    assert told.cost_usd == pytest.approx(events["cost_nusd"].sum() / 1e9)
    gold = events["tier"] == names.tiers.index("gold")
    due = gold & ~np.isin(events["outcome"], [Outcome.LIMITED, Outcome.BUDGET, Outcome.INVALID])
    assert told.tiers["gold"].availability == pytest.approx(good[due].mean())
    assert told.tiers["gold"].within_latency == pytest.approx((events["total_ms"][gold & good] <= 3000.0).mean())
    streams = gold & good & ~np.isnan(events["ttft_ms"])
    assert told.tiers["gold"].within_ttft == pytest.approx((events["ttft_ms"][streams] <= 1000.0).mean())
    for name, provider in told.providers.items():
        mine = events["target"] == names.targets.index(name)
        assert (provider.requests, provider.output_tokens) == (mine.sum(), events["output_tokens"][mine].sum())
    assert math.fsum(provider.share for provider in told.providers.values()) == pytest.approx(1.0)
    assert told.providers["primary"].opened >= 1
    refused = events["reason"][~good]
    assert math.fsum(told.reasons.values()) == pytest.approx(len(refused) / 5000)


def test_an_estimate_is_student_s_interval() -> None:
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2.0 - 4.303 / 3**0.5, 2.0 + 4.303 / 3**0.5))
    assert estimate([5.0]) == estimate([5.0, math.nan])
    assert math.isnan(estimate([math.nan]).mean)
    assert estimate(range(100)).high - 49.5 == pytest.approx(1.984 * 29.01 / 10, rel=0.01)


def test_a_reason_that_some_seeds_lack_counts_as_none_there() -> None:
    runs: list[Measured[float]] = []
    for seed in (1, 2):
        simulation = busy(seed)
        run(simulation, 1000)
        runs.append(measure(simulation))
    runs[0].reasons["queue_full"], runs[1].reasons["odd"] = 0.5, 0.25
    both = over_seeds(runs)
    assert both.reasons["odd"].mean == 0.125
    assert both.requests.mean == 1000.0
