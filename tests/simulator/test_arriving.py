"""Laws of what arrives: rates, variations, slices, superposition, lengths drawn together, prefixes, and who is left of a thinned demand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.simulator.build import BUSY, compiled

from roteiro.policy.kernel import JIT
from roteiro.simulator import table
from roteiro.simulator.arriving import GAMMA, POISSON, WEIBULL
from roteiro.simulator.demand import Demand, mix_of, of_plan
from roteiro.simulator.groups import ClientGroup, Lengths, Prefixes, gap_shape, slices_of, steady
from roteiro.simulator.sample import sample
from roteiro.terms.error import InvariantError

PLAN = compiled()
MIX = mix_of(PLAN)
LENGTHS = Lengths(table.lognormal(300.0, 1200.0), table.lognormal(60.0, 300.0))
MANY = 60_000 if JIT else 2000


def group(name: str = "all", process: int = POISSON, rate: float = 100.0, cv: float = 1.0, lengths: Lengths = LENGTHS) -> ClientGroup:
    return steady(name, process, rate, cv, lengths, MIX, 0.5)


def arrivals(*groups: ClientGroup, n: int = MANY, seed: int = 1, keep: float = 1.0, **bounds: float) -> Any:
    return sample(PLAN, Demand("d", groups, keep=keep), n, seed, **bounds)


CASES = [(POISSON, 1.0), (GAMMA, 0.3), (GAMMA, 3.0), (WEIBULL, 0.5), (WEIBULL, 2.0)]


@pytest.mark.parametrize(("process", "cv"), CASES)
def test_gaps_have_the_rate_and_the_variation_asked_for(process: int, cv: float) -> None:
    gaps = np.diff(arrivals(group(process=process, cv=cv))["at"])
    error = cv / math.sqrt(len(gaps))
    assert gaps.mean() * 100.0 == pytest.approx(1.0, abs=4.0 * error)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.06 if JIT else 0.4)


@pytest.mark.parametrize("process", [GAMMA, WEIBULL])
@pytest.mark.parametrize("cv", [0.2, 0.7, 1.5, 4.0])
def test_the_shape_of_gaps_has_the_variation(process: int, cv: float) -> None:
    k = gap_shape(process, cv)
    found = 1.0 / k**0.5 if process == GAMMA else stats.weibull_min(k).std() / stats.weibull_min(k).mean()
    assert found == pytest.approx(cv, rel=1e-6)


@pytest.mark.parametrize(("process", "cv"), [(GAMMA, 3.0), (WEIBULL, 2.0), (POISSON, 1.0)])
def test_gaps_are_distributed_as_the_process_says(process: int, cv: float) -> None:
    gaps = np.diff(arrivals(group(process=process, cv=cv, rate=1.0))["at"])
    k = gap_shape(process, cv)
    law = {
        GAMMA: stats.gamma(k, scale=1.0 / k),
        WEIBULL: stats.weibull_min(k, scale=1.0 / math.gamma(1.0 + 1.0 / k)),
        POISSON: stats.expon(),
    }
    least = 1e-6  # shorter ones vanish beside the clock's reading, to which they are added
    below = law[process].cdf(least)
    assert (gaps <= least).mean() == pytest.approx(below, abs=0.01 if JIT else 0.05)
    assert stats.kstest(gaps[gaps > least], lambda x: (law[process].cdf(x) - below) / (1.0 - below)).pvalue > 1e-3


def test_a_changing_rate_gives_each_slice_its_poisson_count() -> None:
    """Counts of an exact non-homogeneous Poisson process: means as the rate says, variances equal to them."""
    starts, rates = [0.0, 100.0, 160.0, 200.0], [1.0, 5.0, 0.0, 0.5]
    one = ClientGroup("g", slices_of(starts, rates), LENGTHS, MIX)
    edges = [*starts, 300.0]
    seeds = 400 if JIT else 20
    counts = np.array([np.histogram(arrivals(one, n=2000, seed=seed, duration_s=300.0)["at"], edges)[0] for seed in range(1, seeds + 1)])
    expected = np.diff(edges) * rates
    assert (counts[:, 2] == 0).all()
    assert np.abs(counts.mean(axis=0) - expected).max() < 4.5 * math.sqrt(expected.max() / seeds)
    busy = [0, 1, 3]
    assert counts[:, busy].var(axis=0) / expected[busy] == pytest.approx([1.0] * 3, abs=6.0 * math.sqrt(2.0 / seeds))


def test_a_gamma_keeps_its_variation_while_its_rate_changes() -> None:
    one = ClientGroup("g", slices_of([0.0, 50.0], [2.0, 200.0], GAMMA, gap_shape(GAMMA, 2.0)), LENGTHS, MIX)
    gaps = np.diff(arrivals(one)["at"][1000:])
    assert gaps.mean() == pytest.approx(1.0 / 200.0, rel=0.1 if JIT else 0.5)
    assert gaps.std() / gaps.mean() == pytest.approx(2.0, rel=0.08 if JIT else 0.6)


@pytest.mark.parametrize(("process", "cv"), [(GAMMA, 4.0), (WEIBULL, 3.0)])
def test_no_run_begins_with_a_crowd(process: int, cv: float) -> None:
    """400 bursty groups that each come once in 50 s: from the first second on as many come as later."""
    groups = [group(f"c{i}", process, 0.02, cv) for i in range(400)]
    counts = [np.histogram(arrivals(*groups, n=3000, seed=seed, duration_s=20.0)["at"], 4, (0.0, 20.0))[0] for seed in range(1, 21)]
    mean = np.mean(counts, axis=0)
    assert mean == pytest.approx([40.0] * 4, abs=14.0)


def test_groups_come_together_in_order_each_at_its_rate() -> None:
    rates = np.linspace(0.1, 2.0, 1000)
    found = arrivals(*(group(f"c{i}", (POISSON, GAMMA, WEIBULL)[i % 3], float(rate), 1.5) for i, rate in enumerate(rates)))
    assert (np.diff(found["at"]) >= 0.0).all()
    assert len(found) / found["at"][-1] == pytest.approx(rates.sum(), rel=0.03 if JIT else 0.15)


def test_a_group_is_the_same_whoever_comes_beside_it() -> None:
    named = [group(f"g{i}", GAMMA, 50.0, 2.0, Lengths(table.constant(float(100 + i)), table.constant(1.0))) for i in range(4)]
    alone = arrivals(named[0], named[2], n=1000)
    together = arrivals(*named, n=2000)
    times = [rows["at"][rows["input"] == 102] for rows in (alone, together)]
    shorter = min(map(len, times))
    assert shorter > 100
    assert times[0][:shorter].tolist() == times[1][:shorter].tolist()


def test_recorded_and_drawn_arrivals_come_together() -> None:
    rows = arrivals(group(), n=50, seed=9)
    both = Demand("both", (group("more", rate=50.0),), rows, MIX)
    found = sample(PLAN, both, 100)
    assert set(rows["at"]) <= set(found["at"])
    assert (np.diff(found["at"]) >= 0.0).all()


@pytest.mark.parametrize("rho", [-0.8, 0.3, 0.9])
def test_a_copula_keeps_the_marginals_and_has_the_rank_correlation(rho: float) -> None:
    """Spearman's rank correlation of a Gaussian copula is 6/π arcsin(ρ/2)."""
    lengths = Lengths(LENGTHS.input, LENGTHS.output, rho)
    found = arrivals(group(lengths=lengths))
    assert stats.spearmanr(found["input"], found["output"]).statistic == pytest.approx(
        6.0 / math.pi * math.asin(rho / 2.0), abs=0.02 if JIT else 0.1
    )
    for column, median, p95 in (("input", 300, 1200), ("output", 60, 300)):
        assert np.quantile(found[column], (0.5, 0.95)) == pytest.approx((median, p95), rel=0.04 if JIT else 0.3)


def test_joint_lengths_are_drawn_together() -> None:
    joint = np.array([[100, 10, 20, 0], [2000, 500, 1500, 400], [7, 1, 0, 0]])
    found = arrivals(group(lengths=Lengths(joint=joint)))
    rows = {(row["input"], row["output"], row["cached"], row["reasoning"]) for row in found}
    assert rows == {tuple(row) for row in joint.tolist()}
    assert (found["input"] == 2000).mean() == pytest.approx(1 / 3, abs=0.01 if JIT else 0.05)


def test_a_slice_scales_lengths() -> None:
    slices = slices_of([0.0, 10.0], [100.0, 100.0])
    slices["input_factor"], slices["output_factor"] = [1.0, 3.0], [1.0, 0.5]
    found = arrivals(ClientGroup("g", slices, Lengths(table.constant(100.0), table.constant(80.0)), MIX), n=1600)
    later = found["at"] >= 10.0
    assert set(found["input"][later]) == {300} and set(found["input"][~later]) == {100}
    assert set(found["output"][later]) == {40}


def test_prefixes_are_used_as_zipf_has_it() -> None:
    prefixes = Prefixes(50, 1.2, 64)
    one = group()
    found = arrivals(ClientGroup(one.name, one.slices, one.lengths, MIX, prefixes=prefixes))
    assert set(found["blocks"]) == {1}
    shares = np.bincount(found["block"], minlength=50) / len(found)
    assert shares == pytest.approx(prefixes.shares, abs=0.008 if JIT else 0.05)


@pytest.mark.parametrize(("process", "cv"), [(POISSON, 1.0), (GAMMA, 2.0)])
def test_a_thinned_demand_is_a_share_of_what_came(process: int, cv: float) -> None:
    one = group(process=process, cv=cv)
    thin = arrivals(one, keep=0.1, n=MANY // 10)
    assert len(thin) / thin["at"][-1] == pytest.approx(10.0, rel=0.08 if JIT else 0.4)
    assert Demand("d", (one,)).thinned(0.5).thinned(0.2).rate_per_s == pytest.approx(10.0)
    with pytest.raises(InvariantError, match="at most 1"):
        Demand("d", (one,)).thinned(1.5)


def test_a_thinned_record_keeps_rows_that_were_there() -> None:
    rows = arrivals(group(), n=4000, seed=9)
    thin = sample(PLAN, Demand("r", (), rows, MIX).thinned(0.25), 4000)
    assert set(thin["at"]) <= set(rows["at"])
    assert len(thin) == pytest.approx(1000, abs=120)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 50.0), st.sampled_from([0.0, 0.01, 1.0, 30.0])), min_size=1, max_size=6),
    st.integers(0, 2),
    st.integers(1, 99),
)
def test_law_arrivals_are_in_order_and_none_where_nothing_comes(pieces: list[tuple[float, float]], kind: int, seed: int) -> None:
    starts = np.cumsum([0.0, *(length for length, _ in pieces[:-1])])
    rates = [rate for _, rate in pieces]
    process = (POISSON, GAMMA, WEIBULL)[kind]
    one = ClientGroup("g", slices_of(starts, rates, process, gap_shape(process, 2.0)), LENGTHS, MIX)
    found = arrivals(one, n=200, seed=seed, duration_s=500.0)["at"]
    assert (np.diff(found) >= 0.0).all()
    here = np.searchsorted(starts, found, side="right") - 1
    assert all(rates[k] > 0.0 for k in here)
    assert (found <= 500.0).all()


def test_groups_that_make_no_sense_are_refused() -> None:
    for slices in (slices_of([1.0], [1.0]), slices_of([0.0, 0.0], [1.0, 1.0]), slices_of([0.0], [-1.0]), slices_of([0.0], [math.nan])):
        with pytest.raises(InvariantError):
            ClientGroup("g", slices, LENGTHS, MIX)
    for lengths in ({}, {"input": table.constant(1.0), "rho": 0.5}, {"joint": np.zeros((0, 4), np.int64)}, {"joint": np.full((1, 4), -1)}):
        with pytest.raises(InvariantError):
            Lengths(**lengths)


def test_a_mix_and_a_group_say_where_clients_are() -> None:
    text = BUSY + "  groups: {near: {rate: 1/s, region: sa}, far: {rate: 1/s, mix: [{region: eu, share: 50%}, {share: 50%}]}}\n"
    text += "regions: {default: {latency: {eu: 100ms, sa: 120ms}}, sa: {latency: {eu: 190ms}}, eu: {}}\n"
    plan = compiled(text)
    near, far = of_plan(plan).streams
    names = plan.names.regions
    assert {int(asks) >> 39 & 0xFF for asks in near.mix["asks"]} == {names.index("sa") + 1}
    assert [int(asks) >> 39 & 0xFF for asks in far.mix["asks"]] == [names.index("eu") + 1, 0]
